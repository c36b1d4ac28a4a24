"""The series store in a directory."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import orjson

from backend.ports import FieldKind, Finding, Floats, Points, Query, Strings
from backend.records import series_key
from backend.stores.embedded import compaction, copying, segments
from backend.stores.embedded.database import Database
from backend.stores.embedded.layers import Layer, concatenate, merged, sorted_layer
from backend.stores.examining import attempted, round_trip
from backend.stores.rows import (
    absent,
    admit,
    bounded,
    bucketed,
    check_deletable,
    cut,
    holdable,
    joined,
    part_conflicts,
    write_each,
)


@dataclass(frozen=True)
class _Series:
    """A stored tag combination."""

    id: int
    tags: dict[str, str]

    def matches(self, where: Mapping[str, str]) -> bool:
        """Whether the tags have these values; a tag that is lacking has the value ""."""
        return all(self.tags.get(tag, "") == value for tag, value in where.items())


class EmbeddedSeriesStore:
    """Series in one SQLite file as columns; several processes may use it at once.

    Args:
        directory: where the file lies; made on first use.
    """

    # Buckets are made of all rows, and outlines take three of them.
    reduces = False

    def __init__(self, directory: Path) -> None:
        self._database = Database(directory)

    def exists(self) -> bool:
        """Whether the file is there; asking does not make it."""
        return self._database.path.is_file()

    def ping(self) -> str:
        """Say what answers, after its file has been opened."""
        with self._database.reading():
            return f"embedded store (SQLite {sqlite3.sqlite_version})"

    def read(self, query: Query) -> list[Points]:
        """Read rows; see `SeriesStore.read`."""
        if query.every is not None:
            # in pieces, since the rows may be a thousand times their means
            return joined(self.stream(query, segments.SETTLED_ROWS))
        start, stop = bounded(query.start, query.stop)
        if start >= stop:
            return []
        with self._database.reading() as connection:
            columns = _empty_columns(connection, query)
            if columns is None:
                return []
            found = [
                _read_group(connection, members, columns, query)
                for members in _groups(connection, query)
            ]
        return sorted(filter(len, found), key=lambda points: series_key(points.tags))

    def stream(self, query: Query, rows: int) -> Iterator[Points]:
        """Read rows in pieces; see `SeriesStore.stream`."""
        if query.newest is not None or query.oldest is not None:
            raise ValueError("expected a query for all rows of a range, got one for its edge")
        if query.every is not None:
            whole = self.stream(replace(query, every=None), rows)
            return bucketed(whole, query.every, query.aggregate)
        return self._stream(query, rows)

    def _stream(self, query: Query, rows: int) -> Iterator[Points]:
        start, stop = bounded(query.start, query.stop)
        if start >= stop:
            return
        # One transaction throughout, so that all pieces are of one state. Writers go on meanwhile;
        # their log is only folded into the file once this one is done.
        with self._database.reading() as connection:
            columns = _empty_columns(connection, query)
            if columns is None:
                return
            for tags, members in _groups(connection, query):
                sources = [_layers(connection, s.id, columns, query) for s in members]
                for layer in merged(sources, columns):
                    yield from cut(Points(tags, layer.times, layer.columns), rows)

    def write(self, measurement: str, batches: Sequence[Points]) -> None:
        """Store rows; see `SeriesStore.write`."""
        self._store(measurement, admit(measurement, batches))

    def write_all(self, tables: Mapping[str, Sequence[Points]]) -> None:
        """Store rows of several measurements; see `SeriesStore.write_all`."""
        write_each(tables, self._store)

    def _store(self, measurement: str, admitted: Sequence[Points]) -> None:
        if not admitted:
            return
        with self._database.writing() as connection:
            kinds = _kinds(connection, measurement)
            known = set(kinds)
            kept, conflict = part_conflicts(measurement, admitted, kinds)
            _add_kinds(connection, measurement, {n: k for n, k in kinds.items() if n not in known})
            for points in kept:
                series = _series_id(connection, measurement, points.tags)
                layer = sorted_layer(points.times, points.fields)
                compaction.add(connection, series, layer)
        if conflict:
            raise conflict

    def delete(self, measurement: str, where: Mapping[str, str], start: int, stop: int) -> None:
        """Delete rows; see `SeriesStore.delete`."""
        check_deletable(measurement)
        start, stop = bounded(start, stop)
        if start >= stop or not holdable(measurement, *where, *where.values()):
            return
        with self._database.writing() as connection:
            for series in _series(connection, measurement):
                if series.matches(where):
                    _delete_rows(connection, series.id, start, stop)
            _forget_empty(connection, measurement)

    def measurements(self) -> list[str]:
        """All measurements, sorted."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT DISTINCT measurement FROM series").fetchall()
        return sorted(measurement for (measurement,) in rows)

    def fields(self, measurement: str) -> dict[str, FieldKind]:
        """Fields of a measurement with their kinds, sorted by name."""
        if not holdable(measurement):
            return {}
        with self._database.reading() as connection:
            return dict(sorted(_kinds(connection, measurement).items()))

    def mixed_fields(self, measurement: str) -> dict[str, tuple[str, ...]]:
        """None: a field keeps the kind it was first written with."""
        return {}

    def tag_values(self, measurement: str, tag: str, limit: int | None = None) -> list[str]:
        """Values of a tag, sorted."""
        return sorted({tags[tag] for tags in self._tags(measurement) if tag in tags})[:limit]

    def tag_keys(self, measurement: str) -> list[str]:
        """Tags of a measurement, sorted."""
        return sorted({tag for tags in self._tags(measurement) for tag in tags})

    def examine(self, at: int, *, writing: bool, scratch: bool) -> list[Finding]:
        """Look at the file; its clock is this machine's, and who may read it may write."""
        steps: list[tuple[str, Callable[[], str]]] = [
            ("answers", self.ping),
            ("reading", lambda: f"measurements seen: {len(self.measurements())}"),
        ]
        if writing:
            steps.append(("writing", self._look_at_writing))
        if scratch:
            steps.append(("round trip", lambda: round_trip(self, at)))
        return attempted(steps)

    def _look_at_writing(self) -> str:
        with self._database.writing():
            return f"{self._database.path} can be written"

    def copied_out(self) -> Iterator[bytes]:
        """All of it as at one moment, for a backup; others go on writing meanwhile."""
        return copying.copied_out(self._database)

    def staged(self, chunks: Iterable[bytes]) -> AbstractContextManager[Callable[[], None]]:
        """Look at such bytes; it becomes what they hold, all at once, when that is called.

        Raises:
            InputError: they hold no embedded store.
            StoreRefused: a newer normalcy has written it.
            StoreError: they cannot be written beside it.
        """
        return copying.staged(self._database, chunks)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _tags(self, measurement: str) -> list[dict[str, str]]:
        if not holdable(measurement):
            return []
        with self._database.reading() as connection:
            return [series.tags for series in _series(connection, measurement)]


