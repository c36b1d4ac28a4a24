"""The threshold of each point, in one form for training, service, notebooks and what-if.

It looks only at rows before the point, and of them at no more than `memory(spec)`: whoever knows
these, from one call to the next or from what is stored, gets the same thresholds in any pieces.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from backend.detection.thresholds import dynamic, pot
from backend.detection.thresholds.calibration import (
    LARGEST,
    SMALLEST,
    Limits,
    Mask,
    Modes,
    by_mode,
)
from backend.detection.thresholds.follow import at_bound, next_level, walk
from backend.detection.thresholds.past import Past
from backend.ports import Floats
from backend.specs import FollowSpec, RenewedThreshold, ThresholdSpec

RENEW: dict[str, Callable[[Any, Limits, Past], Floats]] = {
    "dynamic": dynamic.renew,
    "pot": pot.renew,
}

_SPANS = 3
"""Of a level that follows: what came so many of its spans ago weighs little."""


@dataclass(frozen=True)
class Before:
    """Rows just before the first, the newest last; none where a version begins.

    Attributes:
        smoothed: (S, K) the model's own; NaN where not judged, where a plain check spoke, or where
            there is no row.
        threshold: (S, K) as it was then; NaN where there is no row.
        mode: (S,) operating mode at the last of them; -1 where it is not known.
    """

    smoothed: Floats
    threshold: Floats
    mode: Modes

    @classmethod
    def nothing(cls, series: int) -> "Before":
        """The beginning of everything."""
        none = np.empty((series, 0))
        return cls(none, none, np.full(series, -1, dtype=np.int64))

    def paused(self, points: int) -> "Before":
        """The same after so many grid points without any row."""
        absent = np.full((len(self.mode), min(points, self.smoothed.shape[1])), np.nan)
        kept = slice(absent.shape[1], None)
        return Before(
            np.concatenate((self.smoothed[:, kept], absent), axis=1),
            np.concatenate((self.threshold[:, kept], absent), axis=1),
            self.mode,
        )


@dataclass(frozen=True)
class Moved:
    """What comes of rows.

    Attributes:
        threshold: (S, T), greater than zero.
        drift: (S, T) where it would have to follow further than it may.
        after: what has to be known for the rows behind.
    """

    threshold: Floats
    drift: Mask
    after: Before


def memory(spec: ThresholdSpec) -> int:
    """How many rows before the first one have to be known."""
    if isinstance(spec, RenewedThreshold):
        return spec.history + spec.block
    return 0 if spec.follow is None else 1


def settled_after(spec: ThresholdSpec) -> int:
    """Grid points after which it hardly matters at which level a threshold began to follow."""
    return 0 if spec.follow is None else math.ceil(_SPANS * spec.follow.span)


def move(
    spec: ThresholdSpec,
    limits: Limits,
    smoothed: Floats,
    place: int,
    before: Before,
    modes: Modes | None = None,
) -> Moved:
    """The threshold of each point of a stretch of the grid.

    Args:
        spec: the threshold.
        limits: what was learned for it.
        smoothed: (S, T) the model's own smoothed error; NaN where not judged, or where a plain
            check spoke.
        place: of the first point on the grid, counted in steps from 1970: blocks begin by the
            clock.
        before: rows before the first.
        modes: (S, T) operating mode of each row; -1 where it is not known.
    """
    modes = np.full(smoothed.shape, -1, dtype=np.int64) if modes is None else modes
    known = before.smoothed.shape[1]
    seen = np.concatenate((before.smoothed, smoothed), axis=1)
    line = np.concatenate((before.threshold, np.full(smoothed.shape, np.nan)), axis=1)
    drift = np.zeros(smoothed.shape, dtype=bool)
    base = _Base(spec, limits, seen, line, place - known)
    level = np.ones(len(seen))
    if spec.follow is not None and known:
        level = _level_after(spec.follow, limits, base, before, place - 1)
    for start, stop in _blocks(spec, place, smoothed.shape[1]):
        rows = slice(known + start, known + stop)
        limit = base.at(place + start, modes[:, start:stop])
        line[:, rows] = limit
        if spec.follow is not None:
            own = modes[:, start:stop]
            ratio = _in_levels(limits, seen[:, rows], own)
            levels, level = walk(spec.follow, _in_levels(limits, limit, own), ratio, level)
            line[:, rows] = np.minimum(limit * levels, LARGEST)
            drift[:, start:stop] = at_bound(spec.follow, levels)
    mode = modes[:, -1] if modes.shape[1] else before.mode
    keep = slice(max(0, line.shape[1] - memory(spec)), None)
    return Moved(line[:, known:], drift, Before(seen[:, keep], line[:, keep], mode))


@dataclass(frozen=True)
class _Base:
    """The threshold at level 1. `origin` is the place of the first column."""

    spec: ThresholdSpec
    limits: Limits
    smoothed: Floats
    threshold: Floats
    origin: int

    def at(self, place: int, modes: Modes) -> Floats:
        """(S, T) at rows of one block, by a place in it."""
        if not isinstance(self.spec, RenewedThreshold) or not self.limits.kept:
            return by_mode(self.limits.table, modes)
        stop = max(0, place // self.spec.block * self.spec.block - self.origin)
        rows = slice(max(0, stop - self.spec.history), stop)
        past = Past(self.smoothed[:, rows], self.threshold[:, rows])
        found = RENEW[self.spec.kind](self.spec, self.limits, past) * self.spec.margin
        bounded = np.clip(np.nan_to_num(found, nan=LARGEST), SMALLEST, LARGEST)
        return np.broadcast_to(bounded[:, None], modes.shape)


def _level_after(
    follow: FollowSpec, limits: Limits, base: _Base, before: Before, place: int
) -> Floats:
    """(S,) the level after the last row before; 1 where there is none."""
    threshold = before.threshold[:, -1]
    modes = before.mode[:, None]
    level = threshold / base.at(place, modes)[:, 0]
    ratio = _in_levels(limits, before.smoothed[:, -1:], modes)[:, 0]
    line = _in_levels(limits, before.threshold[:, -1:], modes)[:, 0]
    level = next_level(follow, level, ratio, line)
    return np.where(np.isfinite(threshold), level, 1.0)


def _in_levels(limits: Limits, smoothed: Floats, modes: Modes) -> Floats:
    """(S, T) errors in levels of held-out normal time."""
    return np.minimum(smoothed, LARGEST) / by_mode(limits.levels, modes)


def _blocks(spec: ThresholdSpec, place: int, count: int) -> Iterator[tuple[int, int]]:
    """Stretches of rows with the same base."""
    block = spec.block if isinstance(spec, RenewedThreshold) else max(1, place + count)
    start = 0
    while start < count:
        stop = min(count, start + block - (place + start) % block)
        yield start, stop
        start = stop
