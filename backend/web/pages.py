"""Pages without a script: how every detector is doing, and what the source holds."""

from flask import Blueprint, render_template, request

from backend.records import AlertState, State
from backend.services.overview import Condition, Overview
from backend.web.application import application

pages = Blueprint("pages", __name__)

RECENT_RUNS = 15
MOST_SERIES = 200
MOST_ALERTS = 200
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


@pages.get("/alerts")
def alerts() -> str:
    """What Grafana told of alerts, newest first, and whether people were told."""
    asked = request.args.get("state", "")
    state = AlertState(asked) if asked in list(AlertState) else None
    detector = request.args.get("detector") or None
    app = application()
    return render_template(
        "alerts.html",
        alerts=app.alerting.listed(detector, state=state, limit=MOST_ALERTS),
        most=MOST_ALERTS,
        states=list(AlertState),
        state=state,
        detector=detector,
        watching=app.rule_states.is_watching,
        rules=app.rule_states.states(),
        now=app.clock.now(),
    )


def _urgency(one: Overview) -> tuple[int, str]:
    return _ORDER.index(one.condition), one.detector
