import numpy as np
import pytest

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


def everyone(lessons: list[Lesson]) -> np.ndarray:
    return np.ones(len(lessons), bool)


def test_an_epoch_shows_every_window_once() -> None:
    lessons = [lesson(20, 10), lesson(20, 3)]
    index = sampler(lessons).draw(everyone(lessons)).index
    assert index.shape == (3, 2, 4)
    for member, own in enumerate(lessons):
        seen = index[:, member].ravel()
        assert sorted(seen[seen != batches.NOTHING]) == list(own.train)


def test_a_member_sees_its_windows_in_the_same_order_whoever_is_with_it() -> None:
    short, long = lesson(20, 3), lesson(40, 30)
    alone = sampler([short]).draw(np.ones(1, bool)).index
    together = sampler([short, long]).draw(np.ones(2, bool)).index
    np.testing.assert_array_equal(alone[0, 0], together[0, 0, :3])
    assert (together[1:, 0] == batches.NOTHING).all()


def test_a_long_history_is_sampled_anew_in_each_epoch() -> None:
    lessons = [lesson(60, 50)]
    draws = sampler(lessons, most=8)
    first, second = (set(draws.draw(everyone(lessons)).index.ravel()) for _ in range(2))
    assert len(first) == len(second) == 8
    assert first != second


def test_a_stopped_member_gets_no_window() -> None:
    lessons = [lesson(20, 10), lesson(20, 10)]
    index = sampler(lessons).draw(np.array([True, False])).index
    assert (index[:, 1] == batches.NOTHING).all()


def test_nobody_left_is_an_empty_epoch() -> None:
    lessons = [lesson(20, 10)]
    drawn = sampler(lessons).draw(np.array([False]))
    assert len(drawn.index) == len(drawn.hidden) == 0


def test_dropout_hides_its_share_of_channels() -> None:
    lessons = [lesson(2000, 1000, channels=10)]
    hidden = sampler(lessons, most=1000, dropout=0.3).draw(everyone(lessons)).hidden
    assert hidden.shape == (250, 1, 4, 10)
    assert 0.28 < hidden.mean() < 0.32


def test_windows_in_order_are_thinned_evenly() -> None:
    kept = batches.in_order([np.arange(100), np.arange(3)], batch=10, most=5)
    assert kept.shape == (1, 2, 5)
    np.testing.assert_array_equal(kept[0, 0], [0, 24, 49, 74, 99])
    np.testing.assert_array_equal(kept[0, 1], [0, 1, 2, -1, -1])


def test_rows_of_shorter_members_end_in_nothing() -> None:
    rows = batches.stack_rows([lesson(3, 1), lesson(5, 1)])
    assert rows.dtype == np.float32
    assert np.isnan(rows[0, 3:]).all()
    assert np.isfinite(rows[1]).all()


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
    alone = sampler([short], noise=2).draw(np.ones(1, bool)).noise
    together = sampler([short, long], noise=2).draw(np.ones(2, bool)).noise
    assert together.shape == (8, 2, 4, 2)
    np.testing.assert_array_equal(alone[0, 0], together[0, 0, :3])
    assert not together[1:, 0].any()
    assert together[:7, 1].all()


def test_asking_for_no_random_numbers_draws_none() -> None:
    rng, other = (np.random.default_rng(0) for _ in range(2))
    assert batches.draw_noise(rng, 5, 0).shape == (5, 0)
    assert rng.random() == other.random()


def test_random_numbers_of_stop_windows_do_not_depend_on_their_companions() -> None:
    short, long = np.arange(3), np.arange(50)
    both = batches.in_order([short, long], batch=4, most=100)
    alone = batches.in_order([short], batch=64, most=100)
    drawn = [
        batches.noise_in_order([np.random.default_rng(n) for n in range(i.shape[1])], i, 2)
        for i in (both, alone)
    ]
    assert drawn[0].shape == (13, 2, 4, 2)
    np.testing.assert_array_equal(drawn[0][0, 0, :3], drawn[1][0, 0])
