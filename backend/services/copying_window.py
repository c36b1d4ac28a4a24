"""One window of a copy: its rows written in batches, then counted in the target."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from backend.exceptions import PartialWrite, StoreRefused
from backend.ports import Points, Query, SeriesStore
from backend.records import SeriesKey, series_key

ROWS = 20_000
"""Rows in memory at once."""

MANY = 25 * ROWS
"""Rows that a window should not have more of, so that little is lost when it is cut."""

_SMALL, _LARGE = 100, 10
"""The first window is so manieth a part of the whole; none is a larger part than the other."""
_REASONS = 5


@dataclass
class Carried:
    """What became of a window.

    Attributes:
        rows: rows handed to the target, a series.
        dropped: how many of them it refused for ever.
        reasons: the first few reasons why.
    """

    rows: Counter[SeriesKey] = field(default_factory=Counter)
    dropped: int = 0
    reasons: list[str] = field(default_factory=list)

    @property
    def kept(self) -> int:
        """Rows that the target took."""
        return max(self.rows.total() - self.dropped, 0)

    def drop(self, error: PartialWrite) -> None:
        """Count rows that were refused."""
        self.dropped += error.dropped
        if len(self.reasons) < _REASONS:
            self.reasons.append(str(error))


def first_length(whole: int) -> int:
    """How long the first window is, in nanoseconds like the whole."""
    return whole // _SMALL + 1


def next_length(length: int, rows: int, whole: int) -> int:
    """How long the next window is: longer after one with few rows, shorter after one with many."""
    if rows > MANY:
        return max(length * MANY // rows, 1)
    return min(length * 2, whole // _LARGE + 1) if rows < ROWS else length


def carry(source: SeriesStore, target: SeriesStore, window: Query) -> Carried:
    """Copy the rows of a window, and look whether the target holds them.

    Args:
        source: where the rows are; only read.
        target: where they go.
        window: all fields of a measurement, grouped by all of its tags.

    Raises:
        StoreRefused: the target does not hold what it took.
    """
    carried = Carried()
    for batch in _batches(source.stream(window, ROWS)):
        try:
            target.write(window.measurement, batch)
        except PartialWrite as error:
            carried.drop(error)
        for points in batch:
            carried.rows[series_key(points.tags)] += len(points)
    _look_again(target, window, carried)
    return carried


def rows_held(store: SeriesStore, window: Query) -> Counter[SeriesKey]:
    """Count the rows of each series in a window."""
    held: Counter[SeriesKey] = Counter()
    for points in store.stream(window, ROWS):
        held[series_key(_present(points).tags)] += len(points)
    return held


def _look_again(target: SeriesStore, window: Query, carried: Carried) -> None:
    """Count by series, since rows of others may have been in the target before."""
    held = rows_held(target, window)
    lacking = sum(max(rows - held[series], 0) for series, rows in carried.rows.items())
    if lacking > carried.dropped:
        raise StoreRefused(
            f"The target took {carried.kept} rows of {window.measurement!r} and lacks "
            f"{lacking - carried.dropped} of them: see to its retention and its log, then copy "
            "again."
        )


def _batches(pieces: Iterator[Points]) -> Iterator[list[Points]]:
    """Gather small series, so that each write carries many rows."""
    batch: list[Points] = []
    for piece in pieces:
        if batch and sum(map(len, batch)) + len(piece) > ROWS:
            yield batch
            batch = []
        batch.append(_present(piece))
    if batch:
        yield batch


def _present(points: Points) -> Points:
    """Without the tags that the series lacks, which a query shows as ""."""
    return replace(points, tags={tag: value for tag, value in points.tags.items() if value})
