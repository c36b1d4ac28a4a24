"""Runs of true values along the time axis."""

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def run_lengths(mask: Mask) -> NDArray[np.int64]:
    """How many true values in a row end at each point; 0 where false. (…, T, …) along axis 1.

    Args:
        mask: (S, T) or (S, T, F).
    """
    shape = [1] * mask.ndim
    shape[1] = mask.shape[1]
    position = np.arange(1, mask.shape[1] + 1, dtype=np.int64).reshape(shape)
    last_false = np.maximum.accumulate(np.where(mask, 0, position), axis=1)
    return np.where(mask, position - last_false, 0)


def spans(mask: Mask, merge: int = 0) -> list[tuple[int, int]]:
    """Half-open index ranges of true runs; runs parted by at most `merge` false values are one.

    Args:
        mask: (T,).
        merge: how many false values do not part a run.
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([0], mask.astype(np.int8), [0]))))
    found: list[tuple[int, int]] = []
    for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if found and start - found[-1][1] <= merge:
            found[-1] = (found[-1][0], stop)
        else:
            found.append((start, stop))
    return found
