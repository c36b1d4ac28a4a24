"""The HTTP server of `normalcy web`: waitress, which nobody holds up by sending oddly.

Without a server in front of it, whatever reaches the port reaches this. So a request has to come
at a pace, an answer has to be taken at one, what waits in memory for either is bounded, who is
idle makes room for who is not, and every refusal is a sentence that arrives, also while the one
who is refused still sends. Time is counted by a clock that nobody sets.
"""

import logging
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher
from waitress.wasyncore import poll2

from backend.web.incoming import IN_MEMORY, LARGEST_HEAD, PATIENCE_S, SLOWEST, Parser
from backend.web.security import LARGEST_BODY

_log = logging.getLogger(__name__)

THREADS = 8
"""Requests that are answered at once."""

CONNECTIONS = 1000
"""Kept open at once; where one more comes, the one of which nothing came for longest goes."""

FILES = 4
"""For each connection: itself, what comes and what goes where that is large, and one for others."""

IDLE_S = 120
"""For how long a connection is kept that asks for nothing."""

FRESH_S = 5
"""For so long one that asks for nothing is worth as much as one in the middle of something."""

LINGER_S = 30
"""For how long what a refused sender still sends is read, or it would not see the answer."""

TO_FINISH_S = 10
"""When told to end: for how long answers under way may still be given and taken."""

SELDOM_S = 60
"""Between two lines of the log that say the same of how crowded it is."""

IN_TURN = 2
"""Requests of a connection that are read ahead: the one that is answered, and the next."""

MOST_OF_HEADS = 32 * 1024 * 1024
MOST_OF_BODIES = 256 * 1024 * 1024
"""Bytes of all requests that come in or wait to be answered: in memory, and in temporary files."""

AT_ONCE = 64
"""Connections that are taken before the others are looked at again."""


class Channel(HTTPChannel):
    """A connection that has to get on."""

    request: Any
    requests: list[Any]
    socket: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lingers = False
        self._left_at: float | None = None
        self._sent = 0
        self._taking: tuple[float, int] | None = None
        self._unread = b""

    @property
    def last_activity(self) -> float:
        """When something last came, was sent, or was answered."""
        return self._active_at

    @last_activity.setter
    def last_activity(self, _wall: float) -> None:
        # waitress tells it by the clock on the wall, which may be set meanwhile
        self._active_at = time.monotonic()

    def service(self) -> None:
        """Answer the request whose turn it is."""
        # Closed with bytes unread, the system throws away the answer on its way.
        self._lingers = self.requests[0].error is not None
        super().service()

    # -- what comes

    def readable(self) -> bool:
        """Whether more may come: not while what has come is not read, nor at the end."""
        return bool(super().readable()) and not self._unread and not self.server.ends

    def received(self, data: bytes) -> bool:
        """Take some bytes; whether they are any use."""
        self._unread += data
        useful = self._parse()
        if self.request is not None and self.request.is_large and self.server.is_full():
            self._refuse(503)
        return useful

    def _parse(self) -> bool:
        """Read what has come, but few requests ahead: thousands of them fit into one piece."""
        with self.requests_lock:
            while self._unread and len(self.requests) < IN_TURN:
                if self._is_closing:
                    self._unread = b""
                    return False
                self._parse_one()
        return True

    @property
    def _is_closing(self) -> bool:
        """Whether nothing more is answered; where a refused request ends nobody knows."""
        refused = bool(self.requests) and self.requests[-1].error is not None
        return bool(self.will_close or self.close_when_flushed or refused)

    def _parse_one(self) -> None:
        if self.request is None:
            self.request = Parser(self.adj)
        taken = self.request.received(self._unread)
        self._unread = self._unread[taken:]
        if not self.request.completed:
            if self._is_waited_with() and not self.requests:  # else when those are answered
                self.send_continue()
            return
        request, self.request = self.request, None
        self.sent_continue = False
        if request.error is not None:
            self._unread = b""
        if not request.empty:
            self._take_up(request)

    def _is_waited_with(self) -> bool:
        """Whether its body comes when it is asked for."""
        asked = self.request.expect_continue and self.request.headers_finished
        return bool(asked and not self.sent_continue)

    def _take_up(self, request: Any) -> None:
        self.requests.append(request)
        if len(self.requests) == 1:
            self.server.add_task(self)

    def _refuse(self, code: int) -> None:
        """Answer what has come so far of a request by a sentence, in its turn."""
        with self.requests_lock:
            request, self.request = self.request, None
            self._unread = b""
            request.refuse(code)
            self._take_up(request)

    def handle_read(self) -> None:
        """Take what came."""
        if self._left_at is None:
            super().handle_read()
            return
        try:
            self.recv(IN_MEMORY)
        except OSError:
            self.handle_close()

    # -- what goes

    def writable(self) -> bool:
        """Whether something is to be sent, or read that came with an earlier request."""
        return bool(super().writable()) or self._may_go_on

    @property
    def _may_go_on(self) -> bool:
        """Whether the next requests can be read: those before were answered, and that was taken."""
        done = not self.requests and not self.total_outbufs_len
        return bool(self._unread) and done and not self.server.ends

    def handle_write(self) -> None:
        """Send what waits; after a refusal keep listening, to nothing."""
        if not self._lingers:
            super().handle_write()
            if self.socket is not None and self._may_go_on:
                self._parse()
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

    def write_soon(self, data: Any) -> int:
        """Keep a part of an answer until it is taken; how many bytes it has.

        Raises:
            OSError: there is no room for it, and the connection ends.
        """
        try:
            kept: int = super().write_soon(data)
        except OSError as error:
            _log.error("An answer cannot be kept in a temporary file: %s", error)
            self.will_close = True  # how much of it is left to send is not known any more
            raise
        return kept

    def _linger(self) -> None:
        self.close_when_flushed = False
        self._left_at = time.monotonic()
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.will_close = True

    # -- whether it gets on

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

    def _takes_too_long(self, now: float) -> bool:
        """Whether whoever asked takes the answer too slowly, also one that a thread waits with."""
        began, before = self._taking = self._taking or (now, self._sent)
        return now - began > PATIENCE_S + (self._sent - before) / SLOWEST

    @property
    def is_under_way(self) -> bool:
        """Whether an answer is made, or is to be taken."""
        return bool(self.requests or self.total_outbufs_len)

    def claim(self, now: float) -> tuple[bool, float] | None:
        """Its claim to stay, the least first; None while it is served.

        Whether it is in the middle of something, or may soon be, and when something last came of
        it. Who has just come must not be the first to go: all others may be sending for ever.
        """
        if self._left_at is not None:
            return False, self._left_at
        if self.requests and not self.total_outbufs_len:
            return None
        at_something = self.is_under_way or self.request is not None
        return at_something or now - self.last_activity < FRESH_S, self.last_activity


