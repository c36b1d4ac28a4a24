import json
from typing import Any

import pytest

from backend.exceptions import InputError, NoData, NotEnoughNormalData
from backend.records import State
from backend.services.dry_run import DRY_RUN, Asked, DryRuns
from backend.services.requests import Requests
from backend.services.stores import Stores
from tests.services.plant import Plant, at


@pytest.fixture
def plant() -> Plant:
    """Measured to point 1000, which it is; room a is broken from 800 to 830."""
    made = Plant()
    made.measure()
    made.now(1000)
    return made


def tried(plant: Plant, *ranges: tuple[int, int]) -> dict[str, Any]:
    stores = Stores(plant.source, plant.results, plant.records, plant.artifacts)
    runs = DryRuns(stores, plant.make_model, plant.clock)
    return runs.run(Asked(plant.spec, tuple((at(a), at(b)) for a, b in ranges)))


def test_a_fault_in_the_recent_data_would_have_been_flagged(plant: Plant):
    found = tried(plant, (0, 600))
    assert json.loads(json.dumps(found)) == found
    assert (found["rows"], found["hours"], found["fleet"]) == (1200, 200.0, 2)
    assert 0 <= found["held_out_flagged"] < 0.05
    room, other = found["series"]["room=a"], found["series"]["room=b"]
    assert room["alarms"] == len(room["listed"]) >= 1
    assert all(at(799) <= alarm["start"] < alarm["stop"] <= at(845) for alarm in room["listed"])
    assert room["listed"][0]["channel"] == "y"
    assert (other["alarms"], other["listed"]) == (0, [])
    course = room["course"]
    assert len(course["times"]) == len(course["score"]) <= 400
    assert max(score for score in course["score"] if score is not None) > 1


def test_nothing_is_stored(plant: Plant):
    tried(plant, (0, 600))
    assert plant.artifacts.names() == []
    assert plant.records.versions("rooms") == []
    assert plant.records.runs() == []
    assert plant.labelling.list("rooms") == []
    assert plant.scores() == {}


def test_a_large_fleet_is_tried_in_part():
    plant = Plant()
    rooms = tuple(f"r{number:02}" for number in range(12))
    plant.measure(rooms=rooms)
    plant.now(1000)
    found = tried(plant, (0, 600))
    assert (found["fleet"], len(found["series"])) == (12, 8)
    assert "8 of 12 series were tried; a training learns all of them." in found["warnings"]


def test_too_little_says_what_is_lacking(plant: Plant):
    with pytest.raises(NotEnoughNormalData, match="at least"):
        tried(plant, (0, 20))
    with pytest.raises(NoData):
        tried(plant, (5000, 5600))


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ({}, "cannot be tried: measurement"),
        ({"spec": {"measurement": "a", "channels": ["x"], "every": "1m"}}, "1 to 50 ranges"),
        ({"ranges": []}, "1 to 50 ranges"),
        ({"ranges": [[5, 5]]}, "start before its stop"),
        ({"ranges": [["a", "b"]]}, "start before its stop"),
        ({"ranges": [1]}, "start before its stop"),
    ],
    ids=str,
)
def test_what_is_no_dry_run(payload: dict[str, Any], words: str):
    spec = {"measurement": "a", "channels": ["x"], "every": "1m"}
    whole = {"spec": spec, **payload} if "ranges" in payload else payload
    with pytest.raises(InputError, match=words):
        Asked.of("b", whole)


class TestAsRequest:
    @pytest.fixture
    def requests(self, plant: Plant) -> Requests:
        stores = Stores(plant.source, plant.results, plant.records, plant.artifacts)
        return Requests(
            plant.records,
            plant.detectors,
            plant.retraining,
            plant.scoring,
            plant.clock,
            dry_runs=DryRuns(stores, plant.make_model, plant.clock),
        )

    def test_a_detector_that_is_not_stored(self, plant: Plant, requests: Requests):
        body = {k: v for k, v in plant.spec.plain().items() if k != "name"}
        asked = requests.ask(
            DRY_RUN, "other", {"spec": body, "ranges": [[at(0), at(600)]]}, by="ann"
        )
        done = requests.serve_one("w")
        assert done is not None
        assert (done.id, done.state, done.message) == (asked.id, State.DONE, "")
        assert done.result["detector"] == "other"

    def test_a_stored_one_need_not_be_told(self, requests: Requests):
        asked = requests.ask(DRY_RUN, "rooms", {"ranges": [[at(0), at(600)]]}, by="ann")
        assert asked.payload["spec"]["measurement"] == "air"

    def test_what_is_wrong_is_told_at_once(self, requests: Requests):
        with pytest.raises(InputError, match="1 to 50 ranges"):
            requests.ask(DRY_RUN, "rooms", {}, by="ann")
