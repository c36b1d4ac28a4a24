"""A request that comes in over the port: read as it arrives, within bounds, or refused.

Stricter than waitress where servers and proxies have understood one and the same request in two
ways, and linear in time where its own reading is not.
"""

import logging
import time
from re import compile as pattern
from typing import Any

import orjson
from waitress.adjustments import Adjustments
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.receiver import ChunkedReceiver
from waitress.rfc7230 import CHUNK_EXT_RE
from waitress.utilities import BadRequest, Error

from backend.web.errors import HTTP_REASONS, MACHINE_PATHS

_log = logging.getLogger(__name__)

PATIENCE_S = 60
"""For how long a request may come in, and an answer be taken, at any pace."""

SLOWEST = 10_000
"""Bytes a second by which more than that time is earned."""

LARGEST_HEAD = 256 * 1024
MOST_LINES = 200
LONGEST_CHUNK_LINE = 1024
LONGEST_TRAILER = 8 * 1024
MOST_CHUNKS = 20_000

IN_MEMORY = 64 * 1024
"""Of a body, and of an answer that waits; the rest lies in a temporary file."""

_SIZE = pattern(rb"[0-9a-fA-F]{1,16}")

_SENTENCES = {
    400: "This is no request that an HTTP server understands: {}.",
    408: f"The request did not arrive within {PATIENCE_S} s: send it in smaller parts, or faster.",
    413: "The request is larger than 4 MiB: send it in parts.",
    431: f"The head of the request is larger than {LARGEST_HEAD // 1024} KiB: ask for less at "
    "once, or delete the cookies of this address.",
    503: "Too many large requests are coming in at this moment: send it again later.",
    501: "Of transfer encodings only chunked is taken: send the request without another.",
    507: "The request cannot be kept in a temporary file: make room on the disk of normalcy, and "
    "send it again.",
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
    """A body in chunks: lines between them that are as short as those of any client, and exact."""

    error: BadRequest | None

    def __init__(self, buf: Any) -> None:
        super().__init__(buf)
        self._left = 0
        self._line = b""
        self._count = 0
        self._read_line = self._size

    def received(self, s: bytes) -> int:
        """Take some bytes; how many of them belong to the body."""
        place, found = 0, []
        while place < len(s) and not self.completed and self.error is None:
            if self._left:
                part = s[place : place + self._left]
                found.append(part)
                self._left -= len(part)
                place += len(part)
            else:
                place = self._take_line(s, place)
        if found:  # at once: a body may be of single bytes
            self.buf.append(b"".join(found))
        return place

    def _take_line(self, s: bytes, place: int) -> int:
        end = s.find(b"\n", place) + 1
        self._line += s[place : end or len(s)]
        if len(self._line) > LONGEST_CHUNK_LINE:
            self._refuse("a line between the chunks of the body does not end")
        elif end:
            line, self._line = self._line, b""
            # Where others see the end of a line in a single LF or CR, they see another request.
            if line.endswith(b"\r\n") and b"\r" not in line[:-2]:
                self._read_line(line[:-2])
            else:
                self._refuse("a line between the chunks of the body does not end in CR LF")
        return end or len(s)

    def _size(self, line: bytes) -> None:
        size, semicolon, more = line.partition(b";")
        if not _SIZE.fullmatch(size) or not CHUNK_EXT_RE.match(semicolon + more):
            return self._refuse("a chunk of the body does not begin with its size")
        self._left = int(size, 16)
        self._count += bool(self._left)
        if self._count > MOST_CHUNKS:
            return self._refuse(f"its body has more than {MOST_CHUNKS} chunks")
        self._read_line = self._end_of_chunk if self._left else self._end_of_body
        return None

    def _end_of_chunk(self, line: bytes) -> None:
        if line:
            self._refuse("a chunk of the body is longer than its size")
        self._read_line = self._size

    def _end_of_body(self, line: bytes) -> None:
        """A line of the trailer, which nobody reads."""
        self.completed = not line
        self.trailer += line
        if len(self.trailer) > LONGEST_TRAILER:
            self._refuse("what follows the body does not end")

    def _refuse(self, why: str) -> None:
        self.error = BadRequest(why)


class Parser(HTTPRequestParser):
    """Reads a request, and knows when it began to come."""

    headers: dict[str, str]
    error: Any
    body_rcv: Any
    header_bytes_received: int
    body_bytes_received: int

    def __init__(self, adj: Adjustments) -> None:
        super().__init__(adj)
        self.began = time.monotonic()

    def received(self, data: bytes) -> int:
        """Take some bytes; how many of them belong to this request."""
        try:
            consumed: int = super().received(data)
        except OSError as error:
            _log.error("A request cannot be kept in a temporary file: %s", error)
            self.refuse(507)
            return len(data)
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
        self._check_length()
        if self.chunked:
            self.body_rcv = Chunks(self.body_rcv.getbuf())

    def _check_length(self) -> None:
        """Refuse a body whose end a proxy may see elsewhere, and with it the next request."""
        if "TRANSFER_ENCODING" in self.headers:  # waitress takes it away where it follows it
            raise ParsingError("only a request of HTTP/1.1 has a transfer encoding")
        if self.chunked and "CONTENT_LENGTH" in self.headers:
            raise ParsingError("it has a length and a transfer encoding")

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
