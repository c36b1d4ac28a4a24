"""Raw rows to a grid: the mean of each bucket, stamped at its start, and short gaps bridged."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.ports import Aggregate, Floats, Points, Times
from backend.records import SeriesKey, series_key

_TOGETHER = 200_000
"""Rows of several series that are put on the grid at once."""


@dataclass(frozen=True)
class Rows:
    """A fleet on its grid.

    Attributes:
        keys: the S series.
        times: (T,) nanoseconds of the buckets' starts, multiples of `step`, ascending; ranges that
            do not touch stand apart by rows of NaN.
        step: the grid in nanoseconds.
        values: (S, T, F) in the sensors' units.
    """

    keys: tuple[SeriesKey, ...]
    times: Times
    step: int
    values: Floats

    def select(self, series: Sequence[int]) -> "Rows":
        """The rows of some series, by index, in the order given."""
        keys = tuple(self.keys[s] for s in series)
        return Rows(keys, self.times, self.step, self.values[list(series)])


def floor_to(time: int, step: int) -> int:
    """The start of the bucket that holds `time`; buckets are aligned to 1970, as InfluxDB's are."""
    return time - time % step


def ceil_to(time: int, step: int) -> int:
    """The first bucket start not before `time`."""
    return -floor_to(-time, step)


def last_closed(now: int, step: int, delay: int) -> int:
    """The end of the newest bucket that is closed: its end plus `delay` has passed."""
    return floor_to(now - delay, step)


