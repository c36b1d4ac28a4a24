"""The timetable: which job runs when, with every limit stated."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.job import Job
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.interval import IntervalTrigger

from backend.exceptions import NormalcyError
from backend.services.cron import cron_trigger
from backend.specs import DetectorSpec
from backend.specs.times import parse_zone, since_epoch
from jobs.aligned import AlignedTrigger
from jobs.chores import Chore
from jobs.places import REQUESTED, SLOTS
from jobs.retraining import retrain, retrain_if_due
from jobs.scoring import score
from jobs.serving_requests import LIMITS, serve_request
from jobs.taking_over import take_over
from jobs.workplace import Workplace

logger = logging.getLogger(__name__)

HOUSEKEEPING = "housekeeping"
CHORES = "chores"
_LONGEST_TRAINING = timedelta(days=1)
_MARGIN_S = 60.0
_WRITTEN = timedelta(milliseconds=250)
"""A point that was taken at the very end of a bucket needs so long to be in the store."""
_TO_LEAVE_S = 3.0


@dataclass(frozen=True)
class Entry:
    """One line of the timetable.

    Attributes:
        id: kind of job and what it is about; the name of its lease.
        action: what is done; it is given the lease where `by` is `one`.
        trigger: when.
        pool: threads it runs in; a place of `jobs.places`, `HOUSEKEEPING` or `CHORES`.
        timeout: the action's own limit; when it is overrun by a minute the service is stuck.
        misfire_grace: started later than this, it is left to its next time.
        coalesce: several missed times become one.
        max_instances: how many may run at once.
        at_once: whether its first time is now.
        by: which of several processes does it: `all` of them, since it does no harm or claims what
            it does by itself; `one`, whichever comes first to a time; or the `keeper`, one that
            goes on doing it for as long as it lives.
    """

    id: str
    action: Callable[..., object]
    trigger: BaseTrigger
    pool: str
    timeout: timedelta
    misfire_grace: timedelta
    coalesce: bool = True
    max_instances: int = 1
    at_once: bool = False
    by: Literal["all", "one", "keeper"] = "all"


class Timetable:
    """Runs the jobs of all detectors until it is stopped."""

    def __init__(
        self,
        work: Workplace,
        chores: Sequence[Chore] = (),
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._work = work
        self._chores = chores
        self._monotonic = monotonic
        self._specs: Mapping[str, DetectorSpec] = {}
        self._entries: dict[str, Entry] = {}
        self._running: dict[str, float] = {}
        self._fired: dict[str, datetime] = {}
        self._changed = threading.Condition()
        self._refreshing = threading.Lock()
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            jobstores={"default": MemoryJobStore()},
            executors={pool: _Pool(n, self._fired) for pool, n in _pools().items()},
        )
        self._scheduler.add_listener(self._tell, EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)

    def start(self) -> None:
        """Begin; the detectors join with the first `refresh`, which is at once."""
        for entry in standing_entries(self._work, self.refresh, self.resume):
            self._add(entry)
        for chore in self._chores:
            self._add(chore_entry(chore))
        self._scheduler.start()

    def refresh(self) -> None:
        """Take up detectors that are new or changed, and drop those that are gone."""
        with self._refreshing:
            specs = {spec.name: spec for spec in self._work.detectors()}
            for name, before in self._specs.items():
                if specs.get(name) != before:
                    self._drop(before)
            for name, spec in specs.items():
                if self._specs.get(name) != spec:
                    for entry in detector_entries(self._work, spec):
                        self._add(entry)
                    logger.info("timetable detector=%s score=%s", name, spec.schedule.score)
            self._specs = specs

    def resume(self, name: str, due: int) -> None:
        """Do what was left unfinished for a scheduled time, unless that is too long ago."""
        entry = self._entries.get(name)
        if entry is None or self._scheduler.get_job(name) is None:
            return  # of a detector that is not known here, or not yet
        grace_s = int(entry.misfire_grace.total_seconds())
        if self._work.clock.now() - due > grace_s * 1_000_000_000:
            with self._work.leases.held(name):
                return  # given back as done
        self._scheduler.add_job(
            self._run,
            args=[entry, due],
            id=f"again:{name}",
            executor=entry.pool,
            misfire_grace_time=grace_s,
            replace_existing=True,
        )

    def overdue(self) -> list[str]:
        """Jobs that run on long after their limit: something in this process is stuck."""
        now = self._monotonic()
        with self._changed:
            return [
                name
                for name, since in self._running.items()
                if now - since > self._entries[name].timeout.total_seconds() + _MARGIN_S
            ]

    def stop(self, grace_s: float) -> bool:
        """Let running work finish for a while, then end it; False if something would not end."""
        self._work.stopping.set()
        self._scheduler.pause()
        self._idle_within(grace_s)
        self._work.executor.close()
        idle = self._idle_within(_TO_LEAVE_S)
        self._scheduler.shutdown(wait=idle)
        return idle

    def _idle_within(self, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, seconds)

    def _add(self, entry: Entry) -> None:
        self._entries[entry.id] = entry
        first: dict[str, Any] = {"next_run_time": datetime.now(UTC)} if entry.at_once else {}
        self._scheduler.add_job(
            self._run,
            entry.trigger,
            args=[entry],
            id=entry.id,
            executor=entry.pool,
            misfire_grace_time=int(entry.misfire_grace.total_seconds()),
            coalesce=entry.coalesce,
            max_instances=entry.max_instances,
            **first,
        )

    def _drop(self, spec: DetectorSpec) -> None:
        for entry in detector_entries(self._work, spec):
            if self._scheduler.get_job(entry.id) is not None:
                self._scheduler.remove_job(entry.id)

    def _run(self, entry: Entry, due: int | None = None) -> None:
        if self._work.stopping.is_set():
            return
        with self._changed:
            self._running[entry.id] = self._monotonic()
        try:
            self._do(entry, due)
        except NormalcyError as error:
            self._warn(entry.id, str(error))
        else:
            self._work.patience.remember(_saying(entry.id), "", 0, succeeded=True)
        finally:
            with self._changed:
                self._running.pop(entry.id, None)
                self._changed.notify_all()

    def _do(self, entry: Entry, due: int | None) -> None:
        """Do what an entry says, if it is for this process to do."""
        if entry.by == "all":
            entry.action()
        elif entry.by == "keeper":
            if self._work.leases.keeps(entry.id):
                entry.action()
        else:
            with self._work.leased(entry.id, self._due(entry) if due is None else due) as lease:
                if lease is None:
                    logger.debug("%s is or was done by another process", entry.id)
                else:
                    entry.action(lease)

    def _due(self, entry: Entry) -> int:
        """The scheduled time that an entry runs for, the same in all processes; nanoseconds."""
        fired = self._fired.get(entry.id) or datetime.now(UTC)
        if isinstance(entry.trigger, AlignedTrigger):
            fired = entry.trigger.latest(fired)
        return since_epoch(fired)

    def _tell(self, event: JobEvent) -> None:
        kind = event.job_id.partition(":")[0]
        if event.code == EVENT_JOB_MISSED:
            self._warn(event.job_id, "left out: its time had passed too long ago")
        elif kind == "score" and event.job_id in self._running:
            # the next tick scores what this one would have; if it goes on, `Pace` tells
            self._work.pace.overran(event.job_id.partition(":")[2])
        elif kind in {"score", "retrain"}:
            self._warn(event.job_id, "still runs or waits for others: this time is left out")

    def _warn(self, job: str, words: str) -> None:
        """Say what is wrong, and not again each second while it stays wrong."""
        now, saying = self._work.clock.now(), _saying(job)
        if self._work.patience.allows(saying, words, now):
            self._work.patience.remember(saying, words, now, succeeded=False)
            logger.warning("%s: %s", job, words)


class _Pool(ThreadPoolExecutor):  # type: ignore[misc]  # the library has no types
    """Threads that note for which scheduled time they run a job."""

    def __init__(self, threads: int, fired: dict[str, datetime]) -> None:
        super().__init__(threads)
        self._fired = fired

    def _do_submit_job(self, job: Job, run_times: list[datetime]) -> None:
        self._fired[job.id] = run_times[-1]
        super()._do_submit_job(job, run_times)


def standing_entries(
    work: Workplace, refresh: Callable[[], object], resume: Callable[[str, int], None]
) -> list[Entry]:
    """What is done for the service as a whole."""
    requests = [
        Entry(
            id=f"requests:{place}",
            action=partial(serve_request, work, kinds),
            trigger=IntervalTrigger(seconds=1, timezone=UTC),
            pool=place,
            timeout=max(LIMITS.get(kind, _LONGEST_TRAINING) for kind in kinds),
            misfire_grace=_LONGEST_TRAINING,
        )
        for place, kinds in REQUESTED.items()
    ]
    timetable = Entry(
        id="timetable:",
        action=refresh,
        trigger=IntervalTrigger(seconds=30, timezone=UTC),
        pool=HOUSEKEEPING,
        timeout=timedelta(minutes=1),
        misfire_grace=timedelta(minutes=5),
        at_once=True,
    )
    taking_over = Entry(
        id="takeover:",
        action=partial(take_over, work, resume),
        trigger=IntervalTrigger(seconds=5, timezone=UTC),
        pool=HOUSEKEEPING,
        timeout=timedelta(minutes=1),
        misfire_grace=timedelta(minutes=5),
    )
    return [timetable, taking_over, *requests]


def chore_entry(chore: Chore) -> Entry:
    """A chore as a line of the timetable."""
    return Entry(
        id=f"chore:{chore.name}",
        action=chore.action,
        trigger=IntervalTrigger(seconds=chore.every.total_seconds(), timezone=UTC),
        pool=CHORES,
        timeout=chore.limit,
        misfire_grace=_LONGEST_TRAINING,
        at_once=True,
        by="keeper",
    )


def detector_entries(work: Workplace, spec: DetectorSpec) -> list[Entry]:
    """What is done for one detector."""
    plan = spec.schedule
    scoring = Entry(
        id=f"score:{spec.name}",
        action=partial(score, work, spec),
        trigger=AlignedTrigger(plan.score, spec.delay + _WRITTEN),
        pool="score",
        timeout=plan.score_timeout,
        misfire_grace=max(plan.score, timedelta(hours=1)),
        at_once=True,
        by="one",
    )
    labels = Entry(
        id=f"labels:{spec.name}",
        action=partial(retrain_if_due, work, spec),
        trigger=IntervalTrigger(seconds=15, timezone=UTC),
        pool="train",
        timeout=plan.retrain_timeout,
        # It may have to wait for the training of other detectors.
        misfire_grace=_LONGEST_TRAINING,
        at_once=True,
    )
    return [scoring, labels, *_scheduled_training(work, spec)]


def _scheduled_training(work: Workplace, spec: DetectorSpec) -> list[Entry]:
    plan = spec.schedule
    if plan.retrain is None:
        return []
    try:
        trigger = cron_trigger(plan.retrain, parse_zone(plan.timezone))
    except ValueError as error:
        logger.warning("retrain detector=%s is not scheduled: %s", spec.name, error)
        return []
    entry = Entry(
        id=f"retrain:{spec.name}",
        action=partial(retrain, work, spec),
        trigger=trigger,
        pool="train",
        timeout=plan.retrain_timeout,
        misfire_grace=_LONGEST_TRAINING,
        by="one",
    )
    return [entry]


def _saying(job: str) -> str:
    return f"saying {job}"


def _pools() -> dict[str, int]:
    """One thread a worker: waiting work then waits here, where it holds nothing up."""
    return {"default": 1, HOUSEKEEPING: 1, CHORES: 3, **SLOTS}
