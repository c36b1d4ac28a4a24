"""Whether enough normal time is labelled: a sentence for each series, and pictures of one."""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, render_template, request, url_for

from backend.detection.sufficiency import VERDICTS, Levels
from backend.exceptions import NotFound
from backend.records import SeriesKey
from backend.services.sufficiency import Brief, Sufficient
from backend.services.sufficiency_words import DAYS, Part
from backend.web.application import application
from backend.web.pages.ranges import from_to
from backend.web.texts import text

sufficiency = Blueprint("sufficiency_page", __name__)

MOST_SERIES = 200
"""Series in the list; the most urgent come first."""
_BESIDE = 0.5
"""Of a range, so much is shown before and behind it where one looks at it."""
_COVERED, _THIN, _ABSENT, _NONE = "covered", "thin", "absent", "none"
_ENOUGH_HOURS = 0.95
"""Hours of an hour of the week from which on it is well covered."""
HEIGHT = 60
"""Of the pictures of levels, in their own unit."""


@sufficiency.get("/detectors/<string:name>/sufficiency")
def show(name: str) -> str:
    """The sentence first, then hours, levels, uncovered ranges and contradictions of a series."""
    app = application()
    briefs = sorted(app.sufficiency.overview(name), key=_urgency)
    asked = request.args.get("series")
    chosen = asked if asked is not None else next((one.series for one in briefs), None)
    found, problem = _judged(name, chosen)
    return render_template(
        "sufficiency.html",
        detector=name,
        spec=app.detectors.get(name),
        briefs=briefs[:MOST_SERIES],
        more=max(0, len(briefs) - MOST_SERIES),
        chosen=chosen,
        found=found,
        problem=problem,
        said=said,
        verdicts=[v for v in VERDICTS if any(one.verdict == v for one in briefs)],
        counts={v: sum(one.verdict == v for one in briefs) for v in VERDICTS},
        week=None if found is None else _week(found),
        pictures=[] if found is None else [_picture(*one) for one in found.levels.items()],
        look=_looker(name, chosen),
        label=_label_of(name, chosen),
        height=HEIGHT,
    )


def _judged(name: str, series: SeriesKey | None) -> tuple[Sufficient | None, str]:
    if series is None:
        return None, ""
    try:
        return application().sufficiency.judge(name, series), ""
    except NotFound as error:
        return None, str(error)


def said(parts: Sequence[Part]) -> str:
    """The sentence in the reader's language."""
    told = [text(f"sufficiency-part-{part.name}", **_values(part)) for part in parts]
    return "; ".join(told)


def _values(part: Part) -> dict[str, str | int]:
    values = dict(part.values)
    if part.name == "weekdays":
        days = str(values["days"]).split(", ")
        values["days"] = ", ".join(map(_day, days))
    return values


def _day(name: str) -> str:
    return text(f"sufficiency-{name.lower()}")


def _urgency(one: Brief) -> tuple[int, SeriesKey]:
    return VERDICTS.index(one.verdict), one.series


# -- what is linked to -----------------------------------------------------------------------------


def _looker(name: str, series: SeriesKey | None) -> Callable[[int, int], str]:
    """Where a range can be looked at and labelled."""

    def look(start: int, stop: int) -> str:
        span = from_to(start, stop, beside=int(_BESIDE * (stop - start)))
        place = url_for("labels_page.show", name=name)
        return f"{place}?{urlencode({**span, **({'series': series} if series else {})})}"

    return look


def _label_of(name: str, series: SeriesKey | None) -> Callable[[int], str]:
    """Where a label is."""
    labels = {label.id: label for label in application().labelling.list(name)}

    def place(number: int) -> str:
        label = labels.get(number)
        if label is None:
            return url_for("labels_page.show", name=name, series=series or None)
        return _looker(name, series)(label.start, label.stop)

    return place


# -- pictures --------------------------------------------------------------------------------------


def _week(found: Sufficient) -> list[tuple[str, list[dict[str, Any]]]]:
    """Each day with its 24 cells: how well an hour is covered, and the hours themselves."""
    weeks = zip(DAYS, found.normal_week.tolist(), found.live_week.tolist(), strict=True)
    return [
        (_day(name), [_cell(*hours) for hours in zip(normal, live, strict=True)])
        for name, normal, live in weeks
    ]


def _cell(hours: float, live: float) -> dict[str, Any]:
    if hours <= 0:
        return {"state": _ABSENT if live > 0 else _NONE, "hours": hours}
    return {"state": _COVERED if hours >= _ENOUGH_HOURS else _THIN, "hours": hours}


def _picture(channel: str, levels: Levels) -> dict[str, Any]:
    """Two bars for each level of a channel: how much live, and how much labelled."""
    most = max(float(levels.live.max()), float(levels.normal.max()), 1e-9)
    return {
        "channel": channel,
        "share": levels.uncovered_share,
        "bars": [
            {
                "low": float(low),
                "high": float(high),
                "live": float(live),
                "normal": float(normal),
                "uncovered": bool(uncovered),
                "live_height": round(HEIGHT * float(live) / most, 1),
                "normal_height": round(HEIGHT * float(normal) / most, 1),
            }
            for low, high, live, normal, uncovered in zip(
                levels.edges[:-1],
                levels.edges[1:],
                levels.live,
                levels.normal,
                levels.uncovered,
                strict=True,
            )
        ],
    }
