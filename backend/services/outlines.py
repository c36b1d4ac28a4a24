"""Charts of very long ranges: the store itself reduces them to numbers of buckets.

An outline has two rows for each bucket, its least and its greatest values, so that peaks, flags and
lows stay. All columns stand on the same times, whichever of them are asked for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from backend.ports import Aggregate, Floats, Points, Query, SeriesStore, Times
from backend.records import SeriesKey, series_key
from backend.services.downsampling import GAP_STEPS, Table, join, table
from backend.services.pieces import Deadline, pieces

LEAST_BUCKET = 50
"""Grid steps of a bucket that is worth an outline; shorter ones are read as rows."""

SHARE_OF_GAPS = 12
"""One row in so many may go to a gap."""


@dataclass(frozen=True)
class _Buckets:
    """Buckets of one series.

    Attributes:
        tags: the series.
        begins: (B,) first nanosecond of each that lies in the range.
        ends: (B,) first nanosecond no longer in it.
        low: name to (B,) least value.
        high: name to (B,) greatest value.
        rows: (B,) how many there are.
    """

    tags: Mapping[str, str]
    begins: Times
    ends: Times
    low: Mapping[str, Floats]
    high: Mapping[str, Floats]
    rows: Floats


@dataclass(frozen=True)
class Outline:
    """What is to be outlined.

    Attributes:
        query: measurement, numbers, tags and range.
        step: nanoseconds of the grid.
        points: rows wanted for each series.
        counted: the field whose rows are counted, to find gaps within buckets.
    """

    query: Query
    step: int
    points: int
    counted: str

    def reduced(self, aggregate: Aggregate, points: int) -> Query:
        """The question for one number of each bucket."""
        start, stop = self.query.start, self.query.stop
        every = bucket_length(start, stop, self.step, _buckets_of(points))
        return replace(self.query, every=every, aggregate=aggregate)


def bucket_length(start: int, stop: int, step: int, wanted: int) -> int:
    """Nanoseconds, a multiple of the grid, of which a range touches at most `wanted` buckets."""
    return -(-(stop - start) // (max(wanted - 1, 1) * step)) * step


def deserves_outline(query: Query, step: int, points: int) -> bool:
    """Whether a range may hold so many more rows than points that reading them is a waste."""
    every = bucket_length(query.start, query.stop, step, _buckets_of(points))
    return every >= LEAST_BUCKET * step


def read_buckets(
    store: SeriesStore, query: Query, step: int, deadline: Deadline
) -> dict[SeriesKey, Table]:
    """One number of each bucket, as tables whose times lie in the range; series by key."""
    found: dict[SeriesKey, list[Table]] = {}
    for piece in pieces(store, query, step, deadline):
        for points in piece:
            found.setdefault(series_key(points.tags), []).append(_numbers(points, query))
    return {key: join(found[key]) for key in sorted(found)}


def read_outlines(
    store: SeriesStore, wanted: Outline, share: Callable[[int], int], deadline: Deadline
) -> list[Table]:
    """Outlines of all series, sorted by key.

    Args:
        store: where to read.
        wanted: what.
        share: given how many series there are, the rows that each of them may have.
        deadline: of the whole read.
    """
    query, step = wanted.reduced("min", wanted.points), wanted.step
    low = read_buckets(store, query, step, deadline)
    points = min(share(len(low)), wanted.points)
    if points < wanted.points:
        query = wanted.reduced("min", points)
        low = read_buckets(store, query, step, deadline)
    high = read_buckets(store, replace(query, aggregate="max"), step, deadline)
    counting = replace(query, fields=(wanted.counted,), aggregate="count")
    counts = read_buckets(store, counting, step, deadline)
    found = []
    # A row written in between may bring a bucket, or a series, that the first read has not.
    for key in [key for key in low if key in high and key in counts]:
        buckets = _buckets(query, low[key], high[key], counts[key])
        most = max(points // SHARE_OF_GAPS // len(low), 1)
        gaps = _gaps(store, replace(counting, every=None), buckets, step, most, deadline)
        found.append(_outline(buckets, gaps, step))
    return found


def _buckets_of(points: int) -> int:
    return max((points - points // SHARE_OF_GAPS) // 2, 2)


def _numbers(points: Points, query: Query) -> Table:
    """Text has no numbers; a bucket that the range cuts begins with the range."""
    found = table(points)
    columns = {name: np.asarray(v, dtype=np.float64) for name, v in found.columns.items()}
    return Table(found.tags, np.maximum(found.times, query.start), columns)


def _buckets(query: Query, low: Table, high: Table, counts: Table) -> _Buckets:
    assert query.every is not None
    times = np.intersect1d(np.intersect1d(low.times, high.times), counts.times)
    low, high, counts = (one.take(np.searchsorted(one.times, times)) for one in (low, high, counts))
    ends = np.minimum(times - times % query.every + query.every, query.stop)
    (rows,) = _floats(counts).values()
    return _Buckets(low.tags, times, ends, _floats(low), _floats(high), np.nan_to_num(rows))


def _floats(found: Table) -> dict[str, Floats]:
    return {n: np.asarray(v, dtype=np.float64) for n, v in found.columns.items()}


def _outline(buckets: _Buckets, gaps: Times, step: int) -> Table:
    """Least, then greatest values of each bucket, and a row of NaN for each gap."""
    half = np.maximum((buckets.ends - buckets.begins) // 2, 1)
    shown = np.concatenate([buckets.begins, buckets.begins + half])
    absent = np.where(np.isin(gaps, shown), gaps + step, gaps)
    times = np.concatenate([shown, absent])
    order = np.argsort(times, kind="stable")
    nothing = np.full(len(absent), np.nan)
    columns = {
        name: np.concatenate([buckets.low[name], buckets.high[name], nothing])[order]
        for name in buckets.low
    }
    return Table(buckets.tags, times[order], columns)


# -- gaps ------------------------------------------------------------------------------------------


def _gaps(
    store: SeriesStore,
    query: Query,
    buckets: _Buckets,
    step: int,
    most: int,
    deadline: Deadline,
) -> Times:
    """Where gaps begin: buckets that are not there, and pauses within those that lack the most."""
    absent = np.flatnonzero(buckets.begins[1:] > buckets.ends[:-1])
    found = [buckets.ends[absent]]
    where = {**query.where, **{tag: value for tag, value in buckets.tags.items() if value}}
    for start, stop in _lacking(buckets, step, most):
        rows = store.read(replace(query, start=start, stop=stop, where=where))
        same = [one.times for one in rows if series_key(one.tags) == series_key(buckets.tags)]
        for times in same:
            found.append(times[:-1][np.diff(times) > GAP_STEPS * step] + step)
        deadline.check()
    return np.unique(np.concatenate(found))


def _lacking(buckets: _Buckets, step: int, most: int) -> list[tuple[int, int]]:
    """Ranges of the `most` buckets that lack the most rows, together with the one after each."""
    due = -(-buckets.ends // step) + (-buckets.begins // step)
    lack = np.maximum(due - buckets.rows, 0)
    # A gap may lie across the end of a bucket.
    touching = np.append(buckets.begins[1:] == buckets.ends[:-1], False)
    both = lack + np.where(touching, np.append(lack[1:], 0), 0)
    chosen = np.argsort(both, kind="stable")[::-1][:most]
    chosen = np.sort(chosen[both[chosen] >= GAP_STEPS])
    last = np.where(touching[chosen], chosen + 1, chosen)
    ranges: list[tuple[int, int]] = []
    for start, stop in zip(
        buckets.begins[chosen].tolist(), buckets.ends[last].tolist(), strict=True
    ):
        if ranges and start <= ranges[-1][1]:
            ranges[-1] = (ranges[-1][0], max(stop, ranges[-1][1]))
        else:
            ranges.append((start, stop))
    return ranges
