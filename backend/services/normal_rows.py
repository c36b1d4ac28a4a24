"""What was called normal of one series, and its recent life, on a grid that stays within bounds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from backend.detection.grid import Rows, ceil_to, floor_to, join, last_closed
from backend.detection.judging import prepare
from backend.detection.runs import spans
from backend.exceptions import ArtifactError, NotFound
from backend.ports import Clock, Query, SeriesStore
from backend.records import Label, LabelKind, SeriesKey, Version
from backend.services.reading import (
    Mask,
    aligned,
    earliest,
    excluded,
    filled_from,
    is_time,
    labelled_anomalous,
    labelled_normal,
    latest,
    matching,
    merged,
    ranges,
    read_rows,
)
from backend.services.stores import Stores
from backend.services.versions import read_archived
from backend.specs import DetectorSpec, nanoseconds

MOST_ROWS = 50_000
"""Grid rows that are looked at: of longer time, means of coarser buckets."""
_MOST_NUMBERS = 4_000_000
_NEAR = 500
"""Labelled ranges no further apart than so many rows are read by one query."""

Range = tuple[int, int]


@dataclass(frozen=True)
class Looked:
    """Rows of one series with what is said of them.

    Attributes:
        rows: (1, T, F) short gaps bridged, so that `values` are what a model would see.
        said: (T,) rows that are normal by the labels.
        there: (T,) rows that hold any data.
        usable: (T,) rows that can stand in a window.
    """

    rows: Rows
    said: Mask
    there: Mask
    usable: Mask

    @property
    def normal(self) -> Mask:
        """(T,) normal rows that can be learned from."""
        return self.said & self.usable

    def ranges(self, mask: Mask) -> list[Range]:
        """The ranges of time of runs of a mask (T,)."""
        times, step = self.rows.times, self.rows.step
        return [(int(times[a]), int(times[b - 1]) + step) for a, b in spans(mask)]


class NormalRows:
    """Reads one series of a detector."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        self._source: SeriesStore = stores.source
        self._artifacts = stores.artifacts
        self._clock = clock

    def live_range(self, spec: DetectorSpec, key: SeriesKey, last: int) -> Range | None:
        """The newest time of a series, so long at most; None where it has no data.

        Args:
            spec: the detector.
            key: of the series.
            last: nanoseconds.
        """
        newest = latest(self._source, _query(spec, key, 0, self._closed(spec)))
        if newest is None:
            return None
        stop = floor_to(newest, spec.step) + spec.step
        return stop - max(1, last // spec.step) * spec.step, stop

    def parts(self, spec: DetectorSpec, key: SeriesKey, labels: Sequence[Label]) -> list[Range]:
        """The labelled normal ranges of a series that can hold data, by the grid and in order."""
        closed, step = self._closed(spec), spec.step
        said = [(ceil_to(a, step), floor_to(min(b, closed), step)) for a, b in _normal(labels, key)]
        parts = merged([part for part in said if part[0] < part[1]])
        if not parts:
            return []
        first = earliest(self._source, _query(spec, key, parts[0][0], parts[-1][1]))
        begin = parts[-1][1] if first is None else floor_to(first, step)
        # a label that is not of 1970 keeps its beginning: what it lacks there is a gap to be told
        return [(begin if a <= 0 else a, b) for a, b in parts if a > 0 or begin < b]

    def coarser(self, spec: DetectorSpec, *parts: Range) -> DetectorSpec:
        """The detector on a grid on which ranges hold a bounded number of rows: its own, if so."""
        rows = max((sum(b - a for a, b in parts)) // spec.step, 1)
        most = max(1, min(MOST_ROWS, _MOST_NUMBERS // len(spec.inputs)))
        return spec.model_copy(update={"every": spec.every * -(-rows // most)})

    def normal(
        self,
        spec: DetectorSpec,
        key: SeriesKey,
        labels: Sequence[Label],
        version: Version | None,
        parts: Sequence[Range],
    ) -> Looked:
        """The labelled ranges, one after the other; what the source lost comes from the archive.

        Args:
            spec: the detector, on the grid to look on.
            key: of the series.
            labels: all that are in force.
            version: whose archive may help.
            parts: as `parts` gives them.
        """
        step = spec.step
        # on a coarser grid a part may hold no whole bucket, and be nothing to look at
        whole = [(ceil_to(a, step), floor_to(b, step)) for a, b in parts]
        near = merged([part for part in whole if part[0] < part[1]], _NEAR * step)
        read = [aligned(read_rows(self._source, spec, a, b, (key,)), (key,)) for a, b in near]
        bare = Rows((key,), np.empty(0, np.int64), step, np.empty((1, 0, len(spec.inputs))))
        rows = join(read, spec.model.window + spec.max_gap + 1) if read else bare
        rows = self._filled(spec, key, rows, labels, version)
        return _looked(spec, rows, labelled_normal(rows, labels)[0], labels)

    def live(
        self, spec: DetectorSpec, key: SeriesKey, labels: Sequence[Label], span: Range
    ) -> Looked:
        """The recent life of a series; `said` are rows that no label calls an anomaly."""
        start, stop = floor_to(span[0], spec.step), ceil_to(span[1], spec.step)
        rows = aligned(read_rows(self._source, spec, start, stop, (key,)), (key,))
        return _looked(spec, rows, ~labelled_anomalous(rows, labels)[0], labels)

    def _closed(self, spec: DetectorSpec) -> int:
        return last_closed(self._clock.now(), spec.step, nanoseconds(spec.delay))

    def _filled(
        self,
        spec: DetectorSpec,
        key: SeriesKey,
        rows: Rows,
        labels: Sequence[Label],
        version: Version | None,
    ) -> Rows:
        said = labelled_normal(rows, labels)[0]
        gone = said & ~np.isfinite(rows.values[0]).any(axis=1)
        if not gone.any() or version is None or key not in version.training.get("series", ()):
            return rows
        same = ("measurement", "channels", "context", "where", "group_by", "every")
        if any(version.spec.get(name) != spec.plain()[name] for name in same):
            return rows
        try:
            kept = read_archived(self._artifacts, version.artifact, (key,), spec.step)
        except (ArtifactError, NotFound):
            return rows  # a damaged archive is told by the training that needs it
        return rows if kept is None else filled_from(rows, kept)


def _looked(spec: DetectorSpec, rows: Rows, said: Mask, labels: Sequence[Label]) -> Looked:
    there = np.asarray(np.isfinite(rows.values[0]).any(axis=1))
    needed: Mask = np.asarray(np.isfinite(rows.values).any(axis=1))
    prepared = prepare(spec, rows, needed, excluded(rows, labels))
    usable = prepared.usable[0] & needed.any()
    return Looked(replace(rows, values=prepared.values), said & is_time(rows.times), there, usable)


def _normal(labels: Sequence[Label], key: SeriesKey) -> list[Range]:
    return ranges(matching(labels, key), LabelKind.NORMAL)


def _query(spec: DetectorSpec, key: SeriesKey, start: int, stop: int) -> Query:
    return Query(
        spec.measurement, spec.inputs, start, stop, spec.where, spec.group_by, series=(key,)
    )
