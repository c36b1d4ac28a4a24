"""The server in front of the pages: who does not get on is ended, and others have room."""

import logging
import resource
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from waitress.wasyncore import close_all

from backend.web import create_app
from backend.web import server as serving
from backend.web.server import Channel, Server, connections, make_server
from tests.servers.pages import WAITS_S, answered, end, hang_up
from tests.web.worlds import make_world

STATIC = Path(serving.__file__).parent / "static"
LARGE = 64 * 1024 * 1024
ASK = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/large":
        return (b"x" * 1024 * 1024 for _ in range(64))
    if environ["PATH_INFO"] == "/file":
        content: Iterable[bytes] = environ["wsgi.file_wrapper"]((STATIC / "page.css").open("rb"))
        return content
    return [b"here"]


@contextmanager
def running(answers: Any = app) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        server = make_server(answers, listener)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            yield server
        finally:
            end(server, thread)


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as made:
        yield made


def connect(server: Server, sent: bytes = b"") -> socket.socket:
    peer = socket.create_connection(("127.0.0.1", int(server.effective_port)), timeout=WAITS_S)
    peer.sendall(sent)
    return peer


def rest(peer: socket.socket) -> bytes:
    """Everything that still comes; fails if the other side does not end."""
    found = []
    with suppress(ConnectionResetError):
        while part := peer.recv(1024 * 1024):
            found.append(part)
    return b"".join(found)


def holds(server: Server, connections: int) -> None:
    """Wait until so many connections have been taken."""
    deadline = time.monotonic() + WAITS_S
    while len(server.active_channels) != connections:
        assert time.monotonic() < deadline, f"{len(server.active_channels)} connections"
        time.sleep(0.01)


def wait(server: Server, holds: Callable[[Channel], bool], count: int = 1) -> None:
    """Wait until something holds for so many connections."""
    deadline = time.monotonic() + WAITS_S
    while sum(map(holds, list(server.active_channels.values()))) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def later(server: Server, seconds: float) -> None:
    """Let it look after its connections as if so much time had passed."""
    now = time.monotonic() + seconds
    server.trigger.pull_trigger(lambda: server.maintenance(now))


@pytest.mark.parametrize(
    "part",
    [
        b"GET / HTTP/1.1\r\nHost:",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n123",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
    ],
)
def test_a_request_that_comes_too_slowly_is_told_so(server, part):
    with connect(server, part) as peer:
        holds(server, 1)
        wait(server, lambda one: one.request is not None)
        later(server, serving.PATIENCE_S - 5)
        later(server, serving.PATIENCE_S + 5)
        answer = rest(peer)
    assert answer.split(b"\r\n")[0].endswith(b"408 Request Timeout")
    assert b"did not arrive within 60 s" in answer


