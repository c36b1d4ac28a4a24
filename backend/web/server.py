"""The HTTP server of `normalcy web`: waitress, which nobody holds up by sending oddly.

Without a server in front of it, whatever reaches the port reaches this. So a request has to come
at a pace, an answer has to be taken at one, what waits in memory for either is bounded, who is
idle makes room for who is not, and every refusal is a sentence that arrives, also while the one
who is refused still sends.
"""

import logging
import resource
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import orjson
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.receiver import ChunkedReceiver
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher
from waitress.utilities import BadRequest, Error

from backend.web.errors import HTTP_REASONS, MACHINE_PATHS
from backend.web.security import LARGEST_BODY

_log = logging.getLogger(__name__)

THREADS = 8
"""Requests that are answered at once."""

CONNECTIONS = 1000
"""Kept open at once; where one more comes, who has been idle for longest goes."""

FILES = 4
"""For each connection: itself, what comes and what goes where that is large, and one for others."""

PATIENCE_S = 60
"""For how long a request may come in, and an answer be taken, at any pace."""

SLOWEST = 10_000
"""Bytes a second by which more than that time is earned."""

IDLE_S = 120
"""For how long a connection is kept that asks for nothing."""

LINGER_S = 30
"""For how long what a refused sender still sends is read, or it would not see the answer."""

LARGEST_HEAD = 256 * 1024
MOST_LINES = 200
LONGEST_CHUNK_LINE = 1024
LONGEST_TRAILER = 8 * 1024

IN_MEMORY = 64 * 1024
"""Of a body, and of an answer that waits; the rest lies in a temporary file."""

MOST_OF_HEADS = 32 * 1024 * 1024
MOST_OF_BODIES = 256 * 1024 * 1024
"""Bytes of all requests that are still coming in: in memory, and in temporary files."""

AT_ONCE = 64
"""Connections that are taken before the others are looked at again."""

_SENTENCES = {
    400: "This is no request that an HTTP server understands: {}.",
    408: f"The request did not arrive within {PATIENCE_S} s: send it in smaller parts, or faster.",
    413: "The request is larger than 4 MiB: send it in parts.",
    431: f"The head of the request is larger than {LARGEST_HEAD // 1024} KiB: ask for less at "
    "once, or delete the cookies of this address.",
    503: "Too many large requests are coming in at this moment: send it again later.",
    501: "Of transfer encodings only chunked is taken: send the request without another.",
}


