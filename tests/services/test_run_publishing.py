"""Runs on record become points, each once, and none is lost while the store is down."""

import pytest

from backend import schema
from backend.exceptions import StoreUnavailable
from backend.ports import Points, Query
from backend.records import State
from backend.services.run_publishing import RunPublishing
from tests.fakes.records import MemoryRecordStore
from tests.fakes.series import MemorySeriesStore

S = 10**9


class Frail(MemorySeriesStore):
    """Counts what is written, and can be down."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.writes = False, 0

    def write(self, measurement, batches):
        if self.down:
            raise StoreUnavailable("down")
        self.writes += 1
        super().write(measurement, batches)


class Bench:
    def __init__(self) -> None:
        self.records, self.results = MemoryRecordStore(), Frail()
        self.publishing = RunPublishing(self.records, self.results)

    def ended(self, state: State, message: str = "", *, at: int = 60, kind: str = "retrain") -> int:
        run = self.records.start_run(kind, "rooms", worker="here:1", at=(at - 3) * S)
        self.records.finish_run(run.id, state, at=at * S, message=message, details={})
        return run.id

    def rows(self) -> list[tuple[str, int, float, float, str]]:
        """Kind, time in seconds, failed, seconds, message."""
        query = Query(schema.RUNS, schema.RUN_FIELDS, 0, 10**18, group_by=("kind",))
        return [row for part in self.results.read(query) for row in _rows(part)]


def _rows(part: Points) -> list[tuple[str, int, float, float, str]]:
    columns = [part.fields[name] for name in schema.RUN_FIELDS]
    return [
        (part.tags["kind"], int(time) // S, *values)
        for time, *values in zip(part.times, *columns, strict=True)
    ]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_every_run_that_ended_is_a_point_at_its_end(bench: Bench) -> None:
    bench.ended(State.DONE, at=60)
    bench.ended(State.FAILED, "no normal rows", at=120)
    bench.ended(State.INTERRUPTED, at=180, kind="backfill")
    bench.records.start_run("retrain", "rooms", worker="here:1", at=200 * S)

    assert bench.publishing.publish() == 3
    assert bench.rows() == [
        ("backfill", 180, 1.0, 3.0, ""),
        ("retrain", 60, 0.0, 3.0, ""),
        ("retrain", 120, 1.0, 3.0, "no normal rows"),
    ]


def test_what_was_written_is_not_written_again(bench: Bench) -> None:
    bench.ended(State.DONE)
    bench.publishing.publish()

    assert bench.publishing.publish() == 0
    assert bench.results.writes == 1


def test_a_failure_that_goes_on_is_told_at_its_newest_end(bench: Bench) -> None:
    run = bench.ended(State.FAILED, "down", at=60)
    bench.publishing.publish()
    bench.records.finish_run(run, State.FAILED, at=120 * S, message="down", details={})

    assert bench.publishing.publish() == 1
    assert [row[1] for row in bench.rows()] == [60, 120]


def test_runs_wait_while_the_store_is_down(bench: Bench) -> None:
    bench.ended(State.FAILED, "no model")
    bench.results.down = True
    with pytest.raises(StoreUnavailable):
        bench.publishing.publish()
    bench.results.down = False

    assert bench.publishing.publish() == 1
    assert len(bench.rows()) == 1


def test_a_restart_changes_nothing(bench: Bench) -> None:
    bench.ended(State.DONE)
    bench.publishing.publish()
    before = bench.rows()

    RunPublishing(bench.records, bench.results).publish()

    assert bench.rows() == before


def test_of_two_runs_that_end_at_once_the_later_one_stays(bench: Bench) -> None:
    bench.ended(State.FAILED, "first")
    bench.ended(State.DONE, "second")

    bench.publishing.publish()

    assert [row[4] for row in bench.rows()] == ["second"]


def test_a_run_for_the_service_as_a_whole_has_no_detector(bench: Bench) -> None:
    run = bench.records.start_run("sync", "", worker="here:1", at=0)
    bench.records.finish_run(run.id, State.DONE, at=S, details={})

    bench.publishing.publish()

    assert bench.results.tag_values(schema.RUNS, schema.DETECTOR_TAG) == []
    assert [row[0] for row in bench.rows()] == ["sync"]
