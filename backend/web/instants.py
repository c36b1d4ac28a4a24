"""Times at the door: epoch milliseconds or ISO 8601 outside, UTC nanoseconds inside."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, overload

from pydantic import BeforeValidator, WithJsonSchema

MS = 1_000_000
_LATEST_MS = (2**63 - 1) // MS
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXPECTED = "expected epoch milliseconds or ISO 8601 such as 2026-05-01T12:00:00Z, 1970 to 2262"


def parse_instant(value: object) -> int:
    """Read a time as nanoseconds; an ISO text without a zone is UTC.

    Raises:
        ValueError: it is not a time, or one outside 1970 to 2262.
    """
    if isinstance(value, str) and not value.strip().isdigit():
        milliseconds, rest = _iso(value.strip())
    elif isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{_EXPECTED}, got {type(value).__name__}")
    else:
        milliseconds, rest = _whole(value), 0
    if not 0 <= milliseconds < _LATEST_MS:
        raise ValueError(f"{_EXPECTED}, got {str(value)[:40]!r}")
    return milliseconds * MS + rest


@overload
def milliseconds(time: int) -> int: ...
@overload
def milliseconds(time: int | None) -> int | None: ...
def milliseconds(time: int | None) -> int | None:
    """Nanoseconds as epoch milliseconds; None stays None."""
    return None if time is None else time // MS


def before(time: int) -> int:
    """The last millisecond before a time, nanoseconds."""
    return milliseconds(max(time - 1, 0))


def _whole(value: int | float | str) -> int:
    if isinstance(value, float) and not value.is_integer():
        raise ValueError(f"{_EXPECTED}, got {value!r}")
    # int() of a very long text takes time that grows with the square of its length
    if isinstance(value, str) and len(value) > 20:
        raise ValueError(f"{_EXPECTED}, got a number of {len(value)} digits")
    return int(value)


def _iso(text: str) -> tuple[int, int]:
    try:
        time = datetime.fromisoformat(text)
        since = (time if time.tzinfo else time.replace(tzinfo=UTC)) - _EPOCH
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{_EXPECTED}, got {text[:40]!r}") from error
    microseconds = since // timedelta(microseconds=1)
    return microseconds // 1000, microseconds % 1000 * 1000


Instant = Annotated[
    int,
    BeforeValidator(parse_instant),
    WithJsonSchema(
        {
            "description": "epoch milliseconds or ISO 8601",
            "anyOf": [{"type": "integer"}, {"type": "string", "format": "date-time"}],
        }
    ),
]
"""A time in UTC nanoseconds, read by `parse_instant`."""