def to_rows(
    points: Sequence[Points], channels: Sequence[str], start: int, stop: int, step: int
) -> Rows:
    """Put raw points of several series on one grid.

    Args:
        points: one entry a series.
        channels: the F fields wanted, in order.
        start: first grid point, a multiple of `step`.
        stop: end of the last bucket, a multiple of `step`.
        step: the grid in nanoseconds.
    """
    keys = tuple(series_key(series.tags) for series in points)
    shape = (len(points), (stop - start) // step, len(channels))
    values = np.full(shape, np.nan)
    for first, last in _together(points):
        values[first:last] = _fleet_means(points[first:last], channels, start, shape[1], step)
    return Rows(keys, grid_times(start, stop, step), step, values)


def _together(points: Sequence[Points]) -> Iterator[tuple[int, int]]:
    """Series that are put on the grid at once, as from and to: many short ones, or a long one."""
    first = rows = 0
    for index, series in enumerate(points):
        if index > first and rows + len(series) > _TOGETHER:
            yield first, index
            first, rows = index, 0
        rows += len(series)
    if first < len(points):
        yield first, len(points)


def _fleet_means(
    points: Sequence[Points], channels: Sequence[str], start: int, buckets: int, step: int
) -> Floats:
    """(S, T, F) means of series that stand behind each other on one grid of S * T buckets."""
    times = np.concatenate([series.times for series in points])
    columns = np.concatenate([_columns(one.fields, channels, len(one)) for one in points])
    index = (times - start) // step
    inside = (index >= 0) & (index < buckets)
    place = np.repeat(np.arange(len(points)) * buckets, [len(series) for series in points])
    means = bucket_means((place + index)[inside], columns[inside], 0, len(points) * buckets, 1)
    return means.reshape(len(points), buckets, len(channels))


def grid_times(start: int, stop: int, step: int) -> Times:
    """(T,) starts of the buckets in `[start, stop)`."""
    return np.arange(start, stop, step, dtype=np.int64)


def join(parts: Sequence[Rows], apart: int) -> Rows:
    """Put ranges of the same fleet one after the other, `apart` absent rows between them.

    Args:
        parts: at least one, in time order, same keys and channels; a part may be shorter in time
            than its neighbour is far away: time between them is not made up.
        apart: enough rows that no window, bridge or kernel reaches across.
    """
    first = parts[0]
    times, values = [first.times], [first.values]
    for part in parts[1:]:
        shape = (len(first.keys), apart, first.values.shape[2])
        times += [np.full(apart, times[-1][-1]), part.times]
        values += [np.full(shape, np.nan), part.values]
    return Rows(first.keys, np.concatenate(times), first.step, np.concatenate(values, axis=1))


def _columns(
    fields: Mapping[str, NDArray[np.generic]], channels: Sequence[str], length: int
) -> Floats:
    absent = np.full(length, np.nan)
    columns = [fields.get(channel, absent) for channel in channels]
    # A channel that is text where a number belongs is as good as absent.
    numbers = [c.astype(np.float64) if c.dtype != np.object_ else absent for c in columns]
    return np.column_stack(numbers) if numbers else np.empty((length, 0))


def bucket_means(times: Times, values: Floats, start: int, buckets: int, step: int) -> Floats:
    """Mean of each bucket and column.

    Args:
        times: (R,) nanoseconds, any order, repeats allowed.
        values: (R, F); NaN and infinities are left out.
        start: start of the first bucket.
        buckets: T.
        step: length of a bucket in nanoseconds.

    Returns:
        (T, F), NaN where a bucket holds nothing.
    """
    index = (times - start) // step
    inside = (index >= 0) & (index < buckets)
    index, values = index[inside], values[inside]
    means = np.full((buckets, values.shape[1]), np.nan)
    for column in range(values.shape[1]):
        good = np.isfinite(values[:, column])
        counts = np.bincount(index[good], minlength=buckets)
        sums = np.bincount(index[good], weights=values[good, column], minlength=buckets)
        np.divide(sums, counts, out=means[:, column], where=counts > 0)
    return means


def sparse_means(times: Times, values: Floats, step: int) -> tuple[Times, Floats]:
    """Mean of each bucket that holds anything, however far apart the buckets are.

    Args:
        times: (R,) nanoseconds, any order, repeats allowed.
        values: (R, F); NaN and infinities are left out.
        step: length of a bucket in nanoseconds.

    Returns:
        (B,) starts of the buckets, ascending, and (B, F) means, NaN where a column has nothing.
    """
    filled = np.isfinite(values).any(axis=1)
    buckets, index = np.unique(times[filled] // step, return_inverse=True)
    means = bucket_means(index.astype(np.int64), values[filled], 0, len(buckets), 1)
    return buckets * step, means


def sparse_aggregates(
    times: Times, values: Floats, step: int, aggregate: Aggregate
) -> tuple[Times, Floats]:
    """One number of each bucket that holds anything; as `sparse_means`, which are one kind.

    Of several rows at the latest time of a bucket, `last` is that of the last one given.
    """
    if aggregate == "mean":
        return sparse_means(times, values, step)
    good = np.where(np.isfinite(values), values, np.nan)
    good = good[(filled := np.isfinite(good).any(axis=1))]
    order = np.argsort(times[filled], kind="stable")
    buckets, first = np.unique(times[filled][order] // step, return_index=True)
    if not len(buckets):
        return buckets, good
    return buckets * step, _reduced(good[order], first, aggregate)


def _reduced(values: Floats, first: NDArray[np.intp], aggregate: Aggregate) -> Floats:
    """(B, F) numbers of buckets whose rows stand together, each from index `first` on."""
    if aggregate == "min":
        return np.asarray(np.fmin.reduceat(values, first, axis=0))
    if aggregate == "max":
        return np.asarray(np.fmax.reduceat(values, first, axis=0))
    present = np.isfinite(values)
    if aggregate == "count":
        counts = np.add.reduceat(present, first, axis=0, dtype=np.float64)
        return np.where(counts > 0, counts, np.nan)
    places = np.where(present, np.arange(len(values))[:, None], -1)
    latest = np.maximum.reduceat(places, first, axis=0)
    return np.where(latest >= first[:, None], np.take_along_axis(values, latest, axis=0), np.nan)


def bridge(values: Floats, max_gap: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Fill gaps of at most `max_gap` grid points by the last value; longer ones from their start.

    Causal: a point is filled without looking whether the gap will turn out to be long.

    Args:
        values: (S, T, F).
        max_gap: how many points one value may bridge.

    Returns:
        (S, T, F) bridged values and the (S, T, F) mask of the points filled.
    """
    position = np.arange(values.shape[1])[None, :, None]
    present = np.isfinite(values)
    last = np.maximum.accumulate(np.where(present, position, -1), axis=1)
    fill = ~present & (last >= 0) & (position - last <= max_gap)
    bridged = np.take_along_axis(values, np.maximum(last, 0), axis=1)
    return np.where(fill, bridged, np.where(present, values, np.nan)), fill


def inside(times: Times, step: int, ranges: Sequence[tuple[int, int]]) -> NDArray[np.bool_]:
    """(T,) buckets that lie wholly in one of the half-open ranges."""
    mask = np.zeros(times.shape, dtype=bool)
    for start, stop in ranges:
        mask |= (times >= start) & (times + step <= stop)
    return mask


def touching(times: Times, step: int, ranges: Sequence[tuple[int, int]]) -> NDArray[np.bool_]:
    """(T,) buckets of which any part lies in one of the half-open ranges."""
    mask = np.zeros(times.shape, dtype=bool)
    for start, stop in ranges:
        mask |= (times < stop) & (times + step > start)
    return mask
