"""What a threshold is learned from, and what it gives."""

from dataclasses import dataclass

import numpy as np

from backend.ports import Floats
from backend.specs import AlarmSpec

SMALLEST = 1e-9
"""A threshold is greater than zero, also when every held-out error is zero."""


@dataclass(frozen=True)
class Calibration:
    """Held-out normal errors of a fleet.

    Attributes:
        smoothed: (S, T) smoothed error of rows that the scoring model had not seen; NaN elsewhere.
        step_hours: length of a grid step.
        alarm: minimum length and hysteresis, for thresholds that count alarms.
    """

    smoothed: Floats
    step_hours: float
    alarm: AlarmSpec

    def of(self, series: int) -> Floats:
        """The held-out errors of one series, without the gaps."""
        errors = self.smoothed[series]
        return errors[np.isfinite(errors)]

    def hours(self, series: int) -> float:
        """Hours of normal time behind one series' limit."""
        return float(np.isfinite(self.smoothed[series]).sum() * self.step_hours)


@dataclass(frozen=True)
class Limits:
    """One limit a series, and in a sentence what backs it.

    Attributes:
        values: (S,) in the unit of the smoothed error, greater than zero.
        basis: S sentences for the operator.
    """

    values: Floats
    basis: tuple[str, ...]


def limits(values: list[float], basis: list[str]) -> Limits:
    """Limits from one value and sentence a series, kept above zero."""
    return Limits(np.maximum(np.asarray(values, dtype=np.float64), SMALLEST), tuple(basis))