class Refusal(Error):
    """Why a request came to nothing before anybody read it, as a sentence."""

    def __init__(self, code: int, detail: str, path: str) -> None:
        super().__init__(_SENTENCES[code].format(detail.rstrip(".")))
        self.code = code
        self.reason = HTTP_REASONS[code]
        self._to_program = path.startswith(MACHINE_PATHS)

    def to_response(self, ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
        """Status, headers and body: JSON for machines, text for people."""
        kind, body = "text/plain; charset=utf-8", self.body.encode()
        if self._to_program:
            kind = "application/json"
            body = orjson.dumps({"message": self.body, "error": self.reason})
        headers = [("Content-Type", kind), ("X-Content-Type-Options", "nosniff")]
        return f"{self.code} {self.reason}", headers, body


class Chunks(ChunkedReceiver):
    """A body in chunks, whose lines between them are as short as those of any client."""

    def received(self, s: bytes) -> int:
        """Take some bytes; how many of them belong to the body."""
        consumed: int = super().received(s)
        if len(self.control_line) > LONGEST_CHUNK_LINE or len(self.trailer) > LONGEST_TRAILER:
            self.error = BadRequest("a line between the chunks of the body does not end")
        return consumed


class Parser(HTTPRequestParser):
    """Reads a request, and knows when it began to come."""

    headers: dict[str, str]
    error: Any
    body_rcv: Any
    header_bytes_received: int
    body_bytes_received: int

    def __init__(self, adj: Adjustments) -> None:
        super().__init__(adj)
        self.began = time.time()

    def received(self, data: bytes) -> int:
        """Take some bytes; how many of them belong to this request."""
        consumed: int = super().received(data)
        if self.error is not None and not isinstance(self.error, Refusal):
            self.refuse(self.error.code, self.error.body)
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        """Read the head.

        Raises:
            ParsingError: it is none.
        """
        # Lines of one name are joined one by one, which takes time by the square of their number.
        if (lines := header_plus.count(b"\n")) > MOST_LINES:
            raise ParsingError(f"it has {lines} header lines, more than {MOST_LINES}")
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # a length of very many digits, an address that is none
            raise ParsingError("its address or a number in its head cannot be read") from error
        if self.chunked:
            self.body_rcv = Chunks(self.body_rcv.getbuf())

    def refuse(self, code: int, detail: str = "") -> None:
        """End it with a sentence."""
        # Of a head that is not whole the address is read here, so that a program is told as one.
        begun = self.header_plus[:LONGEST_CHUNK_LINE].split(b" ")[1:2]
        asked = (
            getattr(self, "path", "")
            if self.headers_finished
            else b"".join(begun).decode("latin-1")
        )
        if not hasattr(self, "path"):  # what an answer needs to know of its request
            self.headers = {}
            super().parse_header(b"GET / HTTP/1.0\r\n")
        self.error = Refusal(code, detail, asked)
        self.completed = True

    @property
    def is_large(self) -> bool:
        """Whether more of it has come than most requests have."""
        return self.header_bytes_received + self.body_bytes_received > IN_MEMORY

    def is_overdue(self, now: float) -> bool:
        """Whether it comes in too slowly."""
        came = self.header_bytes_received + self.body_bytes_received
        return now - self.began > PATIENCE_S + came / SLOWEST


class Channel(HTTPChannel):
    """A connection that has to get on."""

    parser_class = Parser
    request: Any
    requests: list[Any]
    socket: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lingers = False
        self._left_at: float | None = None
        self._sent = 0
        self._taking: tuple[float, int] | None = None

    def service(self) -> None:
        """Answer the request whose turn it is."""
        # Closed with bytes unread, the system throws away the answer on its way.
        self._lingers = self.requests[0].error is not None
        super().service()

    def received(self, data: bytes) -> bool:
        """Take some bytes; whether they are any use."""
        useful: bool = super().received(data)
        if self.request is not None and self.request.is_large and self.server.is_full():
            self._refuse(503)
        return useful

    def handle_write(self) -> None:
        """Send what waits; after a refusal keep listening, to nothing."""
        if not self._lingers:
            super().handle_write()
            return
        # A thread may be adding to what waits, as long as a request is being answered.
        self._flush_exception(self._flush_some_if_lockable if self.requests else self._flush_some)
        if self.socket is None:  # the other side has gone
            return
        if self.close_when_flushed and not self.total_outbufs_len:
            self._linger()
        if self.will_close:
            self.handle_close()

    def send(self, data: bytes, do_close: bool = True) -> int:
        """Hand bytes to the system; how many of them it took."""
        sent: int = super().send(data, do_close)
        self._sent += sent
        return sent

    def handle_read(self) -> None:
        """Take what came."""
        if self._left_at is None:
            super().handle_read()
            return
        try:
            self.recv(IN_MEMORY)
        except OSError:
            self.handle_close()

    def look(self, now: float) -> None:
        """End it if it does not get on; at once, as who takes nothing is never ready for more."""
        if not self.total_outbufs_len:
            self._taking = None
        if self._is_over(now):
            self.handle_close()
        elif self._is_overdue(now):
            self._refuse(408)

    def _is_over(self, now: float) -> bool:
        """Whether nothing more can come of it."""
        if self._left_at is not None:
            return now - self._left_at > LINGER_S
        if self.total_outbufs_len:
            return self._takes_too_long(now)
        return self.request is None and not self.requests and now - self.last_activity > IDLE_S

    def _is_overdue(self, now: float) -> bool:
        """Whether what it asks should have come by now."""
        free = self._left_at is None and not self.requests and not self.total_outbufs_len
        return free and self.request is not None and self.request.is_overdue(now)

    def waits_since(self) -> tuple[bool, float] | None:
        """Whether it sends something, and since when it keeps waiting; None while it is served."""
        if self.requests or self.total_outbufs_len:
            return None
        if self._left_at is not None:
            return False, self._left_at
        if self.request is not None:
            return True, self.request.began
        return False, self.last_activity

    def _linger(self) -> None:
        self.close_when_flushed = False
        self._left_at = time.time()
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.will_close = True

    def _refuse(self, code: int) -> None:
        """Answer what has come so far of a request by a sentence, in its turn."""
        with self.requests_lock:
            request, self.request = self.request, None
            request.refuse(code)
            self.requests.append(request)
            if len(self.requests) == 1:
                self.server.add_task(self)

    def _takes_too_long(self, now: float) -> bool:
        """Whether whoever asked takes the answer too slowly, also one that a thread waits with."""
        began, before = self._taking = self._taking or (now, self._sent)
        return now - began > PATIENCE_S + (self._sent - before) / SLOWEST


class Server(TcpWSGIServer):
    """Looks after its connections each second, and always has room for another."""

    channel_class = Channel

    def maintenance(self, now: float) -> None:
        """End connections that do not get on."""
        for channel in list(self.active_channels.values()):
            channel.look(now)

    def is_full(self) -> bool:
        """Whether what is coming in takes as much room as it may."""
        coming = [one.request for one in self.active_channels.values() if one.request is not None]
        heads = sum(len(request.header_plus) for request in coming)
        bodies = sum(request.body_bytes_received for request in coming)
        return heads > MOST_OF_HEADS or bodies > MOST_OF_BODIES

    def handle_accept(self) -> None:
        """Take connections; where there are too many, the one that has waited for longest goes."""
        for _ in range(AT_ONCE):
            before = len(self.active_channels)
            super().handle_accept()
            if len(self.active_channels) == before:
                return
            if before >= self.adj.connection_limit - FILES:
                self._make_room()

    def handle_error(self) -> None:
        """Go on after a mistake in taking a connection; the listener would be closed otherwise."""
        _log.exception("A connection could not be taken")

    def _make_room(self) -> None:
        waiting = [
            (*since, number)
            for number, channel in self.active_channels.items()
            if (since := channel.waits_since()) is not None
        ]
        if waiting:
            *_, number = min(waiting)
            self.active_channels[number].handle_close()


def make_server(
    app: Callable[..., Iterable[bytes]], listener: socket.socket, **options: Any
) -> Server:
    """A server of an application, ready to `run`.

    Args:
        app: what answers.
        listener: where it is asked.
        options: of waitress, besides those that bound it.
    """
    adjustments = Adjustments(
        threads=THREADS,
        ident="normalcy",
        connection_limit=connections(),
        cleanup_interval=1,
        asyncore_use_poll=True,  # select stops at file 1,024
        max_request_header_size=LARGEST_HEAD,
        max_request_body_size=LARGEST_BODY,
        recv_bytes=IN_MEMORY,
        inbuf_overflow=IN_MEMORY,
        outbuf_overflow=IN_MEMORY,
        channel_request_lookahead=1,  # what it takes to notice that a browser has gone
        log_socket_errors=False,
        **options,
    )
    dispatcher = ThreadedTaskDispatcher()
    dispatcher.set_thread_count(adjustments.threads)
    return Server(
        app,
        {},
        True,
        listener,
        dispatcher=dispatcher,
        adj=adjustments,
        sockinfo=(listener.family, listener.type, listener.proto, listener.getsockname()),
        bind_socket=False,
    )


def connections() -> int:
    """How many connections there are files for; the limit of this process is raised if it is low.

    Beyond its limit a server could not even take a connection to refuse it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES * CONNECTIONS
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return CONNECTIONS
    may = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    with suppress(OSError, ValueError):  # some systems have a limit of their own below it
        resource.setrlimit(resource.RLIMIT_NOFILE, (may, hard))
        soft = may
    return max(soft // FILES, THREADS)
