"""Answers of `/query` as MessagePack: an object a chunk, its rows decoded as columns."""

import struct
from collections.abc import Callable, Iterator
from typing import Any

import msgpack

from backend.stores.influx import packed_rows
from backend.stores.influx.columns import Columns, from_rows
from backend.stores.influx.inflow import Inflow, Truncated

_LENGTHS = {
    # marker: (bytes of the length, what follows)
    0xD9: (1, "text"),
    0xDA: (2, "text"),
    0xDB: (4, "text"),
    0xDC: (2, "array"),
    0xDD: (4, "array"),
    0xDE: (2, "map"),
    0xDF: (4, "map"),
}
_SCALARS = {
    0xCA: ">f",
    0xCB: ">d",
    0xCC: ">B",
    0xCD: ">H",
    0xCE: ">I",
    0xCF: ">Q",
    0xD0: ">b",
    0xD1: ">h",
    0xD2: ">i",
    0xD3: ">q",
}
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
_PIECE = 1 << 16


class Malformed(Exception):
    """These bytes are not MessagePack, or not an answer."""


def objects(inflow: Inflow) -> Iterator[dict[str, Any]]:
    """The objects of an answer, one a chunk; `values` are `Columns`.

    Raises:
        Truncated: the answer ends in the middle of an object.
        Malformed: it is something else.
    """
    while not inflow.ended():
        found = _object(inflow)
        if not isinstance(found, dict):
            raise Malformed
        yield found


def _object(inflow: Inflow) -> Any:
    marker = inflow.take(1)[0]
    kind, length = _announced(inflow, marker)
    return _READERS[kind](inflow, length) if kind else _scalar(inflow, marker)


def _announced(inflow: Inflow, marker: int) -> tuple[str, int]:
    """What a marker announces, and how much of it; "" for a single value."""
    if marker in _LENGTHS:
        size, kind = _LENGTHS[marker]
        return kind, int.from_bytes(inflow.take(size), "big")
    if marker >> 4 == 0x8:
        return "map", marker & 0x0F
    if marker >> 4 == 0x9:
        return "array", marker & 0x0F
    if marker >> 5 == 0b101:
        return "text", marker & 0x1F
    return "", 0


def _scalar(inflow: Inflow, marker: int) -> Any:
    if marker in _CONSTANTS:
        return _CONSTANTS[marker]
    if marker in _SCALARS:
        form = _SCALARS[marker]
        return struct.unpack(form, inflow.take(struct.calcsize(form)))[0]
    if marker < 0x80 or marker >= 0xE0:
        return marker if marker < 0x80 else marker - 0x100
    raise Malformed


def _text(inflow: Inflow, length: int) -> str:
    try:
        return inflow.take(length).decode()
    except UnicodeDecodeError as error:
        raise Malformed from error


def _array(inflow: Inflow, length: int) -> list[Any]:
    return [_object(inflow) for _ in range(length)]


def _map(inflow: Inflow, length: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(length):
        key = _object(inflow)
        # names of columns come before their values
        rows = key == "values" and "columns" in found
        found[key] = _columns(inflow, found["columns"]) if rows else _object(inflow)
    return found


_READERS: dict[str, Callable[[Inflow, int], Any]] = {"text": _text, "array": _array, "map": _map}


def _columns(inflow: Inflow, names: list[str]) -> Columns:
    kind, rows = _announced(inflow, inflow.take(1)[0])
    if kind != "array":
        raise Malformed
    if rows and names[0] == "time":
        data = inflow.look(packed_rows.widest(rows, len(names)))
        if decoded := packed_rows.decode(data, rows, len(names)):
            inflow.skip(decoded.size)
            return dict(zip(names, [decoded.times, *decoded.columns], strict=True))
    return from_rows(names, _any_rows(inflow, rows))


def _any_rows(inflow: Inflow, rows: int) -> list[list[Any]]:
    """Rows that hold text, or times that are small numbers, by the library."""
    unpacker = msgpack.Unpacker(max_buffer_size=0)
    found: list[list[Any]] = []
    fed = done = 0
    while len(found) < rows:
        ready = inflow.offer(fed + max(_PIECE, fed // 2))
        if ready == fed:
            raise Truncated
        unpacker.feed(inflow.look(ready)[fed:])
        fed = ready
        try:
            while len(found) < rows:
                found.append(unpacker.unpack())
                done = unpacker.tell()
        except msgpack.OutOfData:
            continue
        except (ValueError, msgpack.UnpackException) as error:
            raise Malformed from error
    inflow.skip(done)
    return found
