"""Who sends too much, too slowly or nonsense, to the real process: others are served meanwhile."""

import gzip
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.fuzz.serving import MIB, Web, everything, head, serving, status

JSON = {"Content_Type": "application/json"}
GROWTH = 100
"""MiB by which the process may grow, whatever is sent to it and by however many."""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with serving(tmp_path_factory.mktemp("web")) as running:
        yield running


@pytest.fixture(autouse=True)
def unharmed(web: Web) -> Iterator[None]:
    """Whatever was done: it answers, has not grown, and has nothing to tell of itself."""
    assert web.ask().status_code == 200
    before = web.memory
    yield
    assert web.ask().status_code == 200
    assert web.memory - before < GROWTH
    assert "Traceback" not in web.log
    assert "uncaptured" not in web.log


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


def sentence(answer: bytes) -> str:
    """The message of an answer, JSON or text."""
    top, body = answer.split(b"\r\n\r\n", 1)
    return json.loads(body)["message"] if b"application/json" in top else body.decode()


CHUNKED = head(Transfer_Encoding="chunked", **JSON)
BARE = b"GET /api/v1/detectors HTTP/1.1\r\nHost: 127.0.0.1\r\n"
TOO_MUCH = {
    "a hundred megabytes": (
        413,
        "4 MiB",
        head(Content_Length=100 * MIB, **JSON),
        100 * [b"x" * MIB],
    ),
    "a hundred megabytes in chunks": (413, "4 MiB", CHUNKED, 100 * [chunk(b"x" * MIB)]),
    "a chunk without end": (413, "4 MiB", CHUNKED + b"fffffffffffff\r\n", 100 * [b"x" * MIB]),
    "a size without end": (400, "does not end", CHUNKED, 60 * [b"0" * MIB]),
    "a trailer without end": (400, "does not end", CHUNKED + b"0\r\n", 60 * [b"x" * MIB]),
    "a head without end": (431, "256 KiB", BARE + b"X-A: ", 60 * [b"x" * MIB]),
    "many headers": (400, "header lines", BARE + 50_000 * b"a:b\r\n", [b"\r\n"]),
    "many cookies": (431, "cookies", BARE + b"Cookie: ", [50_000 * b"session=a; ", b"\r\n\r\n"]),
}
NONSENSE = {
    "a handshake of TLS": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(30)),
    "every byte": (400, bytes(range(256))),
    "a length of 5,000 digits": (400, BARE + b"Content-Length: " + b"9" * 5000),
    "a length below zero": (400, BARE + b"Content-Length: -1"),
    "two lengths": (400, BARE + b"Content-Length: 1\r\nContent-Length: 2"),
    "an address that is none": (400, b"GET http://[ HTTP/1.1\r\nHost: a"),
    "a name with a line break": (400, BARE + b"X-A: a\rb"),
    "a method of another protocol": (405, BARE.replace(b"GET", b"PROPFIND")),
    "an unknown transfer encoding": (501, BARE + b"Transfer-Encoding: gzip"),
    "a foreign version": (200, BARE.replace(b"HTTP/1.1", b"HTTP/9.9")),
}


@pytest.mark.parametrize(
    ("expected", "words", "top", "parts"), TOO_MUCH.values(), ids=TOO_MUCH.keys()
)
def test_what_is_too_much_is_refused_by_a_sentence(web, expected, words, top, parts):
    answer = web.say(top, *parts)
    assert status(answer) == expected
    assert words in sentence(answer)
    assert b"application/json" in answer or expected == 400