class Server(TcpWSGIServer):
    """Looks after its connections each second, and always has room for another."""

    channel_class = Channel
    active_channels: dict[int, Channel]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.ends = False
        self._stopped = threading.Event()
        self._next_look = 0.0
        self._said: dict[str, float] = {}
        super().__init__(*args, **kwargs)

    def run(self) -> None:
        """Answer until SystemExit, KeyboardInterrupt or `stop`, and finish what is under way."""
        with suppress(SystemExit, KeyboardInterrupt):
            while self._map and not self._stopped.is_set():
                poll2(self.adj.asyncore_loop_timeout, self._map)
        if self._map:
            self._finish()

    def stop(self) -> None:
        """Let `run` end, which goes on in another thread."""
        self._stopped.set()
        self.trigger.pull_trigger()

    def _finish(self) -> None:
        self.ends = True
        self.del_channel()
        self.socket.close()  # others are not to wait for nothing
        deadline = time.monotonic() + TO_FINISH_S
        while self._finishes() and time.monotonic() < deadline:
            poll2(0.2, self._map)
        self.task_dispatcher.shutdown(timeout=1)

    def _finishes(self) -> bool:
        """Whether an answer is under way; who waits for none is let go."""
        for channel in list(self.active_channels.values()):
            if not channel.is_under_way:
                channel.handle_close()
        return bool(self.active_channels)

    def readable(self) -> bool:
        """Whether another connection can be taken; asked each time before the others are."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + self.adj.cleanup_interval
            self.maintenance(now)
        return bool(self.accepting) and len(self.active_channels) < self.adj.connection_limit

    def maintenance(self, now: float) -> None:
        """End connections that do not get on."""
        for channel in list(self.active_channels.values()):
            channel.look(now)
        if waiting := len(self.task_dispatcher.queue):
            self._say("%d requests wait for one of %d threads", waiting, THREADS)

    def is_full(self) -> bool:
        """Whether what is coming in takes as much room as it may."""
        channels = self.active_channels.values()
        coming = [one for each in channels for one in (*each.requests, each.request) if one]
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
        now = time.monotonic()
        waiting = [
            (*claim, number)
            for number, channel in self.active_channels.items()
            if (claim := channel.claim(now)) is not None
        ]
        if waiting:
            *_, number = min(waiting)
            self.active_channels[number].handle_close()
        self._say(
            "All %d connections are in use: who does nothing with one for longest loses it",
            self.adj.connection_limit,
        )

    def _say(self, text: str, *values: object) -> None:
        """Warn, but seldom: what crowds it may do so a thousand times a second."""
        now = time.monotonic()
        if now >= self._said.get(text, 0.0):
            self._said[text] = now + SELDOM_S
            _log.warning(text, *values)


def make_server(app: Callable[..., Iterable[bytes]], listener: socket.socket) -> Server:
    """A server of an application, ready to `run`.

    Args:
        app: what answers.
        listener: where it is asked.
    """
    adjustments = Adjustments(
        threads=THREADS,
        ident="normalcy",
        connection_limit=connections(),
        cleanup_interval=1,
        max_request_header_size=LARGEST_HEAD,
        max_request_body_size=LARGEST_BODY,
        recv_bytes=IN_MEMORY,
        inbuf_overflow=IN_MEMORY,
        outbuf_overflow=IN_MEMORY,
        channel_request_lookahead=1,  # what it takes to notice that a browser has gone
        log_socket_errors=False,
        # `proxies` does it, and has to know that some came.
        clear_untrusted_proxy_headers=False,
    )
    # It warns of each request that waits; the server does so seldom.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
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
