"""Contiguous cross-fitting: what one fold learns from, stops by, and is held out from it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.detection.runs import spans

Ends = NDArray[np.int64]
Ranges = NDArray[np.int64]

FAR = np.iinfo(np.int64).max // 2
"""A distance beyond every reach."""


@dataclass(frozen=True)
class Fold:
    """Windows, by the index of their last row: (N,) each."""

    train: Ends
    stop: Ends
    held_out: Ends


def cross_fit(
    ends: Ends,
    folds: int,
    reach: int,
    validation: float,
    window: int,
    places: Ends | None = None,
) -> list[Fold]:
    """Part normal windows into contiguous blocks of one size, each held out once.

    A limit learned on rows next to those the model was fitted on belongs to another distribution
    (neighbouring rows resemble each other), hence blocks, and an embargo around each.

    Args:
        ends: (N,) last rows of all normal windows, ascending.
        folds: how many blocks.
        reach: grid steps around a held-out window whose windows are not trained on.
        validation: share at the end of each training block that early stopping looks at.
        window: W; the training windows before that share do not overlap it.
        places: (N,) where the windows lie on the grid; by default one row is one step.
    """
    blocks = np.array_split(np.arange(len(ends)), folds)
    block = np.repeat(np.arange(folds), [len(own) for own in blocks])
    return lay_out(ends, block, reach, validation, window, places)


def lay_out(
    ends: Ends,
    block: Ends,
    reach: int,
    validation: float,
    window: int,
    places: Ends | None = None,
) -> list[Fold]:
    """Folds that each hold out the windows of their number in `block` (N,); see `cross_fit`."""
    where = ends if places is None else places
    result = []
    for number in range(int(block.max()) + 1):
        own = block == number
        far = distance(where, as_ranges(where[own], 1)) > reach
        train, stop = split_stopping(ends[far], validation, window)
        result.append(Fold(train, stop, ends[own]))
    return result


def split_stopping(ends: Ends, validation: float, window: int) -> tuple[Ends, Ends]:
    """Set the end of each run of windows apart for early stopping; short runs only train."""
    if not ends.size:
        return ends, ends
    mask = np.zeros(int(ends[-1]) + 1, dtype=bool)
    mask[ends] = True
    train, stop = mask.copy(), np.zeros_like(mask)
    for start, end in spans(mask):
        share = round((end - start) * validation)
        if share and end - start - share >= 2 * window:
            stop[end - share : end] = True
            train[end - share - window + 1 : end] = False
    return np.flatnonzero(train), np.flatnonzero(stop)


def as_ranges(places: Ends, step: int) -> Ranges:
    """(R, 2) half-open ranges `[start, stop)` of places (N,) ascending, a step apart or more."""
    if not places.size:
        return np.empty((0, 2), dtype=np.int64)
    cut = np.flatnonzero(np.diff(places) > step)
    first, last = places[np.r_[0, cut + 1]], places[np.r_[cut, len(places) - 1]]
    return np.column_stack((first, last + step))


def distance(places: Ends, ranges: Ranges, step: int = 1) -> Ends:
    """(N,) from each place to the nearest one in ranges (R, 2) that ascend; `FAR` without any."""
    if not len(ranges):
        return np.full(places.shape, FAR)
    after = np.searchsorted(ranges[:, 0], places, side="right")
    before = np.maximum(after - 1, 0)
    ahead = np.minimum(after, len(ranges) - 1)
    behind = np.where(after > 0, np.maximum(places - (ranges[before, 1] - step), 0), FAR)
    return np.minimum(behind, np.where(after < len(ranges), ranges[ahead, 0] - places, FAR))
