"""Proposals to train anew: told on the page and by the API, answered once, by who may."""

import pytest

from backend.records import DriftProposal
from tests.web.worlds import NOW, World, two_rooms


def proposed(world: World) -> DriftProposal:
    details = {"series": {"room=R1": {"since": NOW - 10**13, "times": 1.7}}}
    reason = "Errors of time that nobody flagged have risen for good (room=R1)."
    return world.records.propose_retraining(DriftProposal("gas-room", 1, NOW, reason, details))


@pytest.fixture
def world() -> World:
    return two_rooms()


def test_the_api_tells_proposals_with_their_series(world):
    made = proposed(world)
    (row,) = world.client().get("/api/v1/detectors/gas-room/drift").json
    assert row["id"] == made.id
    assert (row["version"], row["answer"], row["answered_at"]) == (1, "open", None)
    assert row["series"] == [{"series": "room=R1", "since": (NOW - 10**13) // 10**6, "times": 1.7}]
    assert world.client().get("/api/v1/detectors/nobody/drift").status_code == 404


def test_accepted_by_the_api_it_becomes_a_request_and_is_on_record(world):
    made = proposed(world)
    place = f"/api/v1/detectors/gas-room/drift/{made.id}"
    answer = world.client().post(f"{place}/accept", json={})
    assert answer.status_code == 202
    assert (answer.json["kind"], answer.json["detector"]) == ("retrain", "gas-room")
    again = world.client().post(f"{place}/dismiss", json={})
    assert again.status_code == 409
    assert "answered before" in again.json["message"]
    assert len(world.records.open_requests()) == 1
    deeds = [entry.action for entry in world.records.audit()]
    assert "drift.accepted" in deeds


def test_a_proposal_is_answered_only_under_its_own_detector(world):
    made = proposed(world)
    answer = world.client().post(f"/api/v1/detectors/pump/drift/{made.id}/dismiss", json={})
    assert answer.status_code == 404
    assert world.records.drift_proposal(made.id).answer == "open"


def test_the_page_shows_it_and_takes_the_answer(world):
    made = proposed(world)
    client = world.client()
    page = client.get("/detectors/gas-room").text
    assert "Retraining is proposed" in page
    assert "have risen for good" in page
    token = page.split('name="csrf_token" value="')[1].split('"')[0]
    place = f"/detectors/gas-room/drift/{made.id}/dismiss"
    after = client.post(place, data={"csrf_token": token}, follow_redirects=True)
    assert "usual from now on" in after.text
    assert "Retraining is proposed" not in after.text
    twice = client.post(place, data={"csrf_token": token}, follow_redirects=True)
    assert "answered before" in twice.text


def test_a_proposal_about_a_version_that_serves_no_more_is_not_shown(world):
    proposed(world)
    old = DriftProposal("gas-room", 99, NOW, "of a version that is gone")
    world.records.propose_retraining(old)
    assert "Retraining is proposed" not in world.client().get("/detectors/gas-room").text
