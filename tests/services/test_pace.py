"""A fleet that is too large for its interval is told once, and that it no longer is, too."""

import logging

import pytest

from backend.records import Run, State
from backend.services.pace import Pace, Tick, lag_s, too_large
from backend.specs import DetectorSpec
from tests.fakes.records import MemoryRecordStore

SECOND = 10**9
NOON = 1_700_000_000 * SECOND


def spec(**changes: object) -> DetectorSpec:
    return DetectorSpec.model_validate(
        {
            "name": "fleet",
            "measurement": "air",
            "channels": ["x"],
            "every": "1m",
            "schedule": {"score": "1m"},
            **changes,
        }
    )


class Day:
    """Ticks one after the other; each begins a minute, or as much longer as the last one took."""

    def __init__(self) -> None:
        self.records, self.pace = MemoryRecordStore(), Pace()
        self.now = NOON

    def tick(self, seconds: float, *, overran: bool = False, missed_s: float = 0) -> str:
        """One tick; what is told of the fleet then."""
        self.now += round(max(60, seconds) * SECOND)
        if overran:
            self.pace.overran("fleet")
        end = self.now + round(seconds * SECOND)
        stop = self.now - self.now % (60 * SECOND) + round(missed_s * SECOND)
        tick = Tick(self.now, end, stop, 900)
        self.pace.note(self.records, spec(), tick, "here:1")
        return too_large(self.records.runs("fleet"))

    def runs(self) -> list[Run]:
        return self.records.runs("fleet")


def test_three_ticks_that_take_most_of_the_interval_are_too_many():
    day = Day()
    said = [day.tick(50) for _ in range(5)]
    assert [bool(words) for words in said] == [False, False, False, True, True]
    assert said[-1].startswith("A tick of 900 series took 50.0 s, and one is due every 1m: ")
    assert "normalcy capacity" in said[-1]


def test_one_long_tick_among_others_is_none():
    day = Day()
    assert not any(day.tick(seconds) for seconds in (1, 50, 50, 1, 50, 50, 1, 300, 1))


def test_two_ticks_that_were_not_over_when_the_next_was_due_are_too_many():
    day = Day()
    said = [day.tick(90, overran=True) for _ in range(3)]
    assert [bool(words) for words in said] == [False, False, True]


def test_the_first_tick_of_a_process_reads_the_model_and_says_nothing():
    day = Day()
    day.tick(90, overran=True)
    assert not day.tick(90, overran=True)


def test_making_up_for_an_outage_is_no_sign_of_a_large_fleet():
    day = Day()
    day.tick(1)
    day.now += 10 * 3600 * SECOND
    day.tick(400, overran=True, missed_s=9 * 3600)  # up to where it had come before, and beyond
    assert not day.tick(90, overran=True)


def test_it_is_told_no_longer_once_it_keeps_up():
    day = Day()
    for _ in range(5):
        day.tick(50)
    assert day.tick(1) == ""
    (run,) = day.runs()
    assert run.state is State.DONE
    assert run.message == "Scoring keeps up again: a tick took 1.0 s, and one is due every 1m."


def test_it_is_on_record_and_in_the_log_once(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    day = Day()
    for _ in range(20):
        day.tick(50)
    (run,) = day.runs()
    assert (run.kind, run.state) == ("score", State.DONE)
    assert run.details == {"too_large": True, "seconds": 50.0, "interval_s": 60.0, "series": 900}
    assert len(caplog.messages) == 1
    for _ in range(5):
        day.tick(1)
    assert len(caplog.messages) == 2
    for _ in range(5):
        day.tick(70)
    assert len(day.runs()) == 2
    assert len(caplog.messages) == 3


def test_a_process_that_starts_knows_of_it_and_takes_it_back():
    day = Day()
    for _ in range(5):
        day.tick(50)
    day.pace = Pace()
    assert day.tick(1)  # the first one is not looked at
    assert day.tick(1) == ""


def test_other_runs_do_not_hide_it():
    day = Day()
    for _ in range(5):
        day.tick(50)
    failed = day.records.start_run("score", "fleet", worker="here:1", at=day.now)
    day.records.finish_run(failed.id, State.FAILED, at=day.now, message="no", details={})
    assert too_large(day.runs())


@pytest.mark.parametrize(
    ("seconds", "lag"), [(0, 0.0), (59, 0.0), (70, 0.0), (90, 0.0), (91, 1.0), (3690, 3600.0)]
)
def test_lag_counts_from_when_the_next_bucket_was_closed(seconds: int, lag: float):
    # a bucket of a minute that ends at noon + 60 s is closed 30 s later
    assert lag_s(spec(delay="30s"), NOON, NOON + seconds * SECOND) == lag
