"""What labels say of rows: normal, an anomaly, or nothing."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backend.detection.multiples import ANOMALOUS, NORMAL, UNLABELLED
from backend.detection.runs import Mask
from backend.ports import Times
from backend.records import Label, LabelKind, SeriesKey
from backend.services.reading import matching, merged, ranges


class LabelledRows:
    """The labels in force of one series; `events` counts its labelled anomalies."""

    def __init__(self, labels: Sequence[Label], key: SeriesKey, step: int) -> None:
        spoken = matching(labels, key)
        self._step = step
        self._normal = _Ranges(ranges(spoken, LabelKind.NORMAL))
        self._anomalous = _Ranges(ranges(spoken, LabelKind.ANOMALY))
        self._unfit = _Ranges(ranges(spoken, LabelKind.ANOMALY, LabelKind.EXCLUDE))
        self._excluded = _Ranges(ranges(spoken, LabelKind.EXCLUDE))

    @property
    def events(self) -> int:
        """How many ranges are anomalies; those that touch are one."""
        return len(self._anomalous.starts)

    def of(self, times: Times) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
        """What is said of buckets, and which anomaly they belong to.

        A bucket is normal that lies wholly inside such labels and is touched by no other; it is an
        anomaly that lies wholly inside one and is touched by no `exclude`.

        Args:
            times: (T,) starts of buckets.

        Returns:
            (T,) as in `multiples.py`, and (T,) counted from 0, -1 for none.
        """
        inside, event = self._anomalous.inside(times, self._step)
        anomalous = inside & ~self._excluded.touch(times, self._step)
        normal = self._normal.inside(times, self._step)[0] & ~self._unfit.touch(times, self._step)
        said = np.full(len(times), UNLABELLED, dtype=np.int8)
        said[normal], said[anomalous] = NORMAL, ANOMALOUS
        return said, np.where(anomalous, event, -1)

    def anomalies(self) -> list[tuple[int, int]]:
        """The ranges that are anomalies, in order."""
        starts, stops = self._anomalous.starts.tolist(), self._anomalous.stops.tolist()
        return list(zip(starts, stops, strict=True))


class Marks:
    """What labels say of the rows of each series, gathered when it is first asked for."""

    def __init__(self, labels: Sequence[Label], step: int) -> None:
        self._labels, self._step = labels, step
        self._known: dict[SeriesKey, LabelledRows] = {}

    def of(self, key: SeriesKey) -> LabelledRows:
        """That of one series."""
        if key not in self._known:
            self._known[key] = LabelledRows(self._labels, key, self._step)
        return self._known[key]


class _Ranges:
    """Half-open ranges in order, those that touch made one."""

    def __init__(self, parts: Sequence[tuple[int, int]]) -> None:
        whole = np.array(merged(parts), dtype=np.int64).reshape(-1, 2)
        self.starts, self.stops = whole[:, 0], whole[:, 1]

    def inside(self, times: Times, step: int) -> tuple[Mask, NDArray[np.int64]]:
        """(T,) buckets wholly inside one, and (T,) which one that would be."""
        place = np.searchsorted(self.starts, times, side="right") - 1
        if not len(self.stops):
            return np.zeros(len(times), dtype=bool), place
        return (place >= 0) & (times + step <= self.stops[place]), place

    def touch(self, times: Times, step: int) -> Mask:
        """(T,) buckets of which any part lies in one."""
        if not len(self.stops):
            return np.zeros(len(times), dtype=bool)
        place = np.searchsorted(self.stops, times, side="right")
        known = place < len(self.starts)
        starts = self.starts[np.where(known, place, 0)]
        return np.asarray(known & (starts < times + step))
