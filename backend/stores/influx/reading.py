"""Reading rows: which statements a query takes, and their answers as `Points`."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import cast

import numpy as np
import orjson

from backend.detection.grid import floor_to
from backend.exceptions import StoreError
from backend.ports import FieldKind, Floats, Points, Query, Strings
from backend.stores.influx import influxql
from backend.stores.influx.answers import Part
from backend.stores.influx.client import InfluxClient
from backend.stores.influx.refusals import TooManyFiles
from backend.stores.rows import absent, aggregated, bucketed, cut, joined

_NUMBERS = ("float", "integer")
_SMALLEST_WINDOW = 60 * 10**9
_MANY_WINDOWS = 32
Kinds = Mapping[str, FieldKind]


class Reading:
    """Asks for rows of fields that are known to exist."""

    def __init__(self, client: InfluxClient) -> None:
        self._client = client

    def read(self, query: Query, kinds: Kinds) -> list[Points]:
        """All rows, one `Points` a series, sorted by series key.

        Args:
            query: bounded to times that a store can hold.
            kinds: the stored ones among its fields, at least one.
        """
        if query.newest is not None or query.oldest is not None:
            return self._edge(query, kinds)
        if query.every is not None and not _aggregable(kinds):
            # the mean of a boolean, or of what changes its kind, is beyond the server
            raw = self.read(replace(query, every=None), kinds)
            found = (aggregated(points, query.every, query.aggregate) for points in raw)
            return [*filter(len, found)]
        return joined(_points(part, query, kinds) for part in self._whole(query, kinds))

    def stream(self, query: Query, kinds: Kinds, rows: int) -> Iterator[Points]:
        """The same in pieces of at most `rows` rows, none of them kept."""
        if query.every is not None and not _aggregable(kinds):
            raw = self.stream(replace(query, every=None), kinds, rows)
            yield from bucketed(raw, query.every, query.aggregate)
            return
        for window in self._windows(query):
            for part in self._halving(window, lambda part: self._begin_stream(part, kinds, rows)):
                yield from cut(_points(part, query, kinds), rows)

    def _whole(self, query: Query, kinds: Kinds) -> Iterator[Part]:
        """The answers of all windows, each asked for again as a whole if it breaks off."""
        for window in self._windows(query):
            yield from self._halving(window, lambda part: self._ask(part, kinds))

    def _halving(self, query: Query, ask: Callable[[Query], Iterable[Part]]) -> Iterator[Part]:
        """One window; in halves where it has too many files for InfluxDB 3 Core."""
        try:
            found = ask(query)
        except TooManyFiles as error:
            for half in _halves(query, error):
                yield from self._halving(half, ask)
        else:
            yield from found

    def _begin_stream(self, query: Query, kinds: Kinds, rows: int) -> Iterator[Part]:
        """An answer as it arrives; asked for again as long as nothing has come of it."""
        statement, columns = _statement(query, kinds), ("time", *kinds)
        first, rest = self._client.patiently(
            lambda: _begun(self._client.stream(statement, rows=rows, columns=columns))
        )
        return chain(first, rest)

    def _edge(self, query: Query, kinds: Kinds) -> list[Points]:
        """The newest or oldest rows of each series."""
        try:
            found = self._ask(query, kinds)
        except TooManyFiles:
            parts = [self._ask(window, kinds) for window in self._windows(query)]
            order = reversed(parts) if query.newest is not None else iter(parts)
            found = list(chain.from_iterable(order))
        pieces = joined(_points(part, query, kinds) for part in found)
        return [_first(points, query) for points in pieces]

    def _ask(self, query: Query, kinds: Kinds) -> list[Part]:
        return self._client.query(_statement(query, kinds), columns=("time", *kinds))

    def _windows(self, query: Query) -> Iterator[Query]:
        """The query, in parts no longer than the server allows."""
        length = self._client.generation().window
        if length is None or query.stop - query.start <= length:
            yield query
            return
        step = query.every or 1
        length = max(length - length % step, step)
        start = self._begin(query, length)
        while start < query.stop:
            # no bucket is cut in two, whether or not the query begins with a whole one
            stop = min(floor_to(start + length, step), query.stop)
            yield replace(query, start=start, stop=stop)
            start = stop

    def _begin(self, query: Query, length: int) -> int:
        """Where a long range begins to hold files, so that years without any are not asked for."""
        if query.stop - query.start <= _MANY_WINDOWS * length:
            return query.start
        first = self._first_file(query.measurement)
        if first is None:
            return query.start
        steps = max(first - query.start, 0) // length
        return query.start + steps * length

    def _first_file(self, measurement: str) -> int | None:
        """The first time in any file of InfluxDB 3; None where it does not say."""
        statement = (
            "SELECT min(min_time) AS first FROM system.parquet_files WHERE table_name = $name"
        )
        asked = {
            "db": self._client.address.bucket,
            "q": statement,
            "params": {"name": measurement},
            "format": "json",
        }
        try:
            text = self._client.post("/api/v3/query_sql", orjson.dumps(asked), "application/json")
            return int(orjson.loads(text)[0]["first"])
        except (StoreError, ValueError, TypeError, LookupError):
            # only a way to ask less
            return None


def _aggregable(kinds: Kinds) -> bool:
    """Whether the server can compute numbers of buckets."""
    return all(kind in _NUMBERS for kind in kinds.values())


def _statement(query: Query, kinds: Kinds) -> str:
    if query.every is not None:
        return influxql.select_aggregates(query, kinds, query.every)
    return influxql.select(query, kinds)


def _halves(query: Query, error: TooManyFiles) -> list[Query]:
    step = query.every or 1
    middle = floor_to(query.start + (query.stop - query.start) // 2, step)
    if middle - query.start < max(step, _SMALLEST_WINDOW):
        raise TooManyFiles(
            f"{error}; even {_SMALLEST_WINDOW // 10**9} seconds are too many files: raise "
            "--query-file-limit of InfluxDB 3"
        ) from error
    return [replace(query, stop=middle), replace(query, start=middle)]


def _begun(parts: Iterator[Part]) -> tuple[list[Part], Iterator[Part]]:
    """Wait for the first part, so that it can be asked for again if it does not come."""
    return [part for part in [next(parts, None)] if part is not None], parts


def _points(part: Part, query: Query, kinds: Kinds) -> Points:
    count = len(part)
    fields: dict[str, Floats | Strings] = {}
    for name in dict.fromkeys(query.fields):
        kind = kinds.get(name)
        fields[name] = _column(part, name, kind) if kind else absent(None, count)
    tags = {tag: part.tags.get(tag, "") for tag in query.group_by}
    return Points(tags, np.asarray(part.columns["time"], dtype=np.int64), fields)


def _column(part: Part, name: str, kind: FieldKind) -> Floats | Strings:
    column = part.columns[name]
    if kind == "string" and column.dtype != np.object_:
        # a piece of text without any text in it arrives as numbers that are all absent
        return absent(kind, len(part))
    return cast("Floats | Strings", column)


def _first(points: Points, query: Query) -> Points:
    """The rows wanted, ascending, of those that windows brought."""
    wanted = slice(0, query.newest if query.newest is not None else query.oldest)
    order = slice(None, None, -1) if query.newest is not None else slice(None)
    fields = {name: values[wanted][order].copy() for name, values in points.fields.items()}
    return Points(points.tags, points.times[wanted][order].copy(), fields)
