"""Cron expressions as every Unix reads them: weekdays count from Sunday, 0 and 7 are both Sunday.

APScheduler's own reader counts weekdays from Monday and wants day and weekday both to hold, where
cron wants either. Where clocks are set for summer and winter, it runs twice in the hour that comes
twice, and leaves out the midnight after one that does not come.
"""

from datetime import UTC, datetime, timedelta, tzinfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger

_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def cron_trigger(text: str, zone: tzinfo) -> BaseTrigger:
    """Read `minute hour day month weekday`, in the time of `zone`.

    Each time on the clock on the wall comes once: where the clock is set back the first of two
    counts, and a time that is leapt over comes as much later as the clock was set forward.

    Raises:
        ValueError: the text is no such expression; the message says why.
    """
    try:
        return _WallClock(_trigger(text), zone)
    except ValueError as error:
        raise ValueError(
            "expected five cron fields (minute, hour, day, month, weekday) such as "
            f"'0 3 * * *', got {text!r}: {error}"
        ) from None


class _WallClock(BaseTrigger):  # type: ignore[misc]  # the library has no types
    """Puts the times of a trigger, meant as those of a clock that is never set, on a real one."""

    __slots__ = ("_times", "_zone")

    def __init__(self, times: BaseTrigger, zone: tzinfo) -> None:
        self._times = times
        self._zone = zone

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        """The first time after the previous one, or from now on; see `BaseTrigger`."""
        since = now.astimezone(UTC)
        if previous_fire_time is not None:
            since = min(since, previous_fire_time.astimezone(UTC) + timedelta(microseconds=1))
        wall = since.astimezone(self._zone).replace(tzinfo=UTC, fold=0)
        while (shown := self._times.get_next_fire_time(None, wall)) is not None:
            moment: datetime = shown.replace(tzinfo=self._zone).astimezone(UTC)
            if moment >= since:
                return moment.astimezone(self._zone)
            wall = shown + timedelta(seconds=1)  # it is of the hour that came already
        return None


def _trigger(text: str) -> BaseTrigger:
    fields = text.split()
    if len(fields) != 5:
        raise ValueError(f"it has {len(fields)}")
    minute, hour, day, month, weekday = fields
    times = {"minute": minute, "hour": hour, "month": month, "timezone": UTC}
    names = _weekdays(weekday)
    if "*" in (day[0], weekday[0]):
        return CronTrigger(day=day, day_of_week=names, **times)
    return OrTrigger([CronTrigger(day=day, **times), CronTrigger(day_of_week=names, **times)])


def _weekdays(field: str) -> str:
    if field == "*":
        return field
    days = {day % 7 for part in field.lower().split(",") for day in _days(part)}
    return ",".join(_WEEKDAYS[day] for day in sorted(days))


def _days(part: str) -> range:
    """The days of `mon`, `1-5`, `fri-mon`, `*/2` or `1-5/2`, counted on over the week's end."""
    span, stepped, step = part.partition("/")
    if stepped and not (step.isdigit() and int(step)):
        raise ValueError(f"the step {step!r} is not a number above 0")
    first, ranged, last = ("0", "-", "6") if span == "*" else span.partition("-")
    start = _weekday(first)
    stop = _weekday(last) if ranged else 6 if stepped else start
    return range(start, stop + (7 if stop < start else 0) + 1, int(step or 1))


def _weekday(text: str) -> int:
    if text in _WEEKDAYS:
        return _WEEKDAYS.index(text)
    if text.isascii() and text.isdigit() and int(text) <= 7:
        return int(text)
    raise ValueError(f"{text!r} is no weekday (0 to 7, or sun to sat)")
