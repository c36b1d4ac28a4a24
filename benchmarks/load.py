"""How the pages' process answers 50 clients while a large fleet is scored and trained, and idle.

    python -m benchmarks.load [--clients 50] [--series 1000] [--seconds 30] [--json FILE]

`normalcy up` runs over an InfluxDB 1.x on loopback that holds a fleet with its scores. Each client
holds one connection and asks again as soon as it has its answer: for a panel of Grafana three times
of five, else for something of the API. First the service has nothing else to do. Then readings of
the whole fleet arrive each second and are scored as fast as that, and a training is asked for:
the same clients ask the same again. Both are measured in the same run on the same machine.

The exit code is 1 where an answer is not what was asked for, where nothing was scored meanwhile, or
where the training did not go on beside.
"""

import argparse
import http.client
import json
import os
import platform
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from backend.bootstrap import Application
from backend.ports import Points
from backend.records import LabelDraft, LabelKind, State
from benchmarks.soaking.people import panel
from benchmarks.soaking.plant import TOKEN, Plant, end_orderly, free_port, wait_for
from benchmarks.soaking.sensors import PIECE, lines
from benchmarks.soaking.verdict import application
from tests.servers.influxdb import InfluxServer

DETECTOR = "fleet"
CHANNELS = ("a", "b", "c")
SECOND = 10**9
HISTORY_S = 600
PATIENCE_S = 600.0
ANSWER_S = 60.0
PANEL, API = "datasource", "API"
_PANEL_SHARE = 0.6
_FIRST_LOOKS = 5
"""Answers of each client that are not counted: connections and caches are new."""

_CONFIGURATION = """
store: {store}
results: {results}
web: {{port: {web}}}
detectors:
  fleet:
    measurement: machine
    channels: [a, b, c]
    group_by: [machine]
    every: 1s
    model: {{kind: dense_autoencoder, window: 4, units: [8, 3], epochs: 10}}
    threshold: {{kind: quantile, q: 1, margin: 1.5}}
    folds: 2
    detection_limits: false
    schedule: {{score: {score}, lateness: 5s, catch_up: 30m, retrain_after_labels: 1d,
      retrain_timeout: 1h}}
"""
_RESTING, _BUSY = "30m", "1s"


@dataclass
class Answers:
    """What clients got while the service was in one state.

    Attributes:
        state: of the service.
        seconds: how long they asked.
        took: seconds of each answer, by what was asked.
        failed: answers that were not what was asked for.
    """

    state: str
    seconds: float = 0.0
    took: dict[str, list[float]] = field(default_factory=lambda: {PANEL: [], API: []})
    failed: Counter[str] = field(default_factory=Counter)

    def rate(self, kind: str) -> float:
        """Answers a second."""
        return len(self.took[kind]) / self.seconds

    def percentile(self, kind: str, share: float) -> float:
        """Seconds within which such a share was answered."""
        return float(np.percentile(self.took[kind], share)) if self.took[kind] else float("nan")


@dataclass
class Load:
    """Both states, and what the service did beside in the second."""

    clients: int
    series: int
    idle: Answers
    busy: Answers
    scored_s: float
    """Seconds of the grid by which scoring went on while clients asked."""
    trained_s: float
    """Seconds of that time in which a training was going on."""

    @property
    def failures(self) -> list[str]:
        """What is not as it has to be."""
        found = [f"{one.state}: {dict(one.failed)}" for one in (self.idle, self.busy) if one.failed]
        if self.scored_s <= 0:
            found.append("nothing was scored while clients asked")
        if self.trained_s <= 0:
            found.append("no training went on while clients asked")
        return found


# -- clients -------------------------------------------------------------------------------------


class Client(threading.Thread):
    """Asks over one connection until it is told to stop.

    Args:
        port: of the pages.
        number: of the client; it decides what is asked, in which order.
        series: how many there are to ask for.
        stop: set when it is over.
    """

    def __init__(self, port: int, number: int, series: int, stop: threading.Event) -> None:
        super().__init__(name=f"client {number}")
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
        self._lots = Random(number)
        self._series = series
        self._over = stop
        self.answers = Answers("")

    def run(self) -> None:
        """One answer after the other."""
        for number in range(sys.maxsize):
            if self._over.is_set():
                break
            kind = PANEL if self._lots.random() < _PANEL_SHARE else API
            began = time.perf_counter()
            mistake = self._mistake(kind)
            if mistake:
                self.answers.failed[mistake] += 1
            elif number >= _FIRST_LOOKS:
                self.answers.took[kind].append(time.perf_counter() - began)
        self._connection.close()

    def _mistake(self, kind: str) -> str:
        """Ask once; what is wrong with the answer, empty if nothing."""
        key = f"machine={_name(self._lots.randrange(self._series))}"
        method, path, body = _panel(key) if kind == PANEL else _api(key, self._lots)
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        try:
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            return type(error).__name__
        if answer.status != 200:
            return f"{path.split('?')[0]} {answer.status}"
        return "" if len(content) > 2 else f"{path.split('?')[0]} is empty"


