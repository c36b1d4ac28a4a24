"""A token for one detector changes how it judges, and never what it reads."""

from typing import Any

import pytest

from backend.records import Role
from backend.services.access import TokenDraft
from tests.web.forms import mark_in
from tests.web.test_odd_forms import form
from tests.web.worlds import World, make_world, write_values

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


@pytest.mark.parametrize("act", ["save", "try", "check"])
def test_nor_by_the_form_of_the_page(world, headers, act):
    client = world.client()
    mark = mark_in(client.get("/detectors/own/edit", headers=headers).text)
    kept = {
        "base": {**OWN, "measurement": "salaries"},
        "about": {"first": 1, "last": 2, "series": []},
        "fields": [["pay", "channel", ""]],
        "tags": [],
    }
    sent = {**form(kept, act=act, measurement="salaries"), "name": "own", "csrf_token": mark}
    answer = client.post("/detectors/own/edit", data=sent, headers=headers)
    assert answer.status_code in (403, 422)
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