# -- catalog ---------------------------------------------------------------------------------------


def _series(connection: sqlite3.Connection, measurement: str) -> list[_Series]:
    query = "SELECT id, tags FROM series WHERE measurement = ?"
    found = [
        _Series(row[0], orjson.loads(row[1])) for row in connection.execute(query, [measurement])
    ]
    return sorted(found, key=lambda series: series_key(series.tags))


def _series_id(connection: sqlite3.Connection, measurement: str, tags: Mapping[str, str]) -> int:
    text = orjson.dumps(dict(tags), option=orjson.OPT_SORT_KEYS).decode()
    query = "SELECT id FROM series WHERE measurement = ? AND tags = ?"
    row = connection.execute(query, (measurement, text)).fetchone()
    if row is None:
        insert = "INSERT INTO series (measurement, tags) VALUES (?, ?) RETURNING id"
        row = connection.execute(insert, (measurement, text)).fetchone()
    number: int = row[0]
    return number


def _kinds(connection: sqlite3.Connection, measurement: str) -> dict[str, FieldKind]:
    query = "SELECT name, kind FROM fields WHERE measurement = ?"
    return dict(connection.execute(query, [measurement]).fetchall())


def _add_kinds(
    connection: sqlite3.Connection, measurement: str, kinds: Mapping[str, FieldKind]
) -> None:
    rows = [(measurement, name, kind) for name, kind in kinds.items()]
    connection.executemany("INSERT INTO fields (measurement, name, kind) VALUES (?, ?, ?)", rows)


