"""Whether the errors of normal time rise for good: Page's test on medians of blocks.

A model ages as its machine wears, is serviced, or is run otherwise. Its errors rise long before
they cross the line. They are followed in blocks of time, by the median of the logarithm of what
nobody flagged: a spike does not move it, and neighbouring points, which resemble each other, count
once. In deviations of such medians on held-out normal time, what lies more than `_ALLOWED` above
the usual is added up, and what lies below taken off again; beyond `_LINE` errors have drifted, if
they are also larger by a share that matters.

Source: Page, Continuous inspection schemes, 1954.

Shapes: S series, T grid points, B blocks.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from backend.ports import Floats, Times

Mask = NDArray[np.bool_]

_ALLOWED, _LINE = 1.5, 10.0
_HIGHEST = 4.0
"""No block counts for more deviations than this: it takes several to make a drift."""
_LEAST_RISE = 0.25
"""Share by which errors must have risen: less is no reason to train anew."""
_BLOCKS = 24
"""Into how many blocks held-out normal time is parted, at most."""
_FEWEST_BLOCKS = 6
"""Blocks that tell how much medians vary; with fewer, nothing is followed."""
_KNOWN = 0.25
"""Share of a block that must have been judged and not flagged, for its median to count."""
_FLOOR = 0.05
"""Deviations of the logarithm are taken to be at least this."""
_SMALLEST = 1e-12


@dataclass(frozen=True)
class Reference:
    """What medians of blocks are in held-out normal time.

    Attributes:
        points: grid points of a block; 0 where nothing can be followed.
        middle: (S,) mean of the logarithms of the medians.
        deviation: (S,) of them, widened for how few they are; NaN where not known.
    """

    points: int
    middle: Floats
    deviation: Floats


@dataclass(frozen=True)
class Followed:
    """How far each of S series has come.

    Attributes:
        total: (S,) what was added up.
        since: (S,) nanoseconds at which it began to rise; 0 where it has not.
        level: (S,) mean of the logarithms since then, above the usual.
        blocks: (S,) how many blocks that are.
    """

    total: Floats
    since: Times
    level: Floats
    blocks: Times

    @classmethod
    def nothing(cls, series: int) -> "Followed":
        """Before the first block."""
        zero, none = np.zeros(series), np.zeros(series, dtype=np.int64)
        return cls(zero, none, zero.copy(), none.copy())

    @property
    def times(self) -> Floats:
        """(S,) errors in usual ones since they began to rise."""
        return np.exp(np.minimum(self.level, 50.0))

    @property
    def drifted(self) -> Mask:
        """(S,) whether they have risen for good."""
        return (self.total > _LINE) & (self.times > 1.0 + _LEAST_RISE)

    @property
    def rising(self) -> Mask:
        """(S,) whether they lie above the usual at all."""
        return self.total > 0

    def of(self, series: Mask) -> "Followed":
        """That of some series (S,)."""
        return Followed(**{name: own[series] for name, own in vars(self).items()})

    def replaced(self, series: Mask, others: "Followed") -> "Followed":
        """These, and in the place of some series (S,) what others say, in their order."""
        made = {name: own.copy() for name, own in vars(self).items()}
        for name, own in made.items():
            own[series] = getattr(others, name)
        return Followed(**made)


def block_points(rows: int, kernel: int) -> int:
    """Grid points of a block, by the rows of held-out normal time; 0 where there are too few.

    A block is no shorter than what is smoothed together, twice over.
    """
    points = max(2 * kernel, rows // _BLOCKS)
    return points if rows >= _FEWEST_BLOCKS * points else 0


def learn_reference(smoothed: Floats, points: int) -> Reference:
    """Learn from held-out errors.

    Args:
        smoothed: (S, T) in the order of time; NaN where not known, or not normal.
        points: of a block.
    """
    series = len(smoothed)
    middle, deviation = np.zeros(series), np.full(series, np.nan)
    for s, own in enumerate(smoothed):
        known = _log(own[np.isfinite(own)])
        count = len(known) // points if points else 0
        if count >= _FEWEST_BLOCKS:
            medians = np.median(known[: count * points].reshape(count, points), axis=1)
            middle[s] = medians.mean()
            # of few values, neither their mean nor their deviation is known well
            wide = medians.std(ddof=1) * (1.0 + 2.0 / np.sqrt(count))
            deviation[s] = max(float(wide), _FLOOR)
    return Reference(points, middle, deviation)


def medians(smoothed: Floats, points: int) -> Floats:
    """(S, B) medians of the logarithms of whole blocks; NaN where too little of one is known.

    Args:
        smoothed: (S, B * points) NaN where flagged, not judged, or not to be looked at.
        points: of a block.
    """
    blocks = smoothed.reshape(len(smoothed), -1, points)
    known = np.isfinite(blocks).sum(axis=2) >= max(1.0, _KNOWN * points)
    found = np.full(blocks.shape[:2], np.nan)
    found[known] = np.nanmedian(_log(blocks[known]), axis=1)
    return found


def follow(before: Followed, reference: Reference, found: Floats, times: Times) -> Followed:
    """Go on by some blocks.

    Args:
        before: how far it has come.
        reference: what is usual.
        found: (S, B) medians, as `medians` gives them.
        times: (B,) nanoseconds at which the blocks begin.
    """
    state = before
    for b, time in enumerate(times.tolist()):
        state = _step(state, reference, found[:, b], time)
    return state


def _step(state: Followed, reference: Reference, found: Floats, time: int) -> Followed:
    above = found - reference.middle
    known = np.isfinite(above) & np.isfinite(reference.deviation)
    gain = np.where(known, above / reference.deviation, 0.0)
    gain = np.where(known, np.minimum(gain, _HIGHEST) - _ALLOWED, 0.0)
    # what has risen far is not to take as long to be taken off again
    total = np.clip(state.total + gain, 0.0, 2.0 * _LINE)
    rising = total > 0
    begun = rising & (state.since == 0)
    blocks = np.where(begun, 0, state.blocks) + (rising & known)
    share = 1.0 / np.maximum(blocks, 1)
    level = np.where(begun, 0.0, state.level)
    level = np.where(rising & known, level + (above - level) * share, level)
    return Followed(
        total,
        np.where(rising, np.where(begun, time, state.since), 0),
        np.where(rising, level, 0.0),
        np.where(rising, blocks, 0),
    )


def accepted(reference: Reference, state: Followed, series: Mask) -> tuple[Reference, Followed]:
    """Take the level of some series for usual from now on, as a person said that it is."""
    higher = raised(reference, np.where(series, state.times, 1.0))
    return higher, state.replaced(series, Followed.nothing(int(series.sum())))


def raised(reference: Reference, times: Floats) -> Reference:
    """Take for usual what is so many times (S,) the usual errors."""
    return replace(reference, middle=reference.middle + np.log(times))


def _log(values: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(values, _SMALLEST)))
