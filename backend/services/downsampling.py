"""Fewer rows for a chart, chosen so that peaks, flags and gaps stay visible.

Every row that is kept is a row that was stored: error, threshold, score and flag of one time
always belong together. Measured values are thinned by MinMaxLTTB (arXiv 2305.00332); of zeros and
ones every step is kept, or where there are too many, both values of each bucket that holds both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tsdownsample import MinMaxDownsampler, MinMaxLTTBDownsampler

from backend.ports import Floats, Points, Strings, Times

Rows = NDArray[np.int64]

LEAST = 6
"""Fewest rows chosen for a column: both extremes, and an even number that the algorithms accept."""

GAP_STEPS = 3
"""A pause longer than so many steps is drawn as a gap."""


@dataclass(frozen=True)
class Table:
    """Rows of one series, fit to be drawn.

    Attributes:
        tags: the series.
        times: (T,) int64 nanoseconds, strictly ascending.
        columns: name to (T,) float64 with NaN for a gap, or (T,) object of `str` or None.
    """

    tags: Mapping[str, str]
    times: Times
    columns: Mapping[str, Floats | Strings]

    def __len__(self) -> int:
        return len(self.times)

    def take(self, rows: Rows) -> "Table":
        """Only these rows."""
        columns = {name: values[rows] for name, values in self.columns.items()}
        return Table(self.tags, self.times[rows], columns)

    def only(self, names: Sequence[str]) -> "Table":
        """Only these columns, in this order."""
        return Table(self.tags, self.times, {name: self.columns[name] for name in names})


def table(points: Points) -> Table:
    """A table of what a store gave; of rows at equal times the last one stays."""
    found = Table(points.tags, points.times, points.fields)
    ascends = np.diff(points.times) > 0
    return found if ascends.all() else found.take(np.flatnonzero(np.append(ascends, True)))


def join(tables: Sequence[Table]) -> Table:
    """Tables of one series, one after the other in time."""
    first = tables[0]
    if len(tables) == 1:
        return first
    columns = {
        name: np.concatenate([part.columns[name] for part in tables]) for name in first.columns
    }
    return Table(first.tags, np.concatenate([part.times for part in tables]), columns)


def thin(series: Table, wanted: int, look_at: Sequence[str]) -> Table:
    """Keep about `wanted` rows of a series.

    Args:
        series: its rows; those at which all of `look_at` are NaN count as gaps.
        wanted: rows to keep; exceeded only where `look_at` has more than `wanted / 6` columns.
        look_at: the number columns whose shape must survive; each gets an equal share.

    Returns:
        A table of rows of `series`: the peaks and troughs of each column, and one row of NaN with
        its neighbors for each gap (of many gaps, the longest).
    """
    if len(series) <= max(wanted, LEAST):
        return series
    numbers = [np.asarray(series.columns[name], dtype=np.float64) for name in look_at]
    absent = np.logical_and.reduce([np.isnan(values) for values in numbers])
    gaps = _gap_rows(absent, wanted // 12)
    share = max(LEAST, (wanted - len(gaps)) // len(numbers) // 2 * 2)
    chosen = [gaps, *(_shape(series.times, values, share) for values in numbers)]
    return series.take(np.unique(np.concatenate(chosen)))


def mark_gaps(series: Table, step: int, after: int | None = None) -> Table:
    """Insert a row of NaN (None for strings) one step into each pause longer than `GAP_STEPS`.

    Args:
        series: its rows, at least one.
        step: nanoseconds between rows when nothing is missing.
        after: time of the row before the first, where there is one.
    """
    earlier = np.concatenate([[series.times[0] if after is None else after], series.times[:-1]])
    pauses = np.flatnonzero(series.times - earlier > GAP_STEPS * step)
    if not len(pauses):
        return series
    times = np.insert(series.times, pauses, earlier[pauses] + step)
    columns = {name: _with_blanks(values, pauses) for name, values in series.columns.items()}
    return Table(series.tags, times, columns)


def usual_step(times: Times, at_least: int) -> int:
    """Nanoseconds between two rows most of the time, but never below `at_least`."""
    return max(int(np.median(np.diff(times))), at_least) if len(times) > 1 else at_least


def _with_blanks(values: Floats | Strings, rows: NDArray[np.intp]) -> Floats | Strings:
    if values.dtype == np.float64:
        return np.insert(values.astype(np.float64), rows, np.nan)
    strings: list[str | None] = values.tolist()
    for row in rows[::-1].tolist():
        strings.insert(row, None)
    return np.array(strings, dtype=object)


def _shape(times: Times, values: Floats, wanted: int) -> Rows:
    """Rows that keep the shape of one column; its NaN are passed over."""
    present = np.flatnonzero(~np.isnan(values)).astype(np.int64)
    if len(present) <= wanted:
        return present
    # the library works on memory that lies in one piece
    x, y = np.ascontiguousarray(times[present]), np.ascontiguousarray(values[present])
    if np.isin(y, (0.0, 1.0)).all():
        edges = _edges(y)
        rows = edges if len(edges) <= wanted else _extremes.downsample(x, y, n_out=wanted)
    else:
        # Alone it may pass over an extreme that stands beside another one.
        outline = _outline.downsample(x, y, n_out=wanted - 2)
        rows = np.append(outline, [y.argmin(), y.argmax()])
    return np.asarray(present[rows.astype(np.int64)])


def _edges(values: Floats) -> Rows:
    """The first and the last row, and both rows of each change: a step stays a step."""
    changes = np.flatnonzero(np.diff(values))
    return np.unique(np.concatenate([[0, len(values) - 1], changes, changes + 1])).astype(np.int64)


def _gap_rows(absent: NDArray[np.bool_], most: int) -> Rows:
    """The first row of each gap and its two neighbors; of more than `most` gaps, the longest."""
    edges = np.diff(np.concatenate([[False], absent, [False]]).astype(np.int8))
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    longest = np.argsort(stops - starts, kind="stable")[::-1][:most]
    rows = np.concatenate([starts[longest] - 1, starts[longest], stops[longest]])
    return rows[(rows >= 0) & (rows < len(absent))].astype(np.int64)


_extremes = MinMaxDownsampler()  # type: ignore[no-untyped-call]
_outline = MinMaxLTTBDownsampler()  # type: ignore[no-untyped-call]
