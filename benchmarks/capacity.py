"""What `normalcy capacity` says of a fleet, against what the fleet then really takes.

    python -m benchmarks.capacity [--series 40] [--kinds pca dense_autoencoder] [--json FILE]

A fleet with some days of history is stored in an embedded store and called normal. Its detector is
trained and ticks for a few minutes, both timed; then the forecast is asked for, which knows from
the record for how many epochs networks were taught, and nothing of the times. A ratio of 1 is a
forecast that came true; from 0.7 to 1.3 is the goal. It means something only on a machine that
does nothing else.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backend.bootstrap import Application, bootstrap
from backend.models.registry import build
from backend.ports import Points, RecordStore
from backend.records import LabelDraft, LabelKind
from backend.services.capacity import SECONDS
from backend.services.capacity_report import Report
from backend.settings import load
from benchmarks.hand_clock import NOW, HandClock

DETECTOR = "fleet"
CHANNELS = ("a", "b", "c", "d", "e")
STEP = 600 * 10**9
HISTORY = 1500
TICKS = 12
MODELS: dict[str, dict[str, Any]] = {
    "pca": {},
    "dense_autoencoder": {"units": [16, 4], "epochs": 20},
    "lstm_autoencoder": {"epochs": 10},
    "ensemble": {},
}
"""Kinds with settings that make them small."""
GOAL = 1.3

_CONFIGURATION = """
home: home
detectors:
  fleet:
    measurement: machine
    channels: [a, b, c, d, e]
    group_by: [machine]
    every: 10m
    model: {model}
    schedule: {{score: 10m}}
"""


@dataclass(frozen=True)
class Compared:
    """One figure as it was forecast and as it was, in seconds."""

    kind: str
    series: int
    what: str
    forecast: float
    real: float

    @property
    def ratio(self) -> float:
        """Above 1 where it took less than was said."""
        return self.forecast / self.real

    @property
    def is_good(self) -> bool:
        """Whether it is as near as is wanted."""
        return 1 / GOAL <= self.ratio <= GOAL


class Stores:
    """Adds up the seconds of all calls of some objects, so that they can be left out.

    A call within another is not counted again.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._inside = False

    def watch(self, inner: object, names: Sequence[str]) -> None:
        """Let calls of these methods be timed from now on."""
        for name in names:
            setattr(inner, name, self._timed(getattr(inner, name)))

    def _timed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            if self._inside:
                return call(*args, **kwargs)
            self._inside, began = True, time.perf_counter()
            try:
                return call(*args, **kwargs)
            finally:
                self._inside = False
                self.seconds += time.perf_counter() - began

        return timed


def compare(kind: str, series: int, seconds: float = SECONDS) -> list[Compared]:
    """Train and score a fleet of one kind, and forecast the same."""
    with tempfile.TemporaryDirectory() as folder, _fleet(Path(folder), kind, series) as made:
        application, clock = made
        spec = application.detectors.get(DETECTOR)
        build(spec.model, 1, len(CHANNELS))  # TensorFlow is loaded in a process that works already
        began = time.perf_counter()
        application.retraining.run(DETECTOR)
        training = time.perf_counter() - began
        model = _ticked(application, clock)
        labels = application.labelling.list(DETECTOR)
        report = application.capacity.look(spec, labels, seconds=seconds)
        return _compared(kind, series, report, training, model)


def _compared(
    kind: str, series: int, report: Report, training: float, model: float
) -> list[Compared]:
    said = report.tick.model.at(series)
    return [
        Compared(kind, series, "training", report.present_s or 0.0, training),
        Compared(kind, series, "tick: model", said, model),
    ]


def _ticked(application: Application, clock: HandClock) -> float:
    """Seconds of a tick without its stores: median of some, behind two that warm up."""
    stores = Stores()
    stores.watch(application.source, ("read",))
    stores.watch(application.results, ("read", "write_all", "write"))
    records = application.records
    names = [name for name in vars(RecordStore) if not name.startswith("_")]
    stores.watch(records, names)
    found = []
    for number in range(TICKS):
        clock.at = NOW + number * STEP
        stores.seconds, began = 0.0, time.perf_counter()
        application.scoring.tick(DETECTOR)
        found.append(time.perf_counter() - began - stores.seconds)
    return statistics.median(found[2:])


@contextmanager
def _fleet(folder: Path, kind: str, series: int) -> Iterator[tuple[Application, HandClock]]:
    """The product over a fleet that is stored and labelled."""
    model = json.dumps({"kind": kind, **MODELS.get(kind, {})})
    config = folder / "normalcy.yaml"
    config.write_text(_CONFIGURATION.format(model=model), encoding="utf-8")
    clock = HandClock()
    with _environment({"NORMALCY_CONFIG": str(config)}):
        application = bootstrap(load(os.environ), clock=clock)
        try:
            times = np.arange(NOW - HISTORY * STEP, NOW + TICKS * STEP, STEP, dtype=np.int64)
            application.source.write("machine", [_readings(n, times) for n in range(series)])
            draft = LabelDraft(DETECTOR, LabelKind.NORMAL, NOW - HISTORY * STEP, NOW)
            application.labelling.add(draft, source="command", by="benchmark")
            yield application, clock
        finally:
            application.close()


def _readings(number: int, times: np.ndarray) -> Points:
    """What a machine measures: waves with noise, in a phase of its own."""
    phase = times / STEP / 20 + np.arange(len(CHANNELS))[:, None] + number
    noise = np.random.default_rng(number).normal(scale=0.05, size=phase.shape)
    columns = dict(zip(CHANNELS, np.sin(phase) + noise, strict=True))
    return Points({"machine": f"m{number:05d}"}, times, columns)


@contextmanager
def _environment(changes: dict[str, str]) -> Iterator[None]:
    """Variables that the measuring processes read as well."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


# -- the table -------------------------------------------------------------------------------------


def table(found: Sequence[Compared]) -> list[str]:
    """One line a figure."""
    head = f"{'kind':<20} {'series':>6} {'what':<12} {'forecast':>10} {'real':>10} {'ratio':>6}"
    return [head, *(_line(one) for one in found)]


def _line(one: Compared) -> str:
    begin = f"{one.kind:<20} {one.series:>6} {one.what:<12}"
    mark = "" if one.is_good else "  beyond the goal"
    return f"{begin} {one.forecast:>9.3g}s {one.real:>9.3g}s {one.ratio:>6.2f}{mark}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code is 1 where a forecast is too far off."""
    parser = argparse.ArgumentParser(prog="benchmarks.capacity", description=__doc__)
    parser.add_argument("--series", type=int, default=40)
    parser.add_argument("--kinds", nargs="+", choices=MODELS, default=["pca", "dense_autoencoder"])
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for each forecast")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    given = parser.parse_args(arguments)
    found: list[Compared] = []
    for kind in given.kinds:
        found += compare(kind, given.series, given.seconds)
    sys.stdout.write("\n".join(table(found)) + "\n")
    if given.json:
        plain = [{**asdict(one), "ratio": one.ratio} for one in found]
        given.json.write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")
    return 0 if all(one.is_good for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
