"""Ticks that take longer than their interval: never two at once, and nothing is left out."""

import threading
from queue import SimpleQueue
from typing import Any

import numpy as np
from apscheduler.events import EVENT_JOB_MAX_INSTANCES

from backend.exceptions import StoreUnavailable
from backend.services.pace import Tick, too_large
from jobs.scheduler import Timetable
from jobs.scoring import score
from tests.jobs.workplaces import Bench, detector, promoted
from tests.services.plant import NORMAL, STEP, Plant, at

WAIT_S = 60.0
FIRST = NORMAL + 1


class Plodding:
    """Stands for a worker that scores a plant, and is held up in its first tick."""

    def __init__(self) -> None:
        self.plant = Plant().ready()
        self.begun: SimpleQueue[int] = SimpleQueue()
        self.ended: SimpleQueue[int] = SimpleQueue()
        self.go_on = threading.Event()
        self.at_once: list[int] = []
        self._running = 0
        self._points = iter((FIRST, FIRST + 8, FIRST + 9))

    def __call__(self, task: str, arguments: dict[str, Any]) -> dict[str, Any]:
        point = next(self._points, None)
        if point is None:
            return {}
        self._running += 1
        self.at_once.append(self._running)
        self.begun.put(point)
        if point == FIRST:
            self.go_on.wait(WAIT_S)
        self.plant.now(point)
        report = self.plant.scoring.tick("rooms")
        self._running -= 1
        self.ended.put(point)
        return report.plain()


def test_a_tick_that_overlaps_is_left_to_the_next_which_scores_all_of_it(here: Bench) -> None:
    worker, left_out = Plodding(), threading.Event()
    here.tasks.answer = worker
    here.specs["rooms"] = detector("rooms", score="1s")
    promoted(here.records, "rooms")
    timetable = Timetable(here.work)
    # after the timetable's own listener
    timetable._scheduler.add_listener(
        lambda event: left_out.set() if event.job_id == "score:rooms" else None,
        EVENT_JOB_MAX_INSTANCES,
    )
    timetable.start()
    try:
        assert worker.begun.get(timeout=WAIT_S) == FIRST
        assert left_out.wait(WAIT_S)
        assert worker.begun.empty()
        worker.go_on.set()
        ended = [worker.ended.get(timeout=WAIT_S) for _ in range(3)]
    finally:
        worker.go_on.set()
        timetable.stop(WAIT_S)

    assert ended == [FIRST, FIRST + 8, FIRST + 9]
    assert worker.at_once == [1, 1, 1]
    times = worker.plant.scores()["a"].times
    assert times[-1] == at(FIRST + 8)
    assert (np.diff(times) == STEP).all()


def test_a_time_left_out_because_the_tick_before_still_runs_is_noted(here: Bench) -> None:
    inside, go_on, noted = threading.Event(), threading.Event(), threading.Event()

    def answer(task: str, arguments: dict[str, Any]) -> dict[str, Any]:
        inside.set()
        go_on.wait(WAIT_S)
        return {}

    here.tasks.answer = answer
    here.specs["a"] = detector("a", score="1s")
    promoted(here.records, "a")
    here.work.pace.overran = lambda name: noted.set()  # type: ignore[method-assign]
    timetable = Timetable(here.work)
    timetable.start()
    try:
        assert inside.wait(WAIT_S)
        assert noted.wait(WAIT_S)
    finally:
        go_on.set()
        timetable.stop(WAIT_S)


def test_ticks_that_take_as_long_as_their_interval_are_put_on_record(here: Bench) -> None:
    spec = detector("a", score="1m")
    promoted(here.records, "a")

    def answer(task: str, arguments: dict[str, Any]) -> dict[str, Any]:
        here.clock.advance(59)
        return {"stop": here.clock.now(), "series": 5000}

    here.tasks.answer = answer
    for _ in range(4):
        here.clock.advance(1)
        score(here.work, spec)

    words = too_large(here.records.runs("a"))
    assert words.startswith("A tick of 5000 series took 59.0 s, and one is due every 1m: ")


def test_a_tick_that_fails_says_nothing_of_the_size(here: Bench) -> None:
    noted: list[Tick] = []
    here.work.pace.note = lambda *given: noted.append(given)  # type: ignore[method-assign]
    promoted(here.records, "a")

    def answer(task: str, arguments: dict[str, Any]) -> dict[str, Any]:
        raise StoreUnavailable("down")

    here.tasks.answer = answer
    score(here.work, detector("a"))

    assert noted == []
