"""How stored series are doing: their ends, their rhythm, their gaps."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from backend.detection.cadence import cadence
from backend.ports import Points, Query, SeriesStore
from backend.records import SeriesKey, series_key
from backend.specs import format_duration

MOST_GAPS = 20
"""Gaps of a series that are listed; all are counted."""

_ROWS = (20, 1000)
_MILLISECOND = 1_000_000


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


def describe(store: SeriesStore, query: Query, cells: int) -> list[SeriesFacts]:
    """Look at the ends of each series of a query.

    Args:
        store: to read.
        query: which series, and all their fields.
        cells: so many values are read at most, but some rows of each series in any case.
    """
    oldest = store.read(replace(query, oldest=1))
    firsts = {series_key(points.tags): int(points.times[0]) for points in oldest}
    rows = cells // max(len(firsts) * len(query.fields), 1)
    newest = store.read(replace(query, newest=max(_ROWS[0], min(_ROWS[1], rows))))
    # one that came between the two reads is left for the next look
    known = [points for points in newest if series_key(points.tags) in firsts]
    return [_facts(points, firsts[series_key(points.tags)]) for points in known]


def rhythm(step: int | None) -> str:
    """A distance of rows for people."""
    if step is None:
        return "-"
    if step < _MILLISECOND:
        return f"{step}ns"
    return format_duration(timedelta(milliseconds=round(step / _MILLISECOND)))


def _facts(points: Points, first: int) -> SeriesFacts:
    found = cadence(points.times)
    return SeriesFacts(
        key=series_key(points.tags),
        tags=points.tags,
        first=first,
        last=int(points.times[-1]),
        step=found.step,
        gaps=found.gaps[-MOST_GAPS:],
        gap_count=len(found.gaps),
        rows=len(points),
    )
