from typing import Any, cast

import pytest

from backend.records import AnnotationProblem, State
from backend.services.label_sync import SyncReport
from backend.services.requests import Requests
from tests.web.worlds import NOW, World, make_world

HOOK = "/hooks/grafana/sync"


@pytest.fixture
def world() -> World:
    made, nobody = make_world(), cast(Any, None)
    made.requests = Requests(
        made.records, made.detectors, nobody, nobody, made.clock, lambda tell: SyncReport()
    )
    return made


def test_a_webhook_asks_for_a_sync_once(world):
    client = world.client()
    first = client.post(HOOK, json={"status": "firing", "alerts": [{"x": 1}]})
    assert first.status_code == 202
    assert first.headers["Location"] == f"/api/v1/requests/{first.json['request']}"
    assert client.post(HOOK, json={}).json == first.json
    (request,) = world.records.open_requests()
    assert (request.kind, request.state, request.created_by) == ("sync", State.WAITING, "webhook")
    shown = client.get(first.headers["Location"]).json
    assert (shown["kind"], shown["state"]) == ("sync", "waiting")


def test_without_a_grafana_nothing_is_asked_for():
    world = make_world()
    answer = world.client().post(HOOK, json={})
    assert answer.status_code == 422
    assert "NORMALCY_GRAFANA_URL" in answer.json["message"]
    assert world.records.open_requests() == []


def test_a_foreign_page_cannot_call_it(world):
    client = world.client()
    assert client.post(HOOK, data="x=1").status_code == 415
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert client.post(HOOK, json={}, headers=headers).status_code == 403
    assert world.records.open_requests() == []


def test_it_needs_the_token_where_there_is_one():
    client = make_world("secret").client()
    assert client.post(HOOK, json={}).status_code == 401


def test_a_get_asks_for_nothing(world):
    assert world.client().get(HOOK).status_code == 405
    assert world.records.open_requests() == []


def test_problems_are_listed(world):
    assert world.client().get("/api/v1/labels/problems").json == []
    problem = AnnotationProblem("b", "7", "Annotation 7: it is a point in time", NOW)
    world.records.note_annotation_problems("b", [problem])
    assert world.client().get("/api/v1/labels/problems").json == [
        {"annotation": "7", "message": problem.message, "since": NOW // 1_000_000}
    ]
