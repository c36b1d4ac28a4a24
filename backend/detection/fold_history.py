"""What the folds of a series have seen, version by version, and where its windows go the next time.

A fold's model may begin with the weights of the former fold of its number only while these never
saw what it holds out; otherwise its errors, and with them the limit, would be too low. So windows
stay in the fold that held them out before, and what is new goes where no fold has been.

Places are grid steps since 1970 of a window's last row; N windows, K folds, R ranges.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.detection.folds import Ends, Fold, Ranges, as_ranges, distance

Mask = NDArray[np.bool_]

_LARGEST = 2.0
"""A fold that holds more than so many times its even share is too large."""
_KNOWN = 0.5
"""Share of the windows that have to be known from before."""
_PIECE = 4
"""New time is dealt out in pieces of at least so many times the reach: each edge costs an embargo.
"""


@dataclass(frozen=True)
class FoldHistory:
    """Of the folds of one series, in places.

    Attributes:
        held_out: K ranges (R, 2) whose windows each fold held out in the last training.
        seen: K ranges of windows that each fold's weights were ever taught or stopped by.
    """

    held_out: tuple[Ranges, ...]
    seen: tuple[Ranges, ...]

    @classmethod
    def of(
        cls,
        folds: Sequence[Fold],
        places: Ends,
        former: "FoldHistory | None" = None,
        begun: Mask | None = None,
    ) -> "FoldHistory":
        """What is to be known of a training.

        Args:
            folds: its K folds.
            places: (T,) of all rows.
            former: what was known of the training before.
            begun: (K,) folds that began with its weights.
        """
        seen = []
        for k, fold in enumerate(folds):
            own = as_ranges(places[np.sort(np.concatenate((fold.train, fold.stop)))], 1)
            old = former is not None and begun is not None and begun[k]
            seen.append(_united(own, former.seen[k]) if former is not None and old else own)
        return cls(tuple(as_ranges(places[fold.held_out], 1) for fold in folds), tuple(seen))

    def may_go_on(self, fold: int, held_out: Ends, reach: int) -> bool:
        """Whether a fold's weights never saw anything within reach of windows held out now."""
        return bool((distance(held_out, self.seen[fold]) > reach).all())

    def blocks(self, places: Ends, reach: int) -> Ends | None:
        """(N,) the fold that is to hold out each window.

        A window stays in its fold; a new one goes to that of the nearest known window within
        reach, else to one that saw nothing of it. New time that nobody saw is dealt out in large
        pieces to whichever fold is smallest. None where too little is known from before, or some
        fold would hold nothing, or more than twice its even share.
        """
        near = np.stack([distance(places, ranges) for ranges in self.held_out])
        clear = np.stack([distance(places, ranges) for ranges in self.seen])
        settled = near.min(axis=0) <= reach
        block = np.where(settled, near.argmin(axis=0), clear.argmax(axis=0))
        unseen = ~settled & (clear.min(axis=0) > reach)
        folds = len(self.held_out)
        sizes = np.bincount(block[~unseen], minlength=folds)
        block[unseen] = _dealt(places[unseen], sizes, reach)
        sizes = np.bincount(block, minlength=folds)
        lopsided = sizes.max() * folds > _LARGEST * len(places) or not sizes.all()
        known = (near.min(axis=0) == 0).mean()
        return None if lopsided or known < _KNOWN else block

    def arrays(self) -> dict[str, Ranges]:
        """As plain arrays (Q, 3): fold, start, stop."""
        return {name: _flat(getattr(self, name)) for name in ("held_out", "seen")}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Ranges], folds: int) -> "FoldHistory":
        """Read back what `arrays` gave of so many folds."""
        parts = {
            name: tuple(arrays[name][arrays[name][:, 0] == k, 1:] for k in range(folds))
            for name in ("held_out", "seen")
        }
        return cls(**parts)


def _dealt(places: Ends, sizes: Ends, reach: int) -> Ends:
    """(N,) which fold gets each of N windows that none has seen, in the order of time."""
    block, sizes = np.zeros(len(places), np.int64), sizes.copy()
    even = -(-(int(sizes.sum()) + len(places)) // len(sizes))
    together = np.concatenate((np.diff(places) <= reach, [False])) if len(places) else places
    start = 0
    for stop in (np.flatnonzero(~together.astype(bool)) + 1).tolist():
        while start < stop:
            smallest = int(sizes.argmin())
            taken = max(even - int(sizes[smallest]), _PIECE * reach, 1)
            end = stop if stop - start - taken < _PIECE * reach else start + taken
            end = min(end, stop)
            block[start:end] = smallest
            sizes[smallest] += end - start
            start = end
    return block


def _united(first: Ranges, second: Ranges) -> Ranges:
    """Ranges of the places in either."""
    both = np.concatenate((first, second))
    both = both[np.argsort(both[:, 0], kind="stable")]
    if not len(both):
        return both
    reached = np.maximum.accumulate(both[:, 1])
    cut = np.flatnonzero(both[1:, 0] > reached[:-1]) + 1
    starts = both[np.r_[0, cut], 0]
    return np.column_stack((starts, reached[np.r_[cut - 1, len(both) - 1]]))


def _flat(parts: Sequence[Ranges]) -> Ranges:
    return np.concatenate(
        [np.column_stack((np.full(len(part), k), part)) for k, part in enumerate(parts)]
    ).astype(np.int64)
