"""What an InfluxDB might answer: rows, or an error of the store; never anything else."""

import json
from collections.abc import Callable
from contextlib import suppress

import msgpack
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backend.exceptions import StoreError
from backend.stores.influx.answers import parts
from backend.stores.influx.inflow import Inflow
from backend.web.instants import parse_instant
from tests.fuzz.amount import tried

MANY = tried(300)
JSON, PACKED = "application/json", "application/x-msgpack"
ROWS = 3


def answer(columns: object, values: object, **more: object) -> dict[str, object]:
    return {"results": [{"series": [{"columns": columns, "values": values, **more}]}]}


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",)), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["time", "values", "columns", "series", "a"]), inner)
    ),
    max_leaves=8,
)
ANSWERS = st.one_of(
    PLAIN,
    st.builds(answer, PLAIN, PLAIN, tags=PLAIN),
    st.builds(answer, st.just(["time", "a"]), st.lists(st.lists(PLAIN, max_size=3), max_size=ROWS)),
    st.builds(lambda inner: {"results": inner}, PLAIN),
    st.builds(lambda inner: {"results": [{"series": inner}]}, PLAIN),
    st.builds(lambda inner: {"results": [{"series": [], "partial": inner}]}, PLAIN),
    st.builds(lambda inner: {"error": inner}, PLAIN),
)


def feed(content: bytes) -> Callable[[int], bytes]:
    """Gives everything at once, then nothing."""
    pieces = iter([content])
    return lambda size: next(pieces, b"")


def read(content: bytes, media: str, piece: int = 1 << 16) -> None:
    """Read an answer that arrives piece by piece."""
    rest = memoryview(content)

    def give(size: int) -> bytes:
        nonlocal rest
        given, rest = bytes(rest[:piece]), rest[piece:]
        return given

    try:
        for part in parts(Inflow(give), media, silent_when_empty=False):
            assert isinstance(part.columns, dict)
    except StoreError:
        return


@MANY
@given(ANSWERS, st.integers(1, 100))
def test_odd_answers_are_read_or_refused(content, piece):
    read(json.dumps(content).encode(), JSON, piece)
    read(msgpack.packb(content), PACKED, piece)


GOOD = answer(
    ["time", "a", "b"], [[1_700_000_000_000_000_000 + n, 0.5 * n, None] for n in range(9)]
)
FORMS = {JSON: json.dumps(GOOD).encode(), PACKED: msgpack.packb(GOOD)}


@MANY
@given(
    st.sampled_from(sorted(FORMS)),
    st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=3)), min_size=1, max_size=4),
)
def test_damaged_answers_are_read_or_refused(media, changes):
    content = FORMS[media]
    for place, written in changes:
        content = content[:place] + written + content[place + 1 :]
    read(content, media)


@pytest.mark.parametrize("end", range(0, 200, 3))
@pytest.mark.parametrize("media", sorted(FORMS))
def test_an_answer_that_ends_early_is_refused(media, end):
    content = FORMS[media][:end]
    with pytest.raises(StoreError):
        list(parts(Inflow(feed(content)), media, silent_when_empty=False))


@pytest.mark.parametrize(
    ("media", "content"),
    [
        (JSON, b"[" * 100_000),
        (
            JSON,
            b'{"results":[{"series":[{"columns":["time"],"values":[[' + b"9" * 5000 + b"]]}]}]}",
        ),
        (JSON, b'{"results":[{"series":[{"columns":["time","a"],"values":[[1,1e999]]}]}]}'),
        (PACKED, b"\x91" * 100_000),
        (PACKED, b"\x81\xa1a" * 100_000),
        (PACKED, b"\xdd\xff\xff\xff\xff" + b"\xc0" * 1000),
        (PACKED, b"\xdb\xff\xff\xff\xff" + b"x" * 1000),
        (PACKED, b"\x82\xa7columns\x91\xa4time\xa6values\xdd\xff\xff\xff\xff" + b"\x91\xd3" * 1000),
        (PACKED, b"\x82\xa7columns\x90\xa6values\xdd\xff\xff\xff\xff"),
        (PACKED, b"\xc1"),
    ],
)
def test_what_would_take_for_ever_or_all_memory_is_refused(media, content):
    with pytest.raises(StoreError):
        list(parts(Inflow(feed(content)), media, silent_when_empty=False))


@pytest.mark.parametrize("media", [JSON, PACKED])
def test_a_line_without_end_is_not_read_to_its_end(media):
    given_away = 0

    def endless(size: int) -> bytes:
        nonlocal given_away
        given_away += size
        assert given_away < 1 << 30
        return b"\x00" * size if given_away > 5 else b"\xdb\xff\xff\xff\xff"

    with pytest.raises(StoreError):
        list(parts(Inflow(endless), media, silent_when_empty=False))


NUMBERS = st.integers() | st.floats() | st.text(max_size=30) | st.booleans() | st.none()


@MANY
@given(NUMBERS)
@example(float("inf"))
@example("9" * 5000)
@example("²")
@example("0001-01-01T00:00:00+23:59")
def test_an_instant_is_read_or_refused(value):
    with suppress(ValueError):
        assert 0 <= parse_instant(value) < np.iinfo(np.int64).max
