from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given as drawn_from
from hypothesis import strategies as st

from backend.exceptions import InputError, NotEnoughNormalData
from backend.models import batches
from backend.ports import Lesson


def lesson(rows: int, train: int, stop: int = 0, channels: int = 2) -> Lesson:
    ends = np.arange(rows - train - stop, rows)
    return Lesson(np.ones((rows, channels)), ends[:train], ends[train:], seed=0)


def sampler(lessons: list[Lesson], **more: float) -> batches.Sampler:
    rngs = [np.random.default_rng(n) for n in range(len(lessons))]
    settings = {"batch": 4, "most": 100, "dropout": 0.0, **more}
    return batches.Sampler(lessons, rngs, **settings)  # type: ignore[arg-type]


def everyone(lessons: list[Lesson]) -> list[int]:
    return list(range(len(lessons)))


def test_an_epoch_shows_every_window_once() -> None:
    lessons = [lesson(20, 10), lesson(20, 3)]
    index = sampler(lessons).draw(everyone(lessons)).index
    assert index.shape == (3, 2, 4)
    for member, own in enumerate(lessons):
        seen = index[:, member].ravel()
        assert sorted(seen[seen != batches.NOTHING]) == list(own.train)


def test_a_member_sees_its_windows_in_the_same_order_whoever_is_with_it() -> None:
    short, long = lesson(20, 3), lesson(40, 30)
    alone = sampler([short]).draw([0]).index
    together = sampler([short, long]).draw([0, 1]).index
    np.testing.assert_array_equal(alone[0, 0], together[0, 0, :3])
    assert (together[1:, 0] == batches.NOTHING).all()


def test_a_long_history_is_sampled_anew_in_each_epoch() -> None:
    lessons = [lesson(60, 50)]
    draws = sampler(lessons, most=8)
    first, second = (set(draws.draw(everyone(lessons)).index.ravel()) for _ in range(2))
    assert len(first) == len(second) == 8
    assert first != second


def test_an_empty_seat_gets_no_window() -> None:
    lessons = [lesson(20, 10), lesson(20, 10)]
    index = sampler(lessons).draw([0, None]).index
    assert (index[:, 1] == batches.NOTHING).all()


def test_an_epoch_of_nobody_has_no_steps() -> None:
    drawn = sampler([lesson(20, 10)]).draw([None])
    assert drawn.count == 0
    assert (drawn.index == batches.NOTHING).all()


def test_members_sit_where_they_are_put() -> None:
    lessons = [lesson(20, 10), lesson(40, 30)]
    there = sampler(lessons).draw([1, None, 0])
    own = sampler(lessons).draw([0, 1])
    np.testing.assert_array_equal(there.index[:, 2], own.index[:, 0])
    np.testing.assert_array_equal(there.index[:, 0], own.index[:, 1])


def test_more_room_changes_no_step() -> None:
    lessons = [lesson(60, 11)]
    room = batches.Shape(rows=64, steps=8, batch=6, stop_steps=0, stop_batch=1)
    tight, wide = sampler(lessons).draw([0]), sampler(lessons).draw([0], room)
    assert tight.count == wide.count == 3
    assert wide.index.shape == (8, 1, 6)
    for narrow, broad in zip(tight.index, wide.index, strict=False):
        np.testing.assert_array_equal(narrow[0], broad[0, :4])
    assert (wide.index[3:] == batches.NOTHING).all()
    assert (wide.index[:, :, 4:] == batches.NOTHING).all()


@drawn_from(st.integers(0, 5000))
def test_rounded_room_is_enough_and_at_most_half_as_much_again(count: int) -> None:
    room = batches.Shape(*[count] * 5).rounded()
    assert count <= room.rows <= max(1.5 * count, count + 1)


def test_rounded_rooms_are_few() -> None:
    rooms = {batches.Shape(*[count] * 5).rounded() for count in range(1, 1025)}
    assert len(rooms) <= 20


def test_dropout_hides_its_share_of_channels() -> None:
    lessons = [lesson(2000, 1000, channels=10)]
    hidden = sampler(lessons, most=1000, dropout=0.3).draw(everyone(lessons)).hidden
    assert hidden.shape == (250, 1, 4, 10)
    assert 0.28 < hidden.mean() < 0.32