@pytest.mark.parametrize(("expected", "sent"), NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_is_refused_by_a_sentence(web, expected, sent):
    authorized = head("/", "GET").split(b"\r\n")[2]
    answer = web.say(
        sent.removesuffix(b"\r\n") + b"\r\n" + authorized + b"\r\nConnection: close\r\n\r\n"
    )
    assert status(answer) == expected
    assert expected == 200 or len(sentence(answer)) > 20


def sent(web: Web, path: str, body: bytes, **headers: object) -> bytes:
    headers = {**JSON, "Content_Length": len(body), "Connection": "close", **headers}
    return web.say(head(path, **headers), body)


BOMB = gzip.compress(b" " * 100 * MIB, 1)
ADDRESSES = (
    "/api/v1/labels",
    "/api/v1/requests",
    "/api/v1/detectors/check",
    "/grafana/query",
    "/grafana/variable",
    "/hooks/grafana/alerts",
)


@pytest.mark.parametrize("path", ADDRESSES)
class TestBodies:
    def test_a_bomb_is_not_unpacked(self, web, path):
        answer = sent(web, path, BOMB, Content_Encoding="gzip")
        assert status(answer) == 415
        assert "compressed" in sentence(answer)

    @pytest.mark.parametrize("part", [b"[", b'{"a":', b'{"target":["'])
    def test_a_hundred_thousand_levels(self, web, path, part):
        answer = sent(web, path, part * 100_000)
        assert status(answer) == 400
        assert "not JSON" in sentence(answer)

    @pytest.mark.parametrize("levels", [200, 900])
    def test_as_many_levels_as_can_be_read(self, web, path, levels):
        deep = b'{"a":' * levels + b"1" + b"}" * levels
        for name in (b"spec", b"range", b"payload", b"alerts", b"labels", b"targets"):
            assert status(sent(web, path, b'{"%b":%b}' % (name, deep))) in (200, 422)

    @pytest.mark.parametrize(
        "number", ["1" * 100_000, "1e999", "-1e999", "NaN", "Infinity", "0." + "0" * 100_000 + "1"]
    )
    def test_numbers_that_are_none(self, web, path, number):
        body = f'{{"from":{number},"to":{number},"range":{{"from":{number},"to":1}}}}'
        answer = sent(web, path, body.encode())
        assert status(answer) in (200, 400, 422)


def test_thousands_of_parameters(web):
    query = "&".join(f"series=a{n}" for n in range(15_000))
    answer = web.ask(f"/api/v1/detectors/gas-room/scores?{query}")
    assert answer.status_code in (200, 404, 422)


def test_a_thousand_idle_ones_do_not_keep_others_out(web):
    with ExitStack() as held:
        for _ in range(1000):
            held.enter_context(web.connect())
        assert web.ask().status_code == 200
        for _ in range(200):  # and more than there is room for
            held.enter_context(web.connect())
        assert web.ask().status_code == 200


def test_slow_ones_do_not_keep_others_out(web):
    with ExitStack() as held:
        slow = [held.enter_context(web.connect()) for _ in range(300)]
        for byte in head()[:20]:
            for peer in slow:
                peer.sendall(bytes([byte]))
            assert web.ask("/healthz").status_code == 200


@pytest.mark.parametrize("part", [BARE + b"X-A: " + b"x" * 250_000, head(Content_Length=4 * MIB)])
def test_a_thousand_large_requests_at_once_do_not_fill_the_memory(web, part):
    with ExitStack() as held:
        for _ in range(1000):
            peer = held.enter_context(web.connect())
            peer.sendall(part + b"x" * 1000)
        assert web.ask().status_code == 200


def test_questions_sent_at_once_are_answered_in_their_turn(web):
    many, last = head("/healthz", "GET"), head("/api/v1/me", "GET", Connection="close")
    answer = web.say(many * 500 + last)
    assert answer.count(b"HTTP/1.1 200 OK") == 501
    assert answer.rindex(b'"role":"admin"') > answer.rindex(b"HTTP/1.1 200 OK")


def test_who_closes_one_half_takes_nothing_with_it(web):
    with ExitStack() as held:
        for _ in range(100):
            peer = held.enter_context(web.connect())
            peer.sendall(head("/api/v1/detectors", "GET"))
            peer.shutdown(socket.SHUT_WR)
            assert everything(peer)[:12] in (b"", b"HTTP/1.1 200")


def test_who_hangs_up_in_the_middle_takes_nothing_with_it(web):
    for end in range(1, 200, 4):
        with web.connect() as peer:
            peer.sendall(head(Content_Length=100, **JSON)[:end])


def test_the_head_of_another_request_in_a_body_is_not_one(web):
    """Chunks and a length at once: the chunks count, and nothing is left over."""
    inner = head("/api/v1/labels/1", "DELETE")
    both = head(Content_Length=4, Transfer_Encoding="chunked", Connection="close", **JSON)
    answer = web.say(both + chunk(b"1234") + b"0\r\n\r\n" + inner)
    assert answer.count(b"HTTP/1.1 ") == 1
