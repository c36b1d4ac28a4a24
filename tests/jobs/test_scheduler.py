"""The timetable with APScheduler's real scheduler; what it starts is awaited, never slept for."""

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from apscheduler.events import EVENT_JOB_SUBMITTED, JobSubmissionEvent
from apscheduler.schedulers.base import STATE_PAUSED, STATE_STOPPED
from apscheduler.triggers.interval import IntervalTrigger

from backend.exceptions import StoreUnavailable, WorkerDied
from jobs.aligned import AlignedTrigger
from jobs.chores import Chore
from jobs.entries import (
    HOUSEKEEPING,
    Entry,
    chore_entry,
    detector_entries,
    standing_entries,
)
from jobs.leases import Held
from jobs.patience import Patience
from jobs.places import REQUESTED, SLOTS
from jobs.scheduler import Timetable
from jobs.serving_requests import LIMITS
from jobs.taking_over import take_over
from tests.jobs.workplaces import Bench, bench, detector, promoted

WAIT_S = 60


@pytest.fixture
def timetable(here: Bench) -> Iterator[Timetable]:
    made = Timetable(here.work)
    yield made
    if made._scheduler.running:
        made.stop(0)


def entry(action: Callable[[], object], **changes: Any) -> Entry:
    settings = {
        "id": "test:",
        "action": action,
        "trigger": IntervalTrigger(hours=1, timezone=UTC),
        "pool": HOUSEKEEPING,
        "timeout": timedelta(minutes=1),
        "at_once": True,
    }
    return Entry(**{**settings, **changes})


def scheduled(timetable: Timetable) -> set[str]:
    return {job.id for job in timetable._scheduler.get_jobs()}


# -- what is stated --------------------------------------------------------------------------------


def test_every_job_states_its_four_settings(here: Bench, timetable: Timetable) -> None:
    entries = [
        *standing_entries(here.work, timetable.refresh, timetable.resume, timetable.make_up),
        *detector_entries(here.work, detector(retrain="0 3 * * *")),
    ]
    timetable._scheduler.start(paused=True)
    for line in entries:
        timetable._add(line)

    assert {line.id.partition(":")[0] for line in entries} == {
        "timetable",
        "takeover",
        "missed",
        "requests",
        "score",
        "labels",
        "retrain",
    }
    for line in entries:
        job = timetable._scheduler.get_job(line.id)
        assert line.timeout > timedelta(0)
        assert job.misfire_grace_time is None  # it is done however late
        assert job.coalesce is True
        assert job.max_instances == 1


def test_a_detector_is_scored_at_its_interval_and_within_its_limit(here: Bench) -> None:
    spec = detector(score="5m", score_timeout="2m", retrain_timeout="30m")
    by_id = {line.id: line for line in detector_entries(here.work, spec)}

    assert by_id["score:gas-room"].trigger.interval == timedelta(minutes=5)
    assert by_id["score:gas-room"].timeout == timedelta(minutes=2)
    assert by_id["labels:gas-room"].timeout == timedelta(minutes=30)


def test_training_follows_cron_in_the_detectors_time_zone(here: Bench) -> None:
    spec = detector(retrain="0 3 * * 0", timezone="Europe/Berlin")
    (line,) = [x for x in detector_entries(here.work, spec) if x.id.startswith("retrain:")]

    first = line.trigger.get_next_fire_time(None, datetime(2026, 7, 6, tzinfo=UTC))

    assert first.astimezone(UTC) == datetime(2026, 7, 12, 1, tzinfo=UTC)  # a Sunday


@pytest.mark.parametrize(
    "schedule", [{"retrain": "daily"}, {"timezone": "Nowhere/Else"}, {"timezone": "America"}]
)
def test_a_schedule_that_cannot_be_read_leaves_the_other_jobs(
    here: Bench, caplog: pytest.LogCaptureFixture, schedule: dict[str, str]
) -> None:
    spec = detector(**{"retrain": "0 3 * * *", **schedule})

    lines = detector_entries(here.work, spec)

    assert [line.id for line in lines] == ["score:gas-room", "labels:gas-room"]
    assert "retrain detector=gas-room is not scheduled" in caplog.text


def test_training_and_scoring_have_threads_of_their_own(here: Bench) -> None:
    pools = {line.id: line.pool for line in detector_entries(here.work, detector())}

    assert pools == {"score:gas-room": "score", "labels:gas-room": "train"}
    assert set(pools.values()) <= set(SLOTS)


