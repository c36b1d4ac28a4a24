"""What Grafana's own state says of our rules."""

import json
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from backend.exceptions import GrafanaUnavailable
from backend.grafana.client import GrafanaClient, Patience
from backend.grafana.states import GrafanaRuleBook
from backend.ports import Credentials, RuleAlert
from tests.servers.made_in_grafana import served

NEVER = "0001-01-01T00:00:00Z"


def rule(**changes: Any) -> dict[str, Any]:
    return {
        "state": "firing",
        "name": "gas-room: anomaly",
        "labels": {"detector": "gas-room", "normalcy": "alarm"},
        "health": "ok",
        "lastEvaluation": "2026-11-26T15:30:40Z",
        "alerts": [
            alert("Alerting", "2026-11-26T15:30:10.5+01:00", room="R1"),
            alert("Normal", NEVER, room="R2"),
            alert("Normal (MissingSeries)", NEVER, room="R3"),
            alert("Alerting (NoData)", NEVER),
        ],
        **changes,
    }


def alert(state: str, since: str, **tags: str) -> dict[str, Any]:
    common = {"alertname": "x", "grafana_folder": "y", "__alert_rule_uid__": "z"}
    labels = {**common, "detector": "gas-room", "normalcy": "alarm", **tags}
    annotations = {"summary": f"unlike normal in {tags.get('room', '')}"}
    return {"labels": labels, "annotations": annotations, "state": state, "activeAt": since}


def states(*rules: dict[str, Any], status: int = 200) -> Any:
    body = {"status": "success", "data": {"groups": [{"name": "g", "rules": list(rules)}]}}

    @Request.application
    def grafana(request: Request) -> Response:
        assert request.path == "/api/prometheus/grafana/api/v1/rules"
        return Response(json.dumps(body), status=status, content_type="application/json")

    with served(grafana) as url:
        client = GrafanaClient(url, Credentials(), Patience(pauses=()))
        try:
            return GrafanaRuleBook(client).states()
        finally:
            client.close()


def test_a_rule_tells_the_series_that_are_not_normal() -> None:
    (one,) = states(rule())

    assert (one.detector, one.kind, one.state, one.health) == ("gas-room", "alarm", "firing", "ok")
    assert one.evaluated_at == 1_795_707_040_000_000_000
    assert one.alerts == (
        RuleAlert({"room": "R1"}, "alerting", 1_795_703_410_500_000_000, "unlike normal in R1"),
        RuleAlert({}, "alerting", None, "unlike normal in "),
    )


def test_rules_of_others_are_not_told() -> None:
    foreign = [rule(labels={}), rule(labels={"detector": "x"}), rule(labels=None)]

    assert states(*foreign) == []


def test_a_rule_without_alerts_or_times_is_told() -> None:
    (one,) = states(rule(alerts=None, lastEvaluation=NEVER, state="inactive"))

    assert (one.alerts, one.evaluated_at, one.state) == ((), None, "inactive")


def test_a_rule_that_could_not_be_evaluated_says_why() -> None:
    (one,) = states(rule(health="error", lastError="bad request"))

    assert (one.health, one.problem) == ("error", "bad request")


def test_a_grafana_that_is_down_is_told() -> None:
    with pytest.raises(GrafanaUnavailable):
        states(status=502)
