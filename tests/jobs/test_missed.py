"""Scheduled times that nobody served, by an imagined clock: counted, told, and made up for once."""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from apscheduler.triggers.interval import IntervalTrigger

from backend.exceptions import StoreUnavailable
from backend.records import State
from backend.services.cron import cron_trigger
from backend.specs.times import parse_zone, since_epoch
from jobs.aligned import AlignedTrigger
from jobs.entries import HOUSEKEEPING, Entry, detector_entries
from jobs.scheduler import STANDS_STILL, Timetable
from jobs.taking_over import take_over
from jobs.times import last_between, moment, soonest, times_between
from tests.jobs.workplaces import Bench, bench, detector

MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NIGHTLY = cron_trigger("0 3 * * *", UTC)


@pytest.fixture
def there(tmp_path: Path, here: Bench) -> Iterator[Bench]:
    """Another process over the same records."""
    made = bench(tmp_path, "there:2:b")
    yield made
    made.records.close()


def misfired(one: Bench, kind: str) -> float:
    found = one.work.meters.registry.get_sample_value(
        "normalcy_jobs_misfired_total", {"kind": kind}
    )
    return found or 0.0


def nightly(action: Callable[..., object]) -> Entry:
    return Entry(
        "retrain:pump", action, NIGHTLY, HOUSEKEEPING, HOUR, by="one", makes_up=True, at_once=False
    )


def planned(one: Bench, line: Entry) -> Timetable:
    """A timetable with one line whose scheduler never runs: times come by hand."""
    timetable = Timetable(one.work)
    timetable._scheduler.start(paused=True)
    timetable._add(line)
    return timetable


def run_what_waits(timetable: Timetable) -> int:
    """Do in this thread what was put to be done again; how much that was."""
    jobs = [job for job in timetable._scheduler.get_jobs() if job.id.startswith("again:")]
    for job in jobs:
        job.remove()
        job.func(*job.args)
    return len(jobs)


def at(one: Bench, moment_: datetime) -> None:
    one.clock.at = since_epoch(moment_)


# -- times -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trigger", "span", "expected"),
    [
        (AlignedTrigger(timedelta(minutes=1), timedelta()), timedelta(minutes=1), 0),
        (AlignedTrigger(timedelta(minutes=1), timedelta()), timedelta(minutes=9), 8),
        (AlignedTrigger(timedelta(minutes=1), timedelta(seconds=5)), timedelta(minutes=1), 1),
        (AlignedTrigger(timedelta(seconds=1), timedelta()), DAY, 86399),
        (IntervalTrigger(minutes=1, timezone=UTC), timedelta(minutes=9, seconds=2), 8),
        (IntervalTrigger(minutes=1, timezone=UTC), timedelta(seconds=61), 0),
        (cron_trigger("0 12 * * *", UTC), 7 * DAY, 6),
        (cron_trigger("0 12 * * *", UTC), timedelta(), 0),
    ],
)
def test_times_between_two_moments_are_counted(
    trigger: Any, span: timedelta, expected: int
) -> None:
    assert times_between(trigger, MONDAY, MONDAY + span) == expected


def test_where_clocks_are_set_each_night_counts_once() -> None:
    berlin = cron_trigger("30 2 * * *", parse_zone("Europe/Berlin"))
    before = datetime(2026, 3, 28, 1, 30, tzinfo=UTC)  # the night before the one without half two

    last = last_between(berlin, before, before + 2 * DAY)

    assert times_between(berlin, before, before + 2 * DAY) == 2
    assert last == datetime(2026, 3, 30, 0, 30, tzinfo=UTC)


def test_a_moment_is_the_same_time_as_its_nanoseconds() -> None:
    assert moment(since_epoch(MONDAY)) == MONDAY


# -- scoring ---------------------------------------------------------------------------------------


@pytest.fixture
def minutely() -> Entry:
    trigger = AlignedTrigger(timedelta(minutes=1), timedelta())
    return Entry("score:pump", lambda lease: None, trigger, "score", HOUR, by="one")


