import logging
from datetime import timedelta

import pytest

from backend.exceptions import NotEnoughNormalData, StoreUnavailable, TaskTimeout, WorkerDied
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
    assert here.records.runs()[0].worker == "here:1"


def test_the_run_that_a_lost_worker_left_open_is_closed(here: Bench) -> None:
    def begin_and_die(task: str, arguments: dict) -> dict:
        here.records.start_run("score", "gas-room", worker="here:2", at=here.clock.now())
        raise WorkerDied("Gone.")

    here.tasks.answer = begin_and_die
    here.work.perform(TASK)

    assert states(here.records) == [("score", State.FAILED, "Gone.")]


def test_runs_of_others_stay_as_they_are(here: Bench) -> None:
    earlier = NOON - 60 * SECOND
    here.records.start_run("score", "gas-room", worker="elsewhere:1", at=earlier)
    here.records.start_run("retrain", "gas-room", worker="here:3", at=NOON)
    here.tasks.answer = raising(WorkerDied("Gone."))

    here.work.perform(TASK)

    assert states(here.records) == [
        ("score", State.RUNNING, ""),
        ("retrain", State.RUNNING, ""),
        ("score", State.FAILED, "Gone."),
    ]


def test_a_failure_that_the_worker_recorded_is_not_recorded_twice(here: Bench) -> None:
    def fail(task: str, arguments: dict) -> dict:
        run = here.records.start_run("score", "gas-room", worker="here:2", at=NOON)
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
