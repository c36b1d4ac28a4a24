from dataclasses import replace

from backend.exceptions import NotEnoughNormalData
from backend.records import Label, LabelKind
from jobs.retraining import retrain, retrain_if_due
from tests.jobs.workplaces import NOON, SECOND, Bench, detector

ASKED = ("retrain", {"detector": "gas-room"})
DUE = ("retrain", {"detector": "gas-room", "known": True})
"""What the source has corrected since is read at night; labels do not wait for it."""


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

    assert here.tasks.asked == [DUE]
    assert here.tasks.leases == ["retrain:gas-room"]
    assert here.records.leases() == []


def test_what_another_process_trains_is_left_to_it(here: Bench) -> None:
    here.reasons["gas-room"] = "there is no model yet"
    there = here.records.take_lease("retrain:gas-room", "there:1:b", length=60 * SECOND)
    retrain_if_due(here.work, detector())
    before = list(here.tasks.asked)

    assert there is not None
    here.records.drop_lease(there.name, there.token, done=True)
    retrain_if_due(here.work, detector())

    assert before == []
    assert here.tasks.asked == [DUE]


def test_what_another_process_has_just_trained_is_not_trained_again(here: Bench) -> None:
    """It ends between the first look and the lease; a time that was left over stays so."""
    due = NOON
    left = here.records.take_lease("retrain:gas-room", "there:1:b", length=0, due=due)
    reasons = iter(["there is no model yet", None])
    work = replace(here.work, due=lambda name, now: next(reasons))

    retrain_if_due(work, detector())

    assert left is not None
    assert here.tasks.asked == []
    assert [(one.name, one.holder, one.due) for one in here.records.leases()] == [
        ("retrain:gas-room", "", due)
    ]


def test_a_failed_training_is_not_repeated_at_once(here: Bench) -> None:
    here.reasons["gas-room"] = "there is no model yet"
    here.tasks.answer = refuse

    for _ in range(3):
        retrain_if_due(here.work, detector())
        here.clock.advance(15)

    assert here.tasks.asked == [DUE, DUE]


def test_another_label_ends_the_wait(here: Bench) -> None:
    here.reasons["gas-room"] = "labels changed"
    here.tasks.answer = refuse
    retrain_if_due(here.work, detector())

    here.records.add_labels([label(NOON - 60 * SECOND)])
    retrain_if_due(here.work, detector())

    assert here.tasks.asked == [DUE, DUE]
