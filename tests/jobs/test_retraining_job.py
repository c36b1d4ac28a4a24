from backend.exceptions import NotEnoughNormalData
from backend.records import Label, LabelKind
from jobs.retraining import retrain, retrain_if_due
from tests.jobs.workplaces import NOON, SECOND, Bench, detector

ASKED = ("retrain", {"detector": "gas-room"})


def refuse(task: str, arguments: dict) -> dict:
    raise NotEnoughNormalData("Too little is marked normal.")


def label(start: int) -> Label:
    return Label(0, "gas-room", LabelKind.NORMAL, start, start + SECOND, created_at=NOON)


def test_a_scheduled_training_asks_nobody(here: Bench) -> None:
    assert retrain(here.work, detector())
    assert here.tasks.asked == [ASKED]


def test_a_failed_training_says_so(here: Bench) -> None:
    here.tasks.answer = refuse

    assert not retrain(here.work, detector())


def test_nothing_is_trained_while_nothing_is_due(here: Bench) -> None:
    retrain_if_due(here.work, detector())

    assert here.tasks.asked == []


def test_what_is_due_is_trained(here: Bench) -> None:
    here.reasons["gas-room"] = "there is no model yet"

    retrain_if_due(here.work, detector())

    assert here.tasks.asked == [ASKED]


def test_a_failed_training_is_not_repeated_at_once(here: Bench) -> None:
    here.reasons["gas-room"] = "there is no model yet"
    here.tasks.answer = refuse

    for _ in range(3):
        retrain_if_due(here.work, detector())
        here.clock.advance(15)

    assert here.tasks.asked == [ASKED, ASKED]


def test_another_label_ends_the_wait(here: Bench) -> None:
    here.reasons["gas-room"] = "labels changed"
    here.tasks.answer = refuse
    retrain_if_due(here.work, detector())

    here.records.add_labels([label(NOON - 60 * SECOND)])
    retrain_if_due(here.work, detector())

    assert here.tasks.asked == [ASKED, ASKED]
