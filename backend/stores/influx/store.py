"""The series store on an InfluxDB."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from backend.exceptions import StoreRefused
from backend.ports import FieldKind, Finding, Points, Query
from backend.records import parse_series_key
from backend.stores.influx import influxql
from backend.stores.influx.address import Address
from backend.stores.influx.administration import Administration
from backend.stores.influx.catalog import Catalog
from backend.stores.influx.client import InfluxClient
from backend.stores.influx.examination import Examination
from backend.stores.influx.patience import Patience
from backend.stores.influx.reading import Kinds, Reading
from backend.stores.rows import admit, bounded, check_deletable, holdable


class InfluxSeriesStore:
    """Series in an InfluxDB 1, 2 or 3, read by InfluxQL and written by line protocol.

    Args:
        address: server, database and credentials.
        create: create the database on first use if it is missing.
        client: HTTP client; one of its own by default.
    """

    reduces = True

    def __init__(
        self, address: Address, *, create: bool = False, client: InfluxClient | None = None
    ) -> None:
        self._address = address
        self._client = client or InfluxClient(address)
        self._administration = Administration(address, Patience())
        self._catalog = Catalog(self._client, self._administration, create=create)
        self._reading = Reading(self._client)

    def ping(self) -> str:
        """Say which InfluxDB answers, after it has shown the database to the caller."""
        greeting = self._client.greet()
        self._catalog.require_database()
        return f"InfluxDB {greeting.generation.version}"

    def read(self, query: Query) -> list[Points]:
        """Read rows; see `SeriesStore.read`."""
        asked = self._answerable(query)
        if asked is None:
            return []
        return self._catalog.ensured(lambda: self._reading.read(*asked))

    def stream(self, query: Query, rows: int) -> Iterator[Points]:
        """Read rows in pieces; see `SeriesStore.stream`."""
        if query.newest is not None or query.oldest is not None:
            raise ValueError("expected a query for all rows of a range, got one for its edge")
        asked = self._answerable(query)
        return iter(()) if asked is None else self._reading.stream(*asked, rows)

    def write(self, measurement: str, batches: Sequence[Points]) -> None:
        """Store rows; see `SeriesStore.write`."""
        self.write_all({measurement: batches})

    def write_all(self, tables: Mapping[str, Sequence[Points]]) -> None:
        """Store rows of several measurements; see `SeriesStore.write_all`."""
        # what encodes rows is large, and the pages write none
        from backend.stores.influx import writing  # noqa: PLC0415

        admitted = {name: admit(name, batches) for name, batches in tables.items()}
        writing.write(admitted, self._send)

    def delete(self, measurement: str, where: Mapping[str, str], start: int, stop: int) -> None:
        """Delete rows; see `SeriesStore.delete`."""
        check_deletable(measurement)
        start, stop = bounded(start, stop)
        if start >= stop or not holdable(*where, *where.values()):
            return
        generation = self._client.generation()
        if not generation.deletes:
            raise StoreRefused(
                f"{self._address} is version {generation.version}, which cannot delete rows; give "
                "the database a retention period, or delete the whole table with: influxdb3 delete "
                f"table --database '{self._address.bucket}' {measurement}"
            )
        self._catalog.require_database()
        if generation.major == 1:
            self._client.query(influxql.delete(measurement, where, start, stop))
        else:
            self._administration.delete({"_measurement": measurement, **where}, start, stop - 1)

    def measurements(self) -> list[str]:
        """All measurements, sorted."""
        return self._catalog.measurements()

    def fields(self, measurement: str) -> dict[str, FieldKind]:
        """Fields of a measurement with their kinds; a field of several kinds has the foremost."""
        return self._catalog.fields(measurement)

    def mixed_fields(self, measurement: str) -> dict[str, tuple[str, ...]]:
        """Fields stored under kinds that cannot be read together, foremost first."""
        return self._catalog.mixed_fields(measurement)

    def tag_values(self, measurement: str, tag: str, limit: int | None = None) -> list[str]:
        """Values of a tag, sorted."""
        return self._catalog.tag_values(measurement, tag, limit)

    def tag_keys(self, measurement: str) -> list[str]:
        """Tags of a measurement, sorted."""
        return self._catalog.tag_keys(measurement)

    def examine(self, at: int, *, writing: bool, scratch: bool) -> list[Finding]:
        """Look at the server from every side; see `SeriesStore.examine`."""
        examination = Examination(self, self._client, at)
        return list(examination.findings(writing=writing, scratch=scratch))

    def close(self) -> None:
        """Close connections."""
        self._client.close()

    def _answerable(self, query: Query) -> tuple[Query, Kinds] | None:
        """The query within what the store can hold, and the stored fields; None if it is empty."""
        query = _of_known_series(query)
        if query.series == ():
            return None
        names = (query.measurement, *query.where, *query.where.values(), *query.group_by)
        start, stop = bounded(query.start, query.stop)
        if stop <= start or 0 in (query.newest, query.oldest) or not holdable(*names):
            return None
        kinds = self._catalog.kinds(query.measurement, query.fields)
        return (replace(query, start=start, stop=stop), kinds) if kinds else None

    def _send(self, body: bytes, encoding: str | None) -> None:
        self._catalog.ensured(lambda: self._client.write(body, encoding))


def _of_known_series(query: Query) -> Query:
    """The query for those of its series that a store can hold; without any, all are meant."""
    if query.series is None:
        return query
    if not query.group_by:
        return replace(query, series=None if "" in query.series else ())
    wanted = [key for key in query.series if holdable(*parse_series_key(key).values())]
    return replace(query, series=tuple(wanted))