# -- what joins and leaves -------------------------------------------------------------------------


def test_detectors_join_change_and_leave(here: Bench, timetable: Timetable) -> None:
    timetable._scheduler.start(paused=True)
    here.specs["a"], here.specs["b"] = detector("a"), detector("b", retrain="0 3 * * *")
    timetable.refresh()
    both = scheduled(timetable)

    here.specs["b"] = detector("b", score="5m")
    del here.specs["a"]
    timetable.refresh()

    assert both == {"score:a", "labels:a", "score:b", "labels:b", "retrain:b"}
    assert scheduled(timetable) == {"score:b", "labels:b"}
    job = timetable._scheduler.get_job("score:b")
    assert job.trigger.interval == timedelta(minutes=5)


@pytest.mark.parametrize("name", ["train", "backfill"])
def test_a_detector_named_as_a_place_takes_no_standing_job_with_it(
    here: Bench, timetable: Timetable, name: str
) -> None:
    timetable.start()
    timetable._scheduler.pause()
    here.specs[name] = detector(name)
    timetable.refresh()
    del here.specs[name]
    timetable.refresh()

    assert scheduled(timetable) == {
        "timetable:",
        "takeover:",
        "missed:",
        *(f"requests:{place}" for place in REQUESTED),
    }


def test_a_detector_that_stays_as_it_is_keeps_its_jobs(here: Bench, timetable: Timetable) -> None:
    timetable._scheduler.start(paused=True)
    here.specs["a"] = detector("a", score="1h")
    timetable.refresh()
    job = timetable._scheduler.get_job("score:a")
    job.modify(next_run_time=datetime(2100, 1, 1, tzinfo=UTC))

    timetable.refresh()

    assert timetable._scheduler.get_job("score:a").next_run_time.year == 2100


