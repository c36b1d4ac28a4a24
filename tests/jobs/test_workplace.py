import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from backend.exceptions import (
    LeaseLost,
    NotEnoughNormalData,
    StoreUnavailable,
    TaskTimeout,
    WorkerDied,
)
from backend.records import State
from jobs.workplace import Task
from tests.jobs.workplaces import NOON, SECOND, Bench, states

TASK = Task("score", "score", "gas-room", timedelta(minutes=1), {"detector": "gas-room"})


def raising(error: Exception):
    def answer(task: str, arguments: dict) -> dict:
        raise error

    return answer


def test_a_result_is_returned_and_said_in_one_line(
    here: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    here.tasks.answer = lambda task, arguments: {"points": 7, "set_aside": {"room=1": "silent"}}

    with caplog.at_level(logging.INFO):
        result = here.work.perform(TASK)

    assert result == {"points": 7, "set_aside": {"room=1": "silent"}}
    assert [record.getMessage() for record in caplog.records] == [
        "score detector=gas-room took_s=0.0 points=7"
    ]


@pytest.mark.parametrize("error", [TaskTimeout("Too slow."), WorkerDied("Gone.")])
def test_a_lost_worker_is_put_on_record_by_the_job(here: Bench, error: Exception) -> None:
    here.tasks.answer = raising(error)

    assert here.work.perform(TASK) is error
    assert states(here.records) == [("score", State.FAILED, str(error))]
    assert here.records.runs()[0].worker == "here:1:a"


def test_the_run_that_a_lost_worker_left_open_is_closed(here: Bench) -> None:
    def begin_and_die(task: str, arguments: dict) -> dict:
        here.records.start_run("score", "gas-room", worker="here:1:a", at=here.clock.now())
        raise WorkerDied("Gone.")

    here.tasks.answer = begin_and_die
    here.work.perform(TASK)

    assert states(here.records) == [("score", State.FAILED, "Gone.")]


def test_runs_of_others_stay_as_they_are(here: Bench) -> None:
    earlier = NOON - 60 * SECOND
    here.records.start_run("score", "gas-room", worker="here:1:b", at=NOON)
    here.records.start_run("score", "gas-room", worker="elsewhere:1", at=earlier)
    here.records.start_run("retrain", "gas-room", worker="here:1:a", at=NOON)
    here.tasks.answer = raising(WorkerDied("Gone."))

    here.work.perform(TASK)

    assert states(here.records) == [
        ("score", State.RUNNING, ""),
        ("score", State.RUNNING, ""),
        ("retrain", State.RUNNING, ""),
        ("score", State.FAILED, "Gone."),
    ]


def test_a_failure_that_the_worker_recorded_is_not_recorded_twice(here: Bench) -> None:
    def fail(task: str, arguments: dict) -> dict:
        run = here.records.start_run("score", "gas-room", worker="here:1:a", at=NOON)
        here.records.finish_run(run.id, State.FAILED, at=NOON, message="Little.", details={})
        raise NotEnoughNormalData("Little.")

    here.tasks.answer = fail
    here.work.perform(TASK)

    assert states(here.records) == [("score", State.FAILED, "Little.")]


def test_a_failure_that_goes_on_from_another_process_is_not_recorded_twice(here: Bench) -> None:
    def fail(task: str, arguments: dict) -> dict:
        run = here.records.start_run("score", "gas-room", worker="there:1:b", at=NOON - SECOND)
        here.records.finish_run(run.id, State.FAILED, at=NOON, message="Little.", details={})
        raise NotEnoughNormalData("Little.")

    here.tasks.answer = fail
    here.work.perform(TASK)

    assert states(here.records) == [("score", State.FAILED, "Little.")]


def test_work_that_ends_while_the_service_stops_was_interrupted(here: Bench) -> None:
    here.tasks.answer = raising(WorkerDied("Stopping."))
    here.work.stopping.set()

    here.work.perform(TASK)

    assert states(here.records) == [("score", State.INTERRUPTED, "Stopping.")]


def test_a_record_store_that_is_down_too_costs_nothing_more(
    here: Bench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    down = StoreUnavailable("The records are down.")
    here.tasks.answer = raising(StoreUnavailable("The sensors are down."))
    monkeypatch.setattr(here.records, "runs", lambda detector: raising(down)("", {}))

    assert isinstance(here.work.perform(TASK), StoreUnavailable)
    assert [record.getMessage() for record in caplog.records] == [
        "score detector=gas-room failed: The sensors are down.",
        "score detector=gas-room not put on record: The records are down.",
    ]


def test_a_worker_is_told_for_whom_it_works_and_by_which_lease(here: Bench) -> None:
    with here.work.leased("score:gas-room") as lease:
        here.work.perform(replace(TASK, lease=lease))
    here.work.perform(TASK)

    assert here.tasks.leases == ["score:gas-room", ""]
    assert here.tasks.workers == ["here:1:a", "here:1:a"]


def test_what_its_former_holder_left_open_is_closed_before_the_work_begins(
    here: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    other = "there:1:b"
    for kind, detector, worker in (
        ("score", "gas-room", other),
        ("score", "gas-room", "there:2:c"),
        ("score", "boiler", other),
        ("retrain", "gas-room", other),
    ):
        here.records.start_run(kind, detector, worker=worker, at=NOON)
    here.records.take_lease("score:gas-room", other, length=0)

    with here.work.leased("score:gas-room") as lease:
        assert lease is not None
        found = states(here.records)

    assert [state for _, state, _ in found] == [State.INTERRUPTED, *[State.RUNNING] * 3]
    assert "score detector=gas-room is taken over from there:1:b" in caplog.text


def test_work_that_another_process_does_is_not_done(here: Bench) -> None:
    here.records.take_lease("score:gas-room", "there:1:b", length=60 * SECOND)

    with here.work.leased("score:gas-room") as lease:
        assert lease is None


def test_work_that_ends_while_the_service_stops_is_left_for_another(here: Bench) -> None:
    here.tasks.answer = raising(WorkerDied("Stopping."))
    left = []
    for stops in (False, True):
        if stops:
            here.work.stopping.set()
        with here.work.leased("score:gas-room", NOON + stops) as lease:
            here.work.perform(replace(TASK, lease=lease))
        left.append([(one.holder, one.due) for one in here.records.leases()])

    assert left == [[], [("", NOON + 1)]]


def test_work_that_was_lost_to_another_process_leaves_its_record_to_that_one(here: Bench) -> None:
    here.records.start_run("score", "gas-room", worker="there:1:b", at=NOON)
    here.tasks.answer = raising(LeaseLost("Another one does it."))

    assert isinstance(here.work.perform(TASK), LeaseLost)
    assert states(here.records) == [("score", State.RUNNING, "")]
