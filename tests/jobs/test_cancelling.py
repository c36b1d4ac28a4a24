"""Work that a person cancelled is ended, also where its worker looks at nothing."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from backend.exceptions import Cancelled, StoreUnavailable, WorkerDied
from backend.executors import InProcess
from backend.records import Run, State
from jobs.cancelling import Watch, Work
from jobs.retraining import retrain_if_due
from jobs.serving_requests import serve_request
from jobs.taking_over import take_over
from jobs.workplace import Task
from tests.jobs.workplaces import NOON, SECOND, Bench, bench, detector, states

TASK = Task("retrain", "retrain", "gas-room", timedelta(minutes=1), {"detector": "gas-room"})
MINE = Work("retrain", "gas-room", "here:1:a")


class Looked(InProcess):
    """Asks a few times whether the result is wanted, as real workers' parents do each second."""

    def __init__(self, here: Bench, looks: int = 3) -> None:
        super().__init__(here.tasks)
        self.looks = looks

    def run(
        self, task: str, arguments: Any, timeout_s: float, wanted: Any = None
    ) -> dict[str, Any]:
        result = super().run(task, arguments, timeout_s)
        if wanted is None or all(wanted() for _ in range(self.looks)):
            return result
        raise WorkerDied("The task was ended: nobody waits for its result any more.")


def looking(here: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    object.__setattr__(here.work, "executor", Looked(here))
    at_once = {"grace_s": 0.0, "monotonic": lambda: 0.0}
    monkeypatch.setattr(Watch.__init__, "__kwdefaults__", at_once)
    return here


def begin(here: Bench, **more: Any) -> Run:
    return here.records.start_run("retrain", "gas-room", worker="here:1:a", at=NOON, **more)


def test_a_worker_has_a_while_to_come_to_its_next_step(here: Bench) -> None:
    now = [0.0]
    watch = Watch(here.records, MINE, grace_s=5, monotonic=lambda: now[0])
    run = begin(here)
    assert watch.is_wanted()
    here.records.cancel_run(run.id, by="ada")
    heard = []
    for now[0] in (10.0, 14.9, 15.0):
        heard.append(watch.is_wanted())
    assert heard == [True, True, False]
    assert watch.ended_for == "ada"


def test_runs_of_others_do_not_count(here: Bench) -> None:
    for kind, name, worker in (
        ("backfill", "gas-room", "here:1:a"),
        ("retrain", "boiler", "here:1:a"),
        ("retrain", "gas-room", "there:2:b"),
    ):
        run = here.records.start_run(kind, name, worker=worker, at=NOON)
        here.records.cancel_run(run.id, by="ada")
    watch = Watch(here.records, MINE, grace_s=0)
    assert watch.is_wanted()
    assert watch.ended_for is None


@pytest.mark.parametrize(("worker", "wanted"), [("here:1:a", False), ("there:2:b", True)])
def test_a_request_counts_while_it_is_this_process_that_serves_it(
    here: Bench, worker: str, wanted: bool
) -> None:
    asked = here.records.add_request("retrain", "gas-room", {}, by="ann", at=NOON)
    here.records.claim_request(worker=worker, at=NOON, deadline=NOON + SECOND)
    here.records.cancel_request(asked.id, by="ada", at=NOON)
    watch = Watch(here.records, replace(MINE, request=asked.id), grace_s=0)
    assert watch.is_wanted() is wanted


def test_nothing_is_ended_while_the_records_are_away(
    here: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> list[Run]:
        raise StoreUnavailable("Away.")

    monkeypatch.setattr(here.records, "open_runs", away)
    assert Watch(here.records, MINE, grace_s=0).is_wanted()


def test_a_worker_that_does_not_come_to_a_step_is_ended_and_the_run_says_by_whom(
    here: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking(here, monkeypatch)

    def work(task: str, arguments: dict[str, Any]) -> dict[str, Any]:
        run = begin(here, details={"basis": "x"})
        here.records.cancel_run(run.id, by="ada")
        return {}

    here.tasks.answer = work
    with here.work.leased("retrain:gas-room", NOON) as lease:
        ended = here.work.perform(replace(TASK, lease=lease))
    assert isinstance(ended, Cancelled)
    (run,) = here.records.runs()
    assert (run.state, run.cancelled_by) == (State.CANCELLED, "ada")
    assert run.message == "The retrain of gas-room was cancelled by ada before it was done."
    assert run.details == {"basis": "x"}
    assert here.records.leases() == []  # its time counts as served: nobody takes it up


def test_one_that_ended_by_itself_keeps_its_own_words(here: Bench) -> None:
    def work(task: str, arguments: dict[str, Any]) -> dict[str, Any]:
        run = begin(here)
        here.records.cancel_run(run.id, by="ada")
        here.records.finish_run(run.id, State.CANCELLED, at=NOON, message="Enough.", details={})
        raise Cancelled("Enough.", "ada")

    here.tasks.answer = work
    assert isinstance(here.work.perform(TASK), Cancelled)
    assert states(here.records) == [("retrain", State.CANCELLED, "Enough.")]


def test_a_request_whose_worker_had_to_be_ended_is_cancelled(
    here: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking(here, monkeypatch)
    asked = here.records.add_request("retrain", "gas-room", {}, by="ann", at=NOON)

    def work(task: str, arguments: dict[str, Any]) -> dict[str, Any]:
        here.records.claim_request(worker="here:1:a", at=NOON, deadline=NOON + SECOND)
        begin(here)
        here.records.cancel_request(asked.id, by="ada", at=NOON)
        return {}

    here.tasks.answer = work
    serve_request(here.work, ("retrain",))
    found = here.records.request(asked.id)
    assert (found.state, found.cancelled_by) == (State.CANCELLED, "ada")
    assert states(here.records)[0][1] is State.CANCELLED
    serve_request(here.work, ("retrain",))
    assert len(here.tasks.asked) == 1


def test_a_training_that_labels_asked_for_is_not_begun_again_at_once(here: Bench) -> None:
    def work(task: str, arguments: dict[str, Any]) -> dict[str, Any]:
        here.reasons.clear()  # as `Retraining.due` does for one that was cancelled
        raise Cancelled("Enough.", "ada")

    here.reasons["gas-room"] = "labels changed"
    here.tasks.answer = work
    for _ in range(3):
        retrain_if_due(here.work, detector())
        here.clock.advance(60)
    assert len(here.tasks.asked) == 1
    assert here.records.leases() == []


def test_a_score_is_never_watched(here: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(here.work.executor, "run", lambda *told: asked.append(told) or {})
    here.work.perform(replace(TASK, name="score", kind="score"))
    assert [len(told) for told in asked] == [3]


def test_what_a_dead_process_was_to_end_is_cancelled_not_taken_up(
    here: Bench, tmp_path: Any
) -> None:
    run = here.records.start_run("retrain", "gas-room", worker="there:1:b", at=NOON)
    here.records.cancel_run(run.id, by="ada")
    here.records.take_lease("retrain:gas-room", "there:1:b", length=0)
    with here.work.leased("retrain:gas-room"):
        assert here.records.run(run.id).state is State.CANCELLED
    other = bench(tmp_path / "other")
    lost = other.records.start_run("retrain", "gas-room", worker="there:1:b", at=NOON)
    other.records.cancel_run(lost.id, by="ada")
    assert take_over(other.work) == 1
    assert other.records.run(lost.id).state is State.CANCELLED
