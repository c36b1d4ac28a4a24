"""From a point that is written to its flag, and to Grafana's rule, over intervals of scoring.

    python -m benchmarks.latency [--intervals 1s 5s 10s 30s] [--times 3] [--json FILE]

A server of InfluxDB 1.x and the jobs are started on loopback, as `normalcy jobs` starts them. For
each interval a detector is trained whose grid and schedule are that long; then its sensor jumps,
and is calm again, a few times. The time runs from the acknowledgement of the first point of a jump
until the flag can be read from the results, and until the alarm can. Where GRAFANA_URL is set, the
rules of the detector are made there, and the time until the one for anomalies fires is told, too.

A bucket is scored when it has ended, so that the grid itself is the larger part of it.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from backend import schema
from backend.bootstrap import Application, bootstrap
from backend.cli.grafana_plan import for_api
from backend.grafana.client import GrafanaClient
from backend.grafana.provisioning import make
from backend.grafana.states import GrafanaRuleBook
from backend.grafana.syncing import look, sync
from backend.ports import Points, Query
from backend.records import LabelDraft, LabelKind
from backend.settings import load
from backend.specs import parse_duration
from tests.integration.grafana.stage import clean, refuse_foreign
from tests.servers.grafana import require_grafana
from tests.servers.influxdb import InfluxServer

HISTORY_STEPS = 1500
POLL_S = 0.02
PATIENCE_S = 300.0
POINTS_A_STEP = 5
"""Sensors report so often within a bucket."""

_CONFIGURATION = """
store: {store}
results: {results}
detectors:
  press:
    measurement: press
    channels: [force, travel]
    every: {interval}
    model: {{kind: dense_autoencoder, units: [4, 2], epochs: 5}}
    threshold: {{kind: quantile, q: 1.0, margin: 3.0}}
    smoothing: {{span: 1}}
    alarm: {{for: 2}}
    folds: 2
    detection_limits: false
    schedule: {{score: {interval}, catch_up: 10m}}
"""
# The first tick scores what lies so far back: here nobody waits for a week of it. What a training
# takes is not timed either.


@dataclass
class Latency:
    """Seconds from the first point of each jump, by what they lead to."""

    interval: str
    flag: list[float] = field(default_factory=list)
    alarm: list[float] = field(default_factory=list)
    rule: list[float] = field(default_factory=list)


class Press:
    """A machine that reports for ever, calm or not.

    Args:
        application: whose source is written to.
        step_s: the grid in seconds.
    """

    def __init__(self, application: Application, step_s: float) -> None:
        self._source = application.source
        self._pause = step_s / POINTS_A_STEP
        self._stop = threading.Event()
        self._jumps = False
        self._said: threading.Event | None = None
        self.said_at, self.said_for = 0.0, 0
        self._thread = threading.Thread(target=self._go_on)

    def __enter__(self) -> "Press":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def jump(self) -> None:
        """From the next point on it is unlike normal; returns when that is acknowledged."""
        self._said = threading.Event()
        self._jumps = True
        self._said.wait(PATIENCE_S)

    def calm(self) -> None:
        """From the next point on it is normal again."""
        self._jumps = False

    def _go_on(self) -> None:
        while not self._stop.wait(self._pause):
            at, jumps = time.time_ns(), self._jumps
            self._source.write("press", [reading(np.array([at]), 40.0 if jumps else 0.0)])
            if jumps and self._said is not None:
                self.said_at, self.said_for = time.monotonic(), at
                self._said.set()
                self._said = None


def reading(times: np.ndarray, shift: float) -> Points:
    """What the sensors say."""
    phase = times / 7e9
    noise = np.sin(phase * 17) * 0.1
    return Points(
        {}, times, {"force": np.sin(phase) + noise + shift, "travel": np.cos(phase) + noise}
    )


def measure(server: InfluxServer, interval: str, times: int) -> Latency:
    """Let a machine jump a few times under one interval."""
    step_s = parse_duration(interval).total_seconds()
    with tempfile.TemporaryDirectory() as folder, _prepared(server, Path(folder), interval) as made:
        application, environ = made
        learn(application, step_s)
        with _jobs(environ), Press(application, step_s) as press, _rules(application) as firing:
            found = Latency(interval)
            _until(lambda: _newest(application, "judged"), "the first score")
            for number in range(times):
                if number:
                    _calm_down(application, press, firing)
                _jump(application, press, firing, found)
        return found


def learn(application: Application, step_s: float) -> None:
    """Write a calm history up to now, call it normal, and train on it."""
    step = round(step_s * 1e9)
    now = time.time_ns()
    start = (now // step - HISTORY_STEPS) * step
    times = np.arange(start, now, step // POINTS_A_STEP)
    application.source.write("press", [reading(times, 0.0)])
    draft = LabelDraft("press", LabelKind.NORMAL, start, now // step * step)
    application.labelling.add(draft, source="command", by="benchmark")
    application.retraining.run("press")


def _jump(
    application: Application, press: Press, firing: Callable[[], bool] | None, found: Latency
) -> None:
    press.jump()
    began, at = press.said_at, press.said_for
    found.flag.append(_until(lambda: _newest(application, "flag", at), "the flag") - began)
    found.alarm.append(_until(lambda: _newest(application, "alarm", at), "the alarm") - began)
    if firing is not None:
        found.rule.append(_until(firing, "the rule") - began)


def _calm_down(application: Application, press: Press, firing: Callable[[], bool] | None) -> None:
    press.calm()
    _until(lambda: not _newest(application, "alarm", press.said_for), "calm")
    if firing is not None:
        _until(lambda: not firing(), "a quiet rule")


def _newest(application: Application, column: str, since: int = 0) -> bool:
    """Whether the newest row, of those whose bucket may hold `since` or is later, is set."""
    step = application.detectors.get("press").step
    stop = time.time_ns() + step
    start = max(since - step, stop - 100 * step)
    rows = application.results.read(Query(schema.SCORES, (column,), start, stop, newest=1))
    return bool(rows and rows[0].fields[column][-1] == 1.0)


def _until(happened: Callable[[], bool], what: str) -> float:
    """When something came to be, on the monotonic clock."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if happened():
            return time.monotonic()
        time.sleep(POLL_S)
    raise RuntimeError(f"{what} did not come within {PATIENCE_S:.0f} s")


