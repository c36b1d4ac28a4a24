"""What all specifications are made of: durations, names of others, strict keys."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")


def parse_duration(text: object) -> timedelta:
    """Read `90s`, `10m`, `1h30m`, `2d`; a timedelta passes through.

    Raises:
        ValueError: the text is not a duration.
    """
    if isinstance(text, timedelta):
        return text
    if isinstance(text, str) and text == "0":
        return timedelta(0)
    if not isinstance(text, str) or not re.fullmatch(f"(?:{_PART.pattern})+", text):
        raise ValueError(f"expected a duration such as 90s, 10m or 1h30m, got {text!r}")
    try:
        return timedelta(seconds=sum(float(n) * _UNITS[u] for n, u in _PART.findall(text)))
    except OverflowError as error:
        raise ValueError(f"expected a shorter duration, got {text[:40]!r}") from error


def format_duration(value: timedelta) -> str:
    """Write a duration so that `parse_duration` reads it back: `1h30m`."""
    rest = round(value.total_seconds() * 1000)
    parts = []
    for unit in ("w", "d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, round(_UNITS[unit] * 1000))
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
]


def nanoseconds(value: timedelta) -> int:
    """The duration in whole nanoseconds."""
    return round(value.total_seconds() * 1_000_000) * 1000


def _is_a_foreign_name(name: str) -> str:
    if not name or not name.isprintable():
        raise ValueError("expected a name without line breaks or control characters")
    return name


ForeignName = Annotated[str, AfterValidator(_is_a_foreign_name)]
"""A measurement, tag, field or tag value: chosen by others, in any script."""


class Spec(BaseModel):
    """Base of all specifications: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def specs_in(union: Any) -> Iterator[type[Spec]]:
    """The specs that a union names, however it is nested."""
    if isinstance(union, type) and issubclass(union, Spec):
        yield union
    for part in get_args(union):
        yield from specs_in(part)
