"""What a threshold is learned from, and what it gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from backend.ports import Floats
from backend.specs import AlarmSpec

SMALLEST = 1e-9
"""A threshold is greater than zero, also when every held-out error is zero."""
LARGEST = 1e150
"""Far beyond any error, and still divided by the smallest threshold without overflow."""

Mask = NDArray[np.bool_]
Modes = NDArray[np.int64]


@dataclass(frozen=True)
class Sample:
    """What the limit of one series is learned from.

    Attributes:
        errors: (T,) smoothed error of held-out normal rows in the order of time; NaN elsewhere.
        step_hours: length of a grid step.
        alarm: minimum length and hysteresis, for thresholds that count alarms.
        fleet: how many series share what the whole detector may do.
        anomalous: (A,) smoothed errors of labelled anomalies.
    """

    errors: Floats
    step_hours: float
    alarm: AlarmSpec
    fleet: int
    anomalous: Floats

    @property
    def known(self) -> Floats:
        """The held-out errors without the gaps."""
        return self.errors[np.isfinite(self.errors)]

    @property
    def hours(self) -> float:
        """Hours of normal time behind the limit."""
        return float(np.isfinite(self.errors).sum() * self.step_hours)


@dataclass(frozen=True)
class Calibration:
    """Held-out normal errors of a fleet.

    Attributes:
        smoothed: (S, T) smoothed error of rows that the scoring model had not seen; NaN elsewhere.
        step_hours: length of a grid step.
        alarm: minimum length and hysteresis, for thresholds that count alarms.
        modes: (S, T) operating mode of each row, counted from 0; -1 where it is not known.
        anomalous: (S, T) smoothed error of rows labelled as anomalies; NaN elsewhere.
        fleet: how many series share what the whole detector may do; these S if not given.
    """

    smoothed: Floats
    step_hours: float
    alarm: AlarmSpec
    modes: Modes | None = None
    anomalous: Floats | None = None
    fleet: int | None = None

    def sample(self, series: int, mode: int | None = None) -> Sample:
        """What is known of one series, in one mode if given."""
        rows: Mask = np.ones(self.smoothed.shape[1], dtype=bool)
        if self.modes is not None and mode is not None:
            rows = np.asarray(self.modes[series] == mode)
        bad = np.empty(0) if self.anomalous is None else self.anomalous[series, rows]
        return Sample(
            np.where(rows, self.smoothed[series], np.nan),
            self.step_hours,
            self.alarm,
            self.fleet or len(self.smoothed),
            bad[np.isfinite(bad)],
        )


@dataclass(frozen=True)
class Limit:
    """What was learned of one series.

    Attributes:
        value: in the unit of the smoothed error.
        basis: what backs it, a sentence for the operator.
        wanted_hours: hours of normal time that should back it; 0 where the kind names none.
        silent: too little backs it for alarms; flags are written.
        kept: what a threshold that is renewed has to remember of the calibration.
    """

    value: float
    basis: str
    wanted_hours: float = 0.0
    silent: bool = False
    kept: Mapping[str, Floats] = field(default_factory=dict)


@dataclass(frozen=True)
class Limits:
    """The limits of a fleet, S series and M modes.

    Attributes:
        table: (S, 1 + M) in the unit of the smoothed error, greater than zero; the first column is
            the common limit, the others those of the modes.
        levels: (S, 1 + M) mean of the held-out errors that the limit does not flag.
        silent: (S,) series whose alarms stay off.
        hours: (S,) hours of normal time behind the limit.
        wanted_hours: (S,) how many should be; 0 where the kind names none.
        basis: S sentences for the operator.
        kept: (S, ...) what the kind has to remember of the calibration.
    """

    table: Floats
    levels: Floats
    silent: Mask
    hours: Floats
    wanted_hours: Floats
    basis: tuple[str, ...]
    kept: Mapping[str, Floats] = field(default_factory=dict)

    @classmethod
    def none(cls, series: int) -> "Limits":
        """Before anything is learned."""
        one, zero = np.ones((series, 1)), np.zeros(series)
        return cls(one, one, np.ones(series, dtype=bool), zero, zero, ("",) * series)

    @property
    def values(self) -> Floats:
        """(S,) the common limit."""
        return self.table[:, 0]

    def select(self, series: list[int]) -> "Limits":
        """The limits of these series, in this order."""
        return Limits(
            self.table[series],
            self.levels[series],
            self.silent[series],
            self.hours[series],
            self.wanted_hours[series],
            tuple(self.basis[s] for s in series),
            {name: values[series] for name, values in self.kept.items()},
        )


def by_mode(table: Floats, modes: Modes) -> Floats:
    """(S, T) the column of each row's mode; the common one where the mode is not known."""
    column = np.where(modes < table.shape[1] - 1, modes + 1, 0)
    return np.take_along_axis(table, column, axis=1)
