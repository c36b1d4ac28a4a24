import logging
from typing import Any

import pytest

from backend.exceptions import LeaseLost, StoreUnavailable, WorkerDied
from backend.records import Request, State
from backend.services.log_fields import fields, work_fields
from jobs.places import REQUESTED
from jobs.serving_requests import BACKFILL_LIMIT, serve_request
from tests.jobs.workplaces import SECOND, Bench, detector, states

MINUTE = 60 * SECOND


def ask(here: Bench, kind: str, **payload: Any) -> Request:
    return here.records.add_request(kind, "gas-room", payload, by="ann", at=here.clock.now())


def claim(here: Bench) -> Request | None:
    now = here.clock.now()
    return here.records.claim_request(worker="here:1:a", at=now, deadline=now + MINUTE)


def test_no_worker_is_woken_while_nothing_waits(here: Bench) -> None:
    done = ask(here, "retrain")
    claim(here)
    here.records.finish_request(done.id, State.DONE, at=here.clock.now(), result={})

    serve_request(here.work, ("retrain",))

    assert here.tasks.asked == []


def test_a_waiting_request_is_served(here: Bench) -> None:
    asked = ask(here, "retrain")
    here.tasks.answer = lambda task, arguments: {"served": True}

    serve_request(here.work, ("retrain",))

    told = {"kinds": ["retrain"], "request": asked.id, "detector": "gas-room"}
    assert here.tasks.asked == [("serve_request", told)]
    assert here.tasks.leases == ["retrain:gas-room"]


def test_its_number_stands_in_the_lines_of_its_work_and_once_in_each(
    here: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    asked = ask(here, "retrain")
    bound: list[str] = []

    def work(task: str, arguments: dict[str, Any]) -> dict[str, Any]:
        bound.append(fields()["request"])
        with work_fields(arguments):  # as its worker does
            bound.append(fields()["request"])
        return {"served": True, "request": asked.id}

    here.tasks.answer = work
    serve_request(here.work, ("retrain",))

    assert bound == [str(asked.id)] * 2
    told = [line.getMessage() for line in caplog.records if line.name == "jobs.workplace"]
    assert told == ["retrain detector=gas-room took_s=0.0 served=True"]


def test_one_whose_detector_another_process_trains_lets_others_pass(here: Bench) -> None:
    ask(here, "retrain")
    second = here.records.add_request("retrain", "boiler", {}, by="ann", at=here.clock.now())
    here.records.take_lease("retrain:gas-room", "there:1:b", length=60 * SECOND)

    serve_request(here.work, ("retrain",))

    assert [arguments["request"] for _, arguments in here.tasks.asked] == [second.id]


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("explain", {"series": "", "time": 1}),
        ("compare", {"challenger": 2, "champion": 1, "weeks": 4}),
    ],
)
def test_what_changes_nothing_waits_for_nobody(here: Bench, kind: str, payload: Any) -> None:
    ask(here, kind, **payload)
    here.records.take_lease(f"{kind}:gas-room", "there:1:b", length=60 * SECOND)

    serve_request(here.work, (kind,))

    assert here.tasks.leases == [""]


def test_a_dry_run_waits_for_nobody(here: Bench) -> None:
    ask(here, "dry_run", spec={}, ranges=[[0, 1]])
    here.records.take_lease("dry_run:gas-room", "there:1:b", length=60 * SECOND)

    serve_request(here.work, REQUESTED["train"])

    assert here.tasks.leases == [""]


def test_requests_of_other_kinds_are_left_alone(here: Bench) -> None:
    ask(here, "backfill", start=0, stop=1)

    serve_request(here.work, ("retrain",))

    assert here.tasks.asked == []


def test_one_in_hand_is_left_until_its_deadline_has_passed(here: Bench) -> None:
    ask(here, "retrain")
    claim(here)
    serve_request(here.work, ("retrain",))
    before = list(here.tasks.asked)

    here.clock.advance(61)
    serve_request(here.work, ("retrain",))

    assert before == []
    assert len(here.tasks.asked) == 1


@pytest.mark.parametrize(
    ("kind", "known", "limit_s"),
    [
        ("retrain", True, 600),
        ("retrain", False, BACKFILL_LIMIT.total_seconds()),
        ("backfill", True, BACKFILL_LIMIT.total_seconds()),
    ],
)
def test_the_limit_is_that_of_the_work(
    here: Bench, monkeypatch: pytest.MonkeyPatch, kind: str, known: bool, limit_s: float
) -> None:
    limits = []
    monkeypatch.setattr(
        here.work.executor, "run", lambda task, told, limit, wanted: limits.append(limit) or {}
    )
    if known:
        here.specs["gas-room"] = detector(retrain_timeout="10m")
    ask(here, kind)

    serve_request(here.work, (kind,))

    assert limits == [limit_s]


def test_a_request_that_cost_its_worker_fails(here: Bench) -> None:
    asked = ask(here, "retrain")

    def die(task: str, arguments: dict[str, Any]) -> dict[str, Any]:
        claim(here)
        raise WorkerDied("Gone.")

    here.tasks.answer = die
    serve_request(here.work, ("retrain",))

    ended = here.records.request(asked.id)
    assert (ended.state, ended.message) == (State.FAILED, "Gone.")
    assert states(here.records) == [("retrain", State.FAILED, "Gone.")]


@pytest.mark.parametrize("who", ["another worker", "nobody"])
def test_a_request_that_it_no_longer_has_is_left_alone(here: Bench, who: str) -> None:
    asked = ask(here, "retrain")

    def lose(task: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if who == "another worker":
            now = here.clock.now()
            here.records.claim_request(worker="there:1:b", at=now, deadline=now + MINUTE)
        raise WorkerDied("Gone.")

    here.tasks.answer = lose
    serve_request(here.work, ("retrain",))

    expected = State.RUNNING if who == "another worker" else State.WAITING
    assert here.records.request(asked.id).state is expected


def test_a_request_whose_work_was_lost_is_left_to_the_other(here: Bench) -> None:
    asked = ask(here, "retrain")

    def lose(task: str, arguments: dict[str, Any]) -> dict[str, Any]:
        claim(here)
        raise LeaseLost("Another one does it.")

    here.tasks.answer = lose
    serve_request(here.work, ("retrain",))

    assert here.records.request(asked.id).state is State.RUNNING


def test_a_request_in_hand_while_the_service_stops_is_left_for_another(here: Bench) -> None:
    asked = ask(here, "retrain")

    def stop(task: str, arguments: dict[str, Any]) -> dict[str, Any]:
        claim(here)
        here.work.stopping.set()
        raise WorkerDied("Stopping.")

    here.tasks.answer = stop
    serve_request(here.work, ("retrain",))

    assert here.records.request(asked.id).state is State.RUNNING


def test_a_request_that_cannot_be_claimed_is_tried_again_patiently(here: Bench) -> None:
    asked = ask(here, "retrain")

    def down(task: str, arguments: dict[str, Any]) -> dict[str, Any]:
        raise StoreUnavailable("The records are busy.")

    here.tasks.answer = down
    for _ in range(31):
        serve_request(here.work, ("retrain",))
        here.clock.advance(1)

    assert len(here.tasks.asked) == 2
    assert here.records.request(asked.id).state is State.WAITING


def test_another_threshold_waits_for_a_training_of_the_detector(here: Bench) -> None:
    ask(here, "threshold", threshold={"kind": "pot"})
    here.records.take_lease("retrain:gas-room", "there:1:b", length=60 * SECOND)

    serve_request(here.work, ("explain", "threshold"))

    assert here.tasks.asked == []
