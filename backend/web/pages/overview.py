"""How every detector is doing."""

from flask import Blueprint, render_template

from backend.records import State
from backend.services.overview import Condition, Overview
from backend.web.application import application

overview = Blueprint("overview_page", __name__)

RECENT_RUNS = 15
_ORDER = list(Condition)


@overview.get("/")
def show() -> str:
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


def _urgency(one: Overview) -> tuple[int, str]:
    return _ORDER.index(one.condition), one.detector
