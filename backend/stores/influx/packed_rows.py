"""Rows of MessagePack numbers to columns, without a Python object per value.

A row is an array of a fixed number of values, the time first. Most values are floats: a marker and
eight bytes. Where all are, rows have one width and a column is a strided view. Absent values take
one byte and shorten their row; where a row begins is then found by looking for what a row begins
with, and proven: from the first row on, each has to end where the next one begins.

Format: github.com/msgpack/msgpack/blob/master/spec.md
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Positions = NDArray[np.int64]

_FLOAT64, _FLOAT32, _NIL, _FALSE, _TRUE = 0xCB, 0xCA, 0xC0, 0xC2, 0xC3
_INT64 = 0xD3
_INTEGERS = {
    0xCC: ">u1",
    0xCD: ">u2",
    0xCE: ">u4",
    0xCF: ">u8",
    0xD0: ">i1",
    0xD1: ">i2",
    0xD2: ">i4",
    0xD3: ">i8",
}
_CELL = 9  # bytes of the widest number: its marker and eight more
_PASSES = 8

_WIDTHS = np.zeros(256, dtype=np.int64)
_WIDTHS[:0x80] = _WIDTHS[0xE0:] = 1  # small integers are their own marker
_WIDTHS[[_NIL, _FALSE, _TRUE]] = 1
_WIDTHS[[_FLOAT32, _FLOAT64]] = 5, 9
for _marker, _type in _INTEGERS.items():
    _WIDTHS[_marker] = 1 + np.dtype(_type).itemsize


@dataclass(frozen=True)
class Decoded:
    """Rows as columns.

    Attributes:
        times: (N,) int64.
        columns: (N,) float64 each, NaN where absent, without the time.
        size: bytes that the rows took.
    """

    times: NDArray[np.int64]
    columns: list[NDArray[np.float64]]
    size: int


def widest(rows: int, columns: int) -> int:
    """Bytes that so many rows take at most, if all are numbers."""
    return rows * (len(_header(columns)) + _CELL * columns)


def decode(data: memoryview, rows: int, columns: int) -> Decoded | None:
    """Decode rows of numbers.

    Args:
        data: begins with the first row; may go on after the last.
        rows: how many, at least 1.
        columns: values a row, the time first.

    Returns:
        None where something is not a number, or the time is not one of eight bytes.
    """
    raw = np.frombuffer(data, dtype=np.uint8)
    return _even(raw, rows, columns) or _uneven(raw, rows, columns)


def _header(columns: int) -> bytes:
    """What a row begins with: the marker of an array of its length, and that of its time."""
    if columns < 16:
        return bytes([0x90 | columns])
    return b"\xdc" + columns.to_bytes(2, "big")


def _even(raw: Bytes, rows: int, columns: int) -> Decoded | None:
    """Rows of one width: all values are floats of eight bytes."""
    header = np.frombuffer(_header(columns), np.uint8)
    width = len(header) + _CELL * columns
    if len(raw) < rows * width:
        return None
    table = raw[: rows * width].reshape(rows, width)
    first = len(header)
    expected = [*header, _INT64, *[_FLOAT64] * (columns - 1)]
    places = [*range(first), *range(first, width, _CELL)]
    # column by column, since looking at the markers of all at once would copy them first
    if any((table[:, at] != byte).any() for at, byte in zip(places, expected, strict=True)):
        return None

    def column(number: int, kind: str) -> NDArray[Any]:
        offset = first + _CELL * number + 1
        return np.ndarray((rows,), kind, raw, offset, (width,))

    times = column(0, ">i8").astype(np.int64)
    values = [column(number, ">f8").astype(np.float64) for number in range(1, columns)]
    return Decoded(times, values, rows * width)


def _uneven(raw: Bytes, rows: int, columns: int) -> Decoded | None:
    """Rows of different widths."""
    header = len(_header(columns))
    found = _chain(raw, rows, columns)
    if found is None:
        return None
    starts, end = found
    positions = starts + header
    times = _at(raw, positions + 1, ">i8").astype(np.int64)
    positions = positions + _CELL
    values = []
    for _ in range(columns - 1):
        values.append(_numbers(raw, positions))
        positions = positions + _WIDTHS[raw[positions]]
    return Decoded(times, values, end)


def _chain(raw: Bytes, rows: int, columns: int) -> tuple[Positions, int] | None:
    """Where the rows begin, and where the last one ends; None if one holds more than numbers.

    What looks like the beginning of a row may stand inside a number. Such a place is no row's end,
    and is struck out until every row ends where the next begins.
    """
    starts = _candidates(raw, columns)
    if not len(starts) or starts[0] != 0:
        return None
    ends = _ends(raw, starts, columns)
    for _ in range(_PASSES):
        # each pass keeps what begins where another ends; what is true is never struck out
        is_end = np.zeros(len(raw) + 2, dtype=np.bool_)
        is_end[ends] = True  # -1 marks the last place, where nothing begins
        kept = is_end[starts]
        kept[0] = True
        if kept.all():
            break
        starts, ends = starts[kept], ends[kept]
    starts, ends = starts[:rows], ends[:rows]
    proven = len(starts) == rows and (ends[:-1] == starts[1:]).all() and ends[-1] > 0
    return (starts, int(ends[-1])) if proven else None


def _candidates(raw: Bytes, columns: int) -> Positions:
    """Places that look like the beginning of a row."""
    pattern = [*_header(columns), _INT64]
    last = len(raw) - len(pattern) + 1
    if last <= 0:
        return np.empty(0, dtype=np.int64)
    found = raw[:last] == pattern[0]
    for offset, byte in enumerate(pattern[1:], start=1):
        found &= raw[offset : offset + last] == byte
    return np.flatnonzero(found)


def _ends(raw: Bytes, starts: Positions, columns: int) -> Positions:
    """Where the rows that begin there end; -1 where one holds no number or is cut off."""
    positions = starts + len(_header(columns)) + _CELL
    broken = np.zeros(len(starts), dtype=np.bool_)
    for _ in range(columns - 1):
        broken |= positions >= len(raw)
        widths = _WIDTHS[raw[np.where(broken, 0, positions)]]
        broken |= widths == 0
        positions = positions + widths
    broken |= positions > len(raw)
    return np.where(broken, -1, positions)


def _numbers(raw: Bytes, positions: Positions) -> NDArray[np.float64]:
    """(N,) the numbers whose markers stand there."""
    markers = raw[positions]
    floats = markers == _FLOAT64
    if floats.all():
        return _at(raw, positions + 1, ">f8").astype(np.float64)
    values = np.full(len(positions), np.nan)
    values[floats] = _at(raw, positions[floats] + 1, ">f8")
    others = ~floats & (markers != _NIL)
    for marker in np.unique(markers[others]).tolist():
        rows = markers == marker
        values[rows] = _of_marker(raw, positions[rows], marker)
    return values


def _of_marker(raw: Bytes, positions: Positions, marker: int) -> NDArray[Any] | float:
    if marker == _FLOAT32:
        return _at(raw, positions + 1, ">f4")
    if marker in _INTEGERS:
        return _at(raw, positions + 1, _INTEGERS[marker])
    if marker in (_FALSE, _TRUE):
        return float(marker == _TRUE)
    return float(marker if marker < 0x80 else marker - 0x100)


def _at(raw: Bytes, positions: Positions, kind: str) -> NDArray[Any]:
    """Numbers of several bytes at any positions: a view that begins anew at every byte."""
    size = np.dtype(kind).itemsize
    return np.ndarray((len(raw) - size + 1,), kind, raw, 0, (1,))[positions]
