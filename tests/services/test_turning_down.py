import pytest

from backend.exceptions import Conflict, NotFound
from backend.records import State, Verdict
from tests.services.plant import Plant


@pytest.fixture
def plant() -> Plant:
    """Version 1 serves, version 2 waits."""
    plant = Plant(promote="review", detection_limits=False).ready()
    plant.label(600, 650)
    plant.train()
    return plant


def test_a_challenger_is_turned_down_and_the_present_version_goes_on(plant: Plant) -> None:
    version = plant.promoting.keep("rooms", 2, by="ada")

    assert version.verdict is Verdict.REJECTED
    assert plant.records.version("rooms", 2) == version
    assert plant.records.version("rooms", 1).verdict is Verdict.CHAMPION
    assert [one.number for one in plant.records.promotions("rooms")] == [1]


def test_who_turned_it_down_is_on_record(plant: Plant) -> None:
    plant.promoting.keep("rooms", 2, by="ada")

    run = plant.records.runs("rooms")[0]
    assert (run.kind, run.state) == ("keep", State.DONE)
    assert run.details == {"version": 2, "by": "ada"}


def test_one_that_was_turned_down_may_be_promoted_later_and_rolled_back(plant: Plant) -> None:
    plant.promoting.keep("rooms", 2, by="ada")

    plant.promoting.promote("rooms", 2, by="ada")
    assert plant.records.version("rooms", 2).verdict is Verdict.CHAMPION
    plant.promoting.rollback("rooms", by="ada")
    assert plant.records.version("rooms", 1).verdict is Verdict.CHAMPION


@pytest.mark.parametrize(("number", "said"), [(1, "serves"), (2, "turned down already")])
def test_only_a_challenger_can_be_turned_down(plant: Plant, number: int, said: str) -> None:
    plant.promoting.keep("rooms", 2, by="ada")

    with pytest.raises(Conflict, match=said):
        plant.promoting.keep("rooms", number, by="ada")
    assert len([run for run in plant.records.runs("rooms") if run.kind == "keep"]) == 1


def test_a_version_that_is_not_there_cannot_be_turned_down(plant: Plant) -> None:
    with pytest.raises(NotFound):
        plant.promoting.keep("rooms", 9, by="ada")
