"""Who takes part: the server itself, and the client libraries that people use."""

import gzip
import os
import socket
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

import numpy as np
import pandas as pd
import urllib3

from backend.ports import Credentials, Points, Query
from backend.stores.influx import influxql, writing
from backend.stores.influx.address import parse_address
from backend.stores.influx.client import InfluxClient

FIELDS = ("temp", "moist", "H2S", "NH3", "NO2")
START = 1_700_000_000_000_000_000
STEP = 10_000_000_000
LINES = "influxdb-client, lines made before"
_PIECE = 1 << 20
Body = tuple[bytes, str | None]


def rows_of(count: int) -> Points:
    """Sensor-like rows of one series: noisy levels at two decimals."""
    random = np.random.default_rng(0)
    times = START + STEP * np.arange(count, dtype=np.int64)
    values = (20 + random.normal(size=(len(FIELDS), count))).round(2)
    return Points({"room": "a"}, times, dict(zip(FIELDS, values, strict=True)))


def frame(points: Points) -> pd.DataFrame:
    """Rows as a frame with a UTC index of nanoseconds."""
    index = pd.DatetimeIndex(points.times.view("datetime64[ns]"), tz="UTC")
    return pd.DataFrame(dict(points.fields), index=index)


def bodies(measurement: str, points: Sequence[Points]) -> list[Body]:
    """The request bodies that a write sends, made beforehand."""
    sent: list[Body] = []
    writing.write(measurement, points, lambda body, encoding: sent.append((body, encoding)))
    return sent


def unpacked(prepared: Sequence[Body]) -> list[Body]:
    """The same bodies as lines."""
    return [(gzip.decompress(body) if packed else body, None) for body, packed in prepared]


class Rival(Protocol):
    """A client library that reads and writes frames."""

    name: str

    def write(self, measurement: str, given: pd.DataFrame) -> None:
        """Write a frame, tagged with its room."""
        ...

    def read(self, query: Query) -> pd.DataFrame:
        """Read a frame with a column a field."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...


class Server:
    """The server's own time: requests with nothing done about them."""

    def __init__(self, url: str, credentials: Credentials) -> None:
        self._address = parse_address(url, credentials)
        self._client = InfluxClient(self._address)
        self._pool = urllib3.PoolManager()

    def write(self, prepared: Sequence[Body]) -> None:
        """Send bodies one after the other, as our store does."""
        for body, encoding in prepared:
            self._client.write(body, encoding)

    def read(self, query: Query) -> None:
        """Send the statement that our store sends, and throw the answer away."""
        statement = influxql.select(query, dict.fromkeys(query.fields, "float"))
        form = {"db": self._address.database, "q": statement, "epoch": "ns"}
        form |= {"chunked": "true", "chunk_size": "10000"}
        headers = {"Accept": "application/x-msgpack", "Accept-Encoding": "identity"}
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        if token := self._address.credentials.token:
            headers["Authorization"] = f"Token {token}"
        parts = urlsplit(self._address.base_url)
        with closing(socket.create_connection((parts.hostname, parts.port))) as connection:
            body = urlencode(form).encode()
            lines = [f"{name}: {value}" for name, value in headers.items()]
            head = ["POST /query HTTP/1.1", f"Host: {parts.netloc}", *lines]
            head += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
            connection.sendall("\r\n".join(head).encode() + body)
            thrown_away = bytearray(_PIECE)
            while connection.recv_into(thrown_away):
                pass

    def close(self) -> None:
        """Close connections."""
        self._client.close()


@contextmanager
def _of_long_ago() -> Iterator[None]:
    """A library that was written for an older pandas warns at every step."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class DataFrameLibrary:
    """The `influxdb` package, for InfluxDB 1.x."""

    name = "influxdb DataFrameClient"

    def __init__(self, url: str) -> None:
        from influxdb import DataFrameClient  # noqa: PLC0415

        address = parse_address(url, Credentials())
        parts = urlsplit(address.base_url)
        self._client: Any = DataFrameClient(
            host=parts.hostname, port=parts.port, database=address.database
        )

    def write(self, measurement: str, given: pd.DataFrame) -> None:
        """Write a frame as line protocol, in the batches that our store sends."""
        options = {"protocol": "line", "time_precision": "n", "batch_size": 10_000}
        with _of_long_ago():
            self._client.write_points(given, measurement, tags={"room": "a"}, **options)

    def read(self, query: Query) -> pd.DataFrame:
        """Read it in one piece: in chunks it cannot, with the MessagePack of today."""
        statement = influxql.select(query, dict.fromkeys(query.fields, "float"))
        with _of_long_ago():
            found = self._client.query(statement)
        (table,) = found.values()
        return table

    def close(self) -> None:
        """Close connections."""
        self._client.close()


class ClientLibrary:
    """The `influxdb-client` package, for InfluxDB 2.x."""

    name = "influxdb-client"

    def __init__(self, url: str, credentials: Credentials) -> None:
        from influxdb_client import InfluxDBClient  # noqa: PLC0415
        from influxdb_client.client.write_api import SYNCHRONOUS  # noqa: PLC0415

        address = parse_address(url, credentials)
        self._bucket = address.bucket
        self._client = InfluxDBClient(
            address.base_url,
            credentials.token,
            org=os.environ.get("INFLUXDB2_ORG", ""),
            enable_gzip=True,
            timeout=600_000,
        )
        if not self._client.org:
            self._client.org = self._client.organizations_api().find_organizations()[0].id
        self._write = self._client.write_api(write_options=SYNCHRONOUS)

    def write(self, measurement: str, given: pd.DataFrame) -> None:
        """Write a frame."""
        self._write.write(
            self._bucket,
            record=given.assign(room="a"),
            data_frame_measurement_name=measurement,
            data_frame_tag_columns=["room"],
        )

    def write_lines(self, prepared: Sequence[Body]) -> None:
        """Write lines that were made beforehand."""
        for lines, _ in prepared:
            self._write.write(self._bucket, record=lines)

    def read(self, query: Query) -> pd.DataFrame:
        """Read by Flux, pivoted to a column a field."""
        start, stop = query.start // 10**9, query.stop // 10**9
        text = (
            f'from(bucket: "{self._bucket}") |> range(start: {start}, stop: {stop}) '
            f'|> filter(fn: (r) => r._measurement == "{query.measurement}") '
            '|> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")'
        )
        found = self._client.query_api().query_data_frame(text)
        return found.set_index("_time")

    def close(self) -> None:
        """Close connections."""
        self._client.close()


def rival_of(server: str, url: str, credentials: Credentials) -> Rival:
    """The library that people use with a server, by how it greets."""
    if server.startswith("InfluxDB 1"):
        return DataFrameLibrary(url)
    return ClientLibrary(url, credentials)


def series_of(count: int, piece: int) -> Iterator[Points]:
    """Many rows of one series, some at a time."""
    for first in range(0, count, piece):
        size = min(piece, count - first)
        points = rows_of(size)
        yield Points(points.tags, points.times + first * STEP, points.fields)
