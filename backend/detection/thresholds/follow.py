"""A causal, bounded level: how far normal errors have drifted since the model was trained.

A static limit fails under drift. `level` is 1 where unflagged errors are as large as on held-out
normal time, and multiplies the limit. It looks only at points before the one it is for, and is
bounded, so that a fault that creeps in cannot take the line along without end.
"""

import numpy as np

from backend.detection.thresholds.calibration import Mask
from backend.ports import Floats
from backend.specs import FollowSpec

_NEAR = 1e-9
_ONE_BY_ONE = 16
"""Up to so many series are walked one after the other."""


def next_level(spec: FollowSpec, level: Floats, ratio: Floats, line: Floats) -> Floats:
    """(S,) the level after a point; one that is not known leaves it as it is.

    A flagged point counts as if it lay on the line, and weighs `creep`: normal can shift for
    good, and the line then creeps after it, slowly and up to the bound, and does not flag for ever.

    Args:
        spec: span of the moving average, and bounds.
        level: (S,) at the point.
        ratio: (S,) its smoothed error in held-out levels; NaN where not known.
        line: (S,) its threshold in held-out levels.
    """
    weight = 2.0 / (spec.span + 1.0) * np.where(ratio > line, spec.creep, 1.0)
    moved = level + weight * (np.minimum(ratio, line) - level)
    moved = np.minimum(np.maximum(moved, spec.least), spec.most)
    return np.where(np.isnan(ratio), level, moved)


def walk(spec: FollowSpec, line: Floats, ratio: Floats, level: Floats) -> tuple[Floats, Floats]:
    """(S, T) level at each point, and (S,) that of the point behind.

    Args:
        spec: span and bounds.
        line: (S, T) limit at level 1, in held-out levels.
        ratio: (S, T) smoothed error in held-out levels; NaN where not known.
        level: (S,) at the first point.
    """
    if len(line) <= _ONE_BY_ONE:
        found = [_walk_one(spec, *one) for one in zip(line, ratio, level.tolist(), strict=True)]
        levels = np.array([one for one, _ in found]).reshape(line.shape)
        return levels, np.array([after for _, after in found])
    levels = np.empty_like(line)
    for t in range(line.shape[1]):
        levels[:, t] = level
        level = next_level(spec, level, ratio[:, t], line[:, t] * level)
    return levels, level


def _walk_one(
    spec: FollowSpec, line: Floats, ratio: Floats, level: float
) -> tuple[list[float], float]:
    """`walk` of one series, to the last digit: plain numbers are faster where series are few."""
    weight = 2.0 / (spec.span + 1.0)
    creeping, least, most = weight * spec.creep, spec.least, spec.most
    levels = []
    for limit, value in zip(line.tolist(), ratio.tolist(), strict=True):
        levels.append(level)
        if value != value:  # noqa: PLR0124 - not known
            continue
        top = limit * level
        level += creeping * (top - level) if value > top else weight * (value - level)
        if level < least:
            level = least
        elif level > most:
            level = most
    return levels, level


def at_bound(spec: FollowSpec, levels: Floats) -> Mask:
    """(S, T) where the level can rise no further: normal errors have drifted too far."""
    return levels >= spec.most * (1.0 - _NEAR)
