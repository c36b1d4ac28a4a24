import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from backend.exceptions import (
    LeaseLost,
    NotEnoughNormalData,
    NotFound,
    OutOfMemory,
    StoreUnavailable,
    TaskTimeout,
    WorkerDied,
)
from backend.records import State
from backend.services.log_fields import fields
from jobs.workplace import Task
from tests.jobs.workplaces import NOON, SECOND, Bench, states
from tests.jobs.workplaces import detector as defined

TASK = Task("score", "score", "gas-room", timedelta(minutes=1), {"detector": "gas-room"})


def raising(error: Exception):
    def answer(task: str, arguments: dict) -> dict:
        raise error

    return answer


def test_a_result_is_returned_and_said_in_one_line(
    here: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    answer = {"detector": "gas-room", "points": 7, "note": "", "set_aside": {"room=1": "silent"}}
    here.tasks.answer = lambda task, arguments: answer

    with caplog.at_level(logging.INFO):
        result = here.work.perform(TASK)

    assert result == answer
    assert [record.getMessage() for record in caplog.records] == [
        "score detector=gas-room took_s=0.0 points=7"
    ]


@pytest.mark.parametrize("error", [TaskTimeout("Too slow."), WorkerDied("Gone.")])
def test_a_lost_worker_is_put_on_record_by_the_job(here: Bench, error: Exception) -> None:
    here.tasks.answer = raising(error)

    assert here.work.perform(TASK) is error
    assert states(here.records) == [("score", State.FAILED, str(error))]
    assert here.records.runs()[0].worker == "here:1:a"


@pytest.mark.parametrize("is_there", [True, False])
def test_a_detector_that_was_removed_a_moment_ago_is_no_failure(
    here: Bench, is_there: bool, caplog: pytest.LogCaptureFixture
) -> None:
    if is_there:
        here.specs["gas-room"] = defined()
    here.tasks.answer = raising(NotFound("There is no detector 'gas-room'."))
    with caplog.at_level(logging.INFO):
        here.work.perform(TASK)

    assert len(here.records.runs()) == int(is_there)
    assert ("left out: it has been removed" in caplog.text) is not is_there


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


# -- what joins lines, and what is counted ---------------------------------------------------------


def counted(here: Bench, name: str, **labels: str) -> float:
    return here.work.meters.registry.get_sample_value(f"normalcy_{name}", labels) or 0.0


def test_each_piece_of_work_has_an_id_that_its_worker_and_its_lines_share(here: Bench) -> None:
    seen: list[tuple[str, str]] = []

    def work(task: str, arguments: dict) -> dict:
        seen.append((arguments["run_id"], fields()["run_id"]))
        return {}

    here.tasks.answer = work
    here.work.perform(TASK)
    here.work.perform(TASK)

    assert all(given == logged for given, logged in seen)
    assert len({given for given, _ in seen}) == 2
    assert fields() == {}


def test_a_run_that_is_put_on_record_keeps_the_id(here: Bench) -> None:
    given: list[str] = []

    def die(task: str, arguments: dict) -> dict:
        given.append(arguments["run_id"])
        raise WorkerDied("Gone.")

    here.tasks.answer = die
    here.work.perform(TASK)

    assert here.records.runs()[0].details["run_id"] == given[0]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (lambda task, arguments: {"points": 3}, "done"),
        (lambda task, arguments: {"served": True, "state": "failed"}, "failed"),
        (raising(StoreUnavailable("Away.")), "failed"),
        (raising(TaskTimeout("Too slow.")), "timed_out"),
        (raising(OutOfMemory("Too much.")), "out_of_memory"),
        (raising(WorkerDied("Gone.")), "lost"),
        (raising(LeaseLost("Taken over.")), "taken_over"),
    ],
)
def test_how_work_ended_is_counted(here: Bench, answer, outcome: str) -> None:
    here.tasks.answer = answer
    here.work.perform(TASK)

    assert counted(here, "jobs_total", kind="score", outcome=outcome) == 1
    assert counted(here, "job_seconds_count", kind="score") == 1
    assert counted(here, "jobs_under_way", kind="score") == 0
    assert counted(here, "jobs_timed_out_total", kind="score") == (outcome == "timed_out")


def test_what_a_tick_did_is_counted(here: Bench) -> None:
    figures = {"points": 10, "due": 8, "judged": 6, "flagged": 2}
    here.tasks.answer = lambda task, arguments: figures
    here.work.perform(TASK)

    found = {
        name: counted(here, f"{name}_points_total", detector="gas-room")
        for name in ("scored", "due", "judged", "flagged")
    }
    assert found == {"scored": 10, "due": 8, "judged": 6, "flagged": 2}


def test_trainings_are_counted_by_what_became_of_them(here: Bench) -> None:
    task = replace(TASK, name="retrain", kind="retrain")
    here.tasks.answer = lambda task, arguments: {"version": 1, "verdict": "champion"}
    here.work.perform(task)
    here.tasks.answer = raising(NotEnoughNormalData("Too little."))
    here.work.perform(task)

    for outcome in ("champion", "failed"):
        assert counted(here, "trainings_total", detector="gas-room", outcome=outcome) == 1
    assert counted(here, "training_seconds_total", detector="gas-room") > 0
