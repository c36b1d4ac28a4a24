"""Runs and requests by the API: looked at, and ended."""

import pytest
from flask.testing import FlaskClient

from backend.records import Role, State
from backend.services.access import TokenDraft
from tests.web.worlds import NOW, World

SECOND = 1_000_000_000
MS = 1_000_000


@pytest.fixture
def run(world: World) -> int:
    begun = world.records.start_run(
        "retrain", "gas-room", worker="jobs:1", at=NOW - 100 * SECOND, details={"basis": "x"}
    )
    world.records.tell_run(begun.id, share=0.5, words="<b>fitting</b>", at=NOW)
    return begun.id


def test_a_run_tells_how_far_it_is_and_how_long_it_will_go_on(client: FlaskClient, run: int):
    told = client.get(f"/api/v1/runs/{run}").json
    assert told["state"] == "running"
    assert told["seconds_left"] == pytest.approx(100)
    assert (told["progress"], told["words"], told["told_at"]) == (0.5, "<b>fitting</b>", NOW // MS)
    assert told["log"] == [{"at": NOW // MS, "words": "<b>fitting</b>"}]
    assert told["details"] == {"basis": "x"}
    assert (told["advice"], told["version"], told["request"]) == (None, None, None)


def test_one_that_failed_says_what_to_do(client: FlaskClient, world: World, run: int):
    message = "unexpected KeyError: 'y'"
    world.records.finish_run(run, State.FAILED, at=NOW, message=message, details={})
    told = client.get(f"/api/v1/runs/{run}").json
    assert told["seconds_left"] is None
    assert "normalcy check" in told["advice"]


def test_a_run_is_asked_to_end(client: FlaskClient, world: World, run: int):
    answer = client.post(f"/api/v1/runs/{run}/cancel", json={})
    assert answer.status_code == 202
    assert answer.json["cancelled_by"] == "api"
    assert world.records.run(run).cancelled_by == "api"
    world.records.finish_run(run, State.CANCELLED, at=NOW, details={})
    refused = client.post(f"/api/v1/runs/{run}/cancel", json={})
    assert (refused.status_code, "cancelled" in refused.json["message"]) == (409, True)


def test_a_request_tells_of_its_run_and_is_ended(client: FlaskClient, world: World):
    body = {"kind": "retrain", "detector": "gas-room"}
    asked = client.post("/api/v1/requests", json=body).json["id"]
    world.records.claim_request(worker="jobs:1", at=NOW, deadline=NOW + SECOND)
    run = world.records.start_run("retrain", "gas-room", worker="jobs:1", at=NOW + 1)
    told = client.get(f"/api/v1/requests/{asked}").json
    assert (told["run"], told["state"], told["words"]) == (run.id, "running", "")
    answer = client.post(f"/api/v1/requests/{asked}/cancel", json={})
    assert (answer.status_code, answer.json["cancelled_by"]) == (202, "api")
    assert world.records.run(run.id).cancelled_by == "api"


def test_a_request_that_waits_ends_at_once(client: FlaskClient):
    body = {"kind": "retrain", "detector": "gas-room"}
    asked = client.post("/api/v1/requests", json=body).json["id"]
    told = client.post(f"/api/v1/requests/{asked}/cancel", json={}).json
    assert told["state"] == "cancelled"
    assert "What served before goes on" in told["advice"]


@pytest.mark.parametrize("path", ["runs/77", "runs/77/cancel", "requests/77/cancel"])
def test_what_is_not_there_is_said(client: FlaskClient, path: str):
    address = f"/api/v1/{path}"
    cancels = path.endswith("cancel")
    answer = client.post(address, json={}) if cancels else client.get(address)
    assert answer.status_code == 404
    assert "77" in answer.json["message"]


def secret(world: World, role: Role, *detectors: str) -> dict[str, str]:
    if not world.access.is_guarded():
        world.access.add_token(TokenDraft("first", Role.ADMIN), by="ann")
    draft = TokenDraft("test", role, detectors)
    _, shown = world.access.add_token(draft, by="ann")
    return {"Authorization": f"Bearer {shown}"}


def test_only_an_administrator_ends_a_training(client: FlaskClient, world: World, run: int):
    for role, status in ((Role.VIEWER, 403), (Role.LABELLER, 403), (Role.ADMIN, 202)):
        headers = secret(world, role)
        assert client.get(f"/api/v1/runs/{run}", headers=headers).status_code == 200
        answer = client.post(f"/api/v1/runs/{run}/cancel", json={}, headers=headers)
        assert answer.status_code == status


def test_a_token_for_other_detectors_sees_and_ends_nothing(
    client: FlaskClient, world: World, run: int
):
    headers = secret(world, Role.ADMIN, "pump")
    asked = world.records.add_request("retrain", "gas-room", {}, by="ann", at=NOW)
    assert client.get(f"/api/v1/runs/{run}", headers=headers).status_code == 403
    for path in (f"runs/{run}", f"requests/{asked.id}"):
        answer = client.post(f"/api/v1/{path}/cancel", json={}, headers=headers)
        assert answer.status_code == 403
    assert world.records.run(run).cancelled_by is None
    assert world.records.request(asked.id).state is State.WAITING