def serve(one: Bench, line: Entry, when: datetime) -> None:
    """A process, perhaps a new one, serves a time."""
    timetable = Timetable(one.work)
    timetable._fired[line.id] = when
    timetable._run(line)


def test_an_outage_of_scoring_is_counted_told_and_put_on_record(
    here: Bench, minutely: Entry, caplog: pytest.LogCaptureFixture
) -> None:
    serve(here, minutely, MONDAY)
    with caplog.at_level(logging.WARNING):
        serve(here, minutely, MONDAY + HOUR)

    (run,) = here.records.runs("pump")
    said = "59 scheduled times were missed since 2026-03-02T12:00:00Z; this run makes up for them"
    assert misfired(here, "score") == 59
    assert caplog.messages == [f"score detector=pump: {said}"]
    assert (run.kind, run.state, run.message) == ("missed", State.DONE, f"score: {said}.")
    assert run.details["missed"] == 59


def test_a_short_delay_of_scoring_is_only_counted(
    here: Bench, minutely: Entry, caplog: pytest.LogCaptureFixture
) -> None:
    serve(here, minutely, MONDAY)
    serve(here, minutely, MONDAY + timedelta(minutes=3))

    assert misfired(here, "score") == 2
    assert here.records.runs("pump") == []
    assert caplog.messages == []


def test_times_that_another_process_served_were_not_missed(
    here: Bench, there: Bench, minutely: Entry
) -> None:
    for minute in range(10):
        serve(there if minute else here, minutely, MONDAY + minute * timedelta(minutes=1))
    serve(here, minutely, MONDAY + timedelta(minutes=10))

    assert misfired(here, "score") == misfired(there, "score") == 0


def test_a_machine_that_slept_serves_the_newest_time_when_it_wakes() -> None:
    trigger = AlignedTrigger(timedelta(minutes=1), timedelta())
    woken = MONDAY + 9 * HOUR + timedelta(seconds=20)

    assert trigger.get_next_fire_time(MONDAY, woken) == MONDAY + 9 * HOUR


def test_a_chore_that_was_held_up_is_counted(here: Bench) -> None:
    line = Entry(
        "chore:sweep",
        lambda: None,
        IntervalTrigger(seconds=15, timezone=UTC),
        "chores",
        HOUR,
        by="keeper",
    )
    timetable = Timetable(here.work)
    for seconds in (0, 15, 75):
        timetable._fired[line.id] = MONDAY + timedelta(seconds=seconds)
        timetable._run(line)

    assert misfired(here, "chore") == 3


# -- training --------------------------------------------------------------------------------------


