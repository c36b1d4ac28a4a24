"""Contiguous cross-fitting: what one fold learns from, stops by, and is held out from it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.detection.runs import spans

Ends = NDArray[np.int64]


@dataclass(frozen=True)
class Fold:
    """Windows, by the index of their last row: (N,) each."""

    train: Ends
    stop: Ends
    held_out: Ends


def cross_fit(ends: Ends, folds: int, reach: int, validation: float, window: int) -> list[Fold]:
    """Part normal windows into contiguous blocks, each held out once.

    A limit learned on rows next to those the model was fitted on belongs to another distribution
    (neighbouring rows resemble each other), hence blocks, and an embargo around each.

    Args:
        ends: (N,) last rows of all normal windows, ascending.
        folds: how many blocks.
        reach: rows around a held-out window whose windows are not trained on.
        validation: share at the end of each training block that early stopping looks at.
        window: W; the training windows before that share do not overlap it.
    """
    result = []
    for held_out in np.array_split(ends, folds):
        near = _within(ends, held_out, reach)
        train, stop = split_stopping(ends[~near], validation, window)
        result.append(Fold(train, stop, held_out))
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


def _within(ends: Ends, held_out: Ends, reach: int) -> NDArray[np.bool_]:
    if not held_out.size:
        return np.zeros(ends.shape, dtype=bool)
    after = np.clip(np.searchsorted(held_out, ends), 0, len(held_out) - 1)
    before = np.maximum(after - 1, 0)
    nearest = np.minimum(np.abs(held_out[after] - ends), np.abs(held_out[before] - ends))
    return np.asarray(nearest <= reach)
