"""A proxy before a real server that does what networks, proxies and servers do on a bad day."""

import gzip
import http.client
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from email.utils import formatdate, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread

import msgpack

from tests.servers.stub import Asked, understood

_PIECE = 4096
_HOP = {"transfer-encoding", "connection", "content-length", "keep-alive"}
_UPSTREAM_SECONDS = 30


@dataclass(frozen=True)
class Answer:
    """An answer as the server gave it, its transfer encoding undone."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Exchange:
    """One request on its way."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: socket.socket
    stopping: Event
    _forward: Callable[["Exchange"], Answer] = field(repr=False)
    reset: bool = False

    def forward(self) -> Answer:
        """Let the server have the request."""
        return self._forward(self)

    def send_head(self, answer: Answer, **headers: str) -> None:
        """Status and headers."""
        self.connection.sendall(self.head(answer, **headers))

    @staticmethod
    def head(answer: Answer, **headers: str) -> bytes:
        """Status and headers as they are sent."""
        kept = {k: v for k, v in answer.headers.items() if k.lower() not in _HOP}
        lines = [f"HTTP/1.1 {answer.status} {http.client.responses.get(answer.status, '')}"]
        lines += [f"{name}: {value}" for name, value in {**kept, **headers}.items()]
        lines.append("Connection: close")  # one exchange a connection
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def send_chunks(self, body: bytes, *, end: bool = True) -> None:
        """A chunked body; without its end the client has to expect more."""
        self.connection.sendall(chunked(body) + (LAST_CHUNK if end else b""))

    def pass_on(self, answer: Answer) -> None:
        """The whole answer, as it should be."""
        if answer.status == 204:
            self.send_head(answer)
            return
        self.send_head(answer, **{"Transfer-Encoding": "chunked"})
        self.send_chunks(answer.body)

    def hang_up(self, *, reset: bool = False) -> None:
        """Close the connection, with a reset as a machine that went down does."""
        self.reset = reset
        if reset:
            # sent when the handler has let go of the connection
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        else:
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()


LAST_CHUNK = b"0\r\n\r\n"


def chunked(body: bytes) -> bytes:
    """A body in chunks, the last one not among them."""
    pieces = (body[start : start + _PIECE] for start in range(0, len(body), _PIECE))
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


Fault = Callable[[Exchange], None]
"""What happens to one exchange."""


def passes(exchange: Exchange) -> None:
    """Nothing out of the ordinary."""
    exchange.pass_on(exchange.forward())


@dataclass(frozen=True)
class Delay:
    """The server gets the request, and the client has to wait for the answer."""

    seconds: float

    def __call__(self, exchange: Exchange) -> None:
        answer = exchange.forward()
        exchange.stopping.wait(self.seconds)
        exchange.pass_on(answer)


@dataclass(frozen=True)
class Cut:
    """The connection breaks after a share of the answer's body, in the middle of a chunk."""

    share: float
    reset: bool = False

    def __call__(self, exchange: Exchange) -> None:
        answer = exchange.forward()
        at = int(len(answer.body) * self.share)
        begin = at - at % _PIECE
        piece = answer.body[begin : begin + _PIECE]
        exchange.send_head(answer, **{"Transfer-Encoding": "chunked"})
        exchange.send_chunks(answer.body[:begin], end=False)
        exchange.connection.sendall(b"%x\r\n%b" % (len(piece), piece[: at - begin]))
        exchange.hang_up(reset=self.reset)


@dataclass(frozen=True)
class CutAtChunk:
    """The same between two chunks; at the end of the body only the mark of its end is missing."""

    share: float

    def __call__(self, exchange: Exchange) -> None:
        answer = exchange.forward()
        exchange.send_head(answer, **{"Transfer-Encoding": "chunked"})
        exchange.send_chunks(answer.body[: int(len(answer.body) * self.share)], end=False)
        exchange.hang_up()


@dataclass(frozen=True)
class Short:
    """The body ends before the length that the headers announce."""

    share: float

    def __call__(self, exchange: Exchange) -> None:
        answer = exchange.forward()
        exchange.send_head(answer, **{"Content-Length": str(len(answer.body))})
        exchange.connection.sendall(answer.body[: int(len(answer.body) * self.share)])
        exchange.hang_up()


@dataclass(frozen=True)
class CutAnywhere:
    """The connection breaks after so many bytes of an answer, its headers among them."""

    size: int

    def __call__(self, exchange: Exchange) -> None:
        answer = exchange.forward()
        head = exchange.head(answer, **{"Transfer-Encoding": "chunked"})
        whole = head + chunked(answer.body) + LAST_CHUNK
        exchange.connection.sendall(whole[: self.size])
        exchange.hang_up()


@dataclass(frozen=True)
class CutBetween:
    """Only the first whole messages of an answer arrive; `hidden` even with a proper end."""

    messages: int
    hidden: bool

    def __call__(self, exchange: Exchange) -> None:
        answer = exchange.forward()
        end = list(message_ends(answer))[self.messages - 1]
        exchange.send_head(answer, **{"Transfer-Encoding": "chunked"})
        exchange.send_chunks(answer.body[:end], end=self.hidden)
        if not self.hidden:
            exchange.hang_up()


@dataclass(frozen=True)
class Refuse:
    """The server is not even asked."""

    status: int
    body: bytes = b"<html>no</html>"
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(self, exchange: Exchange) -> None:
        # as every server and proxy says; without it the answer would count as cut off
        headers = {"Date": formatdate(usegmt=True), **self.headers}
        exchange.pass_on(Answer(self.status, headers, self.body))