def test_time_is_earned_by_what_has_come(server):
    top = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"
    with connect(server, top + b"x" * 600_000) as peer:
        holds(server, 1)
        wait(server, lambda one: one.request is not None and one.request.body_bytes_received >= 6e5)
        later(server, serving.PATIENCE_S + 50)
        peer.sendall(b"x" * 400_000 + ASK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert rest(peer).count(b"200 OK") == 2


def test_who_asks_nothing_is_ended_after_a_while(server):
    with connect(server) as peer:
        holds(server, 1)
        later(server, serving.IDLE_S - 5)
        peer.sendall(ASK)
        assert peer.recv(1000).startswith(b"HTTP/1.1 200 OK")
        wait(server, lambda one: not one.requests)
        later(server, serving.IDLE_S + 5)
        assert b"HTTP/1.1" not in rest(peer)


def test_who_takes_nothing_of_the_answer_holds_no_thread(server):
    with ExitStack() as held:
        ask = ASK.replace(b"/ ", b"/large ")
        peers = [held.enter_context(connect(server, ask)) for _ in range(serving.THREADS)]
        full = server.adj.outbuf_high_watermark
        wait(server, lambda one: one.total_outbufs_len >= full, serving.THREADS)
        later(server, 0)
        # Of what the system keeps on its way some may count as taken.
        later(server, serving.PATIENCE_S + LARGE / serving.SLOWEST)
        peer = held.enter_context(connect(server, ASK))
        assert peer.recv(1000).startswith(b"HTTP/1.1 200 OK")
        assert all(len(rest(peer)) < LARGE for peer in peers)


def test_who_was_refused_and_goes_on_sending_is_not_listened_to_for_ever(server):
    top = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000000\r\n\r\n"
    with connect(server, top + b"x" * 1000) as peer:
        assert b"larger than 4 MiB" in rest(peer)
        holds(server, 1)
        peer.sendall(b"x" * 100_000)
        later(server, serving.LINGER_S + 5)
        holds(server, 0)


def test_who_waits_for_longest_makes_room(monkeypatch):
    monkeypatch.setattr(serving, "CONNECTIONS", 12)
    monkeypatch.setattr(serving, "FRESH_S", 0)
    with running() as server, ExitStack() as held:
        room = server.adj.connection_limit - serving.FILES
        # One in the middle of a request has more of a right to stay than those that say nothing.
        busy = held.enter_context(connect(server, b"GET / HTTP/1.1\r\n"))
        idle = [held.enter_context(connect(server)) for _ in range(room - 1)]
        holds(server, room)
        wait(server, lambda one: one.request is not None)
        fresh = held.enter_context(connect(server, ASK))
        assert fresh.recv(1000).startswith(b"HTTP/1.1 200 OK")
        assert rest(idle[0]) == b""
        busy.sendall(b"Host: a\r\n\r\n")
        assert busy.recv(1000).startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET / HTTP/1.1\r\n", ASK.replace(b"/ ", b"/large ")],
    ids=["idle", "never ends", "takes nothing"],
)
def test_who_comes_to_a_full_house_is_not_the_one_that_goes(monkeypatch, sent):
    monkeypatch.setattr(serving, "CONNECTIONS", 12)
    with running() as server, ExitStack() as held:
        for _ in range(20):
            held.enter_context(connect(server, sent))
        for _ in range(5):
            fresh = held.enter_context(connect(server))
            holds(server, server.adj.connection_limit - serving.FILES)
            fresh.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert rest(fresh).startswith(b"HTTP/1.1 200 OK")


