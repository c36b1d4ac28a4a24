"""Distances between windows, and who is nearest, in bounded memory.

Shapes: N windows to judge, R rows to compare them with, D numbers each, K neighbors.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.models.readable import EVEN
from backend.ports import Floats

_MOST = 256
"""Windows at once: their distances to some thousand rows stay in the processor's cache."""

_NUMBERS = 1 << 20
"""Distances at once."""


@dataclass(frozen=True)
class Neighbors:
    """The nearest rows of N windows.

    Attributes:
        index: (N, K) of the rows, the nearest first.
        distance: (N, K).
        squares: (N, D) squared differences from the neighbors, the mean over these.
        middle: (N, D) the neighbors' mean.
    """

    index: NDArray[np.int64]
    distance: Floats
    squares: Floats
    middle: Floats


def squared(windows: Floats, rows: Floats) -> Iterator[tuple[slice, Floats]]:
    """Squared distances of (N, D) windows from (R, D) rows, some windows at a time.

    Yields:
        Which windows, and their (n, R) squared distances. They are as exact as differences of
        squares are, and the array is written anew for the next ones.
    """
    size = max(EVEN, min(_MOST, _NUMBERS // len(rows) // EVEN * EVEN))
    turned, lengths = -2 * rows.T, np.square(rows).sum(axis=1)
    room = np.empty((min(size, len(windows)), len(rows)))
    for start in range(0, len(windows), size):
        part = windows[start : start + size]
        found = np.matmul(part, turned, out=room[: len(part)])
        found += lengths
        found += np.square(part).sum(axis=1)[:, None]
        yield slice(start, start + len(part)), np.maximum(found, 0.0, out=found)


def nearest(windows: Floats, rows: Floats, count: int) -> Neighbors:
    """The `count` nearest rows of each window, or all where there are fewer.

    Who is near is told from a product of matrices, how near from the differences themselves: a
    window that was seen in training has a distance of exactly 0.
    """
    count = min(count, len(rows))
    index = np.empty((len(windows), count), np.int64)
    for which, found in squared(windows, rows):
        index[which] = np.argpartition(found, count - 1, axis=1)[:, :count]
    distance = np.empty(index.shape)
    squares, middle = np.zeros(windows.shape), np.zeros(windows.shape)
    for k in range(count):
        neighbor = rows[index[:, k]]
        off = np.square(windows - neighbor)
        distance[:, k] = np.sqrt(off.sum(axis=1))
        squares += off / count
        middle += neighbor / count
    order = np.argsort(distance, axis=1, kind="stable")
    return Neighbors(
        np.take_along_axis(index, order, axis=1),
        np.take_along_axis(distance, order, axis=1),
        squares,
        middle,
    )
