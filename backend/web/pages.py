"""The status page: how every detector is doing, without a script."""

from flask import Blueprint, render_template

from backend.records import State
from backend.services.overview import Condition, Overview
from backend.web.application import application

pages = Blueprint("pages", __name__)

RECENT_RUNS = 15
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


def _urgency(one: Overview) -> tuple[int, str]:
    return _ORDER.index(one.condition), one.detector
