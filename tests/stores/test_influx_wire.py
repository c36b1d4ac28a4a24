"""Answers as they come over the wire: MessagePack and JSON, in pieces of any size, whole or cut."""

import itertools
import math
import struct
from collections.abc import Callable, Iterator
from typing import Any

import msgpack
import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.exceptions import StoreUnavailable
from backend.stores.influx import json_rows, packed_rows
from backend.stores.influx.answers import Part, StatementError, parts
from backend.stores.influx.columns import Columns, from_rows
from backend.stores.influx.generation import JSON, MESSAGE_PACK
from backend.stores.influx.inflow import Inflow

T0 = 1_700_000_000_000_000_000
Row = tuple[Any, ...]


def packed(value: Any) -> bytes:
    """MessagePack as the servers write it: signed integers as small as they get, doubles."""
    if isinstance(value, dict):
        head = bytes([0x80 | len(value)])
        return head + b"".join(packed(key) + packed(held) for key, held in value.items())
    if isinstance(value, list | tuple):
        small = bytes([0x90 | len(value)]) if len(value) < 16 else None
        head = small or b"\xdc" + len(value).to_bytes(2, "big")
        return head + b"".join(map(packed, value))
    if isinstance(value, int) and not isinstance(value, bool):
        return packed_integer(value)
    found: bytes = msgpack.packb(value)
    return found


def packed_integer(value: int) -> bytes:
    if -32 <= value < 128:
        return struct.pack("b", value)
    for marker, form, bits in ((0xD0, ">b", 8), (0xD1, ">h", 16), (0xD2, ">i", 32)):
        if -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
            return bytes([marker]) + struct.pack(form, value)
    return b"\xd3" + struct.pack(">q", value)


def answer(*chunks: tuple[dict[str, str], list[str], list[Row]]) -> list[dict[str, Any]]:
    """The messages of a statement's answer, a chunk each."""
    last = len(chunks) - 1
    return [
        {
            "results": [
                {
                    "statement_id": 0,
                    "series": [{"name": "air", "tags": tags, "columns": names, "values": rows}],
                    **({"partial": True} if number < last else {}),
                }
            ]
        }
        for number, (tags, names, rows) in enumerate(chunks)
    ]


def encoded(messages: list[dict[str, Any]], media: str) -> bytes:
    if media == JSON:
        return b"".join(orjson.dumps(message) + b"\n" for message in messages)
    return b"".join(map(packed, messages))


def inflow(data: bytes, size: int = 1 << 20) -> Inflow:
    """The bytes in pieces of a size, whatever is asked for."""
    pieces = iter([data[at : at + size] for at in range(0, len(data), size)])
    return Inflow(lambda wanted: next(pieces, b""))


def read(data: bytes, media: str, size: int = 1 << 20) -> list[Part]:
    return list(parts(inflow(data, size), media, silent_when_empty=False))


def same(found: Columns, expected: Columns) -> bool:
    return list(found) == list(expected) and all(
        found[name].dtype == column.dtype and repr(found[name].tolist()) == repr(column.tolist())
        for name, column in expected.items()
    )


_number = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
)
_text = st.one_of(st.text(max_size=40), st.none())
_time = st.one_of(st.integers(T0, T0 + 10**15), st.integers(-(2**63), 2**63 - 1))


@st.composite
def tables(draw: Callable[..., Any]) -> tuple[list[str], list[Row]]:
    kinds = draw(st.lists(st.sampled_from([_number, _number, _text]), max_size=20))
    names = ["time", *(f"f{number}" for number in range(len(kinds)))]
    rows = draw(st.lists(st.tuples(_time, *kinds), min_size=1, max_size=25))
    return names, rows


@given(table=tables(), media=st.sampled_from([JSON, MESSAGE_PACK]), size=st.integers(1, 400))
def test_any_rows_arrive_as_the_library_reads_them(
    table: tuple[list[str], list[Row]], media: str, size: int
) -> None:
    names, rows = table
    data = encoded(answer(({"room": "a"}, names, rows), ({}, names, rows[:3])), media)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(json_rows, "_WORTH_IT", 0)
        found = read(data, media, size)

    assert [part.tags for part in found] == [{"room": "a"}, {}]
    assert same(found[0].columns, from_rows(names, rows))
    assert same(found[1].columns, from_rows(names, rows[:3]))


@given(table=tables())
def test_rows_of_numbers_are_decoded_as_the_general_path_does(
    table: tuple[list[str], list[Row]],
) -> None:
    names, rows = table
    data = b"".join(map(packed, rows))

    found = packed_rows.decode(memoryview(data + b"\x94\xd3rest"), len(rows), len(names))

    if found is None:
        texts = any(isinstance(value, str) for row in rows for value in row)
        assert texts or any(-(2**31) <= row[0] < 2**31 for row in rows)
        return
    assert found.size == len(data)
    columns = dict(zip(names, [found.times, *found.columns], strict=True))
    assert same(columns, from_rows(names, rows))


@pytest.mark.parametrize("columns", [2, 3, 7, 15, 16, 40])
@pytest.mark.parametrize("holes", [0.0, 0.02, 0.5, 1.0])
def test_the_fast_path_is_taken_with_holes_and_without(columns: int, holes: float) -> None:
    random = np.random.default_rng(columns)
    values = random.normal(size=(500, columns - 1))
    values[random.random(values.shape) < holes] = np.nan
    rows = [
        (T0 + number, *(None if math.isnan(v) else v for v in row))
        for number, row in enumerate(values.tolist())
    ]

    found = packed_rows.decode(memoryview(b"".join(map(packed, rows))), 500, columns)

    assert found is not None
    np.testing.assert_array_equal(np.array(found.columns).T, values)
    np.testing.assert_array_equal(found.times, T0 + np.arange(500))


