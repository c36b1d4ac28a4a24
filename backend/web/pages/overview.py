"""How every detector and every series is doing."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, TypeVar

from flask import Blueprint, render_template, request, url_for

from backend.records import State
from backend.services.overview import Condition, Glance, Overview
from backend.services.overview import overview as overview_of
from backend.services.series_overview import (
    SeriesCondition,
    SeriesGlance,
    Sort,
    Wanted,
    page_of,
)
from backend.web import sparks
from backend.web.application import application
from backend.web.pages.navigation import Way

overview = Blueprint("overview_page", __name__)

RECENT_RUNS = 15
LONGEST_SEARCH = 200
SERIES = "series"
"""The view that leaves out the detectors, and the part of the page that a script asks for alone."""

_SUSPECT = (SeriesCondition.ANOMALOUS, SeriesCondition.BLIND)
_ORDER = list(Condition)
_LATEST_PAGE = 10**6
T = TypeVar("T", bound=StrEnum)


@overview.get("/")
def show() -> str:
    """Detectors, what failed, every series, recent runs; with `part=series` those rows alone."""
    queries = application().queries
    glances = queries.glances()
    listed = _series(glances)
    if request.args.get("part") == SERIES:
        return render_template("overview_series.html", **listed)
    now = application().clock.now()
    runs = queries.runs(limit=100)
    failed = [run for run in runs if run.state in (State.FAILED, State.INTERRUPTED)]
    found = [overview_of(one.spec, one.known, one.results, now) for one in glances]
    return render_template(
        "overview.html",
        detectors=sorted(found, key=_urgency),
        steps={one.detector: next_steps(one) for one in found},
        runs=runs[:RECENT_RUNS],
        failed=failed[:RECENT_RUNS],
        parts=[part for part in queries.parts() if not part.ok],
        configuration=application().reconfiguring.problem,
        names=sorted(one.detector for one in found),
        sorts=list(Sort),
        now=now,
        **listed,
    )


def _series(glances: list[Glance]) -> dict[str, Any]:
    """What the table of series shows, and how its links are made."""
    wanted = asked()
    held = application().series_overview
    found = page_of(held.rows(glances), wanted)
    pictures = held.sparks(found.rows)
    return {
        "wanted": wanted,
        "view": SERIES if request.args.get("view") == SERIES else "",
        "found": found,
        "conditions": list(SeriesCondition),
        "changed": _changed(found.rows),
        "sparks": {name: sparks.drawing(one) for name, one in pictures.items()},
        "spark": sparks,
        "link": _link,
    }


def _changed(rows: Sequence[SeriesGlance]) -> dict[tuple[str, str], str]:
    """What may have happened to the channels of series of which something is told anyway."""
    told: dict[tuple[str, str], str] = {}
    keys: dict[str, list[str]] = {}
    for row in rows:
        if row.condition in _SUSPECT or row.why:
            keys.setdefault(row.detector, []).append(row.series)
    app = application()
    for spec in app.detectors.all():  # one may have been removed since the rows were read
        if spec.name not in keys:
            continue
        found = app.channel_changes.told(spec, keys[spec.name])
        told |= {(spec.name, key): " ".join(sentences) for key, sentences in found.items()}
    return told


def asked() -> Wanted:
    """What the address asks for; nonsense is passed over."""
    arguments = request.args
    return Wanted(
        search=arguments.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH],
        condition=_one_of(SeriesCondition, arguments.get("state", "")),
        detector=arguments.get("detector") or None,
        sort=_one_of(Sort, arguments.get("sort", "")) or Sort.STATE,
        page=min(max(arguments.get("page", 1, type=int), 1), _LATEST_PAGE),
    )


def _one_of(kind: type[T], text: str) -> T | None:
    return kind(text) if text in list(kind) else None


def _link(wanted: Wanted, **changes: object) -> str:
    """The address of the page as it is asked for, with some changes."""
    kept: dict[str, Any] = {
        "view": request.args.get("view") or None,
        "q": wanted.search or None,
        "state": wanted.condition,
        "detector": wanted.detector,
        "sort": None if wanted.sort is Sort.STATE else wanted.sort,
        "page": None if wanted.page == 1 else wanted.page,
    }
    return url_for("overview_page.show", **{**kept, **changes})


def next_steps(one: Overview) -> list[Way]:
    """Where a person goes on with a detector that has no model."""
    if one.condition is not Condition.NO_MODEL:
        return []
    models = url_for("models_page.show", name=one.detector)
    if one.trained_at is not None:
        return [(models, "overview-step-review")]
    labels = url_for("labels_page.show", name=one.detector)
    return [(labels, "overview-step-label"), (models, "overview-step-train")]


def _urgency(one: Overview) -> tuple[int, str]:
    return _ORDER.index(one.condition), one.detector
