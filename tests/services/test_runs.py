import pytest

from backend.exceptions import StoreUnavailable
from backend.records import State
from backend.services.runs import failures_recorded, recorded
from tests.fakes.clock import StillClock
from tests.fakes.records import MemoryRecordStore

MINUTE = 60 * 10**9


class Bench:
    def __init__(self) -> None:
        self.records, self.clock = MemoryRecordStore(), StillClock(0)

    def tick(self, words: str = "", detector: str = "rooms") -> None:
        """One minute later, a tick that fails with these words, or does not."""
        self.clock.time += MINUTE
        try:
            with failures_recorded(self.records, self.clock, "score", detector):
                if words:
                    raise StoreUnavailable(words)
        except StoreUnavailable:
            return

    def runs(self, detector: str = "rooms") -> list[tuple[str, int, int]]:
        """Message, beginning and end in minutes, oldest first."""
        found = self.records.runs(detector)[::-1]
        assert all(run.state is State.FAILED for run in found)
        return [(r.message, r.started_at // MINUTE, (r.finished_at or 0) // MINUTE) for r in found]


def test_ticks_that_succeed_leave_no_run():
    bench = Bench()
    for _ in range(3):
        bench.tick()
    assert bench.runs() == []


def test_a_failure_that_goes_on_is_one_run():
    bench = Bench()
    for _ in range(90):
        bench.tick("down")
    assert bench.runs() == [("down", 1, 90)]


def test_another_failure_another_detector_and_a_later_one_are_runs_of_their_own():
    bench = Bench()
    bench.tick("down")
    bench.tick("refused")
    bench.tick("refused", "halls")
    bench.clock.time += 60 * MINUTE
    bench.tick("refused")
    assert bench.runs() == [("down", 1, 1), ("refused", 2, 2), ("refused", 64, 64)]
    assert bench.runs("halls") == [("refused", 3, 3)]


def test_what_a_run_learned_before_it_failed_stays_on_record():
    bench = Bench()

    def fail() -> None:
        with recorded(bench.records, bench.clock, "retrain", "rooms") as going:
            going.details["basis"] = "x"
            raise KeyError("y")

    with pytest.raises(KeyError):
        fail()
    (run,) = bench.records.runs()
    assert (run.state, run.message) == (State.FAILED, "unexpected KeyError: 'y'")
    assert run.details == {"basis": "x"}
