"""What the sensors measure in a whole run, decided before it begins: the truth to compare with.

Each row has the time at which it is handed in, which may be late, and some are handed in wrong
first and corrected later. The same seed gives the same course.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.ports import Points

SECOND = 10**9
LATEST_S = 30
"""Rows come at most so much late: what a detector of the soak takes into account."""
BEFORE_S = 600
"""History that is compared as well: that which the first tick scores as a matter of course."""
_LATE_SHARE = 0.02
_WRONG_SHARE = 0.005
_NOISE = 0.05
_GAP_EVERY_S = 150
_FAULT_EVERY_S = 90
_WAITING = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Fleet:
    """The sensors of one detector.

    Attributes:
        name: of the detector.
        measurement: that they write.
        tag: that tells its series apart.
        channels: what each measures.
        series: how many there are.
        model: what watches them, as it stands in the configuration.
    """

    name: str
    measurement: str
    tag: str
    channels: tuple[str, ...]
    series: int
    model: str

    def key(self, number: int) -> str:
        """The value of a series' tag, in the order of its number."""
        return f"{self.tag}{number:03d}"


@dataclass(frozen=True)
class Course:
    """Everything that a fleet's sensors hand in.

    Attributes:
        fleet: whose sensors.
        start: the time of the first row, in nanoseconds; one row a second follows.
        live: how many rows were there before the run.
        values: (S, T, F) what was measured, NaN where nothing is ever handed in.
        due: (S, T) seconds since `start` at which a row is handed in.
        wrong: (S, T) rows that are handed in at once with a wrong value, and corrected when due.
    """

    fleet: Fleet
    start: int
    live: int
    values: NDArray[np.float64]
    due: NDArray[np.int64]
    wrong: NDArray[np.bool_]

    @property
    def stop(self) -> int:
        """The first nanosecond behind the course."""
        return self.start + self.values.shape[1] * SECOND

    @property
    def live_from(self) -> int:
        """When the run begins."""
        return self.start + self.live * SECOND

    @property
    def times(self) -> NDArray[np.int64]:
        """(T,) of all rows."""
        return self.start + SECOND * np.arange(self.values.shape[1], dtype=np.int64)

    @property
    def present(self) -> NDArray[np.bool_]:
        """(S, T) rows that are handed in, sooner or later."""
        there: NDArray[np.bool_] = np.isfinite(self.values[:, :, 0])
        return there

    def between(self, after: int, until: int) -> list[Points]:
        """Rows that are handed in after one second and until another, since `start`."""
        own = self.present & (self.due > after) & (self.due <= until)
        early = self.present & self.wrong
        asked = np.arange(self.values.shape[1])
        early &= (asked > after) & (asked <= until)
        return [*self._points(early & ~own, shift=100.0), *self._points(own)]

    def all(self) -> list[Points]:
        """Every row as it is in the end."""
        return self._points(self.present)

    def _points(self, chosen: NDArray[np.bool_], shift: float = 0.0) -> list[Points]:
        found = []
        for number in np.flatnonzero(chosen.any(axis=1)):
            rows = np.flatnonzero(chosen[number])
            columns: Mapping[str, NDArray[np.float64]] = {
                name: self.values[number, rows, place] + shift
                for place, name in enumerate(self.fleet.channels)
            }
            tags = {self.fleet.tag: self.fleet.key(int(number))}
            found.append(Points(tags, self.times[rows], dict(columns)))
        return found


def course(fleet: Fleet, start: int, before: int, during: int, seed: int) -> Course:
    """Decide what the sensors of a fleet measure; history is the same however long the run is.

    Args:
        fleet: whose sensors.
        start: time of the first row, a whole second.
        before: seconds of history, calm and whole.
        during: seconds of the run.
        seed: of all that is drawn by lot.
    """
    noise, lots = (
        np.random.default_rng([seed, of_noise, *fleet.name.encode()]) for of_noise in (1, 0)
    )
    values = _waves(fleet, before + during, noise)
    live = values[:, before:]  # a view: what happens there happens in `values`
    if during:
        for number in range(fleet.series):
            _spoil(live[number], lots)
            _interrupt(live[number], lots)
        _come_and_go(live)
    due = np.tile(np.arange(before + during), (fleet.series, 1))
    late = lots.random(due.shape) < _LATE_SHARE
    late[:, :before] = False
    due += np.where(late, lots.integers(2, LATEST_S, due.shape), 0)
    wrong = late & (lots.random(due.shape) < _WRONG_SHARE / _LATE_SHARE)
    return Course(fleet, start, before, values.round(4), due, wrong)


def _waves(fleet: Fleet, length: int, lots: np.random.Generator) -> NDArray[np.float64]:
    """(S, T, F) waves with noise, drawn second by second; each channel has its own phase."""
    phase = np.arange(length) / 20
    own = np.arange(fleet.series)[:, None, None] % 7
    channel = np.arange(len(fleet.channels)) * (np.pi / (len(fleet.channels) + 1))
    waves: NDArray[np.float64] = np.sin(phase[None, :, None] + own + channel)
    noise = lots.normal(size=(length, fleet.series, len(fleet.channels)))
    return waves + _NOISE * noise.swapaxes(0, 1)


def _spoil(live: NDArray[np.float64], lots: np.random.Generator) -> None:
    """Let a channel go wild now and then, so that there are events."""
    for begin in _now_and_then(len(live), _FAULT_EVERY_S, lots):
        part = live[begin : begin + int(lots.integers(8, 25)), int(lots.integers(live.shape[1]))]
        part += np.where(np.arange(len(part)) % 2, 1.5, -1.5)


def _interrupt(live: NDArray[np.float64], lots: np.random.Generator) -> None:
    """Let all channels be silent now and then, for a moment or for long."""
    for begin in _now_and_then(len(live), _GAP_EVERY_S, lots):
        live[begin : begin + int(lots.choice([1, 2, 5, 40]))] = np.nan


def _now_and_then(length: int, every: int, lots: np.random.Generator) -> NDArray[np.int64]:
    return lots.integers(0, length, size=lots.poisson(length / every))


def _come_and_go(live: NDArray[np.float64]) -> None:
    """A tenth of the series appears after a third of the run; as many vanish after half of it."""
    series, length = live.shape[:2]
    some = max(series // 10, 1)
    live[series - some :, : length // 3] = np.nan
    live[:some, length // 2 :] = np.nan
