"""How far a run is: told now and then, heard when it is cancelled, and how long it will go on."""

from dataclasses import replace
from itertools import pairwise

import pytest

from backend.exceptions import Cancelled, StoreUnavailable
from backend.records import Run, State
from backend.services.progress import Pacing, Telling, seconds_left
from tests.fakes.clock import StillClock
from tests.fakes.records import MemoryRecordStore

SECOND = 1_000_000_000


class Bench:
    """A run, a clock of its own, and how often the records were told."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.records = MemoryRecordStore()
        self.run = self.records.start_run("retrain", "rooms", worker="w", at=0)
        pacing = Pacing(monotonic=lambda: self.seconds)
        self.tell = Telling(self.records, StillClock(7), self.run, pacing)

    def now(self) -> Run:
        return self.records.run(self.run.id)

    def log(self) -> list[str]:
        return [line.words for line in self.records.run_log(self.run.id)]


def test_the_first_word_of_a_stage_is_told_at_once_its_steps_a_second_apart():
    bench = Bench()
    bench.tell(0.0, "reading")
    for epoch in range(1, 31):
        bench.seconds += 0.1
        bench.tell(epoch / 100, f"epoch {epoch} of 100")
    bench.tell(0.9, "storing the version")
    told = bench.log()
    assert told[:2] == ["reading", "epoch 1 of 100"]
    assert told[-1] == "storing the version"
    assert len(told) == 5
    assert (bench.now().progress, bench.now().told_at) == (0.9, 7)


def test_a_share_never_goes_back_nor_beyond_the_whole():
    bench = Bench()
    for share, words in ((0.4, "a"), (0.1, "b"), (3.0, "c")):
        bench.tell(share, words)
        assert bench.now().progress == min(max(share, 0.4), 1.0)


def test_once_cancelled_every_step_hears_it():
    bench = Bench()
    bench.tell(0.1, "fitting")
    bench.records.cancel_run(bench.run.id, by="ada")
    bench.tell(0.2, "fitting")
    bench.seconds += 1
    for _ in range(2):
        with pytest.raises(Cancelled, match="was cancelled by ada") as caught:
            bench.tell(0.3, "fitting")
        assert caught.value.by == "ada"
        assert not caught.value.retry


def test_work_goes_on_untold_while_the_records_are_away(monkeypatch: pytest.MonkeyPatch):
    bench, asked = Bench(), []

    def away(run: int, **told: object) -> Run:
        asked.append(told)
        raise StoreUnavailable("The records are away.")

    with monkeypatch.context() as patch:
        patch.setattr(bench.records, "tell_run", away)
        for number, words in enumerate(["reading", "fitting", "storing"]):
            bench.seconds += 5
            bench.tell(number / 10, words)
    assert len(asked) == 1
    bench.seconds += 30
    bench.tell(0.5, "storing")
    assert (bench.now().progress, bench.log()) == (0.5, ["storing"])


def going(progress: float, told_at_s: float) -> Run:
    told_at = round(told_at_s * SECOND)
    return replace(
        Run(1, "retrain", "rooms", State.RUNNING, 0, "w"), progress=progress, told_at=told_at
    )


def test_the_time_left_follows_from_the_share_that_is_done():
    assert seconds_left(going(0.25, 60), 60 * SECOND) == pytest.approx(180)
    assert seconds_left(going(0.9, 90), 90 * SECOND) == pytest.approx(10)


@pytest.mark.parametrize(
    "run",
    [going(0.049, 60), going(1.0, 60), replace(going(0.5, 60), told_at=None)],
    ids=["too early", "all done", "never told"],
)
def test_nothing_is_said_of_it_where_nothing_is_known(run: Run):
    assert seconds_left(run, 61 * SECOND) is None


def test_while_nothing_is_heard_it_melts_but_never_ends():
    left = [seconds_left(going(0.5, 100), (100 + silent) * SECOND) for silent in range(0, 600, 10)]
    assert all(later < sooner for sooner, later in pairwise(left))
    assert left[1] == pytest.approx(90, abs=1)
    assert left[-1] > 0


def test_a_clock_that_went_back_does_not_lengthen_it():
    assert seconds_left(going(0.5, 100), 0) == pytest.approx(100)
    assert seconds_left(going(0.5, 0), 0) == 0.0
