from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.exceptions import StoreUnavailable
from backend.ports import Finding, Points
from backend.records import Promotion, SetAside, Verdict, Version
from backend.services.checking import Checking, CheckLine
from backend.services.detectors import Detectors
from backend.services.queries import Queries
from backend.services.stores import Stores
from backend.specs import DetectorSpec
from backend.stores.examining import attempted
from tests.fakes.artifacts import MemoryArtifactStore
from tests.fakes.clock import StillClock
from tests.fakes.records import MemoryRecordStore
from tests.fakes.series import MemorySeriesStore

MINUTE = 60_000_000_000
NOW = 1_800_000_000 * 1_000_000_000
SPEC: dict[str, Any] = {
    "name": "gas-room",
    "measurement": "air",
    "channels": ["temp", "NH3"],
    "group_by": ["room"],
    "every": "10m",
}

SPECIFIED = DetectorSpec.model_validate(SPEC)


class Down:
    """A store that does not answer."""

    def ping(self) -> str:
        raise StoreUnavailable("The store does not answer: start it.")

    def examine(self, at: int, *, writing: bool, scratch: bool) -> list[Finding]:
        return attempted([("answers", self.ping)])


class Bench:
    """Everything well, until a test says otherwise."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.source: Any = MemorySeriesStore()
        self.results: Any = MemorySeriesStore()
        self.records: Any = MemoryRecordStore()
        self.artifacts = MemoryArtifactStore()

    def measured(self, time: int, fields: Sequence[str] = ("temp", "NH3"), **tags: str) -> None:
        values: Mapping[str, Any] = {name: np.array([1.0]) for name in fields}
        self.source.write("air", [Points(tags or {"room": "a"}, np.array([time]), values)])

    def served(self) -> None:
        version = Version(
            "gas-room", 1, NOW, "gas-room/1", {}, "", "", False, Verdict.CHALLENGER, {}
        )
        self.artifacts.save(version.artifact, {})
        self.records.add_version(version)
        self.records.promote(Promotion("gas-room", 1, 0, NOW, "test"))
        self.records.set_watermarks("gas-room", {"room=a": NOW})

    def lines(self, **changes: Any) -> dict[str, CheckLine]:
        spec = DetectorSpec.model_validate({**SPEC, **changes})
        return self.checked([spec])

    def checked(self, specs: list[DetectorSpec]) -> dict[str, CheckLine]:
        return {line.what: line for line in self.checking(specs).lines()}

    def checking(self, specs: list[DetectorSpec]) -> Checking:
        clock = StillClock(NOW)
        detectors = Detectors({spec.name: spec for spec in specs}, self.records, clock)
        return Checking(
            Stores(self.source, self.results, self.records, self.artifacts),
            self.directory,
            detectors,
            Queries(self.records, self.source, self.results, detectors, clock),
            clock,
        )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "artifacts")


def test_where_all_is_well_every_line_says_so(bench: Bench) -> None:
    bench.measured(NOW - 5 * MINUTE)
    bench.served()

    lines = bench.lines()

    assert list(lines) == [
        "source: answers",
        "results: answers",
        "records",
        "model files",
        "jobs",
        "backup",
        "data of gas-room",
        "detector gas-room",
    ]
    assert [line for line in lines.values() if not line.ok] == []
    assert lines["data of gas-room"].detail == "newest point 5 min ago"
    assert list(bench.directory.iterdir()) == []


def test_a_store_that_is_down_does_not_hide_the_others(bench: Bench) -> None:
    bench.source = bench.results = Down()
    bench.served()
    bench.results = MemorySeriesStore()

    lines = bench.lines()

    told = "The store does not answer: start it."
    assert lines["source: answers"] == CheckLine("source: answers", False, told)
    assert lines["results: answers"].ok
    assert "data of gas-room" not in lines
    assert "detector gas-room" in lines


def test_processes_that_run_the_timetable_are_named(bench: Bench) -> None:
    none = bench.lines()["jobs"]
    for worker, length in (("plant-2:8:b", 10**10), ("plant-1:7:a", 10**10), ("plant-3:9:c", 0)):
        bench.records.take_lease(f"process:{worker}", worker, length=length)
    bench.records.take_lease("score:gas-room", "plant-1:7:a", length=10**10)

    assert "start it with normalcy up" in none.detail
    assert bench.lines()["jobs"] == CheckLine("jobs", True, "plant-1:7:a, plant-2:8:b")


def test_without_records_nothing_is_said_of_detectors(bench: Bench) -> None:
    bench.records = Down()

    first = ["source: answers", "results: answers", "records", "model files"]
    assert list(bench.lines()) == first


def test_a_point_is_written_only_on_request_and_only_to_the_results(bench: Bench) -> None:
    bench.measured(NOW)

    assert "results: round trip" not in bench.lines()
    assert bench.results.measurements() == []

    asked = {line.what: line for line in bench.checking([SPECIFIED]).lines(scratch=True)}
    assert asked["results: round trip"].ok
    assert "source: round trip" not in asked
    assert bench.source.measurements() == ["air"]


class WrongClock(MemorySeriesStore):
    """A store on a machine whose clock is wrong, and whose field changed its kind."""

    def examine(self, at: int, *, writing: bool, scratch: bool) -> list[Finding]:
        return [Finding("answers", True, "memory"), Finding("clock", False, "an hour behind")]

    def mixed_fields(self, measurement: str) -> dict[str, tuple[str, ...]]:
        return {"temp": ("float", "string"), "other": ("float", "string")}


def test_a_wrong_clock_is_told_and_the_data_is_looked_at_all_the_same(bench: Bench) -> None:
    bench.source = WrongClock()
    bench.measured(NOW)

    lines = bench.lines()

    assert lines["source: clock"] == CheckLine("source: clock", False, "an hour behind")
    assert "data of gas-room" in lines


def test_a_channel_that_changed_its_kind_is_named(bench: Bench) -> None:
    bench.source = WrongClock()
    bench.measured(NOW)

    line = bench.lines()["data of gas-room"]

    assert not line.ok
    assert "'temp' is stored as float and string" in line.detail


def test_model_files_need_a_directory_to_write_to(bench: Bench) -> None:
    bench.directory.touch()

    line = bench.lines()["model files"]

    assert not line.ok
    assert "cannot be written to" in line.detail


def test_no_detectors_is_told_with_what_to_do(bench: Bench) -> None:
    line = bench.checked([])["detectors"]

    assert not line.ok
    assert "normalcy.yaml" in line.detail


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"measurement": "airs"}, "the store has no measurement 'airs'; did you mean 'air'?"),
        ({"measurement": "water"}, "the store has no measurement 'water'; it has air"),
        ({"channels": ["tmp"]}, "the store has no channel 'tmp'; did you mean 'temp'?"),
        ({"group_by": ["site"]}, "the store has no tag 'site'; it has room"),
        ({"group_by": [], "where": {"rom": "a"}}, "the store has no tag 'rom'; did you mean 'room"),
        ({"where": {"room": "b"}, "group_by": []}, "no point of air in the last 1w: see that its"),
    ],
)
def test_what_the_source_lacks(bench: Bench, changes: dict[str, Any], expected: str) -> None:
    bench.measured(NOW - MINUTE)

    line = bench.lines(**changes)["data of gas-room"]

    assert not line.ok
    assert line.detail.startswith(expected)


def test_a_tag_that_only_older_points_have_is_told(bench: Bench) -> None:
    bench.measured(NOW - 60 * MINUTE, room="a")
    bench.measured(NOW - MINUTE, raum="a", site="1")

    line = bench.lines()["data of gas-room"]

    assert not line.ok
    assert line.detail.startswith("the newest points of 'air' lack the tag 'room': was it renamed?")
    assert line.detail.endswith("its tags are raum, site")


def test_series_without_a_tag_may_stand_beside_those_that_have_it(bench: Bench) -> None:
    bench.measured(NOW - 2 * MINUTE, room="a")
    bench.measured(NOW - MINUTE, site="1")

    assert bench.lines()["data of gas-room"].ok


def test_a_filters_tag_that_only_older_points_have_is_told(bench: Bench) -> None:
    bench.measured(NOW - 24 * 60 * MINUTE, site="1")
    assert bench.lines(where={"site": "1"}, group_by=[])["data of gas-room"].ok
    bench.measured(NOW - MINUTE, place="1")

    line = bench.lines(where={"site": "1"}, group_by=[])["data of gas-room"]

    assert not line.ok
    assert "lack the tag 'site'" in line.detail


def test_a_channel_of_text_is_told(bench: Bench) -> None:
    state = np.array(["on"], dtype=object)
    bench.source.write("air", [Points({"room": "a"}, np.array([NOW]), {"state": state})])

    line = bench.lines(channels=["state"])["data of gas-room"]

    assert line.detail == "the channel 'state' holds text: expected numbers"


def test_old_data_is_told(bench: Bench) -> None:
    bench.measured(NOW - 8 * 24 * 60 * MINUTE)

    line = bench.lines()["data of gas-room"]

    assert not line.ok
    assert line.detail.startswith("no point of air in the last 1w")


@pytest.mark.parametrize(("ahead", "ok"), [(MINUTE, True), (3 * 60 * MINUTE, False)])
def test_points_from_the_future_tell_of_a_wrong_clock(bench: Bench, ahead: int, ok: bool) -> None:
    bench.measured(NOW + ahead)

    line = bench.lines()["data of gas-room"]

    assert line.ok is ok
    assert ok or "3 h in the future: set the clock" in line.detail


def test_a_detector_without_a_model_says_how_to_train(bench: Bench) -> None:
    bench.measured(NOW - MINUTE)

    line = bench.lines()["detector gas-room"]

    assert not line.ok
    assert "train it with: normalcy retrain gas-room" in line.detail


def test_lost_files_of_the_version_that_serves_are_told(bench: Bench) -> None:
    bench.measured(NOW - MINUTE)
    bench.served()
    bench.artifacts = MemoryArtifactStore()

    line = bench.lines()["detector gas-room"]

    assert not line.ok
    assert line.detail == "There is no artifact gas-room/1."


def test_a_series_set_aside_is_told_with_the_reason(bench: Bench) -> None:
    bench.measured(NOW - MINUTE)
    bench.served()
    bench.records.set_aside(SetAside("gas-room", "room=b", "no values", NOW, NOW))

    line = bench.lines()["detector gas-room"]

    assert not line.ok
    assert "room=b is set aside: no values" in line.detail
