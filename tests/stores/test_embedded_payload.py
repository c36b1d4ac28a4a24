"""Columns as bytes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.exceptions import StoreRefused
from backend.stores.embedded.layers import Layer
from backend.stores.embedded.payload import decode, encode

EDGES = [-(2**63) + 2, -1, 0, 1, 2**63 - 2]
_times = st.lists(
    st.one_of(st.integers(EDGES[0], EDGES[-1]), st.sampled_from(EDGES)),
    min_size=1,
    max_size=20,
    unique=True,
).map(sorted)


def layer_of(times: list[int], **columns: list[float] | list[str | None]) -> Layer:
    arrays = {
        name: np.array(values, dtype=float if isinstance(values[0], float) else object)
        for name, values in columns.items()
    }
    return Layer(np.array(times, dtype=np.int64), arrays)


@given(data=st.data(), times=_times)
def test_every_bit_survives(data: st.DataObject, times: list[int]) -> None:
    count = len(times)
    number = st.one_of(st.floats(), st.floats(width=32), st.just(-0.0))
    numbers = data.draw(st.lists(number, min_size=count, max_size=count))
    word = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"])))
    words = data.draw(st.lists(word, min_size=count, max_size=count))
    layer = Layer(
        np.array(times, dtype=np.int64),
        {"n": np.array(numbers), "w": np.array(words, dtype=object)},
    )

    found = decode(encode(layer))

    assert found.times.tolist() == times
    finite = np.array(numbers)[~np.isnan(numbers)]
    assert found.columns["n"][~np.isnan(numbers)].tobytes() == finite.tobytes()
    assert np.isnan(found.columns["n"]).tolist() == np.isnan(numbers).tolist()
    assert found.columns["w"].tolist() == words


def test_more_words_than_a_byte_counts() -> None:
    words: list[str | None] = [f"word {number}" for number in range(70_000)]
    found = decode(encode(layer_of(list(range(70_000)), w=words)))

    assert found.columns["w"].tolist() == words


def test_constant_columns_and_regular_times_take_no_room() -> None:
    count = 4096
    flags = [0.0] * count
    layer = layer_of(list(range(0, count * 10, 10)), flag=flags, word=["on"] * count)

    packed = encode(layer)

    assert len(packed) < 400
    found = decode(packed)
    assert found.times.tolist() == layer.times.tolist()
    assert found.columns["flag"].tolist() == flags
    assert found.columns["word"].tolist() == ["on"] * count


def test_numbers_that_lose_nothing_are_halved() -> None:
    exact = [float(number) / 4 for number in range(4096)]
    inexact = [number / 10 for number in range(4096)]
    times = list(range(4096))

    assert len(encode(layer_of(times, v=exact))) < 4096 * 4 + 400
    assert len(encode(layer_of(times, v=inexact))) > 4096 * 8


def test_only_columns_asked_for_are_unpacked() -> None:
    packed = encode(layer_of([1, 2], a=[1.0, 2.0], b=[3.0, 4.0]))

    assert list(decode(packed, {"b", "c"}).columns) == ["b"]


@pytest.mark.parametrize("position", [0, 5, 14, -1])
def test_a_changed_byte_is_found(position: int) -> None:
    packed = bytearray(encode(layer_of([1, 5, 6], a=[0.1, 0.2, 0.3])))
    packed[position] ^= 1

    with pytest.raises(StoreRefused, match="damaged"):
        decode(bytes(packed))
