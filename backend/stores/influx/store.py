"""The series store on an InfluxDB."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeVar

import numpy as np

from backend.exceptions import PartialWrite
from backend.ports import FieldKind, Floats, Points, Query, Strings
from backend.records import series_key
from backend.stores.influx import influxql, lineprotocol
from backend.stores.influx.address import Address
from backend.stores.influx.answers import Rows, Series
from backend.stores.influx.client import DatabaseMissing, InfluxClient
from backend.stores.rows import absent, admit, bounded, holdable

_log = logging.getLogger(__name__)
_NUMBERS = ("float", "integer", "unsigned")
_PRECEDENCE: tuple[FieldKind, ...] = ("float", "integer", "string", "boolean")
_Result = TypeVar("_Result")


class InfluxSeriesStore:
    """Series in an InfluxDB, read by InfluxQL and written by line protocol.

    Args:
        address: server, database and credentials.
        create: create the database on first use if it is missing.
        client: HTTP client; one of its own by default.
    """

    def __init__(
        self, address: Address, *, create: bool = False, client: InfluxClient | None = None
    ) -> None:
        self._address = address
        self._create = create
        self._client = client or InfluxClient(address)
        self._reported: set[tuple[str, str]] = set()

    def ping(self) -> str:
        """Say which InfluxDB answers, after it has shown the database to the caller."""
        version = self._client.version()
        self._require_database()
        return f"InfluxDB {version}"

    def read(self, query: Query) -> list[Points]:
        """Read rows; see `SeriesStore.read`."""
        names = (query.measurement, *query.where, *query.where.values(), *query.group_by)
        start, stop = bounded(query.start, query.stop)
        if stop <= start or query.newest == 0 or not holdable(*names):
            return []
        stored = self.fields(query.measurement)
        kinds = {name: stored[name] for name in query.fields if name in stored}
        if not kinds:
            return []
        answer = self._ask(influxql.select(query, kinds))
        found = [_points(series, query, kinds) for series in answer]
        return sorted(found, key=lambda points: series_key(points.tags))

    def write(self, measurement: str, batches: Sequence[Points]) -> None:
        """Store rows; see `SeriesStore.write`."""
        dropped: list[PartialWrite] = []
        for body in lineprotocol.bodies(measurement, admit(measurement, batches)):
            try:
                self._with_database(partial(self._client.write, body))
            except PartialWrite as error:
                dropped.append(error)
        if dropped:
            raise PartialWrite(str(dropped[0]), sum(error.dropped for error in dropped))

    def delete(self, measurement: str, where: Mapping[str, str], start: int, stop: int) -> None:
        """Delete rows; see `SeriesStore.delete`."""
        start, stop = bounded(start, stop)
        if start < stop and measurement and holdable(measurement, *where, *where.values()):
            self._ask(influxql.delete(measurement, where, start, stop))

    def measurements(self) -> list[str]:
        """All measurements, sorted."""
        return sorted(self._list(influxql.show_measurements(), "name"))

    def fields(self, measurement: str) -> dict[str, FieldKind]:
        """Fields of a measurement with their kinds; a field of several kinds has the foremost."""
        if not measurement or not holdable(measurement):
            return {}
        kinds: dict[str, set[str]] = {}
        for series in self._catalog(influxql.show_field_keys(measurement)):
            for row in series.rows():
                named = dict(zip(series.columns, row, strict=True))
                kinds.setdefault(named["fieldKey"], set()).add(named["fieldType"])
        foremost = {name: _foremost(kinds[name]) for name in sorted(kinds)}
        for name, kind in foremost.items():
            if kinds[name] - _readable_as(kind):
                self._report_mixed(measurement, name, kinds[name])
        return foremost

    def tag_values(self, measurement: str, tag: str) -> list[str]:
        """Values of a tag, sorted."""
        if not measurement or not tag or not holdable(measurement, tag):
            return []
        return sorted(self._list(influxql.show_tag_values(measurement, tag), "value"))

    def tag_keys(self, measurement: str) -> list[str]:
        """Tags of a measurement, sorted."""
        if not measurement or not holdable(measurement):
            return []
        return sorted(self._list(influxql.show_tag_keys(measurement), "tagKey"))

    def close(self) -> None:
        """Close connections."""
        self._client.close()

    def _report_mixed(self, measurement: str, name: str, kinds: set[str]) -> None:
        if (measurement, name) in self._reported:
            return
        self._reported.add((measurement, name))
        _log.warning(
            "field %r of %r is stored as %s in different shards; only the %s values are read",
            name,
            measurement,
            " and ".join(sorted(kinds)),
            _foremost(kinds),
        )

    def _ask(self, statement: str) -> list[Series]:
        return self._with_database(lambda: self._client.query(statement))

    def _list(self, statement: str, column: str) -> set[str]:
        return {
            row[series.columns.index(column)]
            for series in self._catalog(statement)
            for row in series.rows()
        }

    def _catalog(self, statement: str) -> list[Series]:
        answer = self._ask(statement)
        if not answer:
            # SHOW gives an unknown database the same empty answer as one without data
            self._require_database()
        return answer

    def _require_database(self) -> None:
        self._ask(influxql.show_retention_policies(self._address.database))

    def _with_database(self, action: Callable[[], _Result]) -> _Result:
        """Run an action; where the database is missing and may be created, create it first."""
        try:
            return action()
        except DatabaseMissing:
            if not self._create:
                raise
        database, policy = self._address.database, self._address.policy
        self._client.query(influxql.create_database(database), database=False)
        if policy:
            statement = influxql.create_retention_policy(database, policy)
            self._client.query(statement, database=False)
        return action()


def _foremost(kinds: set[str]) -> FieldKind:
    return next((kind for kind in _PRECEDENCE if kind in kinds), "integer")


def _readable_as(kind: FieldKind) -> set[str]:
    return set(_NUMBERS) if kind in _NUMBERS else {kind}


def _points(series: Series, query: Query, kinds: Mapping[str, FieldKind]) -> Points:
    names = dict.fromkeys(query.fields)
    parts = [_arrays(series.columns, chunk, kinds) for chunk in series.chunks]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    if query.newest is not None:
        joined = {name: values[::-1].copy() for name, values in joined.items()}
    times = joined["time"]
    fields = {name: joined.get(name, absent(None, len(times))) for name in names}
    tags = {tag: series.tags.get(tag, "") for tag in query.group_by}
    return Points(tags, times, fields)


def _arrays(
    columns: Sequence[str], rows: Rows, kinds: Mapping[str, FieldKind]
) -> dict[str, np.ndarray]:
    values = dict(zip(columns, zip(*rows, strict=True), strict=True))
    arrays = {name: _column(values[name], kind) for name, kind in kinds.items()}
    return {"time": np.array(values["time"], dtype=np.int64), **arrays}


def _column(values: Iterable[object], kind: FieldKind) -> Floats | Strings:
    # None becomes NaN where the kind is a number
    return np.array(values, dtype=object if kind == "string" else np.float64)
