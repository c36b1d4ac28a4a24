"""The timetable: runs each of its lines at its times, and ends within a bound."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_SUBMITTED, JobEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.job import Job
from apscheduler.jobstores.base import JobLookupError
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import STATE_STOPPED

from backend.exceptions import NormalcyError
from backend.executors.limits import TO_LOAD_S
from backend.executors.pulse import Looks
from backend.specs import DetectorSpec
from backend.specs.times import since_epoch
from jobs.aligned import AlignedTrigger
from jobs.chores import Chore
from jobs.entries import POOLS, Entry, chore_entry, detector_entries, standing_entries
from jobs.missed import Missed
from jobs.places import SLOTS
from jobs.times import moment, soonest
from jobs.workplace import Workplace

logger = logging.getLogger(__name__)

STANDS_STILL = "timetable:"
"""What is stuck where nothing comes due any more."""
_MARGIN_S = 60.0
_SILENT_S = 60.0
"""Something comes due each second; where nothing has for so long, the timetable stands still."""
_LONGEST_STEP_S = 10.0
_LEAPT_S = 1.5
"""By so much a clock that was set back differs from one that never is."""
_TO_LEAVE_S = 3.0


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
        self._specs: Mapping[str, DetectorSpec] | None = None
        self._entries: dict[str, Entry] = {}
        self._running: dict[str, tuple[Entry, float]] = {}
        self._fired: dict[str, datetime] = {}
        self._missed = Missed(work)
        self._stirred = False
        self._silent_s = 0.0
        self._looks = Looks(_LONGEST_STEP_S)
        self._ahead: float | None = None
        self._changed = threading.Condition()
        self._refreshing = threading.Lock()
        self._scheduler = _Scheduler(
            timezone=UTC,
            jobstores={"default": MemoryJobStore()},
            executors={pool: _Pool(n, self._fired) for pool, n in POOLS.items()},
        )
        self._scheduler.add_listener(self._tell, EVENT_JOB_MAX_INSTANCES)
        self._scheduler.add_listener(self._stir, EVENT_JOB_SUBMITTED | EVENT_JOB_MAX_INSTANCES)

    def start(self) -> None:
        """Begin; the detectors join with the first `refresh`, which is at once."""
        for entry in standing_entries(self._work, self.refresh, self.resume, self.make_up):
            self._add(entry)
        for chore in self._chores:
            self._add(chore_entry(chore))
        self._scheduler.start()

    def refresh(self) -> None:
        """Take up detectors that are new or changed, and drop those that are gone."""
        with self._refreshing:
            specs = {spec.name: spec for spec in self._work.detectors()}
            before, is_first = self._specs or {}, self._specs is None
            for name, spec in before.items():
                if specs.get(name) != spec:
                    self._drop(spec, for_good=name not in specs)
            for name, spec in specs.items():
                if before.get(name) != spec:
                    self._join(spec, before.get(name), is_first)
            self._specs = specs

    def _join(self, spec: DetectorSpec, before: DetectorSpec | None, is_first: bool) -> None:
        """Take up a detector; at the first look its times may have been the same for long."""
        now = self._work.clock.now()
        for entry in detector_entries(self._work, spec):
            self._add(entry)
            if not is_first and (before is None or before.schedule != spec.schedule):
                self._missed.begins(entry, now)
        logger.info("timetable detector=%s score=%s", spec.name, spec.schedule.score)

    def resume(self, name: str, due: int) -> None:
        """Do what was left unfinished for a scheduled time, however long ago that is."""
        entry = self._entries.get(name)
        if entry is None or self._scheduler.get_job(name) is None:
            return  # of a detector that is not known here, or not yet
        self._scheduler.add_job(
            self._run,
            args=[entry, due],
            id=f"again:{name}",
            executor=entry.pool,
            misfire_grace_time=None,
            replace_existing=True,
        )

    def make_up(self) -> None:
        """Have trainings done, once each, whose times passed while nobody could serve them."""
        for entry in list(self._entries.values()):
            if entry.makes_up and self._scheduler.get_job(entry.id) is not None:
                due = self._missed.left(entry)
                if due is not None:
                    self.resume(entry.id, due)

    def follow_clock(self) -> None:
        """Let nothing wait for times that are far off again because the clock was set back."""
        now = self._work.clock.now()
        ahead = now / 1e9 - self._monotonic()
        leapt, self._ahead = (self._ahead or ahead) - ahead, ahead
        if leapt < _LEAPT_S:
            return
        logger.warning("the clock was set back by %.0f s: the timetable follows it", leapt)
        for job in self._scheduler.get_jobs():
            next_time = soonest(job.trigger, moment(now))
            if next_time is not None and job.next_run_time and next_time < job.next_run_time:
                with suppress(JobLookupError):  # its detector has just been removed
                    job.modify(next_run_time=next_time)

    def overdue(self) -> list[str]:
        """Jobs that run on long after their limit: something in this process is stuck.

        So is the timetable itself where nothing comes due any more.
        """
        now = self._monotonic()
        with self._changed:
            late = [
                name
                for name, (entry, since) in self._running.items()
                if now - since > _longest_s(entry)
            ]
        return [*late, STANDS_STILL] if self._stands_still(now) else late

    def _stands_still(self, now: float) -> bool:
        """Whether nothing has come due for long."""
        step = self._looks.since_s(now)
        stirred, self._stirred = self._stirred, False
        gets_on = stirred or not self._scheduler.running
        self._silent_s = 0.0 if gets_on else self._silent_s + step
        return self._silent_s > _SILENT_S

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
            misfire_grace_time=None,
            coalesce=entry.coalesce,
            max_instances=entry.max_instances,
            replace_existing=True,  # where the look before broke off half-way
            **first,
        )

    def _drop(self, spec: DetectorSpec, *, for_good: bool) -> None:
        for entry in detector_entries(self._work, spec):
            if self._scheduler.get_job(entry.id) is not None:
                self._scheduler.remove_job(entry.id)
            self._entries.pop(entry.id, None)
            if for_good:
                self._fired.pop(entry.id, None)
                self._missed.forget(entry)

    def _run(self, entry: Entry, due: int | None = None) -> None:
        if self._work.stopping.is_set():
            return
        with self._changed:
            self._running[entry.id] = entry, self._monotonic()
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
                self._missed.does(entry, self._fired.get(entry.id))
                entry.action()
        else:
            due = self._due(entry) if due is None else due
            with self._work.leased(entry.id, due) as lease:
                if lease is None:
                    logger.debug("%s is or was done by another process", entry.id)
                    return
                self._missed.serves(entry, due, lease.lease.served)
                entry.action(lease)
            if lease.finished:
                self._missed.served(entry, due)

    def _stir(self, event: JobEvent) -> None:
        self._stirred = True

    def _due(self, entry: Entry) -> int:
        """The scheduled time that an entry runs for, the same in all processes; nanoseconds."""
        fired = self._fired.get(entry.id) or datetime.now(UTC)
        if isinstance(entry.trigger, AlignedTrigger):
            fired = entry.trigger.latest(fired)
        return since_epoch(fired)

    def _tell(self, event: JobEvent) -> None:
        kind = event.job_id.partition(":")[0]
        if kind == "score" and event.job_id in self._running:
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


class _Scheduler(BackgroundScheduler):  # type: ignore[misc]  # the library has no types
    """Ends in silence where it is told to in the middle of a look."""

    def _process_jobs(self) -> Any:
        try:
            return super()._process_jobs()
        except JobLookupError:  # what it was about to remove, a stopped one looks for elsewhere
            if self.state != STATE_STOPPED:
                raise
            return None


class _Pool(ThreadPoolExecutor):  # type: ignore[misc]  # the library has no types
    """Threads that note for which scheduled time they run a job."""

    def __init__(self, threads: int, fired: dict[str, datetime]) -> None:
        super().__init__(threads)
        self._fired = fired

    def _do_submit_job(self, job: Job, run_times: list[datetime]) -> None:
        self._fired[job.id] = run_times[-1]
        super()._do_submit_job(job, run_times)


def _longest_s(entry: Entry) -> float:
    """Seconds after which something that goes on is stuck; a worker may have to load first."""
    to_load_s = TO_LOAD_S if entry.pool in SLOTS else 0.0
    return entry.timeout.total_seconds() + to_load_s + _MARGIN_S


def _saying(job: str) -> str:
    return f"saying {job}"
