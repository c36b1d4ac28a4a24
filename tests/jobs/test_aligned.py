"""Times that stand still on the clock, and those of which many were missed."""

from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.triggers.base import BaseTrigger
from hypothesis import given
from hypothesis import strategies as st

from jobs.aligned import AlignedTrigger, SteadyTrigger

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (NOON, NOON + 5 * SECOND),
        (NOON + 4 * SECOND, NOON + 5 * SECOND),
        (NOON + 5 * SECOND, NOON + 65 * SECOND),
        (NOON + 64.999 * SECOND, NOON + 65 * SECOND),
    ],
)
def test_the_next_time_is_the_same_whenever_one_asks(now: datetime, expected: datetime) -> None:
    trigger = AlignedTrigger(timedelta(minutes=1), 5 * SECOND)

    assert trigger.get_next_fire_time(None, now) == expected


def test_a_first_time_out_of_the_row_does_not_move_the_others() -> None:
    trigger = AlignedTrigger(timedelta(minutes=1), timedelta())
    first = NOON + 17 * SECOND

    assert trigger.get_next_fire_time(first, first) == NOON + timedelta(minutes=1)


@given(st.integers(0, 2**32))
def test_all_processes_know_the_same_last_time(seconds: int) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)
    trigger = AlignedTrigger(timedelta(minutes=7), 5 * SECOND)

    last = trigger.latest(moment)

    assert last <= moment < last + trigger.interval
    assert trigger.latest(last) == last
    assert trigger.get_next_fire_time(None, moment) == last + trigger.interval


def test_of_times_that_were_missed_the_last_one_comes() -> None:
    trigger = AlignedTrigger(timedelta(minutes=1), timedelta())
    now = NOON + timedelta(minutes=10, seconds=3)

    last = trigger.get_next_fire_time(NOON, now)
    after_that = trigger.get_next_fire_time(last, now)

    assert last == NOON + timedelta(minutes=10)
    assert after_that == NOON + timedelta(minutes=11)


@given(
    every=st.timedeltas(timedelta(seconds=1), timedelta(days=2)),
    after=st.timedeltas(timedelta(), timedelta(days=2)),
    seconds=st.floats(-8e8, 5e9),
)
def test_it_is_later_than_now_by_one_interval_at_most(
    every: timedelta, after: timedelta, seconds: float
) -> None:
    now = NOON + timedelta(seconds=seconds)
    trigger = AlignedTrigger(every, after)

    found = trigger.get_next_fire_time(None, now)
    again = trigger.get_next_fire_time(found, found)

    assert timedelta() < found - now <= every
    assert again - found == every


def test_equal_intervals_count_from_the_time_before() -> None:
    trigger = SteadyTrigger(timedelta(seconds=5))

    assert trigger.get_next_fire_time(NOON, NOON) == NOON + 5 * SECOND
    assert trigger.get_next_fire_time(NOON, NOON + 7 * SECOND) == NOON + 5 * SECOND


@pytest.mark.parametrize(
    "trigger",
    [SteadyTrigger(SECOND), AlignedTrigger(SECOND, timedelta())],
    ids=["steady", "aligned"],
)
def test_of_a_year_of_seconds_that_were_missed_only_the_last_one_is_looked_at(
    trigger: BaseTrigger,
) -> None:
    """APScheduler asks for one after another, and keeps them all."""
    now = NOON + timedelta(days=366, seconds=0.5)

    last = trigger.get_next_fire_time(NOON, now)

    assert last == NOON + timedelta(days=366)
    assert trigger.get_next_fire_time(last, now) == last + SECOND


def test_a_clock_that_was_set_back_brings_no_time_twice() -> None:
    trigger = SteadyTrigger(SECOND)

    assert trigger.get_next_fire_time(NOON, NOON - timedelta(hours=1)) == NOON + SECOND
