"""Alert rules in a real Grafana: they fire for the series they should, only for it, and recover."""

import re
import time
from typing import Any

import pytest

from backend.grafana.names import ALERT_FOLDER, uid
from tests.integration.grafana.plants import (
    BLIND,
    CHANNELS,
    DETECTOR,
    FLEET,
    PUMPS,
    QUIET_ROOM,
    ROOM,
)
from tests.integration.grafana.stage import Stage, require_influxdb, until

pytestmark = [pytest.mark.grafana, pytest.mark.timeout(600)]

KINDS = ("alarm", "blind", "retrain", "drift", "aside")


def alerts(stage: Stage, title: str) -> list[Any]:
    """The alerts of a rule that are not normal, of Grafana's own state."""
    answer = stage.grafana.get("/api/prometheus/grafana/api/v1/rules")
    groups = [group for group in answer["data"]["groups"] if group["file"] == ALERT_FOLDER]
    rules = [rule for group in groups for rule in group["rules"] if rule["name"] == title]
    assert not any(rule.get("lastError") for rule in rules), rules
    assert rules, title
    found = [alert for rule in rules for alert in rule.get("alerts") or ()]
    return [alert for alert in found if not alert["state"].startswith("Normal")]


def series(found: list[Any]) -> set[tuple[str, ...]]:
    """The series that alerts are about, by the tags of ours."""
    tags = ("room", "line", "pump")
    return {tuple(a["labels"][tag] for tag in tags if tag in a["labels"]) for a in found}


def evaluated(stage: Stage) -> bool:
    """Whether every rule was evaluated at least once."""
    answer = stage.grafana.get("/api/prometheus/grafana/api/v1/rules")
    rules = [
        rule
        for group in answer["data"]["groups"]
        if group["file"] == ALERT_FOLDER
        for rule in group["rules"]
    ]
    return bool(rules) and all(rule["lastEvaluation"][:4] > "2000" for rule in rules)


@pytest.fixture(autouse=True, scope="module")
def quiet(stage: Stage) -> None:
    """Begin where no series has been in alarm for longer than a rule looks back."""
    require_influxdb(stage)
    stage.plant.alarm(False)
    until(lambda: evaluated(stage), "the first evaluation of every rule")
    titles = [f"{DETECTOR}: anomaly", f"{FLEET}: anomaly", f"{FLEET}: many series at once"]
    until(lambda: not any(alerts(stage, title) for title in titles), "quiet")


def test_an_anomaly_fires_for_its_series_only_and_recovers(stage: Stage) -> None:
    title = f"{DETECTOR}: anomaly"
    stage.plant.alarm(True, room=ROOM)

    fired = until(lambda: alerts(stage, title), "an alert")
    assert series(fired) == {(ROOM,)}
    (one,) = fired
    assert one["labels"]["detector"] == DETECTOR
    check_texts(stage, one)

    stage.plant.alarm(False)
    until(lambda: not alerts(stage, title), "recovery")


def check_texts(stage: Stage, alert: Any) -> None:
    """An alert says which series, how bad, which sensors, and where to answer."""
    summary, description = (alert["annotations"][name] for name in ("summary", "description"))
    assert f"room={ROOM}" in summary
    assert "2.50" in description
    assert f"{CHANNELS[-1]} and {CHANNELS[0]}" in description
    assert f"{stage.pages}/label?detector={DETECTOR}&room=A+1%2F2" in description
    assert not re.search(r"\{\{|<no value>|map\[|%!", summary + description)


def test_many_series_at_once_are_one_alert(stage: Stage) -> None:
    stage.plant.alarm(True, line="L 1")

    (one,) = until(lambda: alerts(stage, f"{FLEET}: many series at once"), "the alert of the fleet")
    assert one["labels"]["detector"] == FLEET
    assert "1.00" in one["annotations"]["description"]
    assert f"{len(PUMPS)} series" in one["annotations"]["description"]
    assert not alerts(stage, f"{FLEET}: anomaly")

    # Of a fleet that has recovered but for one, that one is told.
    stage.plant.alarm(False)
    stage.plant.alarm(True, pump=PUMPS[0])
    found = until(lambda: alerts(stage, f"{FLEET}: anomaly"), "the alert of one pump")
    assert series(found) == {("L 1", PUMPS[0])}
    stage.plant.alarm(False)


def test_a_blind_detector_is_told_and_a_seeing_one_is_not(stage: Stage) -> None:
    # It has to be blind for a while; until then it is pending.
    (one,) = until(lambda: alerts(stage, f"{BLIND}: blind"), "the alert of a blind detector")

    assert BLIND in one["annotations"]["summary"]
    assert not alerts(stage, f"{DETECTOR}: blind")


def test_a_failed_training_is_told(stage: Stage) -> None:
    (one,) = until(lambda: alerts(stage, f"{BLIND}: training failed"), "the failed training")

    assert BLIND in one["annotations"]["summary"]
    assert f"{stage.pages}/runs" in one["annotations"]["description"]
    assert not alerts(stage, f"{DETECTOR}: training failed")


@pytest.mark.parametrize("kind", KINDS)
def test_every_rule_can_be_evaluated(stage: Stage, kind: str) -> None:
    rule = stage.grafana.get(f"/api/v1/provisioning/alert-rules/{uid(kind, DETECTOR)}")
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

    answer = stage.grafana.post("/api/v1/eval", {"data": rule["data"], "now": now})

    assert not [one["error"] for one in answer["results"].values() if one.get("error")]


def test_normalcy_tells_which_rules_fire(stage: Stage) -> None:
    def told() -> Any:
        states = stage.application.rule_states.states()
        assert not states.problem
        return [s for s in states.rules if s.detector == BLIND and s.state != "inactive"]

    found = {state.kind for state in until(told, "the state of a rule")}
    assert {"blind", "retrain"} <= found


def test_quiet_series_are_never_told(stage: Stage) -> None:
    for title in (f"{DETECTOR}: anomaly", f"{DETECTOR}: drift"):
        assert (QUIET_ROOM,) not in series(alerts(stage, title))
