"""Times on pages: how long ago, with the exact UTC time beside it."""

from datetime import UTC, datetime

from flask import Flask
from markupsafe import Markup

from backend.ports import Clock
from backend.services.series_facts import rhythm
from backend.web.texts import text

_SECOND = 1_000_000_000
_UNITS = (("day", 86_400), ("hour", 3600), ("min", 60), ("s", 1))


def register(app: Flask, clock: Clock) -> None:
    """Offer `ago`, `at`, `clock`, `field` and `rhythm` to templates."""
    app.add_template_filter(lambda time: ago(time, clock.now()), "ago")
    app.add_template_filter(exactly, "clock")
    app.add_template_filter(at, "at")
    app.add_template_filter(field_time, "field")
    app.add_template_filter(rhythm, "rhythm")


def ago(time: int | None, now: int) -> Markup:
    """A time element such as "5 min ago" whose title is the UTC time; "never" for None."""
    if time is None:
        return _never()
    return _element(time, distance(time, now))


def exactly(time: int) -> Markup:
    """A time element of the UTC time of day, its title with the date."""
    return _element(time, _moment(time).strftime("%H:%M:%S UTC"))


def at(time: int | None) -> Markup:
    """A time element of the UTC date and time, which a script shows in the browser's zone."""
    if time is None:
        return _never()
    return _element(time, _full(time), Markup(" data-exact"))


def field_time(time: int | None, *, up: bool = False) -> str:
    """A UTC time as a field of a form holds it, to the second; empty for None."""
    if time is None:
        return ""
    return _moment(-(-time // _SECOND) * _SECOND if up else time).strftime("%Y-%m-%dT%H:%M:%S")


def distance(time: int, now: int) -> str:
    """How far a time lies from now, in its largest unit."""
    seconds = abs(now - time) // _SECOND
    for unit, size in _UNITS:
        if seconds >= size:
            way = "ago" if time <= now else "in"
            return text(f"time-{way}-{unit}", count=seconds // size)
    return text("time-now")


def _never() -> Markup:
    return Markup('<span class="none">{}</span>').format(text("time-never"))


def _element(time: int, words: str, mark: str = "") -> Markup:
    element = Markup('<time datetime="{}" title="{}"{}>{}</time>')
    return element.format(_moment(time).isoformat(), _full(time), mark, words)


def _full(time: int) -> str:
    return _moment(time).strftime("%Y-%m-%d %H:%M:%S UTC")


def _moment(time: int) -> datetime:
    return datetime.fromtimestamp(time // _SECOND, UTC)
