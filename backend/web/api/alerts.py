"""Alerts: what Grafana told of them, and whether people were told."""

from pydantic import BaseModel, Field, RootModel

from backend.exceptions import GrafanaUnavailable
from backend.ports import RuleAlert, RuleState
from backend.records import AlertState, series_key
from backend.services.alerting import AlertView
from backend.web.api.asked import Asked
from backend.web.api.blueprints import part
from backend.web.application import application
from backend.web.instants import milliseconds
from backend.web.who import first_seen

_KINDS = "alarm, fleet, blind, retrain, drift or aside"

api = part("alerts", "What Grafana told of alerts.")


class AlertsQuery(Asked):
    """Alerts of one detector or of all, in one state or in both."""

    detector: str | None = Field(None, max_length=2000)
    state: AlertState | None = None
    limit: int = Field(100, ge=1, le=1000)


class AlertRow(BaseModel):
    """An alert; `time_end` is null while it fires."""

    time: int
    time_end: int | None
    id: int
    fingerprint: str
    state: str
    detector: str
    known: bool = Field(description="whether there is a detector of that name")
    series: str
    rule: str
    title: str
    summary: str
    description: str
    panel_url: str
    received_at: int
    message: str | None = Field(description="pending, delivered or failed; null: nobody is told")
    message_problem: str

    @classmethod
    def of(cls, view: AlertView) -> "AlertRow":
        """The row of an alert."""
        one, message = view.alert, view.message
        return cls(
            time=milliseconds(one.start),
            time_end=milliseconds(one.stop),
            id=one.id,
            fingerprint=one.fingerprint,
            state=one.state.value,
            detector=one.detector,
            known=view.spec is not None,
            series=view.series,
            rule=one.rule,
            title=one.title,
            summary=one.summary,
            description=one.description,
            panel_url=one.panel_url,
            received_at=milliseconds(one.received_at),
            message=message.state.value if message else None,
            message_problem=message.problem if message else "",
        )


class AlertRows(RootModel[list[AlertRow]]):
    """Alerts, newest first."""


class RuleRow(BaseModel):
    """An alert rule in Grafana: a row for each series that it speaks of, or one if of none."""

    detector: str
    kind: str = Field(description=_KINDS)
    name: str
    state: str = Field(description="inactive, pending or firing")
    health: str = Field(description="ok, nodata or error")
    problem: str
    evaluated_at: int | None
    series: str
    series_state: str = Field(description="pending, alerting, nodata or error; else empty")
    since: int | None
    summary: str

    @classmethod
    def all_of(cls, one: RuleState) -> "list[RuleRow]":
        """The rows of a rule."""
        alerts = one.alerts or (RuleAlert({}, "", None, ""),)
        return [
            cls(
                detector=one.detector,
                kind=one.kind,
                name=one.name,
                state=one.state,
                health=one.health,
                problem=one.problem,
                evaluated_at=milliseconds(one.evaluated_at),
                series=series_key(alert.tags),
                series_state=alert.state,
                since=milliseconds(alert.since),
                summary=alert.summary,
            )
            for alert in alerts
        ]


class RuleRows(RootModel[list[RuleRow]]):
    """Rules by detector and kind."""


@api.get("/rules", responses={"200": RuleRows})
def list_rules() -> list[RuleRow]:
    """What Grafana's alert rules say now; empty where normalcy knows no Grafana."""
    states = application().rule_states.states()
    if states.problem:
        raise GrafanaUnavailable(states.problem)
    return [row for rule in states.rules for row in RuleRow.all_of(rule)]


@api.get("/alerts", responses={"200": AlertRows})
def list_alerts(query: AlertsQuery) -> list[AlertRow]:
    """Alerts, newest first, each in the state it is in."""
    alerting = application().alerting
    found = first_seen(
        lambda limit: alerting.listed(query.detector, state=query.state, limit=limit),
        lambda one: one.alert.detector,
        query.limit,
    )
    return [AlertRow.of(one) for one in found]
