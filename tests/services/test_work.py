"""Work as people look at it: what belongs together, what is left, what to do next."""

from dataclasses import replace

import pytest

from backend.exceptions import Conflict, NotFound
from backend.records import Request, Run, State
from backend.services.work import MOST, Advice, Work, advice
from tests.fakes.clock import StillClock
from tests.fakes.records import MemoryRecordStore

SECOND = 1_000_000_000


@pytest.fixture
def clock() -> StillClock:
    return StillClock(100 * SECOND)


@pytest.fixture
def records() -> MemoryRecordStore:
    return MemoryRecordStore()


@pytest.fixture
def work(records: MemoryRecordStore, clock: StillClock) -> Work:
    return Work(records, clock)


def begun(records: MemoryRecordStore, detector: str = "rooms", at: int = 0) -> Run:
    return records.start_run("retrain", detector, worker="jobs", at=at)


def claimed(records: MemoryRecordStore, detector: str = "rooms", at: int = 0) -> Request:
    asked = records.add_request("retrain", detector, {}, by="ann", at=at)
    records.claim_request(worker="jobs", at=at, deadline=at + 99 * SECOND, request=asked.id)
    return asked


def test_a_run_is_shown_with_its_log_and_the_time_left(records: MemoryRecordStore, work: Work):
    run = begun(records)
    records.tell_run(run.id, share=0.5, words="fitting", at=100 * SECOND)
    view = work.look(run.id)
    assert view.left_s == pytest.approx(100)
    assert [line.words for line in view.log] == ["fitting"]
    records.finish_run(run.id, State.DONE, at=101 * SECOND, details={"version": 3})
    ended = work.look(run.id)
    assert (ended.left_s, ended.version, ended.advice) == (None, 3, None)


def test_a_request_is_served_by_the_run_of_its_worker_in_its_time(
    records: MemoryRecordStore, work: Work
):
    before = begun(records, at=1)
    asked = claimed(records, at=10)
    assert work.look_at_request(asked.id).run is None
    begun(records, "halls", at=12)
    run = begun(records, at=12)
    found = work.look_at_request(asked.id)
    assert found.run is not None
    assert found.run.run == run
    records.finish_request(asked.id, State.DONE, at=20, result={})
    begun(records, at=30)
    assert work.look_at_request(asked.id).run.run == run
    asker = work.look(run.id).request
    assert asker is not None
    assert asker.id == asked.id
    assert work.look(before.id).request is None


def test_many_requests_of_other_kinds_do_not_hide_the_one_that_asked(
    records: MemoryRecordStore, work: Work
):
    asked, run = claimed(records, at=1), begun(records, at=2)
    for time in range(MOST):
        records.add_request("explain", "rooms", {"time": time}, by="ann", at=3)
    found = work.look(run.id).request
    assert found is not None
    assert found.id == asked.id


def test_what_goes_on_and_what_waits_is_told_of_one_detector_or_all(
    records: MemoryRecordStore, work: Work
):
    runs = [begun(records, name) for name in ("rooms", "halls")]
    asked = [
        records.add_request("backfill", name, {}, by="ann", at=0) for name in ("rooms", "halls")
    ]
    claimed(records)
    assert work.going_on() == runs[::-1]
    assert work.going_on("halls") == [runs[1]]
    assert work.waiting() == asked
    assert work.waiting("rooms") == [asked[0]]


def test_the_end_of_a_request_that_is_worked_on_is_that_of_its_run(
    records: MemoryRecordStore, work: Work
):
    asked, run = claimed(records, at=1), begun(records, at=2)
    view = work.cancel_request(asked.id, by="ada")
    assert view.request.state is State.RUNNING
    assert view.run is not None
    assert view.run.run.cancelled_by == "ada"
    assert records.run(run.id).cancelled_by == "ada"


def test_what_waits_ends_at_once_and_what_ended_is_refused(records: MemoryRecordStore, work: Work):
    asked = records.add_request("retrain", "rooms", {}, by="ann", at=0)
    assert work.cancel_request(asked.id, by="ada").request.state is State.CANCELLED
    with pytest.raises(Conflict, match="cancelled"):
        work.cancel_request(asked.id, by="ada")
    run = begun(records)
    assert work.cancel_run(run.id, by="ada").run.cancelled_by == "ada"
    records.finish_run(run.id, State.CANCELLED, at=1, details={})
    with pytest.raises(Conflict):
        work.cancel_run(run.id, by="ada")
    for ask in (work.look, work.look_at_request):
        with pytest.raises(NotFound):
            ask(77)


ENDED = Run(1, "retrain", "rooms", State.FAILED, 0, "jobs")


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (replace(ENDED, message="unexpected KeyError: 'y'"), Advice.LOOK),
        (replace(ENDED, message="The task retrain failed with KeyError; the log …"), Advice.LOOK),
        (replace(ENDED, message=""), Advice.LOOK),
        (replace(ENDED, message="The task retrain was ended at its limit."), Advice.MEND),
        (replace(ENDED, message="Too little is marked normal."), Advice.MEND),
        (replace(ENDED, message="Away.", details={"retry": True}), Advice.AGAIN),
        (replace(ENDED, state=State.INTERRUPTED), Advice.TAKEN_UP),
        (replace(ENDED, state=State.CANCELLED), Advice.BEGIN),
        (replace(ENDED, state=State.DONE), None),
        (replace(ENDED, state=State.RUNNING), None),
    ],
)
def test_what_to_do_next_follows_from_how_it_ended(run: Run, expected: Advice | None):
    assert advice(run) is expected
