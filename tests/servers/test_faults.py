"""The proxy of faults does what its names say, seen by a plain client."""

import gzip
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import msgpack
import pytest

from tests.servers import faults
from tests.servers.faults import (
    ClockShift,
    Cut,
    CutAnywhere,
    CutAtChunk,
    CutBetween,
    Delay,
    Drip,
    Fault,
    FaultProxy,
    Refuse,
    Relabel,
    Short,
    Steady,
)
from tests.servers.stub import Answer, Asked, StubServer

MESSAGES = [{"number": number, "filling": "x" * 3000} for number in range(3)]
LINES = b"".join(json.dumps(message).encode() + b"\n" for message in MESSAGES)
PACKED = b"".join(map(msgpack.packb, MESSAGES))
AN_HOUR = 3600.0


@pytest.fixture
def server() -> Iterator[StubServer]:
    with StubServer([Answer(body=LINES, headers={"Content-Type": "application/json"})]) as stub:
        yield stub


@dataclass(frozen=True)
class Reply:
    """What a plain client got, and whether it came to its proper end."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool


def ask(proxy: FaultProxy, path: str = "/query", body: bytes = b"", **headers: str) -> Reply:
    with closing(http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=60)) as connection:
        connection.request("POST", path, body, headers)
        with connection.getresponse() as answer:
            try:
                read, whole = answer.read(), True
            except http.client.IncompleteRead as error:
                read, whole = error.partial, False
            return Reply(answer.status, dict(answer.getheaders()), read, whole)


def test_faults_are_met_in_order_by_requests_of_one_path_and_then_all_pass(
    server: StubServer,
) -> None:
    with FaultProxy(server.port, "/query", [Refuse(503), Refuse(429)]) as proxy:
        statuses = [ask(proxy, path).status for path in ("/write", "/query", "/query", "/query")]

    assert statuses == [200, 503, 429, 200]
    assert [asked.path for asked in server.asked] == ["/write", "/query"]


def test_what_passed_is_written_down_unpacked(server: StubServer) -> None:
    with FaultProxy(server.port, "/write", [Refuse(503)]) as proxy:
        for _ in range(2):
            body = gzip.compress(b"air temp=1\n")
            ask(proxy, "/write?db=plant", body, **{"Content-Encoding": "gzip"})

    assert [(asked.path, asked.parameters) for asked in proxy.met] == [
        ("/write", {"db": "plant"})
    ] * 2
    assert {asked.body for asked in [*proxy.met, *server.asked]} == {b"air temp=1\n"}


@pytest.mark.parametrize(
    ("fault", "size"),
    [
        (Cut(0.0), 0),
        (Cut(0.5), len(LINES) // 2),
        (CutAtChunk(0.5), len(LINES) // 2),
        (CutAtChunk(1.0), len(LINES)),
        (Short(0.5), len(LINES) // 2),
        (CutBetween(1, hidden=False), LINES.index(b"\n") + 1),
        (CutBetween(2, hidden=False), 2 * (LINES.index(b"\n") + 1)),
    ],
    ids=repr,
)
def test_a_cut_lets_a_beginning_through_and_can_be_seen(
    server: StubServer, fault: Fault, size: int
) -> None:
    with FaultProxy(server.port, "/query", [fault]) as proxy:
        reply = ask(proxy)

    assert not reply.whole
    # of a chunk that is cut the plain client gives what it holds, or nothing
    assert LINES[:size].startswith(reply.body)
    assert size - len(reply.body) < 4096


def test_a_cut_between_messages_can_be_hidden(server: StubServer) -> None:
    with FaultProxy(server.port, "/query", [CutBetween(2, hidden=True)]) as proxy:
        reply = ask(proxy)

    assert reply.whole
    assert [json.loads(line)["number"] for line in reply.body.splitlines()] == [0, 1]


def test_messages_of_both_kinds_are_told_apart() -> None:
    for media, body in (("application/json", LINES), ("application/x-msgpack", PACKED)):
        answer = faults.Answer(200, {"Content-Type": media}, body)
        ends = list(faults.message_ends(answer))
        assert len(ends) == len(MESSAGES)
        assert ends[-1] == len(body)


def test_a_reset_is_no_end(server: StubServer) -> None:
    with (
        FaultProxy(server.port, "/query", [Cut(0.5, reset=True)]) as proxy,
        pytest.raises(ConnectionResetError),
    ):
        ask(proxy)


def test_headers_are_cut_as_well(server: StubServer) -> None:
    with FaultProxy(server.port, "/query", [CutAnywhere(len(b"HTTP/1.1 200 OK\r\n"))]) as proxy:
        reply = ask(proxy)

    assert (reply.status, reply.headers) == (200, {})


@pytest.mark.parametrize("fault", [CutAnywhere(0), faults.unacknowledged, faults.another_protocol])
def test_no_answer_at_all(server: StubServer, fault: Fault) -> None:
    with (
        FaultProxy(server.port, "/query", [fault]) as proxy,
        pytest.raises((http.client.RemoteDisconnected, http.client.BadStatusLine)),
    ):
        ask(proxy)


def test_a_lost_acknowledgement_is_of_something_that_was_done(server: StubServer) -> None:
    with FaultProxy(server.port, "/write", [faults.unacknowledged, faults.cut_headers]) as proxy:
        with pytest.raises(http.client.RemoteDisconnected):
            ask(proxy, "/write", b"air temp=1\n")
        assert ask(proxy, "/write", b"air temp=2\n").status == 204

    assert [asked.body for asked in server.asked] == [b"air temp=1\n"]


def test_packed_answers_lose_their_end(server: StubServer) -> None:
    with FaultProxy(server.port, "/query", [faults.truncated_gzip]) as proxy:
        reply = ask(proxy)

    assert reply.whole
    assert reply.headers["Content-Encoding"] == "gzip"
    with pytest.raises(EOFError):
        gzip.decompress(reply.body)


def test_labels_and_clocks_are_changed_and_nothing_else(server: StubServer) -> None:
    met: list[Fault] = [faults.passes, Relabel("text/html"), ClockShift(AN_HOUR)]
    with FaultProxy(server.port, "/query", met) as proxy:
        plain, labelled, shifted = (ask(proxy) for _ in met)

    assert {(reply.body, reply.whole) for reply in (plain, labelled, shifted)} == {(LINES, True)}
    assert labelled.headers["Content-Type"] == "text/html"
    told = [parsedate_to_datetime(reply.headers["Date"]) for reply in (plain, shifted)]
    assert (told[1] - told[0]).total_seconds() >= AN_HOUR


def test_a_slow_line_brings_everything(server: StubServer) -> None:
    with FaultProxy(server.port, "/query", [Steady(1000, 0.0), Delay(0.0)]) as proxy:
        replies = [ask(proxy) for _ in range(2)]

    assert [(reply.body, reply.whole) for reply in replies] == [(LINES, True)] * 2


@pytest.mark.parametrize(
    "fault", [Delay(AN_HOUR), Drip(AN_HOUR), Drip(AN_HOUR, headers=True), Steady(1, AN_HOUR)]
)
def test_leaving_ends_what_would_last_for_an_hour(fault: Fault) -> None:
    before = set(threading.enumerate())
    reached = threading.Event()

    def think(_: Asked) -> Answer:
        reached.set()
        return Answer(body=LINES)

    with StubServer(think) as server, FaultProxy(server.port, "/query", [fault]) as proxy:
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=60)
        connection.request("POST", "/query")
        assert reached.wait(60)
    connection.close()

    left = set(threading.enumerate()) - before
    assert not [thread for thread in left if not thread.daemon]  # the stub's are daemons


def test_a_mistake_in_the_proxy_does_not_pass_for_a_fault(server: StubServer) -> None:
    with (
        pytest.raises(IndexError),
        FaultProxy(server.port, "/query", [CutBetween(99, hidden=False)]) as proxy,
        suppress(http.client.HTTPException),
    ):
        ask(proxy)


def test_a_server_that_is_away_does_not_pass_for_a_fault() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        with (
            pytest.raises(RuntimeError, match="behind the proxy"),
            FaultProxy(nobody.getsockname()[1], "/query", []) as proxy,
            suppress(http.client.HTTPException),
        ):
            ask(proxy)
