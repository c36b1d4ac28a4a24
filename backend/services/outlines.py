"""Charts of very long ranges: the store itself reduces them to numbers of buckets.

An outline has two rows for each bucket, its least and its greatest values, so that peaks, flags and
lows stay. Columns that belong together stand on the same times, whichever of them are asked for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from backend.ports import Aggregate, Floats, Points, Query, SeriesStore, Times
from backend.records import SeriesKey, series_key
from backend.services.downsampling import GAP_STEPS, Table, join, table
from backend.services.outline_gaps import Course, Gaps, Numbers, absent
from backend.services.pieces import Deadline, pieces

LEAST_BUCKET = 50
"""Rows of a bucket that is worth an outline; where they are fewer, they are read themselves."""

LEAST_STEPS = 2
"""Grid steps of a bucket in which sensors, often faster than the grid, may have so many rows."""

SHARE_OF_GAPS = 12
"""One row in so many may go to a gap."""

ROWS_FOR_GAPS = 400_000
"""Rows read at most to see where gaps within buckets begin, all series together."""


@dataclass(frozen=True)
class Outline:
    """What is to be outlined.

    Attributes:
        query: measurement, numbers, tags and range.
        step: nanoseconds of the grid.
        points: rows wanted for each table.
        counted: the fields whose rows are counted, to find gaps within buckets.
        apart: each field is a table of its own, with a rhythm and gaps of its own, as sensors have
            them; else they are rows of the grid that belong together.
    """

    query: Query
    step: int
    points: int
    counted: tuple[str, ...]
    apart: bool = False

    def reduced(self, aggregate: Aggregate, points: int) -> Query:
        """The question for one number of each bucket."""
        start, stop = self.query.start, self.query.stop
        every = bucket_length(start, stop, self.step, _buckets_of(points))
        fields = self.counted if aggregate == "count" else self.query.fields
        return replace(self.query, fields=fields, every=every, aggregate=aggregate)


def bucket_length(start: int, stop: int, step: int, wanted: int) -> int:
    """Nanoseconds, a multiple of the grid, of which a range touches at most `wanted` buckets."""
    return -(-(stop - start) // (max(wanted - 1, 1) * step)) * step


def deserves_outline(wanted: Outline) -> bool:
    """Whether a range may hold so many more rows than points that reading them is a waste."""
    query = wanted.query
    every = bucket_length(query.start, query.stop, wanted.step, _buckets_of(wanted.points))
    return every >= (LEAST_STEPS if wanted.apart else LEAST_BUCKET) * wanted.step


def read_buckets(
    store: SeriesStore, query: Query, step: int, deadline: Deadline
) -> dict[SeriesKey, Table]:
    """One number of each bucket, as tables whose times lie in the range; series by key."""
    found: dict[SeriesKey, list[Table]] = {}
    for piece in pieces(store, query, step, deadline):
        for points in piece:
            found.setdefault(series_key(points.tags), []).append(_columns(points, query))
    return {key: join(found[key]) for key in sorted(found)}


def read_outlines(
    store: SeriesStore, wanted: Outline, share: Callable[[int], int], deadline: Deadline
) -> list[Table] | None:
    """Outlines of all series, sorted by key, then in the order of the fields.

    Args:
        store: where to read.
        wanted: what.
        share: given how many tables there are, the rows that each of them may have.
        deadline: of the whole read.

    Returns:
        None where there are so few rows that they had better be read themselves.

    Raises:
        InputError: it could not be read in time.
    """
    points, step = wanted.points, wanted.step
    counts = read_buckets(store, wanted.reduced("count", points), step, deadline)
    if _few(counts):
        return None
    tables = sum(map(_filled, counts.values())) if wanted.apart else len(counts)
    if (fewer := min(share(tables), points)) < points:
        points = fewer
        counts = read_buckets(store, wanted.reduced("count", points), step, deadline)
    query = wanted.reduced("min", points)
    low = read_buckets(store, query, step, deadline)
    high = read_buckets(store, replace(query, aggregate="max"), step, deadline)
    # A row written in between may bring a bucket, or a series, that the first read has not.
    keys = [key for key in counts if key in low and key in high]
    gaps = Gaps(store, wanted.query, max(points // SHARE_OF_GAPS // max(tables, 1), 1), deadline)
    found: list[Table] = []
    for key in keys:
        numbers = _numbers(query, low[key], high[key], counts[key])
        found += _outlines(numbers, wanted, gaps, ROWS_FOR_GAPS // len(keys))
    return found


def _buckets_of(points: int) -> int:
    return max((points - points // SHARE_OF_GAPS) // 2, 2)


def _few(counts: Mapping[SeriesKey, Table]) -> bool:
    """Whether a bucket holds so few rows that little is saved."""
    numbers = [values for one in counts.values() for values in _floats(one).values()]
    present = sum(int((values > 0).sum()) for values in numbers)
    return sum(float(np.nansum(values)) for values in numbers) < LEAST_BUCKET * present


def _filled(counts: Table) -> int:
    """Columns that have any rows."""
    return sum(bool((values > 0).any()) for values in _floats(counts).values())


def _columns(points: Points, query: Query) -> Table:
    """Text has no numbers; a bucket that the range cuts begins with the range."""
    found = table(points)
    columns = {name: np.asarray(v, dtype=np.float64) for name, v in found.columns.items()}
    return Table(found.tags, np.maximum(found.times, query.start), columns)


def _numbers(query: Query, low: Table, high: Table, counts: Table) -> Numbers:
    assert query.every is not None
    times = np.intersect1d(np.intersect1d(low.times, high.times), counts.times)
    low, high, counts = (one.take(np.searchsorted(one.times, times)) for one in (low, high, counts))
    ends = np.minimum(times - times % query.every + query.every, query.stop)
    rows = {name: np.nan_to_num(values) for name, values in _floats(counts).items()}
    return Numbers(low.tags, times, ends, _floats(low), _floats(high), rows)


def _floats(found: Table) -> dict[str, Floats]:
    return {n: np.asarray(v, dtype=np.float64) for n, v in found.columns.items()}


def _outlines(numbers: Numbers, wanted: Outline, gaps: Gaps, rows: int) -> list[Table]:
    """The tables of one series; at most so many rows are read to look for gaps."""
    courses = _courses(numbers, wanted)
    within = gaps.within(numbers, courses, rows)
    return [
        _outline(numbers, course, np.concatenate([absent(numbers, course), pauses]))
        for course, pauses in zip(courses, within, strict=True)
    ]


def _courses(numbers: Numbers, wanted: Outline) -> list[Course]:
    step = wanted.step
    if not wanted.apart:
        rows = np.max([numbers.rows[name] for name in wanted.counted], axis=0)
        return [
            Course(wanted.query.fields, wanted.counted, rows, step, GAP_STEPS * step, aligned=True)
        ]
    found = []
    for name in wanted.query.fields:
        rows = np.where(np.isfinite(numbers.low[name] + numbers.high[name]), numbers.rows[name], 0)
        if rows.any():
            usual = _usual_step(numbers, rows, step)
            # As with rows: what the grid does not see is no gap.
            pause = GAP_STEPS * max(usual, step)
            found.append(Course((name,), (name,), rows, usual, pause, aligned=False))
    return found


def _usual_step(numbers: Numbers, rows: Floats, step: int) -> float:
    """Nanoseconds between two rows in most buckets; a few lost ones do not make it longer."""
    full = rows > 0
    usual = float(np.median((numbers.ends - numbers.begins)[full] / rows[full]))
    return step if step < usual < 1.5 * step else usual


def _outline(numbers: Numbers, course: Course, gaps: Times) -> Table:
    """Least, then greatest values of each bucket, and a row of NaN for each gap."""
    full = np.flatnonzero(course.rows > 0)
    begins, ends = numbers.begins[full], numbers.ends[full]
    step = max(int(course.step), 1)
    shown = np.concatenate([begins, begins + np.maximum((ends - begins) // 2, 1)])
    blank = np.where(np.isin(gaps, shown), gaps + step, gaps)
    times, order = np.unique(np.concatenate([shown, blank]), return_index=True)
    nothing = np.full(len(blank), np.nan)
    columns = {
        name: np.concatenate([numbers.low[name][full], numbers.high[name][full], nothing])[order]
        for name in course.names
    }
    return Table(numbers.tags, times, columns)
