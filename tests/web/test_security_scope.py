"""A token for one detector reaches that one: by no address another, nor other data by its own."""

from typing import Any

import numpy as np
import pytest

from backend.ports import Points
from backend.records import Role, State
from backend.services.access import TokenDraft
from backend.web import create_app
from backend.web.datasource.metrics import METRICS
from tests.web.forms import mark_in
from tests.web.test_api_history import write_coverage, write_training
from tests.web.test_odd_forms import form
from tests.web.worlds import (
    MINUTE,
    NOW,
    START,
    World,
    add_label,
    add_version,
    make_world,
    write_event,
    write_scores,
    write_values,
)

OWN = {"measurement": "air", "channels": ["temp"], "group_by": ["room"], "every": "1m"}
PASSWORD = "correct horse"


@pytest.fixture
def world() -> World:
    made = make_world()
    write_values(made, "R1")
    made.setting_up.save("own", OWN, by="local", seen=False)
    made.access.add_user("ada", PASSWORD, Role.ADMIN, by="local")
    return made


@pytest.fixture
def headers(world: World) -> dict[str, str]:
    _, secret = world.access.add_token(TokenDraft("script", Role.ADMIN, ("own",)), by="ada")
    return {"X-Api-Key": secret}


OTHERS: dict[str, Any] = {
    "measurement": "salaries",
    "channels": ["temp", "NH3"],
    "context": ["load"],
    "where": {"site": "plant-2"},
    "group_by": [],
}


@pytest.mark.parametrize("key", OTHERS)
def test_it_cannot_point_its_detector_at_other_data(world, headers, key):
    body = {**OWN, key: OTHERS[key]}
    answer = world.client().put("/api/v1/detectors/own", json=body, headers=headers)
    assert answer.status_code == 403
    assert f"not what it reads ({key})" in answer.json["message"]
    assert world.detectors.get("own").measurement == "air"


def test_it_may_change_how_it_judges(world, headers):
    body = {**OWN, "threshold": {"kind": "fixed", "value": 2}, "every": "5m"}
    answer = world.client().put("/api/v1/detectors/own", json=body, headers=headers)
    assert answer.status_code == 200
    assert world.detectors.get("own").threshold.kind == "fixed"


def test_what_is_wrong_with_a_definition_is_told_as_ever(world, headers):
    body = {**OWN, "every": "x"}
    answer = world.client().put("/api/v1/detectors/own", json=body, headers=headers)
    assert answer.status_code == 422


def test_one_that_was_removed_is_not_made_anew(world, headers):
    client = world.client()
    assert client.delete("/api/v1/detectors/own", headers=headers).status_code == 204
    body = {**OWN, "measurement": "salaries"}
    answer = client.put("/api/v1/detectors/own", json=body, headers=headers)
    assert answer.status_code == 403


def test_nor_does_it_try_one_on_other_data(world, headers):
    asked = {"kind": "dry_run", "detector": "own", "ranges": [{"from": 1, "to": 2}]}
    client = world.client()
    other = {**asked, "spec": {**OWN, "measurement": "salaries"}}
    assert client.post("/api/v1/requests", json=other, headers=headers).status_code == 403
    assert world.records.requests() == []
    own = {**asked, "spec": {**OWN, "trim": 0.1}}
    assert client.post("/api/v1/requests", json=own, headers=headers).status_code == 202


@pytest.mark.parametrize("every", ["1m", "soon"])
@pytest.mark.parametrize("act", ["save", "try", "check"])
def test_nor_by_the_form_of_the_page(world, headers, act, every):
    """Nor does it learn by its mistakes what fields and series there are elsewhere."""
    fields = {"bonus": np.ones(3)}
    world.source.write("salaries", [Points({"who": "zebra"}, NOW - MINUTE * np.arange(3), fields)])
    client = world.client()
    mark = mark_in(client.get("/detectors/own/edit", headers=headers).text)
    kept = {
        "base": {**OWN, "measurement": "salaries"},
        "about": {"first": 1, "last": NOW, "series": []},
        "fields": [["pay", "channel", ""]],
        "tags": [],
    }
    sent = {**form(kept, act=act, measurement="salaries", every=every), "csrf_token": mark}
    answer = client.post("/detectors/own/edit", data={**sent, "name": "own"}, headers=headers)
    assert answer.status_code == 403
    assert "not what it reads (measurement" in answer.text
    assert "bonus" not in answer.text
    assert "zebra" not in answer.text
    assert world.detectors.get("own").measurement == "air"
    assert world.records.requests() == []


def test_nor_by_taking_a_removal_back(world, headers):
    client = world.client()
    mark = mark_in(client.get("/detectors/own/edit", headers=headers).text)
    sent = {"csrf_token": mark, "body": '{"measurement": "salaries", "channels": ["pay"]}'}
    sent["body"] = sent["body"].replace("}", ', "every": "1m"}')
    answer = client.post("/detectors/own/restore", data=sent, headers=headers)
    assert answer.status_code == 403
    assert world.detectors.get("own").measurement == "air"


def test_an_administrator_for_all_may(world):
    _, secret = world.access.add_token(TokenDraft("all", Role.ADMIN), by="ada")
    body = {**OWN, "measurement": "pump", "channels": ["flow"]}
    answer = world.client().put("/api/v1/detectors/own", json=body, headers={"X-Api-Key": secret})
    assert answer.status_code == 200


