"""When a detector would have been trained in the past."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from backend.exceptions import InputError
from backend.services.cron import cron_trigger
from backend.services.trial_tally import Span
from backend.specs import ScheduleSpec, nanoseconds

WEEK = timedelta(days=7)
_SECOND = 1_000_000_000


def moments(schedule: ScheduleSpec, every: timedelta | None, span: Span) -> Iterator[int]:
    """At once, then so far apart as asked for, else by the timetable, else weekly.

    Raises:
        InputError: the moments lie closer than grid points.
    """
    yield span.start
    if every is None and schedule.retrain:
        yield from _by_cron(schedule.retrain, schedule.timezone, span)
        return
    length = nanoseconds(every or WEEK)
    if length < span.step:
        raise InputError("Retrain moments lie closer than grid points: choose a longer distance.")
    yield from range(span.start + length, span.stop, length)


def _by_cron(text: str, zone: str, span: Span) -> Iterator[int]:
    trigger = cron_trigger(text, ZoneInfo(zone))
    after = datetime.fromtimestamp(span.start // _SECOND + 1, UTC)
    while (fires := trigger.get_next_fire_time(None, after)) is not None:
        at = round(fires.timestamp()) * _SECOND
        if at >= span.stop:
            return
        yield at
        after = fires + timedelta(microseconds=1)
