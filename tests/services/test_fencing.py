"""Who has lost its work to another process stores nothing of it; who lives keeps its claim."""

import threading
from typing import Any

import pytest

from backend.exceptions import Conflict, LeaseLost
from backend.records import Request, State
from backend.services.claims import CLAIM_NS, kept_claim
from backend.services.fencing import fenced
from backend.services.runs import recorded, worker_name, working_for
from tests.fakes.clock import StillClock
from tests.fakes.records import MemoryRecordStore
from tests.services.plant import Plant, at

WAIT_S = 20


def lost_fence(plant: Plant):
    """The fence of a lease that another process has taken."""
    mine = plant.records.take_lease("retrain:rooms", "here", length=0)
    plant.records.take_lease("retrain:rooms", "there", length=0)
    return fenced(plant.records, {"name": mine.name, "token": mine.token})


class TestFence:
    def test_a_lease_that_holds_lets_pass(self):
        records = MemoryRecordStore()
        mine = records.take_lease("score:a", "here", length=0)
        fenced(records, {"name": mine.name, "token": mine.token})()

    def test_without_a_lease_all_may_pass(self):
        fenced(MemoryRecordStore(), None)()

    def test_a_training_that_was_lost_stores_nothing(self):
        plant = Plant()
        plant.measure()
        plant.label(0, 600, tags={"room": "a"})
        with pytest.raises(LeaseLost, match="retrain:rooms"):
            plant.retraining.run("rooms", fence=lost_fence(plant))
        assert plant.records.versions("rooms") == []
        assert plant.records.series_set_aside("rooms") == []
        assert plant.records.promotions("rooms") == []
        (run,) = plant.records.runs("rooms")
        assert (run.state, run.details["retry"]) == (State.FAILED, True)

    def test_a_training_lost_after_its_version_was_stored_does_not_promote_it(self):
        plant = Plant()
        plant.measure()
        plant.label(0, 600)
        lost = lost_fence(plant)
        asked = []

        def fence() -> None:
            asked.append(1)  # before series are set aside, the version is stored, and it serves
            if len(asked) > 2:
                lost()

        with pytest.raises(LeaseLost):
            plant.retraining.run("rooms", fence=fence)
        assert len(plant.records.versions("rooms")) == 1
        assert plant.records.promotions("rooms") == []
        # Who took it over brings it in.
        assert plant.retraining.run("rooms").number == 1
        assert len(plant.records.promotions("rooms")) == 1

    @pytest.mark.parametrize("work", ["tick", "backfill"])
    def test_scoring_that_was_lost_writes_nothing(self, work):
        plant = Plant().ready()
        plant.scoring.tick("rooms")
        plant.now(760)
        before, marks = plant.scores("score"), plant.records.watermarks("rooms")
        limits = (at(700), at(750)) if work == "backfill" else ()
        with pytest.raises(LeaseLost):
            getattr(plant.scoring, work)("rooms", *limits, fence=lost_fence(plant))
        after = plant.scores("score")
        assert {key: len(part) for key, part in after.items()} == {
            key: len(part) for key, part in before.items()
        }
        assert plant.records.watermarks("rooms") == marks

    def test_a_request_whose_work_was_lost_stays_open_for_the_other(self):
        plant = Plant()
        plant.measure()
        plant.label(0, 600)
        asked = plant.requests.ask("retrain", "rooms", by="anna")
        with pytest.raises(LeaseLost):
            plant.requests.serve_one("here", fence=lost_fence(plant))
        assert plant.records.request(asked.id).state is State.RUNNING


class WatchedRecords(MemoryRecordStore):
    """Lets a test wait until a claim was renewed."""

    def __init__(self) -> None:
        super().__init__()
        self._renewed = threading.Condition()

    def update_request(self, request: int, **told: Any) -> Request:
        with self._renewed:
            found = super().update_request(request, **told)
            self._renewed.notify_all()
            return found

    def until_claimed_to(self, request: int, deadline: int) -> None:
        with self._renewed:
            assert self._renewed.wait_for(
                lambda: self.request(request).deadline == deadline, WAIT_S
            )


class TestClaims:
    def claimed(self):
        records, clock = WatchedRecords(), StillClock(0)
        records.add_request("retrain", "rooms", {}, by="anna", at=0)
        return records, clock, records.claim_request(worker="here", at=0, deadline=CLAIM_NS)

    def test_silent_work_keeps_its_claim(self):
        records, clock, request = self.claimed()
        with kept_claim(records, clock, request, every_s=0.001):
            clock.time = 10 * CLAIM_NS
            records.until_claimed_to(request.id, 11 * CLAIM_NS)
            taken = records.claim_request(worker="there", at=clock.time, deadline=clock.time + 1)
        assert taken is None

    def test_what_was_told_stays_told(self):
        records, clock, request = self.claimed()
        with kept_claim(records, clock, request, every_s=0.001) as tell:
            tell(0.5, "training")
            clock.time = CLAIM_NS
            records.until_claimed_to(request.id, 2 * CLAIM_NS)
        assert records.request(request.id).progress == 0.5

    def test_it_ends_with_the_work(self):
        records, clock, request = self.claimed()
        before = threading.active_count()
        with kept_claim(records, clock, request, every_s=0.001):
            during = threading.active_count()
        assert (during, threading.active_count()) == (before + 1, before)

    def test_who_lost_a_claim_hears_of_it_and_does_not_renew_that_of_another(self):
        records, clock, request = self.claimed()
        with kept_claim(records, clock, request, every_s=0.001) as tell:
            records.claim_request(worker="there", at=CLAIM_NS, deadline=2 * CLAIM_NS)
            clock.time = 5 * CLAIM_NS
            with pytest.raises(Conflict, match="there"):
                tell(0.9, "training")
        found = records.request(request.id)
        assert (found.worker, found.deadline, found.progress) == ("there", 2 * CLAIM_NS, 0.0)

    def test_only_the_one_that_was_meant_is_claimed(self):
        plant = Plant()
        first = plant.requests.ask("retrain", "rooms", by="anna")
        plant.requests.ask("backfill", "rooms", {"start": at(0), "stop": at(9)}, by="anna")
        kinds = ("retrain", "backfill")
        assert plant.requests.serve_one("here", kinds, only=77) is None
        done = plant.requests.serve_one("here", kinds, only=first.id)
        assert done.id == first.id


class TestNames:
    def test_runs_are_signed_by_whom_they_are_done_for(self):
        records, clock = MemoryRecordStore(), StillClock(0)
        with working_for("jobs:1:a"), recorded(records, clock, "retrain", "rooms"):
            pass
        with working_for(None), recorded(records, clock, "retrain", "rooms"):
            pass
        itself, jobs = (run.worker for run in records.runs())
        assert jobs == "jobs:1:a"
        assert itself == worker_name() != jobs
