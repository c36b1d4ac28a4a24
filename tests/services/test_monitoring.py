from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from backend.exceptions import StoreUnavailable
from backend.records import (
    DriftProposal,
    ProcessReport,
    Promotion,
    SetAside,
    Upkeep,
    Verdict,
    Version,
)
from backend.services.detectors import Detectors
from backend.services.meters import Meters
from backend.services.monitoring import Monitoring
from backend.services.process_reports import Reporter, plain
from backend.specs import DetectorSpec
from tests.fakes.clock import StillClock
from tests.fakes.records import MemoryRecordStore

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
NOW = 1_800_000_000 * SECOND // MINUTE * MINUTE
PUMP = DetectorSpec(
    name="pump", measurement="pump", channels=("flow",), every=timedelta(minutes=1), delay="0s"
)
IDLE = PUMP.model_copy(update={"name": "idle"})

Found = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Watched:
    """A product in memory, looked at."""

    def __init__(self) -> None:
        self.clock, self.records, self.meters = StillClock(NOW), MemoryRecordStore(), Meters()
        self.detectors = Detectors({"pump": PUMP, "idle": IDLE}, self.records, self.clock)
        self.own = Reporter(self.records, self.meters, self.clock, "web")
        self.monitoring = Monitoring(self.records, self.detectors, self.own, self.clock)

    def value(self, name: str, /, **labels: str) -> float | None:
        """A number as it is scraped; None where it is absent."""
        return self._found().get((name, frozenset(labels.items())))

    def _found(self) -> Found:
        return {
            (one.name, frozenset(one.labels.items())): one.value
            for family in self.monitoring.collect()
            for one in family.samples
        }


@pytest.fixture
def watched() -> Watched:
    return Watched()


def version(number: int, made_at: int) -> Version:
    return Version(
        "pump", number, made_at, f"pump/{number}", {}, "a", "b", False, Verdict.CHAMPION, {}
    )


class TestDetectors:
    def test_one_that_was_never_trained_nor_scored(self, watched):
        assert watched.value("normalcy_detectors") == 2
        assert watched.value("normalcy_detector_has_model", detector="idle") == 0
        assert watched.value("normalcy_detector_series", detector="idle") == 0
        assert watched.value("normalcy_detector_lag_seconds", detector="idle") is None
        assert watched.value("normalcy_detector_model_version", detector="idle") is None

    def test_lag_grows_while_nothing_is_scored(self, watched):
        watched.records.set_watermarks("pump", {"a": NOW, "b": NOW - 10 * MINUTE})
        assert watched.value("normalcy_detector_lag_seconds", detector="pump") == 0
        watched.clock.time += 5 * MINUTE
        assert watched.value("normalcy_detector_lag_seconds", detector="pump") == 4 * 60
        slowest = watched.value("normalcy_detector_slowest_series_lag_seconds", detector="pump")
        assert slowest == 14 * 60
        assert watched.value("normalcy_detector_series", detector="pump") == 2

    def test_series_set_aside(self, watched):
        watched.records.set_aside(SetAside("pump", "a", "nothing comes", NOW, NOW))
        assert watched.value("normalcy_detector_series_set_aside", detector="pump") == 1

    def test_the_version_that_serves(self, watched):
        for number in (1, 2):
            watched.records.add_version(version(number, NOW - 3600 * SECOND))
        watched.records.promote(Promotion("pump", 2, NOW, NOW, "anna"))
        assert watched.value("normalcy_detector_has_model", detector="pump") == 1
        assert watched.value("normalcy_detector_model_version", detector="pump") == 2
        assert watched.value("normalcy_detector_model_age_seconds", detector="pump") == 3600

    def test_one_that_was_removed_is_absent(self, watched):
        watched.records.set_watermarks("gone", {"a": NOW})
        assert watched.value("normalcy_detector_series", detector="gone") is None


class TestWork:
    def test_requests_that_wait_and_that_are_worked_on(self, watched):
        for detector in ("pump", "idle"):
            watched.records.add_request("backfill", detector, {}, by="anna", at=NOW - MINUTE)
        watched.records.add_request("explain", "pump", {}, by="anna", at=NOW)
        watched.records.claim_request(
            worker="here:1:a", at=NOW, deadline=NOW + MINUTE, kinds=["explain"]
        )
        assert watched.value("normalcy_requests_waiting", kind="backfill") == 2
        assert watched.value("normalcy_requests_running", kind="explain") == 1
        assert watched.value("normalcy_requests_oldest_seconds") == 60

    def test_runs_that_go_on_and_that_are_silent(self, watched):
        watched.records.start_run("retrain", "pump", worker="here:1:a", at=NOW - 2 * MINUTE)
        watched.records.start_run("retrain", "idle", worker="here:1:a", at=NOW)
        assert watched.value("normalcy_runs_open", kind="retrain") == 2
        assert watched.value("normalcy_runs_silent_seconds") == 120

    def test_processes_that_run_the_timetable(self, watched):
        watched.records.take_lease("process:here:1:a", "here:1:a", length=MINUTE)
        assert watched.value("normalcy_jobs_processes") == 1


