"""Requests as bytes: where one ends is certain, and what a body is made of takes no time."""

import tempfile
from pathlib import Path

import pytest
from waitress.adjustments import Adjustments

from backend.web.incoming import LONGEST_TRAILER, MOST_CHUNKS, Parser
from backend.web.security import LARGEST_BODY

HEAD = b"POST /api/v1/labels HTTP/1.1\r\nHost: a\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def parsed(sent: bytes, piece: int = 1 << 20) -> tuple[Parser, bytes]:
    """A request from what was sent, and what was left for the next."""
    parser = Parser(Adjustments(max_request_body_size=LARGEST_BODY))
    while sent and not parser.completed:
        taken = parser.received(sent[:piece])
        assert 0 < taken <= len(sent)
        sent = sent[taken:]
    assert parser.completed
    return parser, sent


def body(parser: Parser) -> bytes:
    return bytes(parser.get_body_stream().read())


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"3\r\nabc\r\n0\r\n\r\n", b"abc"),
        (b'3;a="b;c"\r\nabc\r\n0A\r\n\r\nabc\r\ndef\r\n0;last\r\n\r\n', b"abc\r\nabc\r\ndef"),
        (b"0\r\n\r\n", b""),
        (b"1\r\n\r\r\n0\r\nA: b\r\nC: d\r\n\r\n", b"\r"),
    ],
)
def test_a_body_in_chunks_ends_where_it_ends(sent, expected, piece):
    parser, rest = parsed(CHUNKED + sent + b"GET / HTTP/1.1\r\n", piece)
    assert parser.error is None
    assert body(parser) == expected
    # A piece that holds the end as well is not taken beyond it.
    assert rest == b"GET / HTTP/1.1\r\n"
    assert parser.headers["CONTENT_LENGTH"] == str(len(expected))


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"3\nabc\r\n0\r\n\r\n", "CR LF"),
        (b"3\n\r\nabc\r\n0\r\n\r\n", "CR LF"),
        (b"3\r\r\nabc\r\n0\r\n\r\n", "CR LF"),
        (b"3;a\n\r\nabc\r\n0\r\n\r\n", "CR LF"),
        (b"3\r\nabc\n0\r\n\r\n", "CR LF"),
        (b"3\r\nabcd\r\n0\r\n\r\n", "longer than its size"),
        (b"3\r\nabc\r\n\r\n0\r\n\r\n", "begin with its size"),
        (b"0x3\r\nabc\r\n0\r\n\r\n", "begin with its size"),
        (b"+3\r\nabc\r\n0\r\n\r\n", "begin with its size"),
        (b" 3\r\nabc\r\n0\r\n\r\n", "begin with its size"),
        (b"1_0\r\nabc\r\n0\r\n\r\n", "begin with its size"),
        (b"3 ;\r\nabc\r\n0\r\n\r\n", "begin with its size"),
        (17 * b"0" + b"\r\n\r\n", "begin with its size"),
        (b"0" * 2000, "does not end"),
        (b"0\r\n" + LONGEST_TRAILER // 100 * (b"a" * 120 + b"\r\n"), "does not end"),
        (b"1\r\na\r\n" * (MOST_CHUNKS + 1), f"more than {MOST_CHUNKS} chunks"),
        (b"1\r\na\r\n" * MOST_CHUNKS + b"0\r\n\r\n", ""),
    ],
)
def test_lines_between_chunks_are_exact(sent, said):
    parser, _ = parsed(CHUNKED + sent, 4096)
    if not said:
        assert parser.error is None
        return
    assert parser.error.code == 400
    assert said in parser.error.body


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (
            HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
            "a length and a",
        ),
        (
            HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            "a length and a",
        ),
        (CHUNKED.replace(b"1.1", b"1.0"), "only a request of HTTP/1.1"),
        (CHUNKED.replace(b"1.1", b"9.9"), "only a request of HTTP/1.1"),
        (CHUNKED.replace(b" HTTP/1.1", b""), "only a request of HTTP/1.1"),
        (HEAD + b"Transfer-Encoding : chunked\r\n\r\n", "Invalid header"),
    ],
)
def test_a_request_whose_end_others_see_elsewhere_is_none(head, said):
    parser, _ = parsed(head)
    assert parser.error.code == 400
    assert said in parser.error.body


def test_a_body_for_which_there_is_no_disk_is_refused_by_a_sentence(monkeypatch, tmp_path: Path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "full"))
    parser, _ = parsed(HEAD + b"Content-Length: 2000000\r\n\r\n" + b"x" * 2_000_000)
    assert parser.error.code == 507
    assert "make room" in parser.error.body
