"""The times of a trigger: how many lie in a span, which is the last, and when the next can be."""

from datetime import UTC, datetime, timedelta

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.interval import IntervalTrigger

from jobs.aligned import AlignedTrigger

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT = timedelta(microseconds=1)
_MOST = 10_000
"""No more than so many are looked at one by one."""


def moment(nanoseconds: int) -> datetime:
    """A time of the stores as one of the timetable."""
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)


def times_between(trigger: BaseTrigger, after: datetime, before: datetime) -> int:
    """How many times lie between two moments, neither of them counted."""
    if after >= before:
        return 0
    if isinstance(trigger, AlignedTrigger):
        return (trigger.latest(before - _MOMENT) - trigger.latest(after)) // trigger.interval
    if isinstance(trigger, IntervalTrigger):
        steps = round((before - after).total_seconds() / trigger.interval_length)
        return max(0, int(steps) - 1)
    count, time = 0, _next(trigger, after)
    while time is not None and time < before and count < _MOST:
        count, time = count + 1, _next(trigger, time)
    return count


def last_between(trigger: BaseTrigger, after: datetime, before: datetime) -> datetime | None:
    """The last time after a moment and before another; None where there is none."""
    last, time = None, _next(trigger, after)
    for _ in range(_MOST):
        if time is None or time >= before:
            break
        last, time = time, _next(trigger, time)
    return last


def soonest(trigger: BaseTrigger, now: datetime) -> datetime | None:
    """When something may come next, whatever time it waited for by a clock that was wrong."""
    if isinstance(trigger, IntervalTrigger):  # it would count on from when it was made
        return now + timedelta(seconds=trigger.interval_length)
    time: datetime | None = trigger.get_next_fire_time(None, now)
    return time


def _next(trigger: BaseTrigger, after: datetime) -> datetime | None:
    time: datetime | None = trigger.get_next_fire_time(None, after + _MOMENT)
    return None if time is None else time.astimezone(UTC)