def test_numbers_that_look_like_the_beginning_of_a_row_are_seen_through() -> None:
    (trap,) = struct.unpack(">d", b"\x40\x93\xd3\x17\x93\xd3\x17\x01")
    rows = list(
        itertools.islice(
            itertools.cycle([(T0, trap, None), (T0 + 1, None, trap), (T0 + 2, trap, trap)]), 300
        )
    )

    found = packed_rows.decode(memoryview(b"".join(map(packed, rows))), 300, 3)

    assert found is not None
    expected = from_rows(["t", "a", "b"], rows)
    np.testing.assert_array_equal(found.columns[0], expected["a"])
    np.testing.assert_array_equal(found.columns[1], expected["b"])


@pytest.mark.parametrize("holes", [0.0, 0.5])
def test_rows_of_json_numbers_become_columns_at_once(holes: float) -> None:
    random = np.random.default_rng(3)
    values = random.normal(size=(200, 3))
    values[random.random(values.shape) < holes] = np.nan
    rows = [
        (T0 + number, *(None if math.isnan(v) else v for v in row))
        for number, row in enumerate(values.tolist())
    ]
    names = ["time", 'a","values":[[', "b]]", "c"]
    (message,) = answer(({'"values":[[1': "]]"}, names, rows))

    (series,) = json_rows.loads(orjson.dumps(message))["results"][0]["series"]

    assert isinstance(series["values"], dict)
    assert same(series["values"], from_rows(names, rows))


@pytest.mark.parametrize(
    "rows",
    [
        [(1, True, 2.0)],
        [(1, "]]", 2.0), (2, '"values":[[', 3.0)],
        [(1, None, None)],
        [(2**62, 10**18, -1)],
    ],
    ids=["boolean", "text", "nothing", "large"],
)
def test_json_that_holds_more_than_numbers_is_read_as_well(
    rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_rows, "_WORTH_IT", 0)
    names = ["time", "a", "b"]
    messages = answer(({}, names, rows))

    (found,) = read(encoded(messages, JSON), JSON)

    assert same(found.columns, from_rows(names, rows))


def cuts(data: bytes) -> Iterator[bytes]:
    """The data without its end, for every place where it could be cut."""
    for end in range(len(data)):
        yield data[:end]


@pytest.mark.parametrize("media", [JSON, MESSAGE_PACK])
@pytest.mark.parametrize(
    "rows",
    [
        [(T0, 1.5, 2.5), (T0 + 1, 3.5, 4.5)],
        [(T0, None, 2.5), (T0 + 1, 3.5, None)],
        [(T0, "on", 2.5), (T0 + 1, None, 4.5)],
    ],
    ids=["numbers", "holes", "text"],
)
def test_an_answer_that_is_cut_anywhere_is_never_taken_for_a_whole_one(
    media: str, rows: list[Row]
) -> None:
    names = ["time", "a", "b"]
    data = encoded(answer(({}, names, rows), ({}, names, rows)), media)
    whole = read(data, media)
    assert len(whole) == 2

    for cut in cuts(data.rstrip(b"\n")):
        found: list[Part] = []
        with pytest.raises(StoreUnavailable):
            found.extend(parts(inflow(cut, 7), media, silent_when_empty=False))
        assert all(
            same(one.columns, other.columns) for one, other in zip(found, whole, strict=False)
        )


@pytest.mark.parametrize("media", [JSON, MESSAGE_PACK])
def test_an_error_is_found_wherever_it_stands(media: str) -> None:
    row = ({}, ["time", "a"], [(T0, 1.0)])
    broken = {"results": [{"statement_id": 0, "error": "shard is gone"}]}
    for messages in ([{"error": "shard is gone"}], [broken], [*answer(row, row)[:1], broken]):
        with pytest.raises(StatementError, match="shard is gone"):
            read(encoded(messages, media), media)


@pytest.mark.parametrize("media", [JSON, MESSAGE_PACK])
def test_no_rows_are_no_error(media: str) -> None:
    assert read(encoded([{"results": [{"statement_id": 0}]}], media), media) == []
    with pytest.raises(StoreUnavailable, match="empty answer"):
        read(b"", media)
    assert list(parts(inflow(b""), media, silent_when_empty=True)) == []


@pytest.mark.parametrize(
    "junk", [b"\xc1", b"\xff\xff\xff", b"\x81\xa1", b"[]", b"<html>", b"\x93\x01\x02\x03", b"7"]
)
@pytest.mark.parametrize("media", [JSON, MESSAGE_PACK, "text/csv", ""])
def test_what_is_no_answer_is_not_understood(junk: bytes, media: str) -> None:
    with pytest.raises(StoreUnavailable):
        read(junk, media)


@given(st.lists(st.binary(max_size=30), max_size=20), st.integers(1, 50))
def test_lines_come_as_they_were_sent(lines: list[bytes], size: int) -> None:
    wanted = [line.replace(b"\n", b"") for line in lines]
    flowing = inflow(b"".join(line + b"\n" for line in wanted), size)

    found = []
    while not flowing.ended():
        found.append(flowing.line())

    assert found == wanted