@contextmanager
def _prepared(
    server: InfluxServer, folder: Path, interval: str
) -> Iterator[tuple[Application, dict[str, str]]]:
    config = folder / "normalcy.yaml"
    text = _CONFIGURATION.format(
        store=server.new_database(), results=server.new_database(), interval=interval
    )
    config.write_text(text, encoding="utf-8")
    environ = {"NORMALCY_CONFIG": str(config), "NORMALCY_HOME": str(folder / "home")}
    grafana = {
        f"NORMALCY_GRAFANA_{ours}": os.environ[f"GRAFANA_{theirs}"]
        for ours, theirs in (("URL", "URL"), ("USERNAME", "USER"), ("PASSWORD", "PASSWORD"))
        if f"GRAFANA_{theirs}" in os.environ
    }
    application = bootstrap(load({**environ, **grafana}))
    try:
        yield application, {**environ, **grafana}
    finally:
        application.close()


@contextmanager
def _jobs(environ: dict[str, str]) -> Iterator[None]:
    """The jobs as a process of their own."""
    # Labels are not what is timed here, and nobody drew any.
    own = {name: value for name, value in environ.items() if "GRAFANA" not in name}
    process = subprocess.Popen(
        [sys.executable, "-m", "jobs"], env={**os.environ, **own}, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def _rules(application: Application) -> Iterator[Callable[[], bool] | None]:
    """Whether the anomaly rule fires in Grafana, where there is one."""
    settings = application.settings
    if settings.grafana.url is None:
        yield None
        return
    grafana = require_grafana()
    refuse_foreign(grafana)
    clean(grafana)
    client = GrafanaClient(settings.grafana.url, settings.grafana.credentials)
    plan = for_api(settings, application.detectors.all(), look(client))
    sync(client, make(plan), lambda share, words: None)
    book = GrafanaRuleBook(client)
    try:
        yield lambda: any(one.kind == "alarm" and one.state == "firing" for one in book.states())
    finally:
        clean(grafana)
        client.close()


# -- the table -------------------------------------------------------------------------------------


def table(found: Sequence[Latency]) -> list[str]:
    """One line an interval: median, and smallest to largest, in seconds."""
    head = f"{'grid and schedule':<18} {'flag':>20} {'alarm (2 buckets)':>20} {'rule fires':>20}"
    return [head, *(_line(one) for one in found)]


def _line(one: Latency) -> str:
    cells = [_shown(values) for values in (one.flag, one.alarm, one.rule)]
    return f"{one.interval:<18} " + " ".join(f"{cell:>20}" for cell in cells)


def _shown(values: Sequence[float]) -> str:
    if not values:
        return "-"
    return f"{statistics.median(values):.1f} ({min(values):.1f}-{max(values):.1f})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.latency", description=__doc__)
    parser.add_argument("--intervals", nargs="+", default=["1s", "5s", "10s", "30s"])
    parser.add_argument("--times", type=int, default=3, help="jumps at each interval")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    given = parser.parse_args(arguments)
    found = []
    with tempfile.TemporaryDirectory() as folder, InfluxServer(Path(folder)) as server:
        for interval in given.intervals:
            found.append(measure(server, interval, given.times))
            sys.stderr.write(_line(found[-1]) + "\n")
    sys.stdout.write("\n".join(table(found)) + "\n")
    if given.json:
        plain: list[Any] = [vars(one) for one in found]
        given.json.write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
