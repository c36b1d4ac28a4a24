"""Figures of versions and comparisons as words, in the reader's language."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from markupsafe import Markup, escape

from backend.services.comparison_verdict import Verdict
from backend.specs import format_duration
from backend.web.pages.ranges import from_to
from backend.web.texts import text
from backend.web.times import at

_NOTHING = "-"
_UNITS = ((86_400, 3600), (3600, 60), (60, 1))
"""Of a duration: from so many seconds on it is told in whole units of so many."""
_HOLE = "\ue000"
"""Stands in a text where a time comes: a character that no text has."""


def timed(name: str, times: Mapping[str, int], **values: object) -> Markup:
    """A text in which times are elements that a script shows in the browser's zone."""
    holes = {key: f"{_HOLE}{key}{_HOLE}" for key in times}
    parts = text(name, **holes, **values).split(_HOLE)
    told = (at(times[part]) if place % 2 else escape(part) for place, part in enumerate(parts))
    return Markup("").join(told)


def sentences(said: Verdict) -> list[str]:
    """The verdict on a challenger."""
    values = {
        "number": said.number,
        "champion": said.champion,
        "by": f"{said.by:.1f}",
        "rate": f"{said.alerts_per_week:.1f}",
    }
    found = [text(f"models-verdict-{said.rate}", **values)]
    if said.rate != "blind":
        kept = "still" if said.champion and said.before == said.count else "now"
        counts = {"count": said.count, "of": said.of, "before": said.before, "kept": kept}
        found.append(text(f"models-caught-{said.caught}", **counts))
    if said.silent:
        found.append(text("models-silent"))
    return found


def figure(side: Mapping[str, Any], name: str) -> str:
    """One figure of a version in a comparison, by the name of its text."""
    if name in ("caught", "forewarned"):
        return text("model-caught-of", count=side[name], of=side["anomalies"])
    key, shown = _FIGURES[name]
    value = side[key]
    return _NOTHING if value is None else shown(value)


def met(caught: Mapping[str, Any], watched: bool) -> str:
    """How a version met a labelled anomaly."""
    if not watched:
        return text("model-met-unwatched")
    parts = []
    if (before := caught["forewarning_seconds"]) is not None:
        parts.append(text("model-met-forewarned", time=lasted(before)))
    if caught["caught"]:
        late = caught["delay_seconds"]
        told = text("model-met-caught", delay=lasted(late)) if late else text("model-met-at-once")
        parts.append(told)
    return ", ".join(parts) or text("model-met-missed")


def lasted(seconds: float) -> str:
    """A duration in its two largest units."""
    for size, unit in _UNITS:
        if seconds >= size:
            seconds = round(seconds / unit) * unit
            break
    return format_duration(timedelta(seconds=round(seconds)))


def plain(value: float | None) -> str:
    """A number in four digits."""
    if value is None:
        return _NOTHING
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def percent(share: float) -> str:
    """A share; a small one is not said to be none."""
    return f"{share:.0%}" if share == 0 or share >= 0.1 else f"{share:.2%}"


def around(one: Mapping[str, Any]) -> dict[str, int]:
    """The range to look at an alert: with as much time before and behind it, an hour at least."""
    beside = max(one["stop"] - one["start"], 3_600_000_000_000)
    return from_to(one["start"], one["stop"], beside)


_FIGURES: Mapping[str, tuple[str, Callable[[Any], str]]] = {
    "alerts": ("alerts", str),
    "alerts-week": ("alerts_per_week", lambda value: f"{value:.1f}"),
    "silent-alerts": ("silent_alerts", str),
    "forewarning": ("forewarning_seconds", lasted),
    "delay": ("delay_seconds", lasted),
    "false-share": ("false_share", percent),
    "trained-share": ("trained_share", percent),
}
