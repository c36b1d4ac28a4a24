"""Times as people type them."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import click

from backend.settings import parse_time
from backend.specs import nanoseconds, parse_duration

_RELATIVE = re.compile(r"now(?:-(?P<ago>\S+))?")


@dataclass(frozen=True)
class Moment:
    """A time as typed: fixed, or so long before now (both in nanoseconds)."""

    fixed: int | None
    ago: int = 0

    def at(self, now: int) -> int:
        """The time in UTC nanoseconds, when now is `now`; no earlier than 1970 if relative."""
        return max(now - self.ago, 0) if self.fixed is None else self.fixed


class MomentType(click.ParamType[Moment]):
    """`2026-03-01T06:00`, with a zone or in UTC; `now`, `now-6h`."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Moment:
        """Read what was typed."""
        if isinstance(value, Moment):
            return value
        try:
            return _moment(str(value))
        except ValueError as error:
            self.fail(f"{error}, or now-6h", param, ctx)


class DurationType(click.ParamType[timedelta]):
    """`2d`, `12h`."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Read a duration above 0."""
        try:
            duration = parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if duration <= timedelta(0):
            self.fail(f"expected more than 0, got {value!r}", param, ctx)
        return duration


def _moment(text: str) -> Moment:
    if match := _RELATIVE.fullmatch(text):
        ago = match["ago"]
        return Moment(None, nanoseconds(parse_duration(ago)) if ago else 0)
    return Moment(parse_time(text))


MOMENT = MomentType()