def given(lessons: list[Lesson], together: int = 10, noise: int = 0) -> batches.Given:
    shape = sampler(lessons).shape(lessons, together)
    return batches.Given(shape, len(lessons), lessons[0].rows.shape[1], noise)


def test_stop_windows_are_thinned_evenly() -> None:
    kept = sampler([lesson(200, 100)], most=5).evenly(np.arange(100))
    np.testing.assert_array_equal(kept, [0, 24, 49, 74, 99])


def test_stop_windows_lie_in_order() -> None:
    lessons = [replace(lesson(40, 9), stop=np.arange(3, 3 + n)) for n in (5, 3)]
    there = given(lessons, together=4)
    for seat, own in enumerate(lessons):
        there.put(seat, own.rows, own.stop, np.random.default_rng(0))
    assert there.count == 2
    np.testing.assert_array_equal(there.stop[0], [[3, 4, 5, 6], [3, 4, 5, -1]])
    np.testing.assert_array_equal(there.stop[1], [[7, -1, -1, -1], [-1, -1, -1, -1]])


def test_rows_of_shorter_members_end_in_nothing() -> None:
    lessons = [lesson(3, 1), lesson(5, 1)]
    there = given(lessons)
    for seat, own in enumerate(lessons):
        there.put(seat, own.rows, own.stop, np.random.default_rng(0))
    assert there.rows.dtype == np.float32
    assert np.isnan(there.rows[0, 3:]).all()
    assert np.isfinite(there.rows[1]).all()


def test_who_leaves_leaves_nothing_behind() -> None:
    long, short = replace(lesson(40, 30), stop=np.arange(3, 20)), lesson(10, 5)
    there, fresh = given([long, short], noise=2), given([long, short], noise=2)
    there.put(0, long.rows, long.stop, np.random.default_rng(0))
    for one in (there, fresh):
        one.put(0, short.rows, short.stop, np.random.default_rng(1))
    np.testing.assert_array_equal(there.rows, fresh.rows)
    np.testing.assert_array_equal(there.stop, fresh.stop)
    np.testing.assert_array_equal(there.noise, fresh.noise)


def test_lessons_that_do_not_fit_are_refused_by_name() -> None:
    good = lesson(10, 5)
    batches.check([good], window=3, channels=2)
    with pytest.raises(InputError, match=r"member 1 .* reach outside"):
        batches.check([good, Lesson(good.rows, np.array([1]), good.stop, 0)], 3, 2)
    with pytest.raises(InputError, match=r"member 0 .* reach outside"):
        batches.check([Lesson(good.rows, good.train, np.array([10]), 0)], 3, 2)
    with pytest.raises(InputError, match=r"expected \(rows, 3\)"):
        batches.check([good], window=3, channels=3)
    with pytest.raises(NotEnoughNormalData, match="member 0"):
        batches.check([Lesson(good.rows, good.train[:0], good.stop, 0)], 3, 2)
    with pytest.raises(NotEnoughNormalData, match="member 1"):
        batches.check([good, Lesson(good.rows * np.nan, good.train, good.stop, 0)], 3, 2)


def test_random_numbers_come_with_each_window_and_from_its_member() -> None:
    short, long = lesson(20, 3), lesson(40, 30)
    alone = sampler([short], noise=2).draw([0]).noise
    together = sampler([short, long], noise=2).draw([0, 1]).noise
    assert together.shape == (8, 2, 4, 2)
    np.testing.assert_array_equal(alone[0, 0], together[0, 0, :3])
    assert not together[1:, 0].any()
    assert together[:7, 1].all()


def test_asking_for_no_random_numbers_draws_none() -> None:
    rng, other = (np.random.default_rng(0) for _ in range(2))
    assert batches.draw_noise(rng, 5, 0).shape == (5, 0)
    assert rng.random() == other.random()


def test_random_numbers_of_stop_windows_do_not_depend_on_their_companions() -> None:
    long, short = (replace(lesson(60, 9), stop=np.arange(3, 3 + n)) for n in (50, 3))
    alone, both = given([short], together=64, noise=2), given([long, short], together=4, noise=2)
    alone.put(0, short.rows, short.stop, np.random.default_rng(1))
    both.put(0, long.rows, long.stop, np.random.default_rng(0))
    both.put(1, short.rows, short.stop, np.random.default_rng(1))
    np.testing.assert_array_equal(alone.noise[0, 0], both.noise[0, 1, :3])
    assert alone.noise.all()
