"""The client libraries that people use, each in every way that may be its fastest."""

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol
from urllib.parse import urlsplit

import pandas as pd

from backend.ports import Credentials, Query
from backend.stores.influx import influxql
from backend.stores.influx.address import parse_address
from benchmarks.rows import TAGS

_SECONDS = 600
_ROWS_A_BATCH = 10_000  # as our store sends
_WITHOUT_CONSTANTS = '|> drop(columns: ["_start", "_stop", "_measurement"]) '
Writer = Callable[[str, pd.DataFrame], None]
"""Writes a frame of fields to a measurement, tagged."""
Reader = Callable[[Query], pd.DataFrame]
"""Reads a frame with a column a field and the time as its index."""


class Rival(Protocol):
    """A client library, as packaged; `writers` and `readers` are its ways by name."""

    package: str
    writers: Mapping[str, Writer]
    readers: Mapping[str, Reader]

    def close(self) -> None:
        """Close connections."""
        ...


class DataFrameLibrary:
    """The `influxdb` package, for InfluxDB 1.x."""

    package = "influxdb"

    def __init__(self, url: str) -> None:
        from influxdb import DataFrameClient  # noqa: PLC0415

        address = parse_address(url, Credentials())
        parts = urlsplit(address.base_url)
        self._client: Any = DataFrameClient(
            host=parts.hostname, port=parts.port, database=address.database
        )
        self.writers: Mapping[str, Writer] = {"influxdb DataFrameClient": self._write}
        self.readers: Mapping[str, Reader] = {"influxdb DataFrameClient": self._read}

    def close(self) -> None:
        """Close connections."""
        self._client.close()

    def _write(self, measurement: str, given: pd.DataFrame) -> None:
        """As line protocol, in batches."""
        options = {"protocol": "line", "time_precision": "n", "batch_size": _ROWS_A_BATCH}
        with _of_long_ago():
            self._client.write_points(given, measurement, tags=TAGS, **options)

    def _read(self, query: Query) -> pd.DataFrame:
        """In one piece: in chunks it cannot, with the MessagePack of today."""
        statement = influxql.select(query, dict.fromkeys(query.fields, "float"))
        with _of_long_ago():
            found: dict[Any, pd.DataFrame] = self._client.query(statement)
        (table,) = found.values()
        return table


class ClientLibrary:
    """The `influxdb-client` package, for InfluxDB 2.x; unpacked, since packing doubles its time."""

    package = "influxdb-client"

    def __init__(self, url: str, credentials: Credentials) -> None:
        from influxdb_client import InfluxDBClient  # noqa: PLC0415
        from influxdb_client.client.write_api import SYNCHRONOUS, WriteOptions  # noqa: PLC0415

        address = parse_address(url, credentials)
        self._bucket = address.bucket
        organization = os.environ.get("INFLUXDB2_ORG")
        self._client: Any = InfluxDBClient(
            address.base_url, credentials.token, org=organization, timeout=_SECONDS * 1000
        )
        if not organization:
            self._client.org = self._organization()
        self._at_once = SYNCHRONOUS
        self.writers: Mapping[str, Writer] = {
            "influxdb-client": self._write_pieces,
            "influxdb-client, batching": partial(self._write, WriteOptions()),
        }
        self.readers: Mapping[str, Reader] = {
            "influxdb-client": partial(self._read, ""),
            "influxdb-client, fewer columns": partial(self._read, _WITHOUT_CONSTANTS),
        }

    def write_lines(self, prepared: Sequence[bytes]) -> None:
        """Write lines that were made beforehand."""
        with self._client.write_api(write_options=self._at_once) as api:
            for body in prepared:
                api.write(self._bucket, record=body)

    def close(self) -> None:
        """Close connections."""
        self._client.close()

    def _organization(self) -> str:
        for one in self._client.organizations_api().find_organizations():
            return str(one.id)
        raise RuntimeError("the token may not list organizations; name its one in INFLUXDB2_ORG")

    def _write_pieces(self, measurement: str, given: pd.DataFrame) -> None:
        """At once, in pieces: a million rows in one request run into the server's time limit."""
        for first in range(0, len(given), _ROWS_A_BATCH):
            self._write(self._at_once, measurement, given[first : first + _ROWS_A_BATCH])

    def _write(self, way: Any, measurement: str, given: pd.DataFrame) -> None:
        """Through an API of its own; closing that waits for what it holds back."""
        with self._client.write_api(write_options=way) as api:
            api.write(
                self._bucket,
                record=given.assign(**TAGS),
                data_frame_measurement_name=measurement,
                data_frame_tag_columns=[*TAGS],
            )

    def _read(self, step: str, query: Query) -> pd.DataFrame:
        """By Flux, pivoted to a column a field."""
        start, stop = query.start // 10**9, query.stop // 10**9
        text = (
            f'from(bucket: "{self._bucket}") |> range(start: {start}, stop: {stop}) '
            f'|> filter(fn: (r) => r._measurement == "{query.measurement}") {step}'
            '|> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")'
        )
        found: pd.DataFrame = self._client.query_api().query_data_frame(text)
        return found.set_index("_time")


def rival_of(server: str, url: str, credentials: Credentials) -> Rival:
    """The library that people use with a server, by how it greets."""
    if server.startswith("InfluxDB 1"):
        return DataFrameLibrary(url)
    return ClientLibrary(url, credentials)


@contextmanager
def _of_long_ago() -> Iterator[None]:
    """A library that was written for an older pandas warns at every step."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
