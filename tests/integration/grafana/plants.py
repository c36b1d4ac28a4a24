"""Plants whose results are written by hand, so that it is known what Grafana has to show."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backend import schema
from backend.ports import Points, SeriesStore

STEP_S = 10
# Names that are legal and have to be quoted.
DETECTOR, MEASUREMENT = "gas.room", "air (raw)"
ROOM, QUIET_ROOM = "A 1/2", "B, east"
CHANNELS = ("H2S (ppm)", "temp")
BLIND, FLEET = "mixer", "pumps"
PUMPS = tuple(f"P{number}" for number in range(8))

CONFIGURATION = f"""
detectors:
  {DETECTOR}:
    measurement: "{MEASUREMENT}"
    channels: ["{CHANNELS[0]}", "{CHANNELS[1]}"]
    group_by: [room]
    every: {STEP_S}s
    write_contributions: true
    schedule: {{score: 5s}}
  {BLIND}:
    measurement: mixer
    channels: [speed]
    every: {STEP_S}s
    schedule: {{score: 5s}}
  {FLEET}:
    measurement: pumps
    channels: [flow, pressure]
    group_by: [line, pump]
    every: {STEP_S}s
    schedule: {{score: 5s}}
"""

_CHANNELS = {DETECTOR: CHANNELS, BLIND: ("speed",), FLEET: ("flow", "pressure")}
_MEASUREMENTS = {DETECTOR: MEASUREMENT, BLIND: "mixer", FLEET: "pumps"}


@dataclass
class Series:
    """One series: its tags, and whether it is in alarm."""

    detector: str
    tags: Mapping[str, str] = field(default_factory=dict)
    alarm: bool = False


@dataclass
class Plant:
    """Sensors and results that go on arriving while a block runs."""

    source: SeriesStore
    results: SeriesStore
    series: list[Series] = field(default_factory=list)
    coverage: dict[str, float] = field(
        default_factory=lambda: {DETECTOR: 1.0, BLIND: 0.2, FLEET: 1.0}
    )

    def __post_init__(self) -> None:
        self.series = [
            Series(DETECTOR, {"room": ROOM}),
            Series(DETECTOR, {"room": QUIET_ROOM}),
            Series(BLIND),
            *(Series(FLEET, {"line": "L 1", "pump": pump}) for pump in PUMPS),
        ]
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._problems: list[BaseException] = []
        self._thread = threading.Thread(target=self._go_on)
        self._written = _grid(time.time()) - 6 * 3600

    def __enter__(self) -> "Plant":
        self._write_once()
        self.catch_up()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        assert not self._problems, self._problems

    def alarm(self, on: bool, **tags: str) -> None:
        """From now on these series are in alarm, or not."""
        with self._lock:
            for one in self.series:
                if tags.items() <= one.tags.items():
                    one.alarm = on

    def catch_up(self) -> None:
        """Write what is due until now."""
        with self._lock:
            start, stop = self._written, _grid(time.time())
            if start >= stop:
                return
            times = np.arange(start, stop, STEP_S)
            for one in self.series:
                self._write(one, times)
            for detector, share in self.coverage.items():
                row = {"coverage": share, "lag_s": 5.0, "series": 2.0, "set_aside": 0.0}
                tags = {schema.DETECTOR_TAG: detector}
                self.results.write(schema.COVERAGE, [_points(tags, times, row)])
            self._written = stop

    def _go_on(self) -> None:
        try:
            while not self._stop.wait(1):
                self.catch_up()
        except BaseException as error:  # told at the end: a thread's own would be lost
            self._problems.append(error)

    def _write(self, one: Series, times: np.ndarray) -> None:
        channels = _CHANNELS[one.detector]
        wave = np.sin(times / 900.0)
        measured: dict[str, Any] = dict.fromkeys(channels, 20 + wave)
        self.source.write(_MEASUREMENTS[one.detector], [_points(one.tags, times, measured)])
        tags = {schema.DETECTOR_TAG: one.detector, **one.tags}
        shares = {name: 1.0 / len(channels) for name in channels}
        for measurement, row in (
            (schema.SCORES, _scores(one, channels)),
            (schema.EXPECTED, dict.fromkeys(channels, 20 + 0.9 * wave)),
            (schema.CONTRIBUTIONS, shares),
        ):
            self.results.write(measurement, [_points(tags, times, row)])

    def _write_once(self) -> None:
        """What came about a while ago: a training, runs, events."""
        then = np.array([_grid(time.time()) - 3600])
        training = dict.fromkeys(schema.TRAINING_NUMBERS, 0.1)
        training |= dict.fromkeys(schema.TRAINING_STRINGS, "x")
        for detector in _CHANNELS:
            tags = {schema.DETECTOR_TAG: detector}
            self.results.write(schema.TRAINING, [_points(tags, then, training)])
            for failed, kind in ((1.0, "score"), (float(detector == BLIND), "retrain")):
                run = {"failed": failed, "seconds": 3.0, "message": "no rows" if failed else ""}
                told = {**tags, schema.KIND_TAG: kind}
                self.results.write(schema.RUNS, [_points(told, then, run)])
        for one in self.series:
            event = dict.fromkeys(schema.EVENT_NUMBERS, 1.0)
            event |= dict.fromkeys(schema.EVENT_STRINGS, _CHANNELS[one.detector][0])
            event["stop_ms"] = (then[0] + 600) * 1000.0
            tags = {schema.DETECTOR_TAG: one.detector, **one.tags}
            self.results.write(schema.EVENTS, [_points(tags, then, event)])


def _scores(one: Series, channels: tuple[str, ...]) -> dict[str, Any]:
    score = 2.5 if one.alarm else 0.5
    row: dict[str, Any] = dict.fromkeys(schema.SCORE_NUMBERS, 0.5)
    row |= dict.fromkeys(schema.SCORE_STRINGS, "x")
    last = len(channels)
    return row | {
        "score": score,
        "smoothed": score,
        "error": score,
        "threshold": 1.0,
        "flag": float(one.alarm),
        "alarm": float(one.alarm),
        "judged": 1.0,
        # The last channel stands out most, then the first.
        "top1": channels[-1],
        "top1_index": float(last),
        "top2": channels[0],
        "top2_index": 1.0,
    }


def _points(tags: Mapping[str, str], times: np.ndarray, row: Mapping[str, Any]) -> Points:
    columns = {}
    for name, value in row.items():
        kind: Any = object if isinstance(value, str) else float
        columns[name] = np.full(len(times), value, dtype=kind) if np.isscalar(value) else value
    return Points(tags, times.astype(np.int64) * 10**9, columns)


def _grid(seconds: float) -> int:
    return int(seconds) // STEP_S * STEP_S
