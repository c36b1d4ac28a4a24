import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from backend.exceptions import StoreUnavailable
from backend.records import ProcessReport
from backend.services.meters import Meters
from backend.services.process_reports import Reporter, is_gone, is_stale, merged, plain, present
from tests.fakes.clock import StillClock
from tests.fakes.records import MemoryRecordStore

NOW = 1_800_000_000_000_000_000
SECOND = 1_000_000_000


def report(name: str = "jobs:here:1:a", **values: Any) -> ProcessReport:
    made = ProcessReport(name, "jobs", "here", 1, "0.1.0", started_at=NOW, at=NOW)
    return replace(made, **values)


def samples(*reports: ProcessReport) -> dict[str, float]:
    """Every sample as Prometheus would read it, `name{labels}` to its number."""
    registry = CollectorRegistry()
    registry.collect = lambda: merged(reports)  # type: ignore[method-assign]
    lines = generate_latest(registry).decode().splitlines()
    return {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
        for line in lines
        if not line.startswith("#")
    }


def counted(times: int) -> Mapping[str, Any]:
    meters = Meters()
    for _ in range(times):
        meters.job_ended("score", "done", 0.3)
    return plain(meters.registry)


class TestTogether:
    def test_each_sample_says_which_process_counted_it(self):
        found = samples(
            report(families=counted(2)),
            report("web:here:2:b", role="web", pid=2, families=counted(1)),
        )
        jobs = 'normalcy_jobs_total{host="here",kind="score",outcome="done",process="jobs"}'
        assert found[jobs] == 2
        assert found[jobs.replace('"jobs"', '"web"')] == 1

    def test_processes_of_one_role_on_one_host_are_added_up(self):
        found = samples(
            report("piece:here:1:a", role="piece", families=counted(2)),
            report("piece:here:2:b", role="piece", families=counted(3)),
            report("piece:there:2:c", role="piece", host="there", families=counted(7)),
        )
        name = 'normalcy_job_seconds_bucket{host="here",kind="score",le="0.5",process="piece"}'
        assert found[name] == 5
        assert found[name.replace('"here"', '"there"')] == 7

    def test_when_they_started_is_not_added_up(self):
        families = plain(Meters().registry)
        one, two = report("a", families=families), report("b", families=families)
        name = 'normalcy_process_start_time_seconds{host="here",process="jobs"}'
        assert samples(one, two)[name] == samples(one)[name] > 0

    def test_what_says_yes_or_how_full_one_is_is_not_added_up(self):
        meters = Meters()
        meters.configured(outdated=True)
        families = plain(meters.registry)
        one, two = report("a", families=families), report("b", families=families)
        where = '{host="here",process="jobs"}'
        assert samples(one, two)[f"normalcy_configuration_outdated{where}"] == 1
        name = f"normalcy_process_open_fds{where}"
        assert samples(one, two)[name] == samples(one)[name] > 0

    def test_when_a_counter_began_is_left_out(self):
        assert not any("_created" in name for name in samples(report(families=counted(1))))


class TestAbsence:
    def test_what_was_said_a_minute_ago_says_nothing_of_now(self):
        lately, long_ago = report("a", at=NOW - 59 * SECOND), report("b", at=NOW - 61 * SECOND)
        assert present([lately, long_ago], NOW) == [lately]

    def test_a_clock_that_is_far_ahead_is_no_reason_to_believe_it(self):
        assert not is_stale(report(at=NOW + 5 * SECOND), NOW)
        assert is_stale(report(at=NOW + 3600 * SECOND), NOW)

    def test_one_that_ended_on_this_host_is_gone_soon(self):
        ended = subprocess.Popen([sys.executable, "-c", ""])
        ended.wait()
        mine = report("me", pid=os.getpid())
        dead = report("other", pid=ended.pid, at=NOW - 31 * SECOND)
        assert is_gone(dead, mine)
        assert not is_gone(replace(dead, host="there"), mine)

    def test_one_that_lives_on_this_host_is_not(self):
        mine = report("me", pid=os.getpid())
        assert not is_gone(report("other", pid=os.getppid(), at=NOW - 40 * SECOND), mine)

    def test_one_that_tells_in_time_is_not_though_its_number_is_unknown_here(self):
        """Containers on one host may share its name and not its process numbers."""
        mine = report("me", pid=os.getpid())
        assert not is_gone(report("other", pid=2**22 + 1, at=NOW - 16 * SECOND), mine)
        assert not is_gone(report("other", pid=os.getpid(), at=NOW - 16 * SECOND), mine)

    def test_the_former_process_of_the_same_number_is(self):
        mine = report("me", pid=os.getpid())
        assert is_gone(report("former", pid=os.getpid(), at=NOW - 31 * SECOND), mine)

    def test_one_elsewhere_is_forgotten_after_ten_minutes(self):
        far = report("far", host="there")
        assert not is_gone(replace(far, at=NOW - 599 * SECOND), report("me"))
        assert is_gone(replace(far, at=NOW - 601 * SECOND), report("me"))

    def test_one_whose_clock_is_ahead_stays_to_be_told_of_for_a_day(self):
        far = report("far", host="there")
        assert not is_gone(replace(far, at=NOW + 3600 * SECOND), report("me"))
        assert is_gone(replace(far, at=NOW + 25 * 3600 * SECOND), report("me"))

    def test_nobody_is_gone_to_itself(self):
        assert not is_gone(report("me", at=0), report("me"))


