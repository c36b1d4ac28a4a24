"""Triggers of which the last of many missed times comes at once, however many there were.

APScheduler looks at each of them: a machine that slept for a month, or whose clock was set on by a
year, would look at millions, and hold them all in memory.
"""

from datetime import UTC, datetime, timedelta

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.interval import IntervalTrigger

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SteadyTrigger(IntervalTrigger):  # type: ignore[misc]  # the library has no types
    """Fires at equal intervals, counted from when it was made."""

    def __init__(self, interval: timedelta) -> None:
        super().__init__(seconds=interval.total_seconds(), timezone=UTC)

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """The first time after the previous one; of times that were missed the last one."""
        time: datetime = super().get_next_fire_time(previous_fire_time, now)
        interval: timedelta = self.interval
        return time + max(0, (now - time) // interval) * interval


class AlignedTrigger(BaseTrigger):  # type: ignore[misc]  # the library has no types
    """Fires at every multiple of an interval since 1970, and a while after it.

    Its times stand still on the clock, whenever the service was started.
    Buckets of the grid end at such times: what looks for them then has not to wait for most of an
    interval, as one does that counts from its own start.
    """

    def __init__(self, interval: timedelta, after: timedelta) -> None:
        self.interval = interval
        self.after = after

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """The first time after now; of times that were missed the last one comes first."""
        last = self.latest(now)
        if previous_fire_time is None:
            return last + self.interval
        if last > previous_fire_time:
            return last
        return self.latest(previous_fire_time) + self.interval

    def latest(self, moment: datetime) -> datetime:
        """The last time that is not after a moment."""
        passed = (moment - _EPOCH - self.after) // self.interval
        return _EPOCH + self.after + passed * self.interval