class TestProcesses:
    def said(self, watched: Watched, **values: Any) -> ProcessReport:
        meters = Meters()
        meters.misfired("score", 3)
        families = plain(meters.registry)
        made = ProcessReport("jobs:there:1:a", "jobs", "there", 1, "0.1.0", NOW, NOW, families)
        return replace(made, **values)

    def test_what_another_counts_is_told_as_its_own(self, watched):
        watched.records.report_process(self.said(watched))
        where = {"process": "jobs", "host": "there"}
        assert watched.value("normalcy_jobs_misfired_total", kind="score", **where) == 3
        assert watched.value("normalcy_process_up", **where) == 1

    def test_one_that_fell_silent_is_down_and_its_numbers_absent(self, watched):
        watched.records.report_process(self.said(watched, at=NOW - 90 * SECOND))
        where = {"process": "jobs", "host": "there"}
        assert watched.value("normalcy_process_up", **where) == 0
        assert watched.value("normalcy_process_report_age_seconds", **where) == 90
        assert watched.value("normalcy_jobs_misfired_total", kind="score", **where) is None

    def test_its_own_numbers_are_those_of_now(self, watched):
        own = {"process": "web", "host": watched.own.current().host}
        for times in (1, 2):
            watched.meters.timed_out("retrain")
            assert watched.value("normalcy_jobs_timed_out_total", kind="retrain", **own) == times

    def test_a_look_from_a_command_tells_nothing_of_itself(self, watched):
        watched.monitoring.look()
        assert watched.records.process_reports() == []


class TestWithoutRecords:
    def test_its_own_numbers_are_told_and_that_the_records_are_away(self, watched):
        watched.meters.timed_out("retrain")
        host = watched.own.current().host

        def away() -> None:
            raise StoreUnavailable("The record store is away.")

        watched.records.report_process = lambda said: away()
        watched.records.open_runs = away
        assert watched.value("normalcy_records_up") == 0
        assert watched.value("normalcy_detectors") is None
        timed_out = watched.value(
            "normalcy_jobs_timed_out_total", kind="retrain", process="web", host=host
        )
        assert timed_out == 1

    def test_records_that_can_only_be_read_tell_what_they_hold(self, watched):
        """As on a disk that is full."""
        watched.monitoring.collect()
        watched.meters.timed_out("retrain")

        def full(said: ProcessReport) -> None:
            raise StoreUnavailable("The disk is full.")

        watched.records.report_process = full
        own = {"process": "web", "host": watched.own.current().host}
        assert watched.value("normalcy_records_up") == 0
        assert watched.value("normalcy_detectors") == 2
        assert watched.value("normalcy_jobs_timed_out_total", kind="retrain", **own) == 1


def test_drift_and_upkeep_are_told(watched):
    proposal = DriftProposal("pump", 1, NOW, "errors have risen")
    watched.records.propose_retraining(proposal)
    watched.records.note_upkeep(Upkeep("backup", NOW - MINUTE))
    assert watched.value("normalcy_detector_drifted", detector="pump") == 1
    assert watched.value("normalcy_detector_drifted", detector="idle") == 0
    assert watched.value("normalcy_upkeep_age_seconds", name="backup") == 60


def test_a_scrape_does_not_cost_more_for_more_series(watched):
    """Neither in what is asked nor in what is answered."""
    asked: list[str] = []

    class Counting(MemoryRecordStore):
        def __getattribute__(self, name: str) -> Any:
            if not name.startswith("_"):
                asked.append(name)
            return super().__getattribute__(name)

    def scrape(series: int) -> tuple[int, list[str]]:
        records = Counting()
        records.set_watermarks("pump", {f"n={n}": NOW for n in range(series)})
        own = Reporter(records, Meters(), watched.clock, "web")
        monitoring = Monitoring(records, watched.detectors, own, watched.clock)
        asked.clear()
        families = monitoring.collect()
        return sum(len(family.samples) for family in families), list(dict.fromkeys(asked))

    assert scrape(5000) == scrape(5)
