"""Datasources, dashboards and rules come to a real Grafana by its API, once and for all."""

import pytest
from click.testing import CliRunner

from backend.cli import cli
from backend.cli.session import Session
from backend.grafana.names import uid
from tests.integration.grafana.plants import BLIND, DETECTOR, FLEET
from tests.integration.grafana.stage import Stage, require_influxdb

pytestmark = [pytest.mark.grafana, pytest.mark.timeout(300)]

DETECTORS = (DETECTOR, BLIND, FLEET)


def test_a_second_sync_changes_nothing(stage: Stage) -> None:
    done = stage.command("grafana", "sync")

    # What a secret is cannot be read back, so a datasource with one is written each time.
    assert {one["what"] for one in done} <= {"unchanged", "written"}
    assert {one["kind"] for one in done if one["what"] == "written"} <= {"datasource"}


def test_every_dashboard_is_there(stage: Stage) -> None:
    found = {dashboard["uid"] for dashboard in stage.dashboards()}

    assert found == {
        *(uid(kind) for kind in ("overview", "training", "health")),
        *(uid("detector", name) for name in DETECTORS),
        uid("fleet", DETECTOR),
        uid("fleet", FLEET),
    }


@pytest.mark.parametrize("name", ["normalcy_results", "normalcy_sensors"])
def test_datasources_reach_their_database(stage: Stage, name: str) -> None:
    require_influxdb(stage)
    answer = stage.grafana.get(f"/api/datasources/uid/{name}/health")

    assert answer["status"] == "OK", answer


def test_what_was_made_by_hand_is_left_alone(stage: Stage) -> None:
    own = {"uid": "normalcy-by-hand", "title": "By hand", "panels": [], "schemaVersion": 37}
    other = {"uid": "somebody-else", "title": "Else", "tags": ["normalcy"], "panels": []}
    for dashboard in (own, other):
        stage.grafana.post("/api/dashboards/db", {"dashboard": dashboard, "overwrite": True})
    try:
        stage.command("grafana", "sync")

        for dashboard in (own, other):
            assert stage.grafana.find(f"/api/dashboards/uid/{dashboard['uid']}") is not None
    finally:
        for dashboard in (own, other):
            stage.grafana.delete(f"/api/dashboards/uid/{dashboard['uid']}")


def test_what_is_not_needed_any_more_goes_unless_somebody_drew_on_it(stage: Stage) -> None:
    gone = {"tags": ["normalcy"], "panels": [], "schemaVersion": 37}
    for name in ("normalcy-gone", "normalcy-drawn"):
        made = {**gone, "uid": name, "title": name}
        stage.grafana.post("/api/dashboards/db", {"dashboard": made, "overwrite": True})
    drawn = {"dashboardUID": "normalcy-drawn", "time": 1000, "timeEnd": 2000}
    drawn |= {"text": "x", "tags": ["normalcy-test"]}
    stage.grafana.post("/api/annotations", drawn)
    try:
        done = {one["name"]: one for one in stage.command("grafana", "sync")}

        assert done["normalcy-gone"]["what"] == "removed"
        assert stage.grafana.find("/api/dashboards/uid/normalcy-gone") is None
        assert done["normalcy-drawn"]["what"] == "left"
        assert stage.grafana.find("/api/dashboards/uid/normalcy-drawn") is not None
    finally:
        stage.grafana.delete("/api/dashboards/uid/normalcy-drawn")


def test_a_change_by_hand_is_put_right(stage: Stage) -> None:
    name = uid("health")
    changed = stage.grafana.get(f"/api/dashboards/uid/{name}")["dashboard"]
    changed["panels"][0]["title"] = "changed by hand"
    stage.grafana.post("/api/dashboards/db", {"dashboard": changed, "overwrite": True})

    done = {one["name"]: one["what"] for one in stage.command("grafana", "sync")}

    assert done[name] == "changed"
    back = stage.grafana.get(f"/api/dashboards/uid/{name}")["dashboard"]
    assert back["panels"][0]["title"] == "Coverage"


def test_a_grafana_that_denies_is_told_in_a_sentence(stage: Stage) -> None:
    environ = {k: v for k, v in stage.environ.items() if "GRAFANA" not in k}
    wrong = {**environ, "NORMALCY_GRAFANA_TOKEN": "wrong"}
    done = CliRunner().invoke(cli, ["grafana", "sync"], obj=Session(wrong))

    assert done.exit_code == 1
    assert "does not accept the credentials" in done.stderr
