"""Times as people write them."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = datetime(1678, 1, 1, tzinfo=UTC), datetime(2262, 1, 1, tzinfo=UTC)
"""About where nanoseconds in 64 bits begin and end."""
_NANOSECONDS = re.compile(r"[.,]\d{6}(\d{1,3})(?!\d)")


def parse_time(text: str, zone: tzinfo = UTC) -> int:
    """Read an ISO 8601 time as UTC nanoseconds; without an offset it is in `zone`.

    Raises:
        ValueError: the text is not a time, or one outside 1678 to 2262.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(
            f"expected a time such as 2026-03-01T06:00 or 2026-03-01T06:00:00Z, got {text!r}"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    # datetime holds microseconds and drops the digits beyond them.
    beyond = _NANOSECONDS.search(text)
    rest = int(beyond[1].ljust(3, "0")) if beyond else 0
    if not _FIRST <= moment < _LAST:
        raise ValueError(f"expected a time in the years 1678 to 2261, got {text!r}")
    return since_epoch(moment) + rest


def since_epoch(moment: datetime) -> int:
    """A time that knows its zone as UTC nanoseconds."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def format_time(moment: int) -> str:
    """Write UTC nanoseconds as ISO 8601, with as many decimals as there are."""
    seconds, rest = divmod(moment, 1_000_000_000)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:09d}".rstrip("0") + "Z" if rest else f"{text}Z"


def parse_zone(name: str) -> ZoneInfo:
    """Find a time zone by its name.

    Raises:
        ValueError: there is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"expected a time zone such as Europe/Berlin, got {name!r}") from None
