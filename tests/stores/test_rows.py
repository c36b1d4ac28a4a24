"""What the stores share: joining and cutting rows, their means, and what may be deleted."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.exceptions import InputError
from backend.ports import Points
from backend.schema import RESULT_MEASUREMENTS, SCRATCH
from backend.stores.rows import bucketed, check_deletable, cut, joined, means

NAN = float("nan")


def points(times: Sequence[int], values: Sequence[float], **tags: str) -> Points:
    words = np.array([f"at {time}" for time in times], dtype=object)
    fields = {"v": np.array(values, dtype=np.float64), "note": words}
    return Points(tags, np.array(times, dtype=np.int64), fields)


def plain(found: Points) -> tuple[Any, ...]:
    # repr: NaN equals itself there
    fields = repr({name: values.tolist() for name, values in found.fields.items()})
    return dict(found.tags), found.times.tolist(), fields


# -- joining and cutting ---------------------------------------------------------------------------


def test_pieces_of_series_in_turn_are_joined_and_sorted_by_key() -> None:
    pieces = [
        points([1, 2], [1.0, 2.0], room="b"),
        points([1], [5.0], room="a"),
        points([3], [NAN], room="b"),
    ]

    found = joined(pieces)

    wanted = [points([1], [5.0], room="a"), points([1, 2, 3], [1.0, 2.0, NAN], room="b")]
    assert [plain(p) for p in found] == [plain(p) for p in wanted]
    assert joined([]) == []


@pytest.mark.parametrize(
    ("rows", "sizes"), [(1, [1, 1, 1, 1]), (3, [3, 1]), (4, [4]), (9, [4])], ids=str
)
def test_rows_are_cut_into_pieces_that_join_to_the_same(rows: int, sizes: list[int]) -> None:
    whole = points([1, 2, 2, 4], [1.0, NAN, 3.0, 4.0], room="a")

    pieces = list(cut(whole, rows))

    assert [len(piece) for piece in pieces] == sizes
    assert [plain(p) for p in joined(pieces)] == [plain(whole)]


def test_nothing_is_cut_into_no_piece_at_all() -> None:
    assert list(cut(points([], []), 5)) == []


# -- means -----------------------------------------------------------------------------------------


def test_text_counts_for_no_mean_and_fills_no_bucket() -> None:
    found = means(points([0, 4, 10], [1.0, 2.0, NAN], room="a"), 10)

    assert (found.tags, found.times.tolist()) == ({"room": "a"}, [0])
    assert found.fields["v"].tolist() == [1.5]
    np.testing.assert_array_equal(found.fields["note"], np.array([NAN]))


_times = st.lists(st.integers(-60, 60), max_size=40).map(sorted)


@given(
    series=st.lists(_times, max_size=3),
    every=st.integers(1, 50),
    size=st.integers(1, 9),
    numbers=st.randoms(use_true_random=False),
)
def test_means_of_pieces_are_those_of_the_whole_to_the_last_digit(
    series: list[list[int]], every: int, size: int, numbers: Any
) -> None:
    wholes = [
        points(times, [numbers.choice([NAN, numbers.gauss(0, 1)]) for _ in times], room=str(number))
        for number, times in enumerate(series)
    ]

    found = list(bucketed((piece for whole in wholes for piece in cut(whole, size)), every))

    wanted = [mean for mean in (means(whole, every) for whole in wholes) if len(mean)]
    assert [plain(p) for p in joined(found)] == [plain(p) for p in wanted]
    assert all(0 < len(piece) <= size for piece in found)


def test_means_of_pieces_take_series_in_turn() -> None:
    pieces = [points([t], [float(t)], room=room) for t in range(6) for room in "ba"]

    found = joined(bucketed(pieces, 4))

    assert [plain(p)[:2] for p in found] == [({"room": room}, [0, 4]) for room in "ab"]
    assert all(p.fields["v"].tolist() == [1.5, 4.5] for p in found)


def test_means_are_given_out_before_the_rows_end() -> None:
    taken: list[int] = []

    def pieces() -> Iterator[Points]:
        for time in range(100):
            taken.append(time)
            yield points([time], [1.0])

    first = next(bucketed(pieces(), 10))

    assert first.times.tolist() == [0]
    assert taken == list(range(11))


# -- what may be deleted ---------------------------------------------------------------------------


@pytest.mark.parametrize("measurement", [*RESULT_MEASUREMENTS, SCRATCH])
def test_what_normalcy_writes_may_be_deleted(measurement: str) -> None:
    check_deletable(measurement)


@pytest.mark.parametrize(
    "measurement", ["air", "", "normalcy_", "Normalcy_scores", "normalcy_scores ", "*", "/.*/"]
)
def test_anything_else_may_not(measurement: str) -> None:
    with pytest.raises(InputError, match="deletes only its own: normalcy_scores"):
        check_deletable(measurement)
