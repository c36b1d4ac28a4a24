"""Pages without a script: how every detector is doing, and what the source holds."""

from flask import Blueprint, render_template, request

from backend.records import State
from backend.services.overview import Condition, Overview
from backend.web.application import application

pages = Blueprint("pages", __name__)

RECENT_RUNS = 15
MOST_SERIES = 200
_ORDER = list(Condition)


@pages.get("/")
def status() -> str:
    """Detectors, series set aside, recent runs and failures."""
    queries = application().queries
    runs = queries.runs(limit=100)
    failed = [run for run in runs if run.state in (State.FAILED, State.INTERRUPTED)]
    return render_template(
        "status.html",
        detectors=sorted(queries.overviews(), key=_urgency),
        runs=runs[:RECENT_RUNS],
        failed=failed[:RECENT_RUNS],
        parts=[part for part in queries.parts() if not part.ok],
        now=application().clock.now(),
    )


@pages.get("/catalogue")
def catalogue() -> str:
    """What the source holds, and of one measurement its series and their rhythm."""
    held = application().catalogue
    name = request.args.get("measurement")
    return render_template(
        "catalogue.html",
        measurements=held.measurements(),
        chosen=held.measurement(name) if name is not None else None,
        series=held.series(name, limit=MOST_SERIES) if name is not None else None,
    )


def _urgency(one: Overview) -> tuple[int, str]:
    return _ORDER.index(one.condition), one.detector