def test_detectors_stay_when_they_cannot_be_read_for_once(
    here: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    down: list[StoreUnavailable] = []

    def specs() -> list[Any]:
        if down:
            raise down[0]
        return [detector("a")]

    timetable = Timetable(
        type(here.work)(
            here.records, specs, lambda name, now: None, here.work.executor, here.clock, "here:1"
        )
    )
    timetable._scheduler.start(paused=True)
    timetable.refresh()
    down.append(StoreUnavailable("The records are down."))

    timetable._run(entry(timetable.refresh))

    assert scheduled(timetable) == {"score:a", "labels:a"}
    assert "The records are down." in caplog.text
    timetable._scheduler.shutdown()


# -- what runs -------------------------------------------------------------------------------------


def test_a_new_detector_is_scored_at_once(here: Bench, timetable: Timetable) -> None:
    asked: SimpleQueue[str] = SimpleQueue()
    here.tasks.answer = lambda task, arguments: asked.put(task) or {}
    here.specs["a"] = detector("a")
    promoted(here.records, "a")

    timetable.start()

    assert asked.get(timeout=WAIT_S) == "score"


def test_a_long_training_never_holds_up_scoring(here: Bench, timetable: Timetable) -> None:
    trained, scored = threading.Event(), threading.Event()
    endless = threading.Event()

    def answer(task: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if task == "retrain":
            trained.set()
            endless.wait(WAIT_S)
        else:
            scored.set()
        return {}

    here.tasks.answer = answer
    for name in ("a", "b", "c"):
        here.specs[name] = detector(name)
        here.reasons[name] = "there is no model yet"
    timetable.start()
    assert trained.wait(WAIT_S)
    promoted(here.records, "z")
    here.specs["z"] = detector("z")
    timetable.refresh()

    assert scored.wait(WAIT_S)
    endless.set()


def test_missed_times_become_one(timetable: Timetable) -> None:
    ran: SimpleQueue[int] = SimpleQueue()
    times: SimpleQueue[list[datetime]] = SimpleQueue()

    def note(event: JobSubmissionEvent) -> None:
        times.put(event.scheduled_run_times)

    each_hour = IntervalTrigger(hours=1, timezone=UTC)
    line = entry(
        lambda: ran.put(1),
        trigger=each_hour,
        at_once=False,
    )
    timetable._scheduler.add_listener(note, EVENT_JOB_SUBMITTED)
    timetable._add(line)
    timetable._scheduler.start(paused=True)
    asleep = datetime.now(UTC) - timedelta(hours=9, minutes=30)
    timetable._scheduler.modify_job("test:", next_run_time=asleep)

    timetable._scheduler.resume()
    ran.get(timeout=WAIT_S)

    assert len(times.get(timeout=WAIT_S)) == 1
    assert ran.empty()


def test_a_time_however_long_past_is_served(timetable: Timetable) -> None:
    """No grace after which work is left out: that is how others came to skip it in silence."""
    ran: SimpleQueue[int] = SimpleQueue()
    line = entry(lambda: ran.put(1), trigger=IntervalTrigger(days=2, timezone=UTC), at_once=False)
    timetable._add(line)
    timetable._scheduler.start(paused=True)
    long_ago = datetime.now(UTC) - timedelta(days=1)
    timetable._scheduler.modify_job("test:", next_run_time=long_ago)

    timetable._scheduler.resume()

    assert ran.get(timeout=WAIT_S) == 1


def test_a_job_that_fails_is_said_once_and_never_ends_the_rest(
    here: Bench, timetable: Timetable, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise StoreUnavailable("The records are down.")

    for _ in range(5):
        timetable._run(entry(fail))
        here.clock.advance(1)

    assert caplog.messages == ["test:: The records are down."]


def test_a_job_with_a_bug_never_ends_the_rest(
    timetable: Timetable, caplog: pytest.LogCaptureFixture
) -> None:
    times: SimpleQueue[int] = SimpleQueue()

    def trip() -> None:
        times.put(1)
        raise KeyError("a bug")

    each_second = IntervalTrigger(seconds=1, timezone=UTC)
    timetable._add(entry(trip, trigger=each_second))
    with caplog.at_level(logging.ERROR):
        timetable._scheduler.start()
        times.get(timeout=WAIT_S)
        times.get(timeout=WAIT_S)

    assert "KeyError: 'a bug'" in caplog.text


def test_a_detector_that_has_gone_leaves_nothing_behind(here: Bench, timetable: Timetable) -> None:
    timetable._scheduler.start(paused=True)
    here.specs["a"] = detector("a", retrain="0 3 * * *")
    timetable.refresh()
    for line in list(timetable._entries.values()):
        timetable._fired[line.id] = datetime.now(UTC)
        timetable._missed.served(line, 0)
        timetable._missed.begins(line, 0)

    del here.specs["a"]
    timetable.refresh()

    missed = timetable._missed
    assert timetable._entries == timetable._fired == missed._served == missed._in_force == {}


def test_a_look_that_broke_off_half_way_is_made_anew(
    here: Bench, timetable: Timetable, monkeypatch: pytest.MonkeyPatch
) -> None:
    timetable._scheduler.start(paused=True)
    here.specs["a"], here.specs["b"] = detector("a"), detector("b")

    def lines(work: Any, spec: Any) -> list[Entry]:
        if spec.name == "b":
            raise StoreUnavailable("down")
        return detector_entries(work, spec)

    with monkeypatch.context() as patch:
        patch.setattr("jobs.scheduler.detector_entries", lines)
        with pytest.raises(StoreUnavailable):
            timetable.refresh()
    timetable.refresh()

    assert scheduled(timetable) == {"score:a", "labels:a", "score:b", "labels:b"}


# -- how it ends -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("pool", "longest"), [(HOUSEKEEPING, 120), ("score", 720)])
def test_a_job_that_overruns_its_limit_is_told(pool: str, longest: int) -> None:
    """What is done by a worker may have to wait until that one has loaded what it needs."""
    now = [0.0]
    inside, leave = threading.Event(), threading.Event()
    timetable = Timetable(work=None, monotonic=lambda: now[0])  # type: ignore[arg-type]
    work = {"stopping": threading.Event(), "patience": Patience()}
    timetable._work = type("Work", (), work)()
    line = entry(lambda: inside.set() or leave.wait(WAIT_S), pool=pool)
    thread = threading.Thread(target=timetable._run, args=[line])
    thread.start()
    assert inside.wait(WAIT_S)

    seen = []
    for now[0] in (longest - 1, longest + 1):
        seen.append(timetable.overdue())
    leave.set()
    thread.join(WAIT_S)

    assert seen == [[], ["test:"]]
    assert timetable.overdue() == []


def test_stop_lets_running_work_finish(here: Bench, timetable: Timetable) -> None:
    inside, done = threading.Event(), threading.Event()

    def work() -> None:
        inside.set()
        here.work.stopping.wait(WAIT_S)
        done.set()

    timetable._add(entry(work))
    timetable._scheduler.start()
    assert inside.wait(WAIT_S)

    assert timetable.stop(WAIT_S)
    assert done.is_set()


def test_an_end_in_the_middle_of_a_look_is_no_error(timetable: Timetable) -> None:
    scheduler, done = timetable._scheduler, threading.Event()
    scheduler.start(paused=True)
    scheduler.add_job(done.set, executor=HOUSEKEEPING)
    scheduler.state = STATE_STOPPED  # as `stop` does, which waits for nothing here

    assert scheduler._process_jobs() is None
    assert done.wait(WAIT_S)
    scheduler.state = STATE_PAUSED


def test_stop_ends_work_that_takes_too_long(here: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.scheduler._TO_LEAVE_S", WAIT_S)  # a busy disk takes its time
    inside, closed = threading.Event(), threading.Event()

    class Endless:
        def run(self, task: str, arguments: Any, timeout_s: float, wanted: Any) -> dict[str, Any]:
            inside.set()
            closed.wait(WAIT_S)
            raise WorkerDied("The service is stopping.")

        def close(self) -> None:
            closed.set()

    here.specs["a"] = detector("a")
    here.reasons["a"] = "there is no model yet"
    work = here.work
    timetable = Timetable(
        type(work)(work.records, work.detectors, work.due, Endless(), work.clock, "here:1")
    )
    timetable.start()
    assert inside.wait(WAIT_S)

    assert timetable.stop(0.01)
    assert [(run.kind, str(run.state)) for run in here.records.runs()] == [
        ("retrain", "interrupted")
    ]


def test_nothing_begins_once_it_stops(here: Bench, timetable: Timetable) -> None:
    ran: list[int] = []
    here.work.stopping.set()

    timetable._run(entry(lambda: ran.append(1)))

    assert ran == []


# -- chores ----------------------------------------------------------------------------------------


def test_a_chore_is_done_at_once_and_again(here: Bench) -> None:
    done: SimpleQueue[str] = SimpleQueue()
    chore = Chore("sweep", timedelta(seconds=1), lambda: done.put("swept"))
    timetable = Timetable(here.work, [chore])
    timetable.start()
    try:
        assert [done.get(timeout=WAIT_S) for _ in range(2)] == ["swept", "swept"]
    finally:
        timetable.stop(0)


def test_a_chore_that_fails_holds_nothing_up(here: Bench, caplog: pytest.LogCaptureFixture) -> None:
    tried: SimpleQueue[str] = SimpleQueue()

    def fail() -> None:
        tried.put("once")
        raise StoreUnavailable("down")

    timetable = Timetable(here.work, [Chore("sweep", timedelta(seconds=1), fail)])
    with caplog.at_level(logging.WARNING):
        timetable.start()
        try:
            for _ in range(2):
                tried.get(timeout=WAIT_S)
        finally:
            timetable.stop(WAIT_S)

    told = [record.message for record in caplog.records if "sweep" in record.message]
    assert told == ["chore:sweep: down"]


# -- several processes -----------------------------------------------------------------------------


@pytest.fixture
def there(tmp_path: Path, here: Bench) -> Iterator[Bench]:
    """Another process over the same records."""
    made = bench(tmp_path, "there:2:b")
    yield made
    made.records.close()


def minutely(action: Callable[..., object], **changes: Any) -> Entry:
    trigger = AlignedTrigger(timedelta(minutes=1), timedelta())
    return entry(action, **{"id": "score:a", "trigger": trigger, "by": "one", **changes})


def fire(timetable: Timetable, line: Entry, at: datetime) -> None:
    """Let a time of an entry come, in the thread of the test."""
    timetable._fired[line.id] = at
    timetable._run(line)


NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)


def test_a_time_is_served_by_one_of_two(
    here: Bench, there: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    served: list[str] = []
    with caplog.at_level(logging.INFO, logger="jobs"):
        for minute in range(3):
            at = NOON + timedelta(minutes=minute)
            for bench_, name in ((here, "here"), (there, "there"))[:: 1 if minute else -1]:
                line = minutely(lambda lease, name=name: served.append(name))
                fire(Timetable(bench_.work), line, at + timedelta(seconds=minute))

    assert served == ["there", "here", "here"]
    assert caplog.messages == []


def test_a_time_that_another_one_is_at_is_left_to_it(here: Bench, there: Bench) -> None:
    served: list[str] = []

    def meanwhile(lease: Held) -> None:
        served.append("here")
        fire(Timetable(there.work), minutely(lambda lease: served.append("there")), NOON)

    fire(Timetable(here.work), minutely(meanwhile), NOON)

    assert served == ["here"]


def test_a_time_of_a_dead_one_is_resumed_by_another(there: Bench) -> None:
    served: SimpleQueue[str] = SimpleQueue()
    due = round(NOON.timestamp()) * 10**9
    there.records.take_lease("retrain:a", "gone:1:c", length=0, due=due)
    there.clock.at = due + 3600 * 10**9
    line = minutely(
        lambda lease: served.put(lease.lease.formerly),
        id="retrain:a",
        at_once=False,
    )
    timetable = Timetable(there.work)
    timetable._add(line)
    timetable._scheduler.start()
    try:
        take_over(there.work, timetable.resume)
        assert served.get(timeout=WAIT_S) == "gone:1:c"
    finally:
        timetable.stop(WAIT_S)
    assert there.records.leases() == []


def test_work_of_a_detector_that_is_not_known_here_is_left_to_others(there: Bench) -> None:
    there.records.take_lease("retrain:a", "gone:1:c", length=0, due=1)
    timetable = Timetable(there.work)

    take_over(there.work, timetable.resume)

    assert [lease.due for lease in there.records.leases()] == [1]


def test_a_chore_is_done_by_one_process_until_it_ends(here: Bench, there: Bench) -> None:
    done: list[str] = []

    def both() -> None:
        for bench_, name in ((there, "there"), (here, "here")):
            chore = Chore("sweep", timedelta(seconds=1), lambda name=name: done.append(name))
            Timetable(bench_.work)._run(chore_entry(chore))

    both()
    both()
    there.work.leases.stop()
    here.work.leases.renew()
    Timetable(here.work)._run(chore_entry(Chore("sweep", timedelta(1), lambda: done.append("!"))))

    assert done == ["there", "there", "!"]


def test_no_request_may_take_longer_than_the_line_that_serves_it(here: Bench) -> None:
    lines = standing_entries(here.work, lambda: None, lambda name, due: None, lambda: None)
    timeouts = {line.pool: line.timeout for line in lines}

    served = [(place, kind) for place, kinds in REQUESTED.items() for kind in kinds]
    assert set(LIMITS) == {kind for _, kind in served} - {"retrain"}
    for place, kind in served:
        assert timeouts[place] >= LIMITS.get(kind, timedelta(days=1)), kind


def test_scheduled_work_is_for_one_and_the_rest_says_for_whom(here: Bench) -> None:
    entries = [
        *standing_entries(here.work, lambda: None, lambda name, due: None, lambda: None),
        *detector_entries(here.work, detector(retrain="0 3 * * *")),
        chore_entry(Chore("sweep", timedelta(seconds=1), lambda: None)),
    ]
    by = {line.id.partition(":")[0]: line.by for line in entries}

    assert by == {
        "timetable": "all",
        "takeover": "all",
        "missed": "all",
        "requests": "all",
        "labels": "all",
        "score": "one",
        "retrain": "one",
        "chore": "keeper",
    }


def test_a_time_is_that_of_the_timetable_and_not_when_a_thread_was_free(
    here: Bench, timetable: Timetable
) -> None:
    begun: SimpleQueue[int | None] = SimpleQueue()
    line = minutely(
        lambda lease: begun.put(lease.lease.due),
        trigger=IntervalTrigger(hours=1, timezone=UTC),
        at_once=False,
    )
    timetable._add(line)
    timetable._scheduler.start(paused=True)
    timetable._scheduler.modify_job("score:a", next_run_time=NOON)
    timetable._scheduler.resume()

    due = begun.get(timeout=WAIT_S)
    assert due is not None
    assert due % (3600 * 10**9) == 0


def test_what_is_at_once_serves_the_time_that_was_last(here: Bench) -> None:
    """So that a process that starts does not repeat what another has just done."""
    due: list[int | None] = []
    for seconds in (7, 59):
        line = minutely(lambda lease: due.append(lease.lease.due))
        fire(Timetable(here.work), line, NOON + timedelta(seconds=seconds))

    assert due == [round(NOON.timestamp()) * 10**9]
