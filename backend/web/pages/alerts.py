"""What Grafana told of alerts, newest first, and whether people were told."""

from flask import Blueprint, render_template, request

from backend.records import AlertState
from backend.web.application import application

alerts = Blueprint("alerts_page", __name__)

MOST_ALERTS = 200


@alerts.get("/alerts")
def show() -> str:
    """Alerts, all or of a state or a detector, and the rules that fire now."""
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
