"""Work that hangs, dies or is in the way when the service stops: real workers, a real timetable.

What brought down a neighbour (deadlocks of training and scoring, a read that held the only slot for
ever, a service that ended with one of its workers) is tried here.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.executors import LocalProcesses
from backend.records import State
from jobs.places import REQUESTED, SLOTS, place_of
from jobs.scheduler import Timetable
from jobs.serving_requests import serve_request
from jobs.taking_over import take_over
from tests.executors.endings import LIMIT_S, ended
from tests.jobs.workplaces import Bench, bench, detector, promoted

Does = Callable[[str, str], Path]


@pytest.fixture
def does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Does:
    """Say what becomes of a kind of work; the pipe through which it tells that it has begun."""
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.setenv("NORMALCY_TEST_PLACE", str(place))
    monkeypatch.setenv("NORMALCY_TEST_RECORDS", f"sqlite:///{tmp_path}/records.sqlite3")

    def say(kind: str, what: str) -> Path:
        (place / kind).write_text(what)
        pipe = place / f"{kind}.begun"
        if not pipe.exists():
            os.mkfifo(pipe)
        return pipe

    return say


@pytest.fixture
def service(
    tmp_path: Path, does: Does, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Bench, Timetable]]:
    """A workplace whose workers are processes, and its timetable."""
    monkeypatch.setattr("jobs.scheduler._TO_LEAVE_S", LIMIT_S)  # a busy disk takes its time
    here = bench(tmp_path)
    executor = LocalProcesses("tests.jobs.places:run_task", SLOTS, place_of)
    here = replace(here, work=replace(here.work, executor=executor))
    timetable = Timetable(here.work)
    yield here, timetable
    if timetable._scheduler.running:
        timetable.stop(0)
    executor.close()
    here.records.close()


def ask(here: Bench, kind: str, **payload: Any) -> int:
    request = here.records.add_request(kind, "pump", payload, by="ann", at=here.clock.now())
    return request.id


def test_what_the_stop_cuts_short_in_each_place_is_taken_up_by_another_process(
    service: tuple[Bench, Timetable], does: Does, tmp_path: Path
) -> None:
    here, timetable = service
    kinds = ("explain", "dry_run", "compare")  # one of each place
    begun = [does(kind, "hang") for kind in kinds]
    asked = [ask(here, kind) for kind in kinds]
    here.work.leases.start()
    timetable.start()
    workers = [int(pipe.read_text()) for pipe in begun]

    stopped = timetable.stop(0.1)
    here.work.leases.stop()

    assert stopped
    assert all(ended(worker) for worker in workers)
    left = [here.records.request(number) for number in asked]
    assert [request.state for request in left] == [State.RUNNING] * 3  # nobody gave them up
    assert [run.state for run in here.records.runs()] == [State.INTERRUPTED] * 3
    there = bench(tmp_path, "there:2:b")
    take_over(there.work)
    for place in REQUESTED.values():
        serve_request(there.work, place)
    assert sorted(arguments["request"] for _, arguments in there.tasks.asked) == asked
    there.records.close()


def test_a_training_that_hangs_holds_up_no_scoring_and_is_ended_at_its_limit(
    service: tuple[Bench, Timetable], does: Does
) -> None:
    """Both of one detector: nothing that one of them holds is waited for by the other."""
    here, timetable = service
    here.work.executor.run("retrain", {}, LIMIT_S)  # a worker that is warm: its start takes long
    trains, scores = does("retrain", "hang"), does("score", "")
    spec = detector("pump", score="1s", retrain_timeout="4s")
    here.specs["pump"], here.reasons["pump"] = spec, "its labels changed"
    promoted(here.records, "pump")
    timetable.start()

    stuck = int(trains.read_text())
    scored = [int(scores.read_text()) for _ in range(2)]
    does("retrain", "")
    ended_there = ended(stuck)
    ask(here, "retrain")
    fresh = int(trains.read_text())

    assert len(set(scored)) == 1
    assert ended_there
    assert fresh != stuck
    failed = [run for run in here.records.runs() if run.state is State.FAILED]
    assert [run.kind for run in failed] == ["retrain"]
    assert "The training of pump was ended at its time limit of 4 s" in failed[0].message


def test_a_service_goes_on_when_one_of_its_workers_is_killed(
    service: tuple[Bench, Timetable], does: Does
) -> None:
    here, timetable = service
    scores = does("score", "die")
    elsewhere = does("dry_run", "")
    here.specs["pump"] = detector("pump", score="1s")
    promoted(here.records, "pump")
    timetable.start()

    killed, fresh = (int(scores.read_text()) for _ in range(2))
    ask(here, "dry_run")

    assert fresh != killed
    assert int(elsewhere.read_text()) not in (killed, fresh)
    (failed,) = [run for run in here.records.runs() if run.state is State.FAILED]
    assert "The scoring of pump lost its worker" in failed.message
    assert timetable.overdue() == []
