from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from backend.services.cron import cron_trigger

BERLIN = ZoneInfo("Europe/Berlin")
SPRING = datetime(2026, 3, 27, 12, tzinfo=UTC)  # on the 29th 02:00 is 03:00
AUTUMN = datetime(2026, 10, 23, 12, tzinfo=UTC)  # on the 25th 03:00 is 02:00


def runs(text: str, since: datetime, count: int) -> list[datetime]:
    """When a scheduler would run, a moment after each time that it was told."""
    trigger, found = cron_trigger(text, BERLIN), []
    previous, now = None, since
    for _ in range(count):
        previous = trigger.get_next_fire_time(previous, now)
        assert previous is not None
        now = previous.astimezone(UTC) + timedelta(milliseconds=5)
        found.append(previous.astimezone(UTC))
    return found


@pytest.mark.parametrize("since", [SPRING, AUTUMN])
@pytest.mark.parametrize("clock", ["0 0", "30 0", "0 2", "30 2", "59 2", "0 3", "0 23"])
def test_a_daily_time_comes_once_on_each_day_also_where_clocks_are_set(
    clock: str, since: datetime
) -> None:
    days = [time.astimezone(BERLIN).date() for time in runs(f"{clock} * * *", since, 6)]

    assert days == [days[0] + timedelta(days=number) for number in range(6)]


@pytest.mark.parametrize(
    ("text", "since", "expected"),
    [
        ("30 2 29 3 *", SPRING, "2026-03-29T01:30"),  # 03:30 of summer: 02:30 does not come
        ("30 2 25 10 *", AUTUMN, "2026-10-25T00:30"),  # the first of two
        ("0 0 * * 1", SPRING, "2026-03-29T22:00"),  # the midnight after the clock was set
        # asked in the second of the two: the time of the first has passed
        ("30 2 * * *", datetime(2026, 10, 25, 1, 10, tzinfo=UTC), "2026-10-26T01:30"),
        ("0 3 * * 0", AUTUMN, "2026-10-25T02:00"),
    ],
)
def test_a_time_on_the_day_on_which_clocks_are_set(
    text: str, since: datetime, expected: str
) -> None:
    assert runs(text, since, 1) == [datetime.fromisoformat(expected).replace(tzinfo=UTC)]


@pytest.mark.parametrize("since", [SPRING, AUTUMN])
def test_no_run_comes_twice_or_out_of_order(since: datetime) -> None:
    found = runs("*/20 * * * *", since, 300)

    assert all(first < second for first, second in pairwise(found))
    assert max(b - a for a, b in pairwise(found)) <= timedelta(minutes=80)


def test_a_run_that_was_late_skips_none_of_the_times_since() -> None:
    trigger = cron_trigger("0 3 * * *", BERLIN)
    before = datetime(2026, 3, 28, 2, tzinfo=UTC)

    following = trigger.get_next_fire_time(before, datetime(2026, 4, 5, tzinfo=UTC))

    assert following == datetime(2026, 3, 29, 1, tzinfo=UTC)
