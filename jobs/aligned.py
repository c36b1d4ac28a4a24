"""A trigger whose times stand still on the clock, whenever the service was started."""

from datetime import UTC, datetime, timedelta

from apscheduler.triggers.base import BaseTrigger

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class AlignedTrigger(BaseTrigger):  # type: ignore[misc]  # the library has no types
    """Fires at every multiple of an interval since 1970, and a while after it.

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
