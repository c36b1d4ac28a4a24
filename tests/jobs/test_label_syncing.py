from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest

from backend.exceptions import GrafanaUnavailable
from backend.records import Request, State
from backend.services.detectors import Detectors
from backend.services.label_sync import SyncReport
from backend.services.requests import Requests
from jobs.label_syncing import LabelSyncing
from tests.jobs.workplaces import Bench


@dataclass
class Sync:
    """Counts, and answers as told."""

    answer: Callable[[], SyncReport] = SyncReport
    times: int = 0
    requested: list[float] = field(default_factory=list)

    def run(self, progress: Any = None) -> SyncReport:
        self.times += 1
        if progress is not None:
            progress(0.5, "half")
            self.requested.append(0.5)
        return self.answer()


@dataclass
class Desk:
    here: Bench
    sync: Sync
    requests: Requests
    syncing: LabelSyncing

    def ask(self) -> Request:
        return self.requests.ask("sync", "", by="webhook")


@pytest.fixture
def desk(here: Bench) -> Desk:
    sync, nobody = Sync(), cast(Any, None)
    detectors = Detectors({}, here.records, here.clock)
    requests = Requests(here.records, detectors, nobody, nobody, here.clock, sync.run)
    every = timedelta(minutes=1)
    syncing = LabelSyncing(sync.run, requests, here.records, here.clock, every)
    return Desk(here, sync, requests, syncing)


def look_for(desk: Desk, seconds: int) -> None:
    for _ in range(seconds):
        desk.syncing.look()
        desk.here.clock.advance(1)


def test_it_is_done_as_often_as_configured(desk: Desk) -> None:
    look_for(desk, 121)
    assert desk.sync.times == 3


def test_at_once_when_asked_and_then_not_again_soon(desk: Desk) -> None:
    look_for(desk, 30)
    asked = desk.ask()
    assert desk.ask().id == asked.id
    desk.sync.answer = lambda: SyncReport(added=2, problems=("a point",))
    look_for(desk, 59)
    ended = desk.here.records.request(asked.id)
    assert (desk.sync.times, desk.sync.requested) == (2, [0.5])
    assert ended.state is State.DONE
    assert ended.result == SyncReport(added=2, problems=("a point",)).plain()


def test_requests_of_other_kinds_are_left_to_their_workers(desk: Desk) -> None:
    desk.here.records.add_request("retrain", "x", {}, by="ann", at=0)
    look_for(desk, 5)
    assert desk.here.records.open_requests()[0].state is State.WAITING


def test_a_request_whose_worker_died_is_taken_up_again(desk: Desk) -> None:
    asked = desk.ask()
    now = desk.here.clock.now()
    desk.here.records.claim_request(worker="dead", at=now, deadline=now + 10**10, kinds=("sync",))
    look_for(desk, 5)
    assert desk.here.records.request(asked.id).worker == "dead"
    look_for(desk, 10)
    assert desk.here.records.request(asked.id).state is State.DONE


def test_a_failure_is_told_once_and_tried_again_patiently(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    def down() -> SyncReport:
        raise GrafanaUnavailable("Grafana is down.")

    desk.sync.answer = down
    look_for(desk, 600)
    tried = desk.sync.times
    assert 3 <= tried < 8
    assert told(caplog) == ["labels are not synced with Grafana: Grafana is down."]
    desk.sync.answer = lambda: SyncReport(added=1)
    look_for(desk, 600)
    messages = told(caplog)[1:]
    assert messages[0] == "labels are synced with Grafana again"
    assert messages[1].startswith("labels synced with Grafana added=1 replaced=0")


def test_a_failure_is_recorded_with_the_request(desk: Desk) -> None:
    def down() -> SyncReport:
        raise GrafanaUnavailable("Grafana is down.")

    desk.sync.answer = down
    asked = desk.ask()
    look_for(desk, 1)
    ended = desk.here.records.request(asked.id)
    assert (ended.state, ended.message) == (State.FAILED, "Grafana is down.")


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.message for one in caplog.records if one.name == "jobs.label_syncing"]
