"""A pool holds what its members' lessons hold, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.models import pooling
from backend.models.pooling import ALONE, EXTREME, pooled
from backend.ports import Floats, Lesson

W, F = 3, 2


def lesson(member: int, pool: int = 0, count: int = 30, stop: int = 6) -> Lesson:
    """Every value tells whose it is and where it stands."""
    rows = member * 10 + (np.arange(count)[:, None] + np.arange(F) / 10) / 100
    ends = np.arange(W - 1, count)
    return Lesson(rows, ends[: len(ends) - stop], ends[len(ends) - stop :], member, pool=pool)


def windows(lesson: Lesson, ends: np.ndarray) -> set[bytes]:
    cut: Floats = lesson.rows[ends[:, None] + np.arange(1 - W, 1)]
    return {window.tobytes() for window in cut}


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(12, 40)), min_size=1, max_size=6))
def test_a_pool_holds_windows_of_its_members_alone(members: list[tuple[int, int]]) -> None:
    lessons = [lesson(m, pool, count) for m, (pool, count) in enumerate(members)]
    made, place = pooled(lessons, W)
    for number in {own.pool for own in lessons}:
        companions = [m for m, own in enumerate(lessons) if own.pool == number]
        if len(companions) == 1:
            assert place[companions[0]] == ALONE
            continue
        (index,) = set(place[companions])
        for part in ("train", "stop"):
            found = windows(made[index], getattr(made[index], part))
            known = [windows(lessons[m], getattr(lessons[m], part)) for m in companions]
            assert found == set().union(*known)


def test_windows_of_a_pool_share_no_row() -> None:
    made, _ = pooled([lesson(0), lesson(1)], W)
    assert (np.diff(np.concatenate((made[0].train, made[0].stop))) == W).all()


def test_a_large_pool_takes_an_even_share_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooling, "WINDOWS", 20)
    made, _ = pooled([lesson(m, count=40) for m in range(4)], W)
    whose = made[0].rows[made[0].train, 0] // 10
    assert np.bincount(whose.astype(int)).tolist() == [5, 5, 5, 5]


@pytest.mark.parametrize("value", [EXTREME * 1.01, -1e30, np.inf])
def test_extreme_windows_are_left_out(value: float) -> None:
    own = lesson(0)
    own.rows[10, 1] = value
    made, _ = pooled([own, lesson(1)], W)
    assert np.nanmax(np.abs(made[0].rows)) < EXTREME
    assert len(made[0].train) == 2 * len(own.train) - W


def test_absent_values_stay_absent() -> None:
    own = lesson(0)
    own.rows[:, 1] = np.nan
    made, _ = pooled([own, lesson(1)], W)
    assert len(made[0].train) == 2 * len(own.train)
    assert np.isnan(made[0].rows[: len(own.train) * W, 1]).all()


def test_a_pool_without_any_window_is_none() -> None:
    lessons = [lesson(0), lesson(1)]
    for own in lessons:
        own.rows[:] = 1e9
    made, place = pooled(lessons, W)
    assert made == []
    assert place.tolist() == [ALONE, ALONE]


def test_pools_that_help_nobody_are_not_laid_out() -> None:
    lessons = [replace(lesson(m), pool=m % 2) for m in range(4)]
    made, place = pooled(lessons, W, np.array([True, False, True, False]))
    assert len(made) == 1
    np.testing.assert_array_equal(place, [0, ALONE, 0, ALONE])
