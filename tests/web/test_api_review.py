"""Comparisons and reviews by the API, over real versions of a small plant."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from backend.records import State, Verdict
from backend.services.comparison_request import COMPARE
from backend.services.requests import Requests
from tests.services.plant import START, Plant
from tests.web.reviewed import requests_of, trained, world_of

MS = 1_000_000
VERSION = "/api/v1/detectors/rooms/models/2"


@pytest.fixture
def plant() -> Plant:
    return trained()


@pytest.fixture
def requests(plant: Plant) -> Requests:
    return requests_of(plant)


@pytest.fixture
def client(plant: Plant) -> FlaskClient:
    return world_of(plant).client()


def strict(body: bytes) -> Any:
    """JSON, read by a reader that takes no NaN."""
    return json.loads(body, parse_constant=lambda name: pytest.fail(f"{name} in the answer"))


def test_a_comparison_is_followed_from_request_to_result(
    client: FlaskClient, requests: Requests
) -> None:
    waiting = client.get(f"{VERSION}/comparison").json
    assert (waiting["champion"], waiting["request"]["state"]) == (1, State.WAITING)
    assert (waiting["result"], waiting["sentence"]) == (None, "")

    requests.serve_one("w", [COMPARE])

    found = strict(client.get(f"{VERSION}/comparison").data)
    assert found["request"]["state"] == State.DONE
    assert found["sentence"].startswith("Version 2 would have raised as many alerts as version 1")
    assert found["result"]["start"] == START // MS
    assert found["result"]["kept"][0]["series"] == "room=a"
    assert START // MS < found["result"]["kept"][0]["before"]["start"] < 2 * START // MS
    assert found["result"]["looks"][0]["step"] == 600_000


def test_a_comparison_is_asked_for(client: FlaskClient, plant: Plant) -> None:
    asked = client.post(f"{VERSION}/comparison", json={"weeks": 8})

    assert asked.status_code == 202
    assert asked.json["payload"] == {"challenger": 2, "champion": 1, "weeks": 8}
    assert asked.headers["Location"] == f"/api/v1/requests/{asked.json['id']}"
    assert plant.records.request(asked.json["id"]).kind == COMPARE
    assert client.get(f"{VERSION}/comparison?weeks=8").json["request"]["id"] == asked.json["id"]
    assert client.get(f"{VERSION}/comparison?weeks=9").json["request"] is None


@pytest.mark.parametrize(
    ("body", "status"),
    [({"weeks": 0}, 422), ({"champion": 7}, 404), ({"champion": 2}, 422), ({"typo": 1}, 422)],
)
def test_what_cannot_be_compared_is_refused(
    client: FlaskClient, plant: Plant, body: dict[str, Any], status: int
) -> None:
    before = len(plant.records.requests())
    assert client.post(f"{VERSION}/comparison", json=body).status_code == status
    assert len(plant.records.requests()) == before


def test_a_review_tells_how_a_version_was_trained(client: FlaskClient) -> None:
    found = strict(client.get(f"{VERSION}/review?series=room%3Db").data)

    assert (found["number"], found["champion"]) == (2, 1)
    assert found["series"]["series"] == "room=b"
    assert sum(found["series"]["errors"]["counts"]) == found["series"]["errors"]["rows"] > 0
    assert found["labels"]["changed"] == 1
    assert client.get(f"{VERSION}/review?series=z").status_code == 404


def test_a_challenger_is_turned_down_once(client: FlaskClient, plant: Plant) -> None:
    kept = client.post(f"{VERSION}/keep", json={})

    assert [row["verdict"] for row in kept.json] == [Verdict.REJECTED, Verdict.CHAMPION]
    assert client.post(f"{VERSION}/keep", json={}).status_code == 409
    assert client.post(f"{VERSION}/promote", json={}).status_code == 200
    assert plant.records.promotions("rooms")[-1].number == 2