def _panel(key: str) -> tuple[str, str, bytes]:
    return "POST", "/grafana/query", json.dumps(panel(DETECTOR, key, time.time_ns())).encode()


def _api(key: str, lots: Random) -> tuple[str, str, None]:
    path = lots.choice(
        [
            "/api/v1/detectors",
            f"/api/v1/detectors/{DETECTOR}",
            f"/api/v1/detectors/{DETECTOR}/models",
            f"/api/v1/detectors/{DETECTOR}/scores?series={key.replace('=', '%3D')}",
            "/api/v1/series?limit=50",
            "/api/v1/labels",
        ]
    )
    return "GET", path, None


def ask(state: str, port: int, clients: int, series: int, seconds: float) -> Answers:
    """Let all clients ask for a while."""
    stop = threading.Event()
    asking = [Client(port, number, series, stop) for number in range(clients)]
    began = time.monotonic()
    for client in asking:
        client.start()
    time.sleep(seconds)  # the measurement itself
    stop.set()
    for client in asking:
        client.join()
    found = Answers(state, time.monotonic() - began)
    for client in asking:
        found.failed += client.answers.failed
        for kind, took in client.answers.took.items():
            found.took[kind] += took
    return found


# -- the service ---------------------------------------------------------------------------------


def _name(number: int) -> str:
    return f"m{number:04d}"


def _readings(series: int, times: np.ndarray) -> list[Points]:
    """Waves with noise; the same time gives the same reading, whoever asks for it."""
    second = times / SECOND % 1e6
    made = []
    for number in range(series):
        place = number + np.arange(len(CHANNELS))[:, None] * 0.37
        noise = np.sin(second * 12.9898 + place * 78.233) * 43758.5453 % 1 - 0.5
        waves = np.sin(second / 20 + np.arange(len(CHANNELS))[:, None] + number % 7)
        columns = dict(zip(CHANNELS, (waves + 0.2 * noise).round(4), strict=True))
        made.append(Points({"machine": _name(number)}, times, columns))
    return made


class Feeder(threading.Thread):
    """Writes a reading of every machine each second."""

    def __init__(self, server: InfluxServer, store: str, series: int) -> None:
        super().__init__(name="feeder")
        self._server, self._store, self._series = server, store, series
        self._over = threading.Event()

    def run(self) -> None:
        """Until it is told to stop."""
        while not self._over.wait(1 - time.time() % 1):
            write(self._server, self._store, self._series, int(time.time()), 1)

    def stop(self) -> None:
        """The last reading was written."""
        self._over.set()
        self.join()


def write(server: InfluxServer, store: str, series: int, start_s: int, seconds: int) -> None:
    """Hand in readings of all machines from a second on."""
    times = (start_s + np.arange(seconds, dtype=np.int64)) * SECOND
    rows = list(lines("machine", _readings(series, times)))
    for first in range(0, len(rows), PIECE):
        server.write_lines(store, "\n".join(rows[first : first + PIECE]))


@contextmanager
def _training(app: Application) -> Iterator[Callable[[], float]]:
    """One training after the other; tells for how many seconds one was going on."""
    over = threading.Event()
    seconds = 0.0

    def go_on() -> None:
        nonlocal seconds
        last = time.monotonic()
        while not over.wait(0.2):
            asked = [one for one in app.records.open_requests() if one.kind == "retrain"]
            now = time.monotonic()
            if any(one.state is State.RUNNING for one in asked):
                seconds += now - last
            if not asked:
                app.requests.ask("retrain", DETECTOR, {"cold": True}, by="benchmark")
            last = now

    thread = threading.Thread(target=go_on, name="training")
    thread.start()
    try:
        yield lambda: seconds
    finally:
        over.set()
        thread.join()