def _forget_empty(connection: sqlite3.Connection, measurement: str) -> None:
    """Take series without rows, and fields of a measurement without series, out of the catalog."""
    connection.execute(
        "DELETE FROM series WHERE measurement = ? AND NOT EXISTS"
        " (SELECT 1 FROM segments WHERE segments.series = series.id)",
        [measurement],
    )
    connection.execute(
        "DELETE FROM fields WHERE measurement = ? AND NOT EXISTS"
        " (SELECT 1 FROM series WHERE series.measurement = fields.measurement)",
        [measurement],
    )


# -- rows ------------------------------------------------------------------------------------------


def _empty_columns(
    connection: sqlite3.Connection, query: Query
) -> dict[str, Floats | Strings] | None:
    """An empty column of every field asked for; None where all of them are unknown."""
    if not holdable(query.measurement):
        return None
    kinds = _kinds(connection, query.measurement)
    if not any(name in kinds for name in query.fields):
        return None
    return {name: absent(kinds.get(name), 0) for name in query.fields}


def _groups(
    connection: sqlite3.Connection, query: Query
) -> Iterator[tuple[dict[str, str], list[_Series]]]:
    """Series to read, by their values of the tags grouped by."""
    groups: dict[tuple[str, ...], list[_Series]] = {}
    for series in _series(connection, query.measurement):
        if series.matches(query.where):
            values = tuple(series.tags.get(tag, "") for tag in query.group_by)
            groups.setdefault(values, []).append(series)
    wanted = None if query.series is None else set(query.series)
    for values, members in groups.items():
        tags = dict(zip(query.group_by, values, strict=True))
        if wanted is None or series_key(tags) in wanted:
            yield tags, members


def _read_group(
    connection: sqlite3.Connection,
    group: tuple[dict[str, str], list[_Series]],
    columns: Mapping[str, Floats | Strings],
    query: Query,
) -> Points:
    tags, members = group
    layers = [
        layer for series in members for layer in _read_series(connection, series.id, columns, query)
    ]
    rows = concatenate(layers, columns)
    if len(members) > 1:
        rows = rows.take(np.argsort(rows.times, kind="stable"))
    if query.newest is not None:
        rows = rows.take(slice(max(len(rows) - query.newest, 0), None))
    if query.oldest is not None:
        rows = rows.take(slice(0, query.oldest))
    return Points(tags, rows.times, rows.columns)


def _read_series(
    connection: sqlite3.Connection,
    series: int,
    columns: Mapping[str, Floats | Strings],
    query: Query,
) -> list[Layer]:
    """Rows in time order; of a query for an edge, no more segments than it takes."""
    backwards = query.newest is not None
    wanted = query.newest if backwards else query.oldest
    layers: list[Layer] = []
    rows = 0
    for layer in _layers(connection, series, columns, query, backwards=backwards):
        layers.append(layer)
        rows += len(layer)
        if wanted is not None and rows >= wanted:
            break
    return layers[::-1] if backwards else layers


def _layers(
    connection: sqlite3.Connection,
    series: int,
    columns: Mapping[str, Floats | Strings],
    query: Query,
    *,
    backwards: bool = False,
) -> Iterator[Layer]:
    """The rows of a series, a few segments at a time."""
    start, stop = bounded(query.start, query.stop)
    found = list(segments.clusters(segments.find(connection, series, start, stop)))
    for cluster in reversed(found) if backwards else found:
        for layer in segments.load_parts(connection, cluster, columns, backwards=backwards):
            yield layer.within(start, stop).filled()


def _delete_rows(connection: sqlite3.Connection, series: int, start: int, stop: int) -> None:
    for segment in segments.find(connection, series, start, stop):
        if start <= segment.first and segment.last < stop:
            segments.remove(connection, [segment])
            continue
        layer = segments.load(connection, segment)
        kept = layer.take((layer.times < start) | (layer.times >= stop))
        if len(kept):
            segments.replace(connection, segment, kept)
        else:
            segments.remove(connection, [segment])
