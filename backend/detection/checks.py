"""Plain checks beside the model: stuck, out of range, jumping, or no longer constant.

Each limit is learned from normal rows, wide enough that normal operation never comes near it. What
a check finds is expressed as a ratio to its limit, so that above 1 it flags as the score does.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.detection.runs import run_lengths
from backend.ports import Floats
from backend.schema import REASON_CONSTANT, REASON_FLATLINE, REASON_RANGE, REASON_RATE
from backend.specs import ChecksSpec

REASONS = (REASON_CONSTANT, REASON_FLATLINE, REASON_RANGE, REASON_RATE)
"""In the order in which they explain: the first that fires most is named."""

_SHORTEST_FLATLINE = 6
LONGEST_FLATLINE = 36
"""A channel that rests longer in normal time cannot be told from a stuck one by a short look."""
_LARGEST = 100.0
_RESTS = 2.0
"""A rest longer than so many limits counts no more: a score must not depend on an endless past."""


@dataclass(frozen=True)
class CheckLimits:
    """What is plainly not normal, a series and channel; infinite where a check is off.

    Attributes:
        constant: (S, F) whether the channel never varied in normal rows, and may not from then on.
        low: (S, F) lowest normal value (of a constant channel: its value).
        high: (S, F) highest normal value.
        beyond: (S, F) how far outside `low` to `high` a value may lie.
        flatline: (S, F) points without change that a moving channel may show.
        step: (S, F) largest change from one grid point to the next.
    """

    constant: NDArray[np.bool_]
    low: Floats
    high: Floats
    beyond: Floats
    flatline: Floats
    step: Floats

    @property
    def lookback(self) -> int:
        """Rows before a point that its checks look at."""
        finite = self.flatline[np.isfinite(self.flatline)]
        return int(np.ceil(_RESTS * finite.max())) + 1 if finite.size else 1


def learn_checks(values: Floats, normal: NDArray[np.bool_], spec: ChecksSpec) -> CheckLimits:
    """Learn the limits.

    Args:
        values: (S, T, F) sensor units, gaps not bridged.
        normal: (S, T) rows known to be normal.
        spec: the factor of each check; 0 is off.
    """
    known = np.where(normal[:, :, None], values, np.nan)
    present = np.isfinite(known)
    low = np.where(present, known, np.inf).min(axis=1)
    high = np.where(present, known, -np.inf).max(axis=1)
    low, high = np.where(np.isfinite(low), low, 0.0), np.where(np.isfinite(high), high, 0.0)
    span = high - low
    constant = span <= 1e-9 * np.maximum(1.0, np.abs(high))
    rest = run_lengths(_unchanged(known)).max(axis=1) + 1.0
    flatline = np.maximum(spec.flatline * rest, _SHORTEST_FLATLINE)
    step = np.nan_to_num(_steps(known)).max(axis=1)
    return CheckLimits(
        constant=constant,
        low=low,
        high=high,
        beyond=_where(spec.range, ~constant, spec.range * span),
        flatline=_where(spec.flatline, ~constant & (flatline <= LONGEST_FLATLINE), flatline),
        step=_where(spec.rate, ~constant & (step > 0), spec.rate * step),
    )


def check(values: Floats, limits: CheckLimits) -> Floats:
    """Ratio of each check to its limit.

    Args:
        values: (S, T, F) sensor units, gaps not bridged; NaN passes every check.
        limits: as learned.

    Returns:
        (S, T, F, 4) in the order of `REASONS`, from 0 to a bounded maximum; above 1 it fires.
    """
    low, high = limits.low[:, None, :], limits.high[:, None, :]
    outside = np.maximum(np.maximum(low - values, values - high), 0.0)
    tolerance = 1e-6 * np.maximum(1.0, np.abs(high))
    moved = np.where(limits.constant[:, None, :], outside / tolerance, 0.0)
    still = np.where(np.isfinite(values), run_lengths(_unchanged(values)) + 1.0, 0.0)
    ratios = np.stack(
        (
            moved,
            np.minimum(still / limits.flatline[:, None, :], _RESTS),
            outside / limits.beyond[:, None, :],
            _steps(values) / limits.step[:, None, :],
        ),
        axis=3,
    )
    return np.clip(np.nan_to_num(ratios), 0.0, _LARGEST)


def _unchanged(values: Floats) -> NDArray[np.bool_]:
    same = np.zeros(values.shape, dtype=bool)
    same[:, 1:] = values[:, 1:] == values[:, :-1]
    return same


def _steps(values: Floats) -> Floats:
    steps = np.zeros_like(values)
    steps[:, 1:] = np.abs(values[:, 1:] - values[:, :-1])
    return steps


def _where(factor: float, on: NDArray[np.bool_], limit: Floats) -> Floats:
    return np.where(on & (factor > 0), limit, np.inf)