def truncated_gzip(exchange: Exchange) -> None:
    """A proxy packs the answer although nobody asked for it, and loses the end."""
    answer = exchange.forward()
    packed = gzip.compress(answer.body)
    packed = packed[: len(packed) * 2 // 3]
    exchange.send_head(answer, **{"Content-Encoding": "gzip", "Content-Length": str(len(packed))})
    exchange.connection.sendall(packed)


@dataclass(frozen=True)
class Relabel:
    """The answer says that it is of another kind than it is."""

    media: str

    def __call__(self, exchange: Exchange) -> None:
        answer = exchange.forward()
        exchange.pass_on(replace(answer, headers={**answer.headers, "Content-Type": self.media}))


@dataclass(frozen=True)
class Drip:
    """The answer comes byte by byte, each before the client would give up waiting for one."""

    pause: float
    headers: bool = False

    def __call__(self, exchange: Exchange) -> None:
        answer = exchange.forward()
        if self.headers:
            dripping = b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 10_000
        else:
            exchange.send_head(answer, **{"Content-Length": str(len(answer.body) + 10_000)})
            dripping = answer.body
        for byte in dripping:
            if exchange.stopping.wait(self.pause):
                return
            exchange.connection.sendall(bytes([byte]))


@dataclass(frozen=True)
class Steady:
    """A slow line: the answer comes piece by piece, and comes to its end."""

    size: int
    pause: float

    def __call__(self, exchange: Exchange) -> None:
        answer = exchange.forward()
        exchange.send_head(answer, **{"Content-Length": str(len(answer.body))})
        for start in range(0, len(answer.body), self.size):
            if exchange.stopping.wait(self.pause):
                return
            exchange.connection.sendall(answer.body[start : start + self.size])


def another_protocol(exchange: Exchange) -> None:
    """What answers does not speak HTTP."""
    exchange.connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")
    exchange.hang_up()


def unacknowledged(exchange: Exchange) -> None:
    """The server does what it was asked, and the client never hears of it."""
    exchange.forward()
    exchange.hang_up()


def cut_headers(exchange: Exchange) -> None:
    """The first line says that all is well; the rest is lost, and the request as well."""
    exchange.connection.sendall(b"HTTP/1.1 204 No Content\r\n")
    exchange.hang_up()


@dataclass(frozen=True)
class ClockShift:
    """The server's clock is wrong."""

    seconds: float

    def __call__(self, exchange: Exchange) -> None:
        answer = exchange.forward()
        told = parsedate_to_datetime(answer.headers["Date"]).timestamp() + self.seconds
        exchange.pass_on(
            replace(answer, headers={**answer.headers, "Date": formatdate(told, usegmt=True)})
        )


def message_ends(answer: Answer) -> Iterator[int]:
    """Where the chunks of a query's answer end."""
    if "msgpack" not in answer.headers.get("Content-Type", ""):
        yield from (at + 1 for at, byte in enumerate(answer.body) if byte == ord("\n"))
        return
    unpacker = msgpack.Unpacker(max_buffer_size=0)
    unpacker.feed(answer.body)
    for _ in unpacker:
        yield unpacker.tell()


class FaultProxy:
    """`with FaultProxy(port, "/query", [Cut(0.5)]) as proxy:`; then everything passes.

    Args:
        upstream: port of the server, on loopback.
        path: requests of this path meet the faults, one each; all others pass.
        faults: in order.

    Leaving it ends what still drips or waits, joins all threads, and raises what went wrong in the
    proxy itself.
    """

    def __init__(self, upstream: int, path: str, faults: Sequence[Fault]) -> None:
        self._upstream = upstream
        self._path = path
        self._faults = list(faults)
        self._lock = Lock()
        self._stopping = Event()
        self._mistakes: list[Exception] = []
        self.always: Fault | None = None
        """While it is set every request meets it, of whatever path."""
        self.met: list[Asked] = []
        """The requests that met a fault or could have, in order, one for each try."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = False
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_port

    def __enter__(self) -> "FaultProxy":
        self._thread.start()
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        if self._mistakes and error is None:
            # to a client it looks like one more fault
            raise self._mistakes[0]

    def _fault(self, exchange: Exchange) -> Fault:
        if (always := self.always) is not None:
            return always
        asked = understood(exchange.method, exchange.path, exchange.headers, exchange.body)
        if asked.path != self._path:
            return passes
        with self._lock:
            self.met.append(asked)
            return self._faults.pop(0) if self._faults else passes

    def _forward(self, exchange: Exchange) -> Answer:
        connection = http.client.HTTPConnection(
            "127.0.0.1", self._upstream, timeout=_UPSTREAM_SECONDS
        )
        headers = {k: v for k, v in exchange.headers.items() if k.lower() not in _HOP}
        try:
            connection.request(exchange.method, exchange.path, exchange.body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        except OSError as error:
            raise RuntimeError("the server behind the proxy does not answer") from error
        finally:
            connection.close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 5  # an idle connection must not keep its thread for ever

            def do_GET(self) -> None:
                self._exchange()

            def do_POST(self) -> None:
                self._exchange()

            def _exchange(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                exchange = Exchange(
                    self.command,
                    self.path,
                    dict(self.headers),
                    body,
                    self.connection,
                    proxy._stopping,
                    proxy._forward,
                )
                try:
                    proxy._fault(exchange)(exchange)
                except OSError:
                    pass  # a client may hang up at any time
                except Exception as error:
                    proxy._mistakes.append(error)
                self.close_connection = True
                if not exchange.reset:  # an orderly end would come before the reset
                    with suppress(OSError):
                        self.connection.shutdown(socket.SHUT_RDWR)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
