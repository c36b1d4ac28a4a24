"""Segments: the pieces in which a series lies on the disk.

Every write adds a segment, so that writing costs what is written and not what is there. Segments
have levels, and lower levels are newer: whatever FRESH says wins over MIXED, and that over SETTLED;
within a level the higher id wins. Segments of a level may overlap in time, except that SETTLED ones
never do: they are the history, in pieces of about `SETTLED_ROWS`.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from backend.stores.embedded.layers import Layer, overlay, parted
from backend.stores.embedded.payload import decode, encode

FRESH, MIXED, SETTLED = 0, 1, 2
SETTLED_ROWS = 4096

_SELECT = "SELECT id, level, first, last, rows FROM segments"


@dataclass(frozen=True)
class Segment:
    """Where rows lie, without the rows themselves; `first` and `last` are both included."""

    id: int
    level: int
    first: int
    last: int
    rows: int

    @property
    def age(self) -> tuple[int, int]:
        """Sorts older segments before newer ones."""
        return (-self.level, self.id)


def find(connection: sqlite3.Connection, series: int, start: int, stop: int) -> list[Segment]:
    """Segments of a series that touch `[start, stop)`, by their first time."""
    query = f"{_SELECT} WHERE series = ? AND last >= ? AND first < ? ORDER BY first"
    return [Segment(*row) for row in connection.execute(query, (series, start, stop))]


def find_level(connection: sqlite3.Connection, series: int, level: int) -> list[Segment]:
    """Segments of a series in a level, by their first time."""
    query = f"{_SELECT} WHERE series = ? AND level = ? ORDER BY first"
    return [Segment(*row) for row in connection.execute(query, (series, level))]


def load(
    connection: sqlite3.Connection, segment: Segment, names: Collection[str] | None = None
) -> Layer:
    """The rows of a segment, with all columns or only those named."""
    query = "SELECT payload FROM segments WHERE id = ?"
    return decode(connection.execute(query, (segment.id,)).fetchone()[0], names)


def load_over(
    connection: sqlite3.Connection,
    segments: Iterable[Segment],
    names: Collection[str] | None = None,
) -> Layer:
    """The rows of overlapping segments, the newer laid over the older."""
    ordered = sorted(segments, key=lambda segment: segment.age)
    return overlay([load(connection, segment, names) for segment in ordered])


def load_parts(
    connection: sqlite3.Connection,
    cluster: Sequence[Segment],
    names: Collection[str] | None = None,
    *,
    backwards: bool = False,
) -> Iterator[Layer]:
    """The rows of overlapping segments in order of time, one settled segment after the other.

    A late write may reach over the whole history; it is never loaded at once. What is not settled
    is, since that is fewer than `SETTLED_ROWS` rows.
    """
    settled = [segment for segment in cluster if segment.level == SETTLED]
    if len(settled) < 2:
        yield load_over(connection, cluster, names)
        return
    # settled segments do not overlap, so that something newer has brought these together
    newer = load_over(connection, [s for s in cluster if s.level != SETTLED], names)
    parts = parted(newer, [segment.first for segment in settled[1:]])
    for segment, part in list(zip(settled, parts, strict=True))[:: -1 if backwards else 1]:
        older = load(connection, segment, names)
        yield overlay([older, part]) if len(part) else older


def insert(connection: sqlite3.Connection, series: int, level: int, layer: Layer) -> None:
    """Add a segment of at least one row."""
    connection.execute(
        "INSERT INTO segments (series, level, first, last, rows, payload)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (series, level, *_summary(layer), encode(layer)),
    )


def replace(connection: sqlite3.Connection, segment: Segment, layer: Layer) -> None:
    """Put other rows into a segment, which keeps its age."""
    connection.execute(
        "UPDATE segments SET first = ?, last = ?, rows = ?, payload = ? WHERE id = ?",
        (*_summary(layer), encode(layer), segment.id),
    )


def remove(connection: sqlite3.Connection, segments: Iterable[Segment]) -> None:
    """Delete segments."""
    ids = [(segment.id,) for segment in segments]
    connection.executemany("DELETE FROM segments WHERE id = ?", ids)


def clusters(segments: Sequence[Segment]) -> Iterator[list[Segment]]:
    """Part segments, sorted by first time, into runs that do not overlap each other."""
    cluster: list[Segment] = []
    last = 0
    for segment in segments:
        if cluster and segment.first > last:
            yield cluster
            cluster = []
        last = max(last, segment.last) if cluster else segment.last
        cluster.append(segment)
    if cluster:
        yield cluster


def _summary(layer: Layer) -> tuple[int, int, int]:
    return int(layer.times[0]), int(layer.times[-1]), len(layer)
