"""The server's own time: the requests that our store sends, with nothing done about them."""

import gzip
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.parse import urlencode, urlsplit

from backend.ports import Credentials, Points, Query
from backend.stores.influx import influxql, writing
from backend.stores.influx.address import parse_address
from backend.stores.influx.client import InfluxClient
from backend.stores.influx.generation import authorization, names

_ROWS_A_CHUNK = 10_000
_PIECE = 1 << 20
Body = tuple[bytes, str | None]
"""What a write sends, and its encoding."""


def bodies(measurement: str, points: Sequence[Points]) -> list[Body]:
    """The request bodies that a write of our store sends, made beforehand."""
    sent: list[Body] = []
    writing.write({measurement: points}, lambda body, encoding: sent.append((body, encoding)))
    return sent


def lines(prepared: Sequence[Body]) -> list[bytes]:
    """The same bodies unpacked."""
    return [gzip.decompress(body) if encoding else body for body, encoding in prepared]


class Server:
    """Sends what was made beforehand, and throws away what comes."""

    def __init__(self, url: str, credentials: Credentials) -> None:
        self._address = parse_address(url, credentials)
        self._client = InfluxClient(self._address)

    def write(self, prepared: Sequence[Body]) -> None:
        """Send bodies one after the other, by the session that our store uses."""
        for body, encoding in prepared:
            self._client.write(body, encoding)

    def read(self, query: Query) -> int:
        """Send the statement that our store sends; the bytes that were thrown away."""
        request = self._request(query)
        thrown_away = bytearray(_PIECE)
        size = 0
        with self._connected() as connection, connection.makefile("rb") as answer:
            connection.sendall(request)
            status = answer.readline()
            if b" 200 " not in status:
                raise RuntimeError(f"the server does not let itself be read: {status!r}")
            while count := answer.readinto1(thrown_away):
                size += count
        return size

    def close(self) -> None:
        """Close connections."""
        self._client.close()

    def _request(self, query: Query) -> bytes:
        statement = influxql.select(query, dict.fromkeys(query.fields, "float"))
        form = {"q": statement, "epoch": "ns", "chunked": "true"}
        form |= {"chunk_size": str(_ROWS_A_CHUNK), **names(self._address)}
        return _post("/query", self._headers(), urlencode(form).encode())

    def _headers(self) -> Mapping[str, str]:
        generation = self._client.generation()
        said = authorization(self._address.credentials, generation.major)
        return {
            "Host": urlsplit(self._address.base_url).netloc,
            "Accept": generation.media,
            "Accept-Encoding": "identity",
            "Content-Type": "application/x-www-form-urlencoded",
            "Connection": "close",
            **({"Authorization": said} if said else {}),
        }

    @contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        parts = urlsplit(self._address.base_url)
        with socket.create_connection((parts.hostname, parts.port)) as plain:
            if parts.scheme != "https":
                yield plain
                return
            context = ssl.create_default_context()
            with context.wrap_socket(plain, server_hostname=parts.hostname) as encrypted:
                yield encrypted


def _post(path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    head = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    head += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(head).encode() + body
