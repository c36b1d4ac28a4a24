"""What every job works with, and the one way it has work done."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from time import perf_counter
from typing import Any

from backend.exceptions import Cancelled, LeaseLost, NormalcyError, NotFound
from backend.ports import Clock, Executor, RecordStore
from backend.records import Run, State
from backend.services.log_fields import RUN, fields, new_id, run_details, told, work_fields
from backend.services.meters import Meters
from backend.services.pace import Pace
from backend.services.progress import cancelled
from backend.services.work_counting import count
from backend.specs import DetectorSpec
from jobs.cancelling import Watch, Work
from jobs.leases import LENGTH, Held, Leases
from jobs.patience import Patience

logger = logging.getLogger(__name__)

_TICKS = ("score",)
"""Kinds of work that nobody can cancel: soon over, and due again."""


@dataclass(frozen=True)
class Task:
    """Work for the executor.

    Attributes:
        name: what the executor is asked for.
        kind: of the run that records it.
        detector: what it is about.
        limit: it is ended when it takes longer.
        arguments: beside the detector, JSON-ready.
        lease: by which it is done; none where no two processes get the same work.
    """

    name: str
    kind: str
    detector: str
    limit: timedelta
    arguments: Mapping[str, Any]
    lease: Held | None = None


@dataclass(frozen=True)
class Workplace:
    """The outside world of the jobs.

    Attributes:
        records: what is remembered.
        detectors: all detectors there are at the moment.
        due: (detector, now) to the reason why it should be trained, or None.
        executor: does the work.
        clock: the time.
        worker: name of this process.
        stopping: set when the service stops; work that ends then was interrupted, not failed.
        patience: with work that fails.
        pace: whether scoring keeps up.
        meters: what is counted of all this.
        lease_length: how long the leases of this process outlive it.
        leases: which work is this process' own.
    """

    records: RecordStore
    detectors: Callable[[], list[DetectorSpec]]
    due: Callable[[str, int], str | None]
    executor: Executor
    clock: Clock
    worker: str
    stopping: threading.Event = field(default_factory=threading.Event)
    patience: Patience = field(default_factory=Patience)
    pace: Pace = field(default_factory=Pace)
    meters: Meters = field(default_factory=Meters)
    lease_length: timedelta = LENGTH
    leases: Leases = field(init=False)

    def __post_init__(self) -> None:
        leases = Leases(self.records, self.worker, length=self.lease_length)
        object.__setattr__(self, "leases", leases)

    @contextmanager
    def leased(self, name: str, due: int | None = None) -> Iterator[Held | None]:
        """Hold the lease of a piece of work; None where another process does or did it.

        What its former holder left open, because it died, is closed before.

        Args:
            name: kind of work and detector, as `score:pump`.
            due: the scheduled time to serve.
        """
        with self.leases.held(name, due) as held:
            if held is not None and held.lease.formerly:
                self._interrupt(*name.split(":", 1), worker=held.lease.formerly)
            yield held

    def _interrupt(self, kind: str, detector: str, *, worker: str) -> None:
        logger.warning("%s detector=%s is taken over from %s", kind, detector, worker)
        for run in self.records.open_runs():
            if (run.kind, run.detector, run.worker) == (kind, detector, worker):
                state = State.CANCELLED if run.cancelled_by else State.INTERRUPTED
                at = self.clock.now()
                self.records.finish_run(run.id, state, at=at, details=run.details)

    def perform(self, task: Task) -> dict[str, Any] | NormalcyError:
        """Have a task done and say so in one line; an error is returned, and on record then."""
        about = {**task.arguments, "detector": task.detector, RUN: new_id()}
        with work_fields(about), self.meters.job(task.kind):
            started, began = self.clock.now(), perf_counter()
            answer = self._answer(task)
            seconds = perf_counter() - began
            if isinstance(answer, NormalcyError):
                self._tell_failure(task, started, answer)
            else:
                logger.info(
                    "%s detector=%s took_s=%.1f%s",
                    *(task.kind, task.detector, seconds, _figures(answer)),
                    extra=told(task.kind, took_s=round(seconds, 3), **_short(answer)),
                )
            count(self.meters, task.kind, task.detector, answer, seconds)
            return answer

    def _answer(self, task: Task) -> dict[str, Any] | NormalcyError:
        arguments = {**task.arguments, "worker": self.worker, **run_details()}
        if task.lease is not None:
            arguments["lease"] = task.lease.plain()
        try:
            return self._run(task, arguments)
        except NormalcyError as error:
            return error

    def _tell_failure(self, task: Task, started: int, error: NormalcyError) -> None:
        """Say why a task did not end well, and see to it that this stands on record."""
        about = task.kind, task.detector
        if isinstance(error, LeaseLost):
            extra = told(f"{task.kind} taken over", why=str(error))
            logger.warning("%s detector=%s: %s", *about, error, extra=extra)
            return
        if isinstance(error, NotFound) and self._is_gone(task.detector):
            logger.info("%s detector=%s was left out: it has been removed", *about)
            return
        ended = "was ended" if isinstance(error, Cancelled) else "failed"
        extra = told(f"{task.kind} {ended}", why=str(error))
        logger.warning("%s detector=%s %s: %s", *about, ended, error, extra=extra)
        self._put_on_record(task, started, error)
        if task.lease is not None:
            task.lease.finished = not self.stopping.is_set()

    def _is_gone(self, detector: str) -> bool:
        """Whether a detector has been removed since the timetable was last looked through."""
        try:
            return all(spec.name != detector for spec in self.detectors())
        except NormalcyError:
            return False

    def _run(self, task: Task, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Have a task done, as long as nobody cancels it.

        Raises:
            Cancelled: somebody did.
        """
        limit_s = task.limit.total_seconds()
        if task.kind in _TICKS:
            return self.executor.run(task.name, arguments, limit_s)
        request = task.arguments.get("request")
        watch = Watch(self.records, Work(task.kind, task.detector, self.worker, request))
        try:
            return self.executor.run(task.name, arguments, limit_s, watch.is_wanted)
        except NormalcyError as error:
            if watch.ended_for is None:
                raise
            raise cancelled(f"The {task.kind} of {task.detector}", watch.ended_for) from error

    def _put_on_record(self, task: Task, started: int, error: NormalcyError) -> None:
        try:
            self._close_run(task, started, error)
        except NormalcyError as second:
            logger.warning("%s detector=%s not put on record: %s", task.kind, task.detector, second)

    def _close_run(self, task: Task, started: int, error: NormalcyError) -> None:
        """End the run that a lost worker left open; make one where it had not begun its own.

        A failure that goes on is one run, which another process may have begun.
        """
        message = str(error)
        runs = [
            run
            for run in self.records.runs(task.detector)
            if run.kind == task.kind
            and (run.worker == self.worker or run.message == message)
            and (run.finished_at or run.started_at) >= started
        ] or [self.records.start_run(task.kind, task.detector, worker=self.worker, at=started)]
        for run in runs:
            if run.state is State.RUNNING:
                self._end(run, error)

    def _end(self, run: Run, error: NormalcyError) -> None:
        at, message = self.clock.now(), str(error)
        state = State.INTERRUPTED if self.stopping.is_set() else State.FAILED
        details: Mapping[str, Any] = run_details()
        if isinstance(error, Cancelled):
            self.records.cancel_run(run.id, by=error.by)
            # What it was to learn from stays known: the same is not begun by itself again.
            state, details = State.CANCELLED, run.details
        self.records.finish_run(run.id, state, at=at, message=message, details=details)


def _figures(result: Mapping[str, Any]) -> str:
    """The figures of a result as ` name=value`; what is longer stands on record."""
    return "".join(f" {name}={value}" for name, value in _short(result).items())


def _short(result: Mapping[str, Any]) -> dict[str, Any]:
    """What has something to say and fits into a line, and is not bound to it already."""
    bound = fields()
    return {
        name: value
        for name, value in result.items()
        if name not in bound and value != "" and isinstance(value, str | int | float)
    }