def files() -> int:
    """How many this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def test_however_many_requests_come_at_once_few_are_read_ahead(server):
    """Else one connection could take all files: each answer to a static file holds one."""
    before = files()
    with connect(server) as peer:
        peer.settimeout(0.5)
        with suppress(TimeoutError):
            while True:
                peer.sendall(1000 * ASK.replace(b"/ ", b"/file "))
        (channel,) = server.active_channels.values()
        assert len(channel.requests) <= serving.IN_TURN
        assert files() - before < 10


def test_requests_at_once_are_answered_each_in_its_turn(server):
    last = ASK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with connect(server, 300 * ASK + last) as peer:
        assert rest(peer).count(b"HTTP/1.1 200 OK") == 301


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (b"", b"HTTP/1.1 200 OK"),
        (b"Content-Length: 100000000\r\n", b"HTTP/1.1 413 Content Too Large"),
        (b"Content-Length: x\r\n", b"HTTP/1.1 400 Bad Request"),
        (b"Content-Length: 5\r\n", b"HTTP/1.1 100 Continue"),
    ],
)
def test_a_body_is_asked_for_where_one_is_to_come(server, more, expected):
    with connect(server, b"POST / HTTP/1.1\r\nExpect: 100-continue\r\n" + more + b"\r\n") as peer:
        assert peer.recv(1000).split(b"\r\n")[0] == expected
        if b"100" in expected[9:12]:
            peer.sendall(b"12345")
            assert peer.recv(1000).startswith(b"HTTP/1.1 200 OK")


def test_a_clock_that_is_set_back_keeps_nobody(server, monkeypatch):
    yesterday = time.time() - 86_400
    monkeypatch.setattr(time, "time", lambda: yesterday)
    with connect(server, b"GET / HTTP/1.1\r\n") as peer:
        wait(server, lambda one: one.request is not None)
        looked = server._next_look
        later(server, serving.PATIENCE_S + 5)
        assert b"408 Request Timeout" in rest(peer)
    deadline = time.monotonic() + WAITS_S
    while server._next_look == looked:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_that_requests_wait_is_said_once_and_not_for_each(caplog):
    caplog.set_level(logging.INFO)
    go_on = threading.Event()

    def slow(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        go_on.wait(WAITS_S)
        return app(environ, start_response)

    with running(slow) as server, ExitStack() as held:
        peers = [held.enter_context(connect(server, ASK)) for _ in range(30)]
        wait(server, lambda one: bool(one.requests), 30)
        later(server, 0)
        later(server, 1)
        settled = threading.Event()
        server.trigger.pull_trigger(settled.set)
        assert settled.wait(WAITS_S)
        go_on.set()
        assert all(peer.recv(1000).startswith(b"HTTP/1.1 200 OK") for peer in peers)
    (said,) = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
    assert said.endswith(" requests wait for one of 8 threads")


def test_an_answer_for_which_there_is_no_disk_is_told_in_the_log(
    server, monkeypatch, tmp_path, caplog
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "full"))
    with connect(server, ASK.replace(b"/ ", b"/large ")) as peer:
        assert len(rest(peer)) < LARGE
    assert "An answer cannot be kept in a temporary file" in caplog.text


class TestTheEnd:
    """Told to end by `stop`, or by SystemExit in its loop as the handler of SIGTERM raises it."""

    @pytest.fixture
    def served(self) -> Iterator[tuple[Server, threading.Event, threading.Thread]]:
        go_on = threading.Event()

        def slow(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            go_on.wait(WAITS_S)
            return app(environ, start_response)

        with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
            server = make_server(slow, listener)
            thread = threading.Thread(target=server.run)
            thread.start()
            yield server, go_on, thread
            go_on.set()
            thread.join(WAITS_S)
            hang_up(server)
            answered(server)
            close_all(server._map)
            assert not thread.is_alive()

    @pytest.fixture(params=["signal", "stop"])
    def end(
        self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
    ) -> Callable[[Server], None]:
        def leave(now: float) -> None:
            raise SystemExit(0)

        def tell(server: Server) -> None:
            if request.param == "stop":
                server.stop()
            else:
                monkeypatch.setattr(server, "maintenance", leave)

        return tell

    def test_an_answer_under_way_is_given_to_its_end(self, served, end):
        server, go_on, _ = served
        with connect(server, ASK.replace(b"/ ", b"/large ")) as peer, connect(server) as idle:
            wait(server, lambda one: bool(one.requests))
            holds(server, 2)
            end(server)
            assert rest(idle) == b""
            with pytest.raises(ConnectionRefusedError):
                connect(server)
            go_on.set()
            assert len(rest(peer)) > LARGE

    def test_who_takes_nothing_is_not_waited_for(self, served, end, monkeypatch):
        monkeypatch.setattr(serving, "TO_FINISH_S", 0.5)
        server, go_on, thread = served
        with connect(server, ASK.replace(b"/ ", b"/large ")):
            wait(server, lambda one: bool(one.requests))
            go_on.set()
            end(server)
            thread.join(WAITS_S)
            assert not thread.is_alive()


def test_a_connection_that_cannot_be_taken_ends_nothing(server, monkeypatch):
    failing = threading.Event()

    def accept() -> None:
        monkeypatch.undo()
        failing.set()
        raise RuntimeError("no such thing")

    monkeypatch.setattr(server, "accept", accept)
    with connect(server, ASK) as peer:
        assert failing.wait(WAITS_S)
        assert peer.recv(1000).startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    ("soft", "hard", "raised", "expected"),
    [
        (100_000, 100_000, None, serving.CONNECTIONS),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, None, serving.CONNECTIONS),
        (1024, resource.RLIM_INFINITY, 4000, serving.CONNECTIONS),
        (1024, 2048, 2048, 512),
        (256, 256, 256, 64),
    ],
)
def test_there_are_files_for_every_connection(monkeypatch, soft, hard, raised, expected):
    changed = []
    monkeypatch.setattr(resource, "getrlimit", lambda which: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda which, limits: changed.append(limits))
    assert connections() == expected
    assert changed == ([] if raised is None else [(raised, hard)])


def test_a_limit_that_cannot_be_raised_is_kept(monkeypatch):
    def refuse(which: int, limits: tuple[int, int]) -> None:
        raise ValueError("above the system's own")

    monkeypatch.setattr(resource, "getrlimit", lambda which: (400, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert connections() == 100


@pytest.mark.parametrize(
    ("told", "status"),
    [
        (b"", b"200"),
        (b"X-Forwarded-For: 192.0.2.1\r\n", b"403"),
        (b"X-Forwarded-Proto: https\r\n", b"403"),
        (b"Forwarded: for=192.0.2.1\r\n", b"403"),
        (b"X-Real-IP: 192.0.2.1\r\n", b"403"),
    ],
)
def test_an_open_service_sees_that_a_proxy_stands_in_front(told, status):
    """Or whoever reaches the proxy would be its administrator."""
    with running(create_app(make_world())) as server:
        asked = b"GET /api/v1/detectors HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        with connect(server, asked + told + b"\r\n") as peer:
            assert rest(peer).split(b" ")[1] == status
