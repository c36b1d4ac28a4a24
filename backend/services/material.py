"""What a training learns from: the normal ranges from the source, or from the archive."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.detection.grid import Rows, ceil_to, floor_to, inside, join, last_closed
from backend.detection.judging import settle_points
from backend.detection.preprocessing import lookback
from backend.detection.smoothing import ewma_kernel
from backend.exceptions import ArtifactError, NoData, NotFound
from backend.ports import Clock, Query
from backend.records import Label, LabelKind
from backend.services.labelled_time import missing_time
from backend.services.names import missing_name, mixed_kinds
from backend.services.reading import (
    Mask,
    aligned,
    earliest,
    filled_from,
    labelled_anomalous,
    labelled_normal,
    merged,
    ranges,
    read_rows,
    unlabelled_normal,
)
from backend.services.stores import Stores
from backend.services.versions import read_archive
from backend.specs import DetectorSpec, nanoseconds

log = logging.getLogger(__name__)

_LONG = 5_000
"""Grid points from which on a range is looked at for where its data begin."""


@dataclass(frozen=True)
class Material:
    """What one training starts from.

    Attributes:
        spec: the detector.
        labels: all that are in force for it.
        rows: (S, T, F) the ranges to learn from, one after the other.
        normal: (S, T) rows that are normal.
        anomalous: (S, T) rows labelled as anomalies, where the threshold looks at such.
        labelled: whether an operator said so; else they are merely recent.
        warnings: what of the labelled time was not there, a sentence each.
    """

    spec: DetectorSpec
    labels: tuple[Label, ...]
    rows: Rows
    normal: Mask
    anomalous: Mask
    labelled: bool
    warnings: tuple[str, ...] = ()


class Materials:
    """Gathers what a detector learns from."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        self._source = stores.source
        self._records = stores.records
        self._artifacts = stores.artifacts
        self._clock = clock

    def gather(self, spec: DetectorSpec, labels: tuple[Label, ...]) -> Material:
        """Read the labelled ranges, or without any normal label the recent past.

        Anomalies are read where the threshold is learned from them, with what leads up to them.

        Raises:
            NoData: nothing is stored there, or in the range of one of the labels, or under the
                names it is told.
        """
        spoken = ranges(labels, LabelKind.NORMAL)
        ordinary = spoken or [self._recent(spec)]
        wanted, step = [*ordinary, *_anomalies(spec, labels)], spec.step
        parts = merged([(ceil_to(a, step), floor_to(b, step)) for a, b in wanted if b - a >= step])
        archive = self._archive(spec)
        if not archive and (wrong := missing_name(self._source, spec)):
            end = "" if wrong.endswith("?") else "."
            raise NoData(f"{spec.name!r} cannot be trained: {wrong}{end}")
        parts = [(self._begin(spec, start, stop, archive), stop) for start, stop in parts]
        rows = self._read(spec, [part for part in parts if part[0] < part[1]], archive)
        if not rows.keys or not np.isfinite(rows.values).any():
            raise NoData(_nothing_read(spec, labelled=bool(spoken)))
        normal = (labelled_normal if spoken else unlabelled_normal)(rows, labels)
        normal &= inside(rows.times, step, ordinary)
        anomalous = labelled_anomalous(rows, labels)
        warnings = (*missing_time(rows, labels, normal, self._closed(spec)), *self._mixed(spec))
        return Material(spec, labels, rows, normal, anomalous, bool(spoken), warnings)

    def _mixed(self, spec: DetectorSpec) -> list[str]:
        mixed = self._source.mixed_fields(spec.measurement)
        return [mixed_kinds(name, mixed[name]) for name in spec.inputs if name in mixed]

    def _recent(self, spec: DetectorSpec) -> tuple[int, int]:
        closed = self._closed(spec)
        return closed - nanoseconds(spec.learn_from), closed

    def _closed(self, spec: DetectorSpec) -> int:
        return last_closed(self._clock.now(), spec.step, nanoseconds(spec.delay))

    def _begin(self, spec: DetectorSpec, start: int, stop: int, archive: Sequence[Rows]) -> int:
        """Where a long range begins to hold data: a label "from 1970" means all there is."""
        within = _LONG * spec.step
        if stop - start <= within:
            return start
        query = Query(spec.measurement, spec.inputs, start, stop, spec.where)
        read = earliest(self._source, query)
        kept = [int(time) for old in archive for time in old.times if start <= time < stop]
        return floor_to(min([*kept, stop if read is None else read]), spec.step)

    def _read(
        self, spec: DetectorSpec, parts: Sequence[tuple[int, int]], archive: Sequence[Rows]
    ) -> Rows:
        """The ranges one after the other, far enough apart that nothing reaches across."""
        if not parts:
            empty = np.empty((0, 0, len(spec.inputs)))
            return Rows((), np.empty(0, dtype=np.int64), spec.step, empty)
        found = [read_rows(self._source, spec, start, stop) for start, stop in parts]
        keys = sorted({key for rows in [*found, *archive] for key in rows.keys})
        apart = spec.model.window + len(ewma_kernel(spec.smoothing.span)) + spec.max_gap + 1
        rows = join([aligned(rows, keys) for rows in found], apart)
        for old in archive:
            rows = filled_from(rows, old)
        return rows

    def _archive(self, spec: DetectorSpec) -> list[Rows]:
        """The normal rows that the newest comparable version was trained on; none, or one."""
        for version in self._records.versions(spec.name):
            same = ("measurement", "channels", "context", "where", "group_by", "every")
            if any(version.spec.get(key) != spec.plain()[key] for key in same):
                continue
            try:
                files = self._artifacts.load(version.artifact)
            except (ArtifactError, NotFound) as error:
                # A damaged old version must not keep a new one from being made.
                log.warning("The archive of %s cannot be used: %s", version.name, error)
                continue
            kept, keys = read_archive(files), tuple(version.training["series"])
            return [Rows(keys, kept["times"], spec.step, kept["values"])]
        return []


def _anomalies(spec: DetectorSpec, labels: Sequence[Label]) -> list[tuple[int, int]]:
    """Labelled anomalies with the rows before them that a score depends on."""
    if spec.threshold.kind != "f1_max":
        return []
    kernel = len(ewma_kernel(spec.smoothing.span))
    lead = spec.model.window + kernel + spec.max_gap + settle_points(spec) + lookback(spec)
    return [(start - lead * spec.step, stop) for start, stop in ranges(labels, LabelKind.ANOMALY)]


def _nothing_read(spec: DetectorSpec, *, labelled: bool) -> str:
    what = f"measurement {spec.measurement!r} with channels {', '.join(spec.inputs)}"
    if labelled:
        return (
            f"The normal ranges of {spec.name!r} hold no data: {what} was expected there. Check "
            "the names, the labels' times and the source's retention (InfluxDB 3 Core: "
            "--gen1-lookback-duration)."
        )
    return (
        f"{spec.name!r} has no normal labels, and the source holds no recent data to learn from: "
        f"{what} was expected. Check the names, or mark a normal range."
    )
