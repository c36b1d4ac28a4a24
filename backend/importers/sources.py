"""The bytes of a file: plain or gzipped, as UTF-8, cut into blocks of whole rows."""

import codecs
import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from backend.exceptions import ImportFileError

BLOCK = 4 * 1024 * 1024
_LONGEST_ROW = 16 * BLOCK


class Source:
    """A file opened for reading, unzipped on the way; knows how much of it was read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.size = max(path.stat().st_size, 1)
            self._raw: IO[bytes] = path.open("rb")
            zipped = self._raw.read(2) == b"\x1f\x8b"
            self._raw.seek(0)
        except OSError as error:
            raise _unreadable(path, error) from error
        self._stream: IO[bytes] | gzip.GzipFile = (
            gzip.GzipFile(fileobj=self._raw) if zipped else self._raw
        )

    def read(self, size: int) -> bytes:
        """Read up to `size` bytes; empty at the end.

        Raises:
            ImportFileError: the file cannot be read, or is a damaged gzip file.
        """
        try:
            return self._stream.read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ImportFileError(
                f"{self.path} is a damaged or cut-off gzip file ({error}); copy it again."
            ) from error
        except OSError as error:
            raise _unreadable(self.path, error) from error

    @property
    def share(self) -> float:
        """How much of the file was read, 0 to 1."""
        return min(self._raw.tell() / self.size, 1.0)

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._raw.close()


@dataclass(frozen=True)
class Block:
    """Whole rows as UTF-8; `line` is the physical line on which the first one starts."""

    data: bytes
    line: int


def read_blocks(source: Source, encoding: str, header_lines: int) -> Iterator[Block]:
    """Cut what follows the header into blocks that end at the end of a row.

    A row ends at a line end with an even number of quotes before it, so that line breaks inside
    quoted cells never part a row.
    """
    rest, line, skip = b"", 1, header_lines
    for chunk in _utf8_chunks(source, encoding):
        rest += chunk
        if skip:
            rest, skipped = _drop_lines(rest, skip)
            skip, line = skip - skipped, line + skipped
        cut = _row_end(rest) if not skip else 0
        if cut:
            yield Block(rest[:cut], line)
            line += count_lines(rest[:cut])
            rest = rest[cut:]
    if skip:
        rest, skipped = _drop_lines(rest + b"\n", skip)
        line += skipped
    if rest.strip():
        yield Block(rest, line)


def count_lines(data: bytes) -> int:
    r"""Number of line ends, each of \n, \r\n and \r counted once."""
    returns = data.count(b"\r")
    return data.count(b"\n") + (returns - data.count(b"\r\n") if returns else 0)


def _utf8_chunks(source: Source, encoding: str) -> Iterator[bytes]:
    if encoding == "utf-8":
        while chunk := source.read(BLOCK):
            yield chunk
        return
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    line, ended = 1, False
    while not ended:
        raw = source.read(BLOCK)
        ended = not raw
        try:
            chunk = decoder.decode(raw, final=ended).encode("utf-8")
        except UnicodeError as error:
            raise ImportFileError(
                f"{source.path} is not {encoding} from line {line} on ({error}); "
                "say the right --encoding."
            ) from error
        line += chunk.count(b"\n")
        yield chunk


def _drop_lines(data: bytes, lines: int) -> tuple[bytes, int]:
    """Drop up to so many whole lines from the front; say how many were dropped."""
    end = b"\n" if b"\n" in data else b"\r"
    start, dropped = 0, 0
    while dropped < lines and (found := data.find(end, start)) >= 0:
        start, dropped = found + 1, dropped + 1
    return data[start:], dropped


def _row_end(data: bytes) -> int:
    """Length of the longest beginning that ends with a row; 0 when more bytes are needed."""
    last = data.rfind(b"\n") + 1
    if data.count(b'"', 0, last):
        letters = np.frombuffer(data, np.uint8, last)
        ends = np.flatnonzero(letters == ord("\n"))
        quotes = np.flatnonzero(letters == ord('"'))
        whole = ends[np.searchsorted(quotes, ends) % 2 == 0]
        if len(whole):
            return int(whole[-1]) + 1
        # a stray quote, not a cell of this size: the row with it is reported when it is parsed
        return last if last > _LONGEST_ROW else 0
    return last


def _unreadable(path: Path, error: OSError) -> ImportFileError:
    reason = error.strerror or str(error)
    return ImportFileError(f"{path} cannot be read: {reason}; check the path and its rights.")
