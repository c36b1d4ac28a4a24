"""What a series store holds: measurements, fields, tags, and how its series are doing.

Names that come from outside are looked up here before they go into a query; values of tags only
ever go there as values.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from backend.detection.cadence import cadence
from backend.exceptions import NotFound
from backend.ports import FieldKind, Points, Query, SeriesStore
from backend.records import SeriesKey, series_key
from backend.services.names import unknown_name
from backend.specs import format_duration

MOST_VALUES = 100
"""Values of a tag that are listed."""
MOST_SERIES = 500
"""Series that are described."""
MOST_GAPS = 20
"""Gaps of a series that are listed; all are counted."""

_EVER = (-(2**63), 2**63 - 1)
_MILLISECOND = 1_000_000
_CELLS = 2_000_000
_ROWS = (20, 1000)


@dataclass(frozen=True)
class MeasurementFacts:
    """A measurement.

    Attributes:
        name: of the measurement.
        fields: with their kinds.
        mixed: fields stored under several kinds, of which only the first can be read.
        tags: with their values, at most `MOST_VALUES` each.
        cut: tags that have more values than are listed.
    """

    name: str
    fields: Mapping[str, FieldKind]
    mixed: Mapping[str, tuple[str, ...]]
    tags: Mapping[str, tuple[str, ...]]
    cut: frozenset[str]


@dataclass(frozen=True)
class SeriesFacts:
    """A series and its rhythm.

    Attributes:
        key: its name.
        tags: its tags; "" where it lacks one.
        first: time of its first row, nanoseconds.
        last: time of its last row.
        step: usual distance of two rows; None for fewer than two.
        gaps: newest ones among the rows looked at, at most `MOST_GAPS`.
        gap_count: all of them.
        rows: how many of its newest rows were looked at.
    """

    key: SeriesKey
    tags: Mapping[str, str]
    first: int
    last: int
    step: int | None
    gaps: tuple[tuple[int, int], ...]
    gap_count: int
    rows: int


class Catalogue:
    """Looks into one store, and never reads more of it than it shows."""

    def __init__(self, store: SeriesStore) -> None:
        self._store = store

    def measurements(self) -> list[str]:
        """All measurements, sorted."""
        return self._store.measurements()

    def measurement(self, name: str) -> MeasurementFacts:
        """A measurement with its fields and tags.

        Raises:
            NotFound: there is none of this name; the message has near ones.
        """
        fields = self._fields(name)
        values = {tag: self._values(name, tag) for tag in self._store.tag_keys(name)}
        return MeasurementFacts(
            name=name,
            fields=fields,
            mixed=self._store.mixed_fields(name),
            tags={tag: found[:MOST_VALUES] for tag, found in values.items()},
            cut=frozenset(tag for tag, found in values.items() if len(found) > MOST_VALUES),
        )

    def series(
        self, name: str, by: Sequence[str] | None = None, *, limit: int = MOST_SERIES
    ) -> list[SeriesFacts]:
        """The series of a measurement and their rhythm, by key.

        Args:
            name: of the measurement.
            by: tags that part the rows into series; all tags if not given.
            limit: series described at most.

        Raises:
            NotFound: there is no such measurement or tag.
        """
        fields = tuple(self._fields(name))
        known = self._store.tag_keys(name)
        for tag in by or ():
            if tag not in known:
                raise NotFound(f"In measurement {name!r} {unknown_name('tag', tag, known)}.")
        group_by = tuple(known if by is None else dict.fromkeys(by))
        oldest = self._store.read(Query(name, fields, *_EVER, group_by=group_by, oldest=1))
        rows = max(_ROWS[0], min(_ROWS[1], _CELLS // max(len(oldest) * len(fields), 1)))
        newest = self._store.read(Query(name, fields, *_EVER, group_by=group_by, newest=rows))
        firsts = {series_key(points.tags): int(points.times[0]) for points in oldest}
        described = [points for points in newest if series_key(points.tags) in firsts][:limit]
        return [_facts(points, firsts[series_key(points.tags)]) for points in described]

    def _fields(self, name: str) -> dict[str, FieldKind]:
        if name not in (known := self._store.measurements()):
            raise NotFound(f"{unknown_name('measurement', name, known).capitalize()}.")
        return self._store.fields(name)

    def _values(self, name: str, tag: str) -> tuple[str, ...]:
        return tuple(self._store.tag_values(name, tag, MOST_VALUES + 1))


def _facts(points: Points, first: int) -> SeriesFacts:
    rhythm = cadence(points.times)
    return SeriesFacts(
        key=series_key(points.tags),
        tags=points.tags,
        first=first,
        last=int(points.times[-1]),
        step=rhythm.step,
        gaps=rhythm.gaps[-MOST_GAPS:],
        gap_count=len(rhythm.gaps),
        rows=len(points),
    )


def rhythm(step: int | None) -> str:
    """A distance of rows for people."""
    if step is None:
        return "-"
    if step < _MILLISECOND:
        return f"{step}ns"
    return format_duration(timedelta(milliseconds=round(step / _MILLISECOND)))