def measure(folder: Path, server: InfluxServer, given: argparse.Namespace) -> Load:
    """Both states, one after the other."""
    stores = {"store": server.new_database(), "results": server.new_database()}
    web = free_port()
    plant = Plant(folder, _CONFIGURATION.format(**stores, web=web, score=_RESTING), web)
    asked = (web, given.clients, given.series, given.seconds)
    with application(plant.environ) as app:
        _prepare(app, server, stores["store"], given.series)
        with plant:
            wait_for(plant.listens, "the pages", PATIENCE_S)
            wait_for(
                lambda: not app.records.open_runs() and _scored(app) > 0,
                "the first scores",
                PATIENCE_S,
            )
            idle = ask("idle", *asked)
            feeder = Feeder(server, stores["store"], given.series)
            feeder.start()
            try:
                return _busy(app, plant, stores, idle, asked)
            finally:
                feeder.stop()


def _busy(
    app: Application,
    plant: Plant,
    stores: dict[str, str],
    idle: Answers,
    asked: tuple[int, int, int, float],
) -> Load:
    """Score each second from now on, train, and let clients ask."""
    text = _CONFIGURATION.format(**stores, web=plant.web, score=_BUSY)
    plant.config.write_text(text, encoding="utf-8")
    rested = _scored(app)
    with _training(app) as trained:
        wait_for(
            lambda: _scored(app) > rested and trained() > 0, "scoring and training", PATIENCE_S
        )
        scored, before = _scored(app), trained()
        busy = ask("scoring and training", *asked)
        ahead = (_scored(app) - scored) / SECOND
        return Load(asked[1], asked[2], idle, busy, ahead, trained() - before)


def _prepare(app: Application, server: InfluxServer, store: str, series: int) -> None:
    """Readings up to now, called normal, and the first version."""
    start = int(time.time()) - HISTORY_S
    write(server, store, series, start, HISTORY_S)
    draft = LabelDraft(DETECTOR, LabelKind.NORMAL, start * SECOND, (start + HISTORY_S) * SECOND)
    app.labelling.add(draft, source="command", by="benchmark")
    app.retraining.run(DETECTOR)
    app.scoring.tick(DETECTOR)
    gone = start + HISTORY_S
    write(server, store, series, gone, max(int(time.time()) - gone, 1))
    sys.stderr.write(f"{series} series are learned\n")


def _scored(app: Application) -> int:
    return max(app.records.watermarks(DETECTOR).values(), default=0)


# -- the table -----------------------------------------------------------------------------------


def table(found: Load) -> list[str]:
    """A line for each state and kind; then what busy is of idle."""
    head = f"{'':<24}{'':<12}{'answers/s':>10}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}{'failed':>8}"
    rows = [_line(one, kind) for one in (found.idle, found.busy) for kind in (PANEL, API)]
    for kind in (PANEL, API):
        slower = found.busy.percentile(kind, 50) / found.idle.percentile(kind, 50)
        idle = found.idle.rate(kind) or float("nan")
        share = found.busy.rate(kind) / idle
        rows.append(
            f"{kind}: {share:.2f} of the answers of the idle service, {slower:.1f} times as slow"
        )
    rows.append(
        f"beside: {found.scored_s:.0f} s of {found.series} series scored in "
        f"{found.busy.seconds:.0f} s, training in {found.trained_s:.0f} s of them"
    )
    return [head, *rows, *(f"FAILED: {failure}" for failure in found.failures)]


def _line(one: Answers, kind: str) -> str:
    cells = "".join(f"{1000 * one.percentile(kind, share):>9.0f}" for share in (50, 95, 99))
    failed = sum(one.failed.values())
    return f"{one.state:<24}{kind:<12}{one.rate(kind):>10.1f}{cells}{failed:>8}"


def _plain(found: Load) -> dict[str, Any]:
    states = {
        one.state: {
            kind: {
                "answers": len(one.took[kind]),
                "a_second": one.rate(kind),
                **{f"p{share}_s": one.percentile(kind, share) for share in (50, 95, 99)},
            }
            for kind in (PANEL, API)
        }
        for one in (found.idle, found.busy)
    }
    return {
        "clients": found.clients,
        "series": found.series,
        "states": states,
        "scored_s": found.scored_s,
        "trained_s": found.trained_s,
        "failures": found.failures,
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; exit code 1 if something failed."""
    parser = argparse.ArgumentParser(prog="benchmarks.load", description=__doc__)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=30.0, help="for each state")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    given = parser.parse_args(arguments)
    end_orderly()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "influxdb").mkdir()
        with InfluxServer(folder / "influxdb") as server:
            found = measure(folder / "plant", server, given)
    sys.stdout.write("\n".join(table(found)) + "\n")
    if given.json:
        given.json.write_text(json.dumps(_plain(found), indent=2) + "\n", encoding="utf-8")
    return 1 if found.failures else 0


if __name__ == "__main__":
    sys.exit(main())