class TestGrafana:
    """The JSON datasource with the token of one detector, in a world that is full of another."""

    FOREIGN = "gas-room"

    @pytest.fixture
    def world(self, world: World) -> World:
        write_scores(world, "R1")
        write_event(world, "R1", open_=True)
        add_version(world)
        add_label(world)
        world.records.set_watermarks(self.FOREIGN, {"room=R1": NOW})
        for detector in (self.FOREIGN, "own"):
            write_coverage(world, detector, [1.0])
            write_training(world, detector, [START], 0.5)
            run = world.records.start_run("retrain", detector, worker="w", at=START)
            told: dict[str, Any] = {"message": f"of {detector}", "details": {}}
            world.records.finish_run(run.id, State.FAILED, at=NOW - 1, **told)
        return world

    @pytest.fixture
    def ask(self, world, headers):
        client = world.client()
        return lambda path, body: client.post(f"/grafana/{path}", json=body, headers=headers)

    @staticmethod
    def panel(metric: str, payload: Any) -> dict[str, Any]:
        return {
            "range": {"from": START // 10**6, "to": NOW // 10**6},
            "targets": [{"refId": "A", "target": metric, "payload": payload}],
        }

    def test_it_is_there(self, world, headers):
        assert world.client().get("/grafana/", headers=headers).status_code == 200

    @pytest.mark.parametrize("payload", [{}, {"detector": "$__all"}, {"detector": "own"}], ids=str)
    def test_no_metric_tells_of_another_detector(self, ask, payload):
        for metric in METRICS:
            answer = ask("query", self.panel(metric, payload))
            assert answer.status_code < 500, metric
            assert self.FOREIGN not in answer.text, metric

    @pytest.mark.parametrize(
        "payload",
        [
            {"detector": FOREIGN},
            {"detector": [FOREIGN]},
            {"detector": "(gas\\-room)"},
            '{"detector": "gas-room"}',
        ],
        ids=str,
    )
    def test_who_names_another_one_is_refused_or_not_heeded(self, ask, payload):
        for name, metric in METRICS.items():
            answer = ask("query", self.panel(name, payload))
            assert self.FOREIGN not in answer.text, name
            if "detector" in metric.fields:
                assert answer.status_code == 403, name
                assert answer.json["message"] == "This token is for own only."

    def test_its_own_is_told(self, ask):
        for metric in ("coverage", "trained", "run_seconds", "failed_runs"):
            answer = ask("query", self.panel(metric, {}))
            assert answer.status_code == 200
            assert "own" in answer.text, metric

    def test_what_can_be_chosen_is_its_own(self, ask):
        assert ask("metric-payload-options", {"name": "detector"}).json == [
            {"label": "own", "value": "own"}
        ]
        assert ask("variable", {"payload": "detectors"}).json == [
            {"__text": "own", "__value": "own"}
        ]
        assert ask("tag-values", {"key": "detector"}).json == [{"text": "own"}]
        assert ask("tag-values", {"key": "room"}).json == [{"text": "R1"}]  # those of its own
        assert {row["text"] for row in ask("tag-keys", {}).json} == {"detector", "room"}
        assert {"score", "events"} <= set(ask("search", {}).json)

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("variable", {"payload": "series gas-room"}),
            ("variable", {"payload": {"target": "tag", "detector": FOREIGN, "tag": "room"}}),
            ("variable", {"payload": "channels nothing"}),
            ("metric-payload-options", {"name": "series", "payload": {"detector": FOREIGN}}),
            ("annotations", {"annotation": {"query": "events gas-room"}}),
            ("annotations", {"annotation": {"query": '{"detector": "gas-room"}'}}),
        ],
    )
    def test_lists_and_annotations_of_another_one_are_refused(self, ask, path, body):
        answer = ask(path, {**self.panel("events", {}), **body})
        assert answer.status_code == 403
        assert answer.json["message"] == "This token is for own only."


def test_no_page_of_its_detector_names_another_one(world, headers):
    """Every address of a detector that is looked at, on its pages and by the API."""
    add_version(world, "own")
    app = create_app(world)
    values = {"name": "own", "number": 1, "id": 1, "proposal": 1}
    looked = 0
    for rule in app.url_map.iter_rules():
        if "GET" not in rule.methods or "/detectors/<string:name>" not in rule.rule:
            continue
        path = rule.build({key: values[key] for key in rule.arguments})[1]
        answer = app.test_client().get(path, headers=headers)
        looked += answer.status_code == 200
        assert answer.status_code < 500, path
        assert "gas-room" not in answer.text, path
    assert looked > 20


@pytest.mark.parametrize("path", ["worst", "coverage", "training"])
def test_tables_over_all_detectors_are_of_its_own(world, headers, path):
    write_scores(world, "R1")
    for detector in ("gas-room", "own"):
        write_coverage(world, detector, [1.0])
        write_training(world, detector, [START], 0.5)
    span = {"from": START // 10**6, "to": NOW // 10**6}
    rows = world.client().get(f"/api/v1/{path}", query_string=span, headers=headers).json
    assert {row["detector"] for row in rows} == (set() if path == "worst" else {"own"})