def test_trainings_missed_while_nothing_ran_are_one_now(
    here: Bench, there: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """A scheduler that is started again on Thursday knows of Tuesday, Wednesday and Thursday."""
    trained: list[int] = []
    serve(here, nightly(lambda lease: None), MONDAY.replace(hour=3))
    at(there, MONDAY + 3 * DAY)
    timetable = planned(there, nightly(lambda lease: trained.append(lease.lease.due)))

    for _ in range(3):
        timetable.make_up()
        run_what_waits(timetable)

    assert trained == [since_epoch((MONDAY + 3 * DAY).replace(hour=3))]
    assert misfired(there, "retrain") == 2
    assert "retrain detector=pump: 2 scheduled times were missed since 2026-03-02" in caplog.text
    timetable._scheduler.shutdown()


def test_of_two_processes_one_makes_up(here: Bench, there: Bench) -> None:
    trained: list[str] = []
    serve(here, nightly(lambda lease: None), MONDAY.replace(hour=3))
    tables = []
    for one in (here, there):
        at(one, MONDAY + DAY)
        name = one.work.worker
        tables.append(planned(one, nightly(lambda lease, name=name: trained.append(name))))
        tables[-1].make_up()

    assert [run_what_waits(table) for table in tables] == [1, 1]
    assert trained == [here.work.worker]
    for table in tables:
        table.make_up()
        assert run_what_waits(table) == 0
        table._scheduler.shutdown()


def test_nothing_is_made_up_for_of_a_time_before_it_was_watched(here: Bench) -> None:
    at(here, MONDAY)
    timetable = planned(here, nightly(pytest.fail))

    timetable.make_up()

    assert run_what_waits(timetable) == 0
    at(here, MONDAY + DAY)
    timetable.make_up()
    assert [job.args[1] for job in timetable._scheduler.get_jobs() if len(job.args) > 1] == [
        since_epoch((MONDAY + DAY).replace(hour=3))
    ]
    timetable._scheduler.shutdown()


def test_a_time_at_which_the_records_were_away_is_made_up_for(
    here: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[int] = []
    line = nightly(lambda lease: trained.append(1))
    at(here, MONDAY)
    timetable = planned(here, line)
    timetable.make_up()
    at(here, (MONDAY + DAY).replace(hour=3))
    with monkeypatch.context() as patch:
        down = StoreUnavailable("The records are down.")

        def refuse(*args: Any, **options: Any) -> None:
            raise down

        patch.setattr(here.records, "take_lease", refuse)
        timetable._fired[line.id] = moment(here.clock.now())
        timetable._run(line)
    assert trained == []

    here.clock.advance(180)
    timetable.make_up()
    run_what_waits(timetable)

    assert trained == [1]
    timetable._scheduler.shutdown()


def test_a_training_that_goes_on_is_not_begun_again(here: Bench, there: Bench) -> None:
    serve(here, nightly(lambda lease: None), MONDAY.replace(hour=3))
    at(there, MONDAY + DAY)
    timetable = planned(there, nightly(pytest.fail))
    with here.work.leased("retrain:pump", since_epoch((MONDAY + DAY).replace(hour=3))):
        timetable.make_up()
        assert run_what_waits(timetable) == 0

    timetable._scheduler.shutdown()


def test_a_time_that_a_dead_process_left_stays_to_be_taken_over(here: Bench, there: Bench) -> None:
    due = since_epoch(MONDAY.replace(hour=3))
    serve(here, nightly(lambda lease: None), (MONDAY - DAY).replace(hour=3))
    here.records.take_lease("retrain:pump", "gone:1:c", length=0, due=due)
    at(there, MONDAY)
    resumed: list[tuple[str, int]] = []
    timetable = planned(there, nightly(lambda lease: None))

    timetable.make_up()
    take_over(there.work, lambda name, due: resumed.append((name, due)))

    assert resumed == [("retrain:pump", due)]
    timetable._scheduler.shutdown()


def test_only_trainings_by_the_clock_are_made_up_for(here: Bench) -> None:
    lines = detector_entries(here.work, detector(retrain="0 3 * * *"))

    assert [line.id for line in lines if line.makes_up] == ["retrain:gas-room"]


# -- times that are others now ---------------------------------------------------------------------


def known(one: Bench, **schedule: Any) -> Timetable:
    """A timetable that has looked at its detector once, and whose scheduler never runs."""
    one.specs["pump"] = detector("pump", **schedule)
    timetable = Timetable(one.work)
    timetable._scheduler.start(paused=True)
    timetable.refresh()
    return timetable


def changed(timetable: Timetable, one: Bench, **schedule: Any) -> None:
    one.specs["pump"] = detector("pump", **schedule)
    timetable.refresh()


def test_a_shorter_interval_has_missed_nothing(
    here: Bench, minutely: Entry, caplog: pytest.LogCaptureFixture
) -> None:
    at(here, MONDAY)
    timetable = known(here, score="1h")
    serve(here, minutely, MONDAY)
    at(here, MONDAY + HOUR - timedelta(seconds=30))
    changed(timetable, here, score="1m")
    timetable._fired["score:pump"] = MONDAY + HOUR
    timetable._run(timetable._entries["score:pump"])

    assert misfired(here, "score") == 0
    assert [one for one in here.records.runs("pump") if one.kind == "missed"] == []
    assert "missed" not in caplog.text
    timetable._scheduler.shutdown()


def test_what_is_missed_after_the_change_counts(here: Bench, minutely: Entry) -> None:
    at(here, MONDAY)
    timetable = known(here, score="1h")
    serve(here, minutely, MONDAY)
    changed(timetable, here, score="1m")
    timetable._fired["score:pump"] = MONDAY + HOUR
    timetable._run(timetable._entries["score:pump"])

    assert misfired(here, "score") == 59
    timetable._scheduler.shutdown()


def test_a_training_that_comes_more_often_now_is_not_made_up_for(here: Bench) -> None:
    serve(here, nightly(lambda lease: None), MONDAY.replace(day=1, hour=3))
    at(here, MONDAY.replace(day=20))
    timetable = known(here, retrain="0 3 1 * *")
    changed(timetable, here, retrain="0 3 * * *")
    timetable.make_up()
    now = run_what_waits(timetable)
    changed(timetable, here, retrain="0 3 * * *", lateness="1h")
    at(here, MONDAY.replace(day=20) + DAY)
    timetable.make_up()

    assert now == 0
    assert run_what_waits(timetable) == 1
    timetable._scheduler.shutdown()


# -- a clock that is set ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trigger",
    [
        AlignedTrigger(timedelta(minutes=1), timedelta()),
        IntervalTrigger(minutes=1, timezone=UTC, start_date=MONDAY + HOUR),
    ],
)
def test_nothing_waits_for_a_time_of_a_clock_that_was_wrong(here: Bench, trigger: Any) -> None:
    """Set back by an hour, a timetable without this would score nothing for that hour."""
    passed = [0.0]
    timetable = Timetable(here.work, monotonic=lambda: passed[0])
    timetable._scheduler.start(paused=True)
    timetable._add(Entry("score:pump", lambda: None, trigger, "score", HOUR))
    timetable._scheduler.modify_job("score:pump", next_run_time=MONDAY + HOUR)
    at(here, MONDAY + HOUR)
    timetable.follow_clock()

    at(here, MONDAY)
    passed[0] = 1.0
    timetable.follow_clock()

    job = timetable._scheduler.get_job("score:pump")
    assert MONDAY < job.next_run_time <= MONDAY + timedelta(minutes=1)
    assert job.next_run_time == soonest(trigger, MONDAY)
    timetable._scheduler.shutdown()


def test_a_clock_that_runs_on_moves_nothing(here: Bench, caplog: pytest.LogCaptureFixture) -> None:
    passed = [0.0]
    timetable = Timetable(here.work, monotonic=lambda: passed[0])
    timetable._scheduler.start(paused=True)
    timetable._add(nightly(lambda lease: None))
    before = timetable._scheduler.get_job("retrain:pump").next_run_time
    for seconds in (0, 5, 5, 3600):
        passed[0] += seconds
        here.clock.advance(seconds + (0.5 if seconds else 0))
        timetable.follow_clock()

    assert timetable._scheduler.get_job("retrain:pump").next_run_time == before
    assert caplog.messages == []
    timetable._scheduler.shutdown()


def test_a_timetable_that_stands_still_is_stuck(here: Bench) -> None:
    passed = [0.0]
    timetable = Timetable(here.work, monotonic=lambda: passed[0])
    timetable._scheduler.start(paused=True)
    timetable._stir(None)

    seen = []
    for _ in range(14):
        seen.append(timetable.overdue())
        passed[0] += 5
    timetable._stir(None)

    assert seen == [[]] * 13 + [[STANDS_STILL]]
    assert timetable.overdue() == []
    timetable._scheduler.shutdown()


def test_a_process_that_was_paused_as_a_whole_is_not_stuck(here: Bench) -> None:
    passed = [0.0]
    timetable = Timetable(here.work, monotonic=lambda: passed[0])
    timetable._scheduler.start(paused=True)
    timetable.overdue()
    passed[0] = 3600.0

    assert timetable.overdue() == []
    timetable._scheduler.shutdown()
