"""What is old goes, and nothing that anybody still needs."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backend.exceptions import Conflict
from backend.ports import Query
from backend.records import Promotion, State, Verdict, Version
from backend.schema import SCORES
from backend.services.comparison_request import BY_TRAINING, COMPARE, Pair
from backend.services.pruning import PRUNE, Pruning
from backend.services.retention import Keep
from backend.stores.artifacts import FileArtifactStore
from backend.stores.embedded import EmbeddedSeriesStore
from backend.stores.records import SqlRecordStore
from tests.services.plant import Plant, at

DAY = 86_400_000_000_000
NOW = at(5000)


class Yard:
    """Records and model files on the disk, and a detector that knows how far back it scores."""

    def __init__(self, directory: Path) -> None:
        self.plant = Plant()
        self.plant.clock.time = NOW
        self.records = SqlRecordStore(f"sqlite:///{directory}/records.sqlite3")
        self.artifacts = FileArtifactStore(directory / "artifacts")
        self.directory = directory / "artifacts"
        self.series = EmbeddedSeriesStore(directory / "results")

    def version(
        self, number: int, verdict: Verdict = Verdict.RETIRED, detector: str = "rooms"
    ) -> None:
        name = f"{detector}/{number}"
        self.artifact(name, 30)
        self.records.add_version(
            Version(detector, number, NOW, name, {}, "l", "d", False, verdict, {})
        )

    def artifact(self, name: str, days: float) -> None:
        """Model files that were saved so many days ago."""
        self.artifacts.save(name, {"weights.npz": b"x"})
        saved = NOW - round(days * DAY)
        os.utime(self.directory / name / "manifest.json", ns=(saved, saved))

    def promote(self, number: int, days: float, detector: str = "rooms") -> None:
        begun = NOW - round(days * DAY)
        self.records.promote(Promotion(detector, number, begun, begun, "ada"))

    def pruning(self, **keep: Any) -> Pruning:
        records, artifacts = self.records, self.artifacts
        kept = Keep(**{"versions": 2, **keep})
        return Pruning(
            records, artifacts, self.plant.detectors, self.series, self.plant.clock, kept
        )

    def left(self, detector: str = "rooms") -> list[int]:
        numbers = [version.number for version in self.records.versions(detector)]
        there = [f"{detector}/{number}" for number in numbers]
        assert set(there) <= set(self.artifacts.names())
        return sorted(numbers)


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    yard = Yard(tmp_path)
    yield yard
    yard.records.close()
    yard.series.close()


def test_only_the_newest_versions_stay(yard: Yard) -> None:
    for number in range(1, 8):
        yard.version(number)
        yard.promote(number, 300 - 10 * number)

    plan = yard.pruning().plan()
    assert yard.left() == [1, 2, 3, 4, 5, 6, 7]
    done = yard.pruning().run()

    assert plan.versions == done.versions == tuple(f"rooms/{n}" for n in range(1, 6))
    assert yard.left() == [6, 7]
    assert yard.artifacts.names() == ["rooms/6", "rooms/7"]
    assert yard.pruning().plan().is_nothing
    assert {one.name: one.at for one in yard.records.upkeep()} == {PRUNE: NOW}


def test_what_serves_or_would_come_back_stays_however_old(yard: Yard) -> None:
    for number in range(1, 9):
        yard.version(number, Verdict.REJECTED)
    yard.promote(1, 300)
    yard.promote(2, 200)

    yard.pruning().run()

    assert yard.left() == [1, 2, 7, 8]
    assert yard.records.version("rooms", 2).verdict is Verdict.CHAMPION


def test_the_challenger_that_waits_stays(yard: Yard) -> None:
    yard.version(1)
    yard.promote(1, 300)
    for number in (2, 3):
        yard.version(number, Verdict.CHALLENGER)
    for number in (4, 5, 6):
        yard.version(number, Verdict.REJECTED)

    yard.pruning().run()

    assert yard.left() == [1, 3, 5, 6]


def test_what_served_within_the_time_that_is_scored_again_stays(yard: Yard) -> None:
    """Catch-up is a week by itself: four versions in as many days may all be asked for."""
    for number in range(1, 7):
        yard.version(number)
    for number, days in ((1, 100), (2, 60), (3, 0.4), (4, 0.3), (5, 0.2), (6, 0.1)):
        yard.promote(number, days)

    yard.pruning().run()

    # 2 was in force when that time began
    assert yard.left() == [2, 3, 4, 5, 6]


def test_versions_that_people_compared_stay(yard: Yard) -> None:
    for number in range(1, 9):
        yard.version(number, Verdict.REJECTED)
    for by, pair, ended in (
        ("ada", Pair("rooms", 1, 2), True),
        (BY_TRAINING, Pair("rooms", 3, 2), True),
        (BY_TRAINING, Pair("rooms", 4, None), False),
    ):
        request = yard.records.add_request(COMPARE, "rooms", pair.payload, by=by, at=NOW)
        if ended:
            yard.records.cancel_request(request.id, by=by, at=NOW)
    yard.records.add_request(COMPARE, "rooms", {"odd": 1}, by="an older normalcy", at=NOW)
    yard.records.add_request("threshold", "rooms", {"version": 5}, by="ada", at=NOW)

    yard.pruning().run()

    assert yard.left() == [1, 2, 4, 5, 7, 8]


def test_detectors_that_are_no_more_are_cleared_up_too(yard: Yard) -> None:
    for number in range(1, 6):
        yard.version(number, detector="gone")
        yard.promote(number, 100 - number, detector="gone")

    yard.pruning().run()

    assert yard.left("gone") == [4, 5]


def test_a_version_that_is_promoted_meanwhile_stays(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 5):
        yard.version(number)

    def promoted(detector: str, number: int) -> bool:
        raise Conflict("It serves.")

    monkeypatch.setattr(yard.records, "remove_version", promoted)
    assert yard.pruning().run().versions == ()
    assert yard.left() == [1, 2, 3, 4]


def test_leftovers_of_crashes_go_a_day_later_and_pieces_after_a_week(yard: Yard) -> None:
    yard.version(1)
    yard.promote(1, 10)
    for name, days in (
        ("rooms/9", 1.1),
        ("rooms/10", 0.9),
        ("rooms/piece-a", 6.0),
        ("rooms/piece-b", 8.0),
    ):
        yard.artifact(name, days)

    plan, done = yard.pruning().plan(), yard.pruning().run()

    assert plan.artifacts == done.artifacts == ("rooms/9", "rooms/piece-b")
    assert yard.artifacts.names() == ["rooms/1", "rooms/10", "rooms/piece-a"]


def test_a_clock_that_leaps_ahead_for_an_hour_takes_nothing_away(yard: Yard) -> None:
    def ended(days: float) -> None:
        time = NOW - round(days * DAY)
        run = yard.records.start_run("score", "rooms", worker="me", at=time)
        yard.records.finish_run(run.id, State.DONE, at=time, message="", details={})

    for days in (91, 1):
        ended(days)
    first = yard.pruning().daily()
    yard.plant.clock.time = NOW + 400 * DAY
    leapt = yard.pruning().daily()
    yard.plant.clock.time = NOW + DAY // 24
    back = yard.pruning().daily()

    assert first is not None
    assert back is not None
    assert (first.runs, leapt, back.runs) == (1, None, 0)
    assert len(yard.records.runs()) == 1


def test_what_was_put_off_is_done_the_next_time_whenever_that_is(yard: Yard) -> None:
    """As on a machine that runs for some hours a week."""
    yard.pruning().daily()
    for week, is_put_off in ((1, True), (2, False), (3, True)):
        yard.plant.clock.time = NOW + 7 * week * DAY
        assert (yard.pruning().daily() is None) is is_put_off


def test_files_stay_where_no_version_is_on_record(yard: Yard) -> None:
    """As where the records were moved away to be mended, or another address is set."""
    yard.artifact("rooms/1", 300)
    yard.artifact("rooms/piece-b", 8)

    plan, done = yard.pruning().plan(), yard.pruning().run()

    assert plan.artifacts == done.artifacts == ("rooms/piece-b",)
    assert yard.artifacts.names() == ["rooms/1"]
    assert "no version is on record: they stay" in plan.note
    assert plan.note == done.note


def test_runs_and_requests_go_after_their_time(yard: Yard) -> None:
    old, young = NOW - 91 * DAY, NOW - 89 * DAY
    for at_ in (old, young):
        run = yard.records.start_run("score", "rooms", worker="me", at=at_)
        yard.records.finish_run(run.id, State.DONE, at=at_, message="", details={})
    open_ = yard.records.start_run("retrain", "rooms", worker="me", at=old)

    plan, done = yard.pruning().plan(), yard.pruning().run()

    assert plan.runs == done.runs == 1
    assert [run.id for run in yard.records.runs()] == [open_.id, 2]


class TestResults:
    def scored(self, yard: Yard) -> Plant:
        plant = Plant(results=yard.series).ready()
        plant.measure(700, 1400)
        plant.now(1400)
        plant.scoring.backfill("rooms", at(100), at(1400))
        return plant

    def times(self, yard: Yard) -> list[int]:
        query = Query(SCORES, ("score",), 0, at(5000), {"detector": "rooms"}, ("room",))
        return [int(time) for part in yard.series.read(query) for time in part.times]

    def test_old_rows_go_where_that_is_said(self, yard: Yard) -> None:
        self.scored(yard)
        yard.plant.clock.time = at(1400)
        before = self.times(yard)
        keep = timedelta(days=7)

        assert yard.pruning().plan().results == ()
        plan = yard.pruning(results=keep).plan()
        assert SCORES in dict(plan.results)
        assert self.times(yard) == before
        done = yard.pruning(results=keep).run()

        assert done.results == plan.results
        kept = [time for time in before if time >= at(1400) - 7 * DAY]
        assert self.times(yard) == kept
        assert 0 < len(kept) < len(before)
        assert yard.pruning(results=keep).plan().results == ()

    def test_a_long_time_goes_in_pieces(self, yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
        """Scoring waits while rows are deleted."""
        self.scored(yard)
        yard.plant.clock.time = at(1400) + 40 * DAY
        lengths: list[int] = []
        delete = yard.series.delete

        def deleted(measurement: str, where: Any, start: int, stop: int) -> None:
            lengths.append(stop - start)
            delete(measurement, where, start, stop)

        monkeypatch.setattr(yard.series, "delete", deleted)
        yard.pruning(results=timedelta(days=7)).run()

        assert self.times(yard) == []
        assert max(lengths) <= 7 * DAY
        assert len(lengths) > len(set(yard.series.measurements()))

    def test_another_store_is_left_to_its_own_means(self, yard: Yard) -> None:
        keep = Keep(results=timedelta(days=400))
        pruning = Pruning(
            yard.records, yard.artifacts, yard.plant.detectors, None, yard.plant.clock, keep
        )

        done = pruning.run()

        assert "a retention policy, or their bucket a retention, of 400d" in done.note
        assert done.results == ()
        assert replace(done, note="").is_nothing
