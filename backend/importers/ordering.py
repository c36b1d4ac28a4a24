"""Rows by series and time, the last of equal times kept."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.ports import Times


@dataclass(frozen=True)
class Ordered:
    """The order in which to write rows.

    Attributes:
        rows: indices of the rows kept, by group and ascending time.
        bounds: (G + 1,) where each group begins and ends in `rows`.
        duplicates: rows left out since a later row has the same group and time.
        unsorted: whether the times of a group ran backwards.
    """

    rows: NDArray[np.int64]
    bounds: NDArray[np.int64]
    duplicates: int
    unsorted: bool


def order_rows(times: Times, groups: NDArray[np.int32], count: int) -> Ordered:
    """Sort rows stably by group and time; `count` is the number of groups."""
    order = np.lexsort((times, groups))
    same_group = np.diff(groups[order]) == 0
    repeated = same_group & (np.diff(times[order]) == 0)
    unsorted = bool((same_group & (np.diff(order) < 0)).any())
    # the sort is stable: of equal times the last one stands last
    kept = order[np.append(~repeated, True)] if len(order) else order
    bounds = np.searchsorted(groups[kept], np.arange(count + 1))
    return Ordered(kept, bounds, int(repeated.sum()), unsorted)
