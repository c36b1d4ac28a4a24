import json
from types import SimpleNamespace

import pytest

from backend.records import Verdict
from tests.cli.conftest import Command
from tests.services.plant import Plant


@pytest.fixture
def plant() -> Plant:
    plant = Plant(promote="review", detection_limits=False).ready()
    plant.label(600, 650)
    plant.train()
    plant.now(1000)
    return plant


@pytest.fixture
def over_plant(normalcy: Command, plant: Plant) -> Command:
    application = SimpleNamespace(
        records=plant.records,
        detectors=plant.detectors,
        promotion=plant.promoting,
        comparing=plant.comparing(),
        close=lambda: None,
    )
    normalcy.session.__dict__["application"] = application
    return normalcy


def test_the_newest_version_is_compared_with_the_one_that_serves(over_plant: Command) -> None:
    lines = over_plant("models", "compare", "rooms").stdout.splitlines()

    assert lines[0].startswith("Version 2 would have raised as many alerts as version 1")
    assert any(line.split()[:2] == ["version", "2"] for line in lines)
    assert "alerts gone: none" in lines
    assert "alerts new: none" in lines
    assert any(line.startswith("room=a") and " y" in line for line in lines)
    assert any("seen in training" in line for line in lines)


def test_as_json_it_tells_everything(over_plant: Command) -> None:
    told = json.loads(over_plant("models", "compare", "rooms", "1", "--json").stdout)

    assert told["sentence"].startswith("Version 1 would have raised")
    assert told["champion"] is None
    assert told["counts"]["new"] == len(told["new"]) >= 1
    assert told["start"].endswith("Z")
    assert told["new"][0]["start"].endswith("Z")


def test_versions_are_named(over_plant: Command) -> None:
    told = json.loads(
        over_plant("models", "compare", "rooms", "1", "2", "--weeks", "1", "--json").stdout
    )

    assert (told["challenger"]["number"], told["champion"]["number"]) == (1, 2)
    assert told["weeks"] == 1
    assert "no version" in over_plant("models", "compare", "rooms", "9", code=1).stderr.lower()
    assert "itself" in over_plant("models", "compare", "rooms", "2", "2", code=1).stderr


def test_without_a_version_it_says_what_to_do(over_plant: Command, plant: Plant) -> None:
    bare = Plant()
    over_plant.session.application.records = bare.records

    assert "normalcy retrain rooms" in over_plant("models", "compare", "rooms", code=1).stderr


def test_a_challenger_is_turned_down(over_plant: Command, plant: Plant) -> None:
    said = over_plant("models", "keep", "rooms", "2").stdout

    assert "rooms/2 is turned down" in said
    assert "normalcy models promote rooms 2" in said
    assert plant.records.version("rooms", 2).verdict is Verdict.REJECTED
    assert "turned down already" in over_plant("models", "keep", "rooms", "2", code=1).stderr
