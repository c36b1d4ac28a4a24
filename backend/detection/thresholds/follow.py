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


def next_level(spec: FollowSpec, level: Floats, ratio: Floats, flagged: Mask) -> Floats:
    """(S,) the level after a point; a point that is flagged, or not known, leaves it as it is.

    Args:
        spec: span of the moving average, and bounds.
        level: (S,) at the point.
        ratio: (S,) its smoothed error in held-out levels; NaN where not known.
        flagged: (S,).
    """
    moved = level + 2.0 / (spec.span + 1.0) * (ratio - level)
    moved = np.minimum(np.maximum(moved, spec.least), spec.most)
    return np.where(flagged | np.isnan(ratio), level, moved)


def walk(
    spec: FollowSpec, limit: Floats, ratio: Floats, smoothed: Floats, level: Floats
) -> tuple[Floats, Floats]:
    """(S, T) level at each point, and (S,) that of the point behind.

    Args:
        spec: span and bounds.
        limit: (S, T) at level 1.
        ratio: (S, T) smoothed error in held-out levels.
        smoothed: (S, T); NaN where not known.
        level: (S,) at the first point.
    """
    levels = np.empty_like(limit)
    for t in range(limit.shape[1]):
        levels[:, t] = level
        level = next_level(spec, level, ratio[:, t], smoothed[:, t] > limit[:, t] * level)
    return levels, level


def at_bound(spec: FollowSpec, levels: Floats) -> Mask:
    """(S, T) where the level can rise no further: normal errors have drifted too far."""
    return levels >= spec.most * (1.0 - _NEAR)
