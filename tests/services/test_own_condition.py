"""Whether normalcy's own house is in order: one line each, ok or what to do."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from backend.exceptions import StoreUnavailable
from backend.ports import Finding
from backend.records import ProcessReport
from backend.services import own_condition
from backend.services.meters import Meters
from backend.services.own_condition import (
    House,
    OwnCondition,
    disk_lines,
    key_lines,
    memory_line,
    process_lines,
    times_line,
)
from backend.services.process_reports import PROGRAM, plain
from tests.fakes.clock import StillClock
from tests.fakes.records import MemoryRecordStore

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
NOW = 1_800_000_000 * SECOND


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def records() -> MemoryRecordStore:
    return MemoryRecordStore()


@pytest.fixture
def condition(records: MemoryRecordStore, tmp_path: Path) -> OwnCondition:
    return OwnCondition(records, House({"home": tmp_path}, []), StillClock(NOW))


def line(condition: OwnCondition, what: str) -> Finding:
    (found,) = [one for one in condition.lines() if one.what == what]
    return found


def report(**values: Any) -> ProcessReport:
    made = ProcessReport("jobs:here:1:a", "jobs", "here", 1, PROGRAM, NOW - 90 * MINUTE, NOW)
    return replace(made, **values)


class TestDisk:
    def test_room_enough(self, tmp_path: Path):
        (found,) = disk_lines({"home": tmp_path})
        assert found.what == "disk of home"
        assert str(tmp_path) in found.detail

    def test_a_folder_that_is_yet_to_be_made_lies_on_the_disk_of_the_one_above(self, tmp_path):
        (found,) = disk_lines({"store": tmp_path / "not" / "yet"})
        assert found.detail.endswith(f"at {tmp_path}") or not found.ok

    @pytest.mark.parametrize(
        ("usage", "well"),
        [
            (Usage(10**12, 0, 10**11), True),
            (Usage(10**12, 0, 2 * 10**10), False),  # 2 %
            (Usage(10**9, 0, 4 * 10**8), False),  # 400 MB
            (Usage(0, 0, 0), False),
        ],
    )
    def test_too_little_is_told(self, monkeypatch, tmp_path, usage, well):
        monkeypatch.setattr(own_condition.shutil, "disk_usage", lambda folder: usage)
        (found,) = disk_lines({"home": tmp_path})
        assert found.ok is well
        assert well or "make room" in found.detail

    def test_a_disk_that_cannot_be_asked(self, monkeypatch, tmp_path):
        def fail(folder: Path) -> Usage:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(own_condition.shutil, "disk_usage", fail)
        (found,) = disk_lines({"home": tmp_path})
        assert not found.ok
        assert "Input/output error" in found.detail

    def test_a_folder_that_cannot_even_be_looked_for(self, tmp_path):
        (found,) = disk_lines({"home": tmp_path / ("x" * 300)})
        assert not found.ok
        assert found.detail.endswith(": File name too long")


@pytest.mark.parametrize(("available", "well"), [(10**9, True), (10**8, False)])
def test_memory(available: int, well: bool):
    assert memory_line(available).ok is well


class TestKeys:
    def test_none_is_there_yet(self, tmp_path):
        (found,) = key_lines([tmp_path / "links.key"])
        assert found == Finding("keys", True, "there are none yet")

    @pytest.mark.parametrize(("mode", "well"), [(0o600, True), (0o640, False), (0o604, False)])
    def test_only_the_owner_may_read_one(self, tmp_path, mode, well):
        key = tmp_path / "links.key"
        key.write_text("k")
        key.chmod(mode)
        (found,) = key_lines([key, tmp_path / "session.key"])
        assert found.ok is well
        assert well or found.detail.endswith(f": chmod 600 {key}")

    def test_one_that_cannot_even_be_looked_at(self, tmp_path):
        (found,) = key_lines([tmp_path / ("x" * 300)])
        assert not found.ok
        assert found.detail.endswith(": File name too long")


class TestProcesses:
    def test_one_that_lives(self):
        families = plain(Meters().registry)
        (found,) = process_lines([report(families=families)], NOW)
        assert found.ok
        assert found.what == "process jobs on here"
        assert found.detail.startswith("up for 1 h, ")
        assert re.search(r"\d (MiB|GiB) of memory", found.detail)

    def test_one_that_fell_silent(self):
        (found,) = process_lines([report(at=NOW - 5 * MINUTE)], NOW)
        assert not found.ok
        assert "5 min ago and no more" in found.detail

    def test_one_whose_clock_is_ahead(self):
        (found,) = process_lines([report(at=NOW + 10 * MINUTE)], NOW)
        assert not found.ok
        assert "10 min ahead" in found.detail

    def test_one_that_runs_another_program(self):
        (found,) = process_lines([report(program="0.0.9")], NOW)
        assert not found.ok
        assert f"it runs normalcy 0.0.9, this is {PROGRAM}: start it again" in found.detail


class TestTimetable:
    def test_nothing_was_missed(self):
        assert times_line([report(families=plain(Meters().registry))]).detail == (
            "no scheduled time was missed"
        )

    def test_what_several_processes_missed_is_added_up(self):
        meters = Meters()
        meters.misfired("score", 2)
        meters.misfired("retrain")
        families = plain(meters.registry)
        found = times_line([report(families=families), report(families=families)])
        assert found.ok
        assert found.detail.endswith("since the jobs began: retrain: 2, score: 4")


class TestWork:
    def test_a_queue_that_stands_still(self, condition, records):
        records.add_request("backfill", "pump", {}, by="anna", at=NOW - 16 * MINUTE)
        found = line(condition, "queue")
        assert not found.ok
        assert "has waited for 16 min and nothing goes on" in found.detail

    def test_one_that_waits_behind_something_does_not(self, condition, records):
        records.add_request("backfill", "pump", {}, by="anna", at=NOW - 16 * MINUTE)
        records.start_run("retrain", "pump", worker="here:1:a", at=NOW - MINUTE)
        assert line(condition, "queue").ok

    def test_one_that_has_just_come_does_not(self, condition, records):
        records.add_request("backfill", "pump", {}, by="anna", at=NOW - 14 * MINUTE)
        assert line(condition, "queue") == Finding(
            "queue", True, "requests that wait: 1, worked on: 0"
        )

    def test_a_run_that_fell_silent(self, condition, records):
        run = records.start_run("retrain", "pump", worker="here:1:a", at=NOW - 121 * MINUTE)
        found = line(condition, "runs")
        assert not found.ok
        assert f"normalcy runs show {run.id}" in found.detail

    def test_one_that_told_something_lately_did_not(self, condition, records):
        run = records.start_run("retrain", "pump", worker="here:1:a", at=NOW - 121 * MINUTE)
        records.tell_run(run.id, share=0.5, words="epoch 3", at=NOW - MINUTE)
        assert line(condition, "runs").ok


def test_records_that_are_away_are_one_line(condition, records):
    def away() -> None:
        raise StoreUnavailable("The record store is away.")

    records.process_reports = away
    assert line(condition, "processes") == Finding("processes", False, "The record store is away.")
    assert line(condition, "disk of home")
