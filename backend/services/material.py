"""What a training learns from: the normal ranges from the source, or from the archive."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from backend.detection.grid import (
    Rows,
    ceil_to,
    floor_to,
    grid_times,
    inside,
    join,
    last_closed,
)
from backend.detection.judging import settle_points
from backend.detection.preprocessing import lookback
from backend.detection.smoothing import ewma_kernel
from backend.exceptions import ArtifactError, NoData, NotFound
from backend.ports import Clock, Query, Times
from backend.records import Label, LabelKind, SeriesKey, Version, parse_series_key
from backend.services.known_rows import read_unknown
from backend.services.labelled_time import Seen, missing_time, observe, united, whole_buckets
from backend.services.names import missing_name, mixed_kinds
from backend.services.reading import (
    Mask,
    earliest,
    filled_from,
    firsts,
    flagged_rows,
    labelled_anomalous,
    labelled_modes,
    labelled_normal,
    merged,
    ranges,
    unlabelled_normal,
)
from backend.services.stores import Stores
from backend.services.versions import ARCHIVE, archived_times, read_archived
from backend.specs import DetectorSpec, nanoseconds

log = logging.getLogger(__name__)

_LONG = 5_000
"""Grid points from which on a range is looked at for where its data begin."""

Range = tuple[int, int]


@dataclass(frozen=True)
class Outline:
    """What a training is asked to learn from, before a row of it is read.

    Attributes:
        spec: the detector.
        labels: all that are in force for it.
        ranges: `[start, stop)` to read, in order, by the grid.
        ordinary: of them what is normal unless another label says otherwise.
        keys: series that have data in these ranges, or in the archive, sorted.
        labelled: whether an operator said what is normal; else it is merely recent.
        closed: end of the newest closed bucket.
        archive: artifact of the version whose archive fills what the source lacks.
        known: whether rows that all series have in the archive are not read from the source again.
        seen: what is known of the time of labels, by their place.
    """

    spec: DetectorSpec
    labels: tuple[Label, ...]
    ranges: tuple[Range, ...]
    ordinary: tuple[Range, ...]
    keys: tuple[SeriesKey, ...]
    labelled: bool
    closed: int
    archive: str | None
    seen: Mapping[int, Seen]
    known: bool = False

    def plain(self) -> dict[str, Any]:
        """As JSON-ready values, without the series: a part of them is told by itself."""
        return {
            "spec": self.spec.plain(),
            "labels": [{**asdict(label), "kind": str(label.kind)} for label in self.labels],
            "ranges": [list(part) for part in self.ranges],
            "ordinary": [list(part) for part in self.ordinary],
            "labelled": self.labelled,
            "closed": self.closed,
            "archive": self.archive,
            "known": self.known,
        }

    @classmethod
    def of(cls, plain: Mapping[str, Any], keys: Sequence[SeriesKey]) -> "Outline":
        """Read back what `plain` gave, for some series."""
        labels = ({**label, "kind": LabelKind(label["kind"])} for label in plain["labels"])
        return cls(
            spec=DetectorSpec.model_validate(plain["spec"]),
            labels=tuple(Label(**label) for label in labels),
            ranges=tuple((start, stop) for start, stop in plain["ranges"]),
            ordinary=tuple((start, stop) for start, stop in plain["ordinary"]),
            keys=tuple(keys),
            labelled=plain["labelled"],
            closed=plain["closed"],
            archive=plain["archive"],
            seen={},
            known=plain["known"],
        )

    @property
    def points(self) -> int:
        """T, rows of each series that are read, with those that keep ranges apart."""
        lengths = sum((stop - start) // self.spec.step for start, stop in self.ranges)
        return lengths + max(0, len(self.ranges) - 1) * _apart(self.spec)

    def normal(self, rows: Rows) -> Mask:
        """(S, T) rows that are normal by what was said."""
        said = (labelled_normal if self.labelled else unlabelled_normal)(rows, self.labels)
        return said & inside(rows.times, rows.step, self.ordinary)

    def times(self, start: int, stop: int) -> Times:
        """(T,) grid points in `[start, stop)` that are read."""
        within = [(max(a, start), min(b, stop)) for a, b in self.ranges]
        parts = [grid_times(a, b, self.spec.step) for a, b in within if a < b]
        return np.concatenate([np.empty(0, np.int64), *parts])

    def asked(self) -> tuple[SeriesKey, ...]:
        """The series that have normal time by what was said, whatever the source holds of it."""
        times = self.times(*((self.ranges[0][0], self.ranges[-1][1]) if self.ranges else (0, 0)))
        known: dict[tuple[int, ...], bool] = {}
        found = []
        for key in self.keys:
            tags = parse_series_key(key)
            said = tuple(n for n, label in enumerate(self.labels) if label.matches(tags))
            if said not in known:
                known[said] = bool(self.normal(self._bare(key, times)).any())
            if known[said]:
                found.append(key)
        return tuple(found)

    def overruled(self, start: int, stop: int) -> Seen:
        """What other labels leave of a range that holds no data."""
        times = self.times(start, stop)
        normal = (self.normal(self._bare(key, times)).any() for key in self.keys)
        return Seen(None, len(times) > 0 and len(self.keys) > 0, any(normal))

    def _bare(self, key: SeriesKey, times: Times) -> Rows:
        return Rows((key,), times, self.spec.step, np.empty((1, len(times), 0)))


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
        seen: what there is of the time of labels, by their place.
        known: rows of the T that were known and not read again.
        left_out: of each series how many rows nobody called normal that were flagged when scored.
        warnings: what of the labelled time was not there, a sentence each.
    """

    spec: DetectorSpec
    labels: tuple[Label, ...]
    rows: Rows
    normal: Mask
    anomalous: Mask
    labelled: bool
    seen: Mapping[int, Seen]
    known: int = 0
    left_out: Mapping[SeriesKey, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def said(self) -> dict[str, Any]:
        """What labels say of the rows, as `fit` takes it."""
        return {
            "labelled": self.labelled,
            "anomalous": self.anomalous,
            "modes": labelled_modes(self.rows, self.labels),
        }


@dataclass(frozen=True)
class _Archive:
    """The normal rows that a version was trained on: where they lie, of which series and times."""

    name: str
    keys: tuple[SeriesKey, ...]
    times: Times

    def within(self, start: int, stop: int) -> list[int]:
        inner = (self.times >= start) & (self.times < stop)
        return [int(time) for time in self.times[inner]]


class Materials:
    """Gathers what a detector learns from."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        self._source = stores.source
        self._results = stores.results
        self._records = stores.records
        self._artifacts = stores.artifacts
        self._clock = clock

    def gather(self, spec: DetectorSpec, labels: tuple[Label, ...]) -> Material:
        """Read all there is to learn from at once.

        Raises:
            NoData: as `outline`.
        """
        outline = self.outline(spec, labels)
        material = self.read(outline, outline.keys)
        told = self.warnings(outline, [material.seen])
        return replace(material, warnings=(*told, *material.warnings))

    def outline(
        self, spec: DetectorSpec, labels: tuple[Label, ...], *, known: bool = False
    ) -> Outline:
        """Find out what there is to learn from: labelled ranges, or without any the recent past.

        Anomalies are read where the threshold is learned from them, with what leads up to them.

        Args:
            spec: the detector.
            labels: all that are in force for it.
            known: whether rows that the archive knows of all series need not be read again.

        Raises:
            NoData: nothing is stored there, or in the range of a label for the whole detector, or
                under the names it is told.
        """
        spoken = ranges(labels, LabelKind.NORMAL)
        ordinary = spoken or [self._recent(spec)]
        wanted, step = [*ordinary, *_anomalies(spec, labels)], spec.step
        parts = merged([(ceil_to(a, step), floor_to(b, step)) for a, b in wanted if b - a >= step])
        archive = self._archive(spec)
        if archive is None and (wrong := missing_name(self._source, spec)):
            end = "" if wrong.endswith("?") else "."
            raise NoData(f"{spec.name!r} cannot be trained: {wrong}{end}")
        parts = [(self._begin(spec, start, stop, archive), stop) for start, stop in parts]
        parts = [part for part in parts if part[0] < part[1]]
        found = {part: firsts(self._source, _query(spec, *part)) for part in parts}
        kept = archive is not None and any(archive.within(*part) for part in parts)
        if not kept and not any(found.values()):
            raise NoData(_nothing_read(spec, labelled=bool(spoken)))
        keys = {key for part in found.values() for key in part}
        outline = Outline(
            spec=spec,
            labels=labels,
            ranges=tuple(parts),
            ordinary=tuple(ordinary),
            keys=tuple(sorted(keys.union(() if archive is None else archive.keys))),
            labelled=bool(spoken),
            closed=self._closed(spec),
            archive=None if archive is None else archive.name,
            seen={},
            known=known,
        )
        begins = {part: min(own.values(), default=None) for part, own in found.items()}
        outline = replace(outline, seen=dict(self._seen(outline, archive, begins)))
        # a label that holds nothing is told before anything is trained
        missing_time(labels, outline.seen, outline.closed, step)
        return outline

    def read(self, outline: Outline, keys: Sequence[SeriesKey]) -> Material:
        """Read the rows of some of the series; no others are asked for.

        Raises:
            ArtifactError: the archive is damaged.
        """
        spec, labels = outline.spec, outline.labels
        rows, known = self._read(outline, tuple(keys))
        normal = outline.normal(rows)
        left_out: Mapping[SeriesKey, int] = {}
        if not outline.labelled:
            flagged = normal & flagged_rows(self._results, spec, rows)
            normal &= ~flagged
            counts = dict(zip(rows.keys, flagged.sum(axis=1).tolist(), strict=True))
            left_out = {key: count for key, count in counts.items() if count}
        tagged = observe(rows, labels, normal, outline.closed)
        return Material(
            spec,
            labels,
            rows,
            normal,
            labelled_anomalous(rows, labels),
            outline.labelled,
            {place: own for place, own in tagged.items() if labels[place].tags},
            known,
            left_out,
            tuple(_left_out(key, count) for key, count in left_out.items()),
        )

    def warnings(self, outline: Outline, seen: Sequence[Mapping[int, Seen]]) -> tuple[str, ...]:
        """What an operator should know of what was read, a sentence each.

        Args:
            outline: what was to be read.
            seen: what there was of the time of labels, by each part of the fleet.
        """
        spec = outline.spec
        known = united([outline.seen, *seen])
        mixed = self._source.mixed_fields(spec.measurement)
        return (
            *missing_time(outline.labels, known, outline.closed, spec.step),
            *(mixed_kinds(name, mixed[name]) for name in spec.inputs if name in mixed),
        )

    def _seen(
        self, outline: Outline, archive: _Archive | None, known: Mapping[Range, int | None]
    ) -> Iterator[tuple[int, Seen]]:
        """What there is of the time of labels for the whole detector, and that the others wait."""
        tags = _Tags(outline.keys)
        for place, label in enumerate(outline.labels):
            start, stop = whole_buckets(label, outline.closed, outline.spec.step)
            if label.kind is not LabelKind.NORMAL or start >= stop:
                continue
            if label.tags:
                if not tags.any(label):
                    yield place, Seen()
                continue
            first = self._first(outline.spec, archive, known, (start, stop))
            seen = Seen(first, rows=True, normal=True)
            yield place, outline.overruled(start, stop) if first is None else seen

    def _first(
        self,
        spec: DetectorSpec,
        archive: _Archive | None,
        known: Mapping[Range, int | None],
        part: Range,
    ) -> int | None:
        """The start of the first bucket of a range that holds data of any series."""
        if part in known:
            read = known[part]
        else:
            read = earliest(self._source, replace(_query(spec, *part), group_by=()))
        there = [*([] if archive is None else archive.within(*part))]
        there += [] if read is None else [floor_to(read, spec.step)]
        return min(there, default=None)

    def _recent(self, spec: DetectorSpec) -> Range:
        closed = self._closed(spec)
        return closed - nanoseconds(spec.learn_from), closed

    def _closed(self, spec: DetectorSpec) -> int:
        return last_closed(self._clock.now(), spec.step, nanoseconds(spec.delay))

    def _begin(self, spec: DetectorSpec, start: int, stop: int, archive: _Archive | None) -> int:
        """Where a long range begins to hold data: a label "from 1970" means all there is."""
        within = _LONG * spec.step
        if stop - start <= within:
            return start
        read = earliest(self._source, replace(_query(spec, start, stop), group_by=()))
        kept = [] if archive is None else archive.within(start, stop)
        return floor_to(min([*kept, stop if read is None else read]), spec.step)

    def _read(self, outline: Outline, keys: tuple[SeriesKey, ...]) -> tuple[Rows, int]:
        """The ranges one after the other, so far apart that nothing reaches across; rows known."""
        spec, archive = outline.spec, outline.archive
        kept = (archive and read_archived(self._artifacts, archive, keys, spec.step)) or None
        known = kept if outline.known else None
        found = [read_unknown(self._source, spec, part, keys, known) for part in outline.ranges]
        rows = join([part for part, _ in found], _apart(spec))
        count = sum(own for _, own in found)
        return rows if kept is None else filled_from(rows, kept), count

    def _archive(self, spec: DetectorSpec) -> _Archive | None:
        """The normal rows that the newest comparable version was trained on."""
        for version in self._versions(spec.name):
            same = ("measurement", "channels", "context", "where", "group_by", "every")
            if any(version.spec.get(key) != spec.plain()[key] for key in same):
                continue
            try:
                times = archived_times(self._artifacts.load(version.artifact, ARCHIVE))
            except (ArtifactError, NotFound) as error:
                # A damaged old version must not keep a new one from being made.
                log.warning("The archive of %s cannot be used: %s", version.name, error)
                continue
            return _Archive(version.artifact, tuple(version.training["series"]), times)
        return None

    def _versions(self, detector: str) -> Iterator[Version]:
        """Newest first; the older ones, which all bring their records, only if they are needed."""
        yield from (newest := self._records.versions(detector, limit=1))
        yield from self._records.versions(detector)[len(newest) :]


class _Tags:
    """Which tags there are in a fleet, to find out quickly whether a label speaks for anything."""

    def __init__(self, keys: Sequence[SeriesKey]) -> None:
        self._series: dict[tuple[str, str], set[int]] = {}
        for place, key in enumerate(keys):
            for pair in parse_series_key(key).items():
                self._series.setdefault(pair, set()).add(place)

    def any(self, label: Label) -> bool:
        """Whether a label with tags speaks for any series."""
        found = [self._series.get(pair, set()) for pair in label.tags.items()]
        return bool(set.intersection(*found))


def _left_out(key: SeriesKey, count: int) -> str:
    return (
        f"{key or 'the series'}: {count} points are not learned from, as they were flagged and "
        "nobody called them normal: mark them as normal if they are"
    )


def _query(spec: DetectorSpec, start: int, stop: int) -> Query:
    return Query(spec.measurement, spec.inputs, start, stop, spec.where, spec.group_by)


def _apart(spec: DetectorSpec) -> int:
    """Rows between two ranges: enough that no window, bridge or kernel reaches across."""
    return spec.model.window + len(ewma_kernel(spec.smoothing.span)) + spec.max_gap + 1


def _anomalies(spec: DetectorSpec, labels: Sequence[Label]) -> list[Range]:
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
