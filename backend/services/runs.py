"""Every run leaves a record: what, when, how far it is, how it ended."""

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from backend.exceptions import Cancelled, NormalcyError
from backend.ports import Clock, Progress, RecordStore
from backend.records import Run, State
from backend.services.log_fields import run_details
from backend.services.progress import Telling

_GOES_ON_NS = 3_600_000_000_000
"""A failure this long after an equal one is a new one."""


_WORKS_FOR = ContextVar[str | None]("works for", default=None)


def worker_name() -> str:
    """Who signs the runs of this process: the jobs that it works for, else itself, `host:pid`."""
    return _WORKS_FOR.get() or f"{socket.gethostname()}:{os.getpid()}"


@contextmanager
def working_for(worker: str | None) -> Iterator[None]:
    """Sign what is done here by the name of the process that asked for it, if it gave one.

    When that one dies, its workers do too, and their runs are found by its name.
    """
    token = _WORKS_FOR.set(worker)
    try:
        yield
    finally:
        _WORKS_FOR.reset(token)


@dataclass(frozen=True)
class Going:
    """A run that goes on.

    Attributes:
        tell: keeps its progress on record; raises `Cancelled` once a person asked for its end.
        details: what is put into it stays on record when the run ends.
    """

    tell: Progress
    details: dict[str, Any] = field(default_factory=dict)


@contextmanager
def recorded(
    records: RecordStore,
    clock: Clock,
    kind: str,
    detector: str,
    details: Mapping[str, Any] | None = None,
) -> Iterator[Going]:
    """Record a run around a block, with what is known of it before."""
    known = {**(details or {}), **run_details()}
    run = records.start_run(kind, detector, worker=worker_name(), at=clock.now(), details=known)
    going = Going(Telling(records, clock, run), known)
    try:
        yield going
    except BaseException as error:
        _fail(records, clock, run, error, going.details)
        raise
    records.finish_run(run.id, State.DONE, at=clock.now(), details=going.details)


@contextmanager
def failures_recorded(
    records: RecordStore, clock: Clock, kind: str, detector: str
) -> Iterator[None]:
    """Record a run only if it fails: one that happens every minute would drown the others.

    A failure that goes on stays one run; to be cancelled is none.
    """
    try:
        yield
    except Cancelled:
        raise
    except BaseException as error:
        now = clock.now()
        run = _going_on(records, kind, detector, _message(error), now)
        run = run or records.start_run(kind, detector, worker=worker_name(), at=now)
        _fail(records, clock, run, error, dict(run_details()))
        raise


def _going_on(records: RecordStore, kind: str, detector: str, message: str, now: int) -> Run | None:
    """The newest run, if it failed in the same way a short while ago."""
    for run in records.runs(detector, limit=1):
        same = (run.kind, run.state, run.message) == (kind, State.FAILED, message)
        if same and now - (run.finished_at or run.started_at) < _GOES_ON_NS:
            return run
    return None


def _fail(
    records: RecordStore, clock: Clock, run: Run, error: BaseException, details: dict[str, Any]
) -> None:
    at, message, state = clock.now(), _message(error), State.FAILED
    if isinstance(error, Cancelled):
        state = State.CANCELLED
        records.cancel_run(run.id, by=error.by)  # whoever cancelled what asked for it
    if isinstance(error, NormalcyError) and error.retry:
        details["retry"] = True
    records.finish_run(run.id, state, at=at, message=message, details=details)


def _message(error: BaseException) -> str:
    known = isinstance(error, NormalcyError)
    return str(error) if known else f"unexpected {type(error).__name__}: {error}"
