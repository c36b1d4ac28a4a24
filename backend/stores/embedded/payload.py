"""A layer as bytes: a JSON header that says where each column lies, then the columns as arrays.

    magic  4 bytes   `NSG1`
    crc32  uint32    of everything after it
    length uint32    of the header
    header JSON      {"rows": T, "times": {...}, "columns": {name: {...}}}, blanks up to a multiple
                     of 8 bytes
    arrays           little-endian, each at a multiple of 8 bytes

An array of one element stands for T equal ones. Numbers that lose nothing by it are stored as
float32. Strings are stored as codes into a list of words (or null) in the header.
"""

import struct
import zlib
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from backend.exceptions import StoreRefused
from backend.ports import Floats, Strings, Times
from backend.stores.embedded.layers import Layer
from backend.stores.rows import numeric

_MAGIC = b"NSG1"
_PREFIX = struct.Struct("<4sII")
_Entry = dict[str, Any]


def encode(layer: Layer) -> bytes:
    """Pack a layer of at least one row."""
    body = _Body()
    header = {
        "rows": len(layer),
        "times": _pack_times(layer.times, body),
        "columns": {name: _pack(values, body) for name, values in layer.columns.items()},
    }
    text = orjson.dumps(header)
    text += b" " * (-(_PREFIX.size + len(text)) % 8)
    content = b"".join([text, *body.parts])
    return _PREFIX.pack(_MAGIC, zlib.crc32(content), len(text)) + content


def decode(payload: bytes, names: Collection[str] | None = None) -> Layer:
    """Unpack a layer, or only some of its columns.

    Raises:
        StoreRefused: the bytes are not those that were stored.
    """
    magic, checksum, length = _PREFIX.unpack_from(payload)
    content = memoryview(payload)[_PREFIX.size :]
    if magic != _MAGIC or zlib.crc32(content) != checksum:
        raise StoreRefused("a segment of the embedded store is damaged; restore a backup")
    header = orjson.loads(content[:length])
    body, rows = content[length:], header["rows"]
    columns = {
        name: _unpack(entry, body, rows)
        for name, entry in header["columns"].items()
        if names is None or name in names
    }
    return Layer(_unpack_times(header["times"], body, rows), columns)


class _Body:
    """Arrays behind each other."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self._size = 0

    def add(self, array: NDArray[Any]) -> _Entry:
        packed = array.tobytes()
        packed += b"\0" * (-len(packed) % 8)
        entry = {"type": array.dtype.str, "at": self._size, "count": len(array)}
        self.parts.append(packed)
        self._size += len(packed)
        return entry


def _pack_times(times: Times, body: _Body) -> _Entry:
    steps = np.diff(times)
    step = int(steps[0]) if len(steps) else 1
    if (steps == step).all():
        return {"start": int(times[0]), "step": step}
    return body.add(times.astype("<i8", copy=False))


def _unpack_times(entry: _Entry, body: memoryview, rows: int) -> Times:
    if "step" in entry:
        times: Times = np.arange(rows, dtype=np.int64) * entry["step"] + entry["start"]
        return times
    return _array(entry, body, rows).astype(np.int64)


def _pack(values: Floats | Strings, body: _Body) -> _Entry:
    if numeric(values):
        return body.add(_shortest(values))
    texts = values.tolist()
    words = list(dict.fromkeys(texts))
    codes = {word: code for code, word in enumerate(words)}
    kind = np.min_scalar_type(max(len(words) - 1, 0)).newbyteorder("<")
    return body.add(_once(np.fromiter(map(codes.__getitem__, texts), kind, len(texts)))) | {
        "words": words
    }


def _shortest(values: Floats) -> NDArray[Any]:
    bits = values.view(np.int64)
    if (bits == bits[0]).all():
        return values[:1].astype("<f8", copy=False)
    with np.errstate(over="ignore", invalid="ignore"):
        halved = values.astype("<f4")
    # compared as bits, so that NaN and minus zero count as equal to themselves
    exact = (halved.astype(np.float64).view(np.int64) == bits).all()
    return halved if exact else values.astype("<f8", copy=False)


def _once(codes: NDArray[Any]) -> NDArray[Any]:
    return codes[:1] if (codes == codes[0]).all() else codes


def _unpack(entry: _Entry, body: memoryview, rows: int) -> Floats | Strings:
    array = _array(entry, body, rows)
    if "words" not in entry:
        return array.astype(np.float64)
    words = np.array(entry["words"], dtype=object)
    strings: Strings = words[array]
    return strings


def _array(entry: Mapping[str, Any], body: memoryview, rows: int) -> NDArray[Any]:
    array = np.frombuffer(body, entry["type"], entry["count"], entry["at"])
    # What is not one value for all rows needs no spreading, which costs more than the reading.
    return array if len(array) == rows else np.broadcast_to(array, rows)