class TestReporter:
    @pytest.fixture
    def records(self) -> MemoryRecordStore:
        return MemoryRecordStore()

    def reporter(self, records: Any, role: str = "jobs", **values: Any) -> Reporter:
        return Reporter(records, Meters(), StillClock(NOW), role, **values)

    def test_it_tells_one_row_again_and_again(self, records):
        teller = self.reporter(records)
        teller.tell()
        teller.tell()
        (said,) = records.process_reports()
        assert (said.name, said.role, said.pid) == (teller.name, "jobs", os.getpid())
        assert said.at == NOW

    def test_two_processes_of_one_number_are_two(self, records):
        assert self.reporter(records).name != self.reporter(records).name

    def test_it_removes_who_is_gone(self, records):
        records.report_process(report("far", host="there", at=NOW - 3600 * SECOND))
        records.report_process(report("near", host="there"))
        teller = self.reporter(records)
        teller.tell()
        assert [one.name for one in records.process_reports()] == sorted([teller.name, "near"])

    def test_one_that_ends_in_order_takes_its_word_back(self, records):
        teller = self.reporter(records)
        teller.tell()
        teller.stop()
        assert records.process_reports() == []

    def test_one_that_has_to_leave_tells_why_at_the_end(self, records):
        teller, meters = self.reporter(records), Meters()
        teller._meters = meters
        teller.tell()
        meters.stuck("chore")
        teller.stop(in_order=False)
        (said,) = records.process_reports()
        samples = said.families["normalcy_jobs_stuck"]["samples"]
        assert samples == [["normalcy_jobs_stuck_total", {"kind": "chore"}, 1.0]]

    def test_it_does_not_read_what_all_others_count(self, records):
        asked = []
        process_reports = records.process_reports
        records.process_reports = lambda **how: asked.append(how) or process_reports(**how)
        teller = self.reporter(records)
        teller.tell()
        teller.stop()
        assert asked == [{"counts": False}] * 2

    def test_with_it_its_workers_that_ended_are_no_longer_told_of(self, records):
        ended = subprocess.Popen([sys.executable, "-c", ""])
        ended.wait()
        host = self.reporter(records).current().host
        records.report_process(report("train", role="train", host=host, pid=ended.pid))
        records.report_process(report("web", role="web", host=host, pid=os.getppid()))
        records.report_process(report("far", host="there", pid=ended.pid))
        self.reporter(records).stop()
        assert [one.name for one in records.process_reports()] == ["far", "web"]

    def test_it_tells_by_itself_and_outlives_records_that_are_away(self, records):
        """Told at once, failed, told again: nobody asked it to."""
        told: list[bool] = []
        report_process = records.report_process

        def tell(said: ProcessReport) -> None:
            told.append(True)
            if len(told) == 2:
                raise StoreUnavailable("The record store is away.")
            report_process(said)
            if len(told) == 3:
                teller._ended.set()

        records.report_process = tell
        teller = self.reporter(records, every_s=0.001)
        teller.start()
        teller._thread.join(20)
        assert len(told) == 3
        assert len(records.process_reports()) == 1
