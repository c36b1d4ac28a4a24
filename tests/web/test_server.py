"""The server in front of the pages: who does not get on is ended, and others have room."""

import resource
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from waitress.wasyncore import close_all

from backend.web import server as serving
from backend.web.server import Channel, Server, connections, make_server

WAITS_S = 20
LARGE = 64 * 1024 * 1024
ASK = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/large":
        return (b"x" * 1024 * 1024 for _ in range(64))
    return [b"here"]


@contextmanager
def running() -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        server = make_server(app, listener)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            yield server
        finally:
            server.task_dispatcher.shutdown(timeout=1)
            # A server of waitress ends when nothing is open any more.
            server.trigger.pull_trigger(lambda: close_all(server._map))
            thread.join(WAITS_S)


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
    found = b""
    try:
        while part := peer.recv(1024 * 1024):
            found += part
    except ConnectionResetError:
        pass
    return found


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
    now = time.time() + seconds
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
