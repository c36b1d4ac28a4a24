"""Every run leaves a record: what, when, how it ended."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from backend.exceptions import NormalcyError
from backend.ports import Clock, RecordStore
from backend.records import Run, State


def worker_name() -> str:
    """This process, as it signs its runs: `host:pid`."""
    return f"{socket.gethostname()}:{os.getpid()}"


@contextmanager
def recorded(
    records: RecordStore, clock: Clock, kind: str, detector: str
) -> Iterator[dict[str, Any]]:
    """Record a run around a block; what the block puts into the mapping becomes its details."""
    run = records.start_run(kind, detector, worker=worker_name(), at=clock.now())
    details: dict[str, Any] = {}
    try:
        yield details
    except BaseException as error:
        _fail(records, clock, run, error, details)
        raise
    records.finish_run(run.id, State.DONE, at=clock.now(), details=details)


@contextmanager
def failures_recorded(
    records: RecordStore, clock: Clock, kind: str, detector: str
) -> Iterator[None]:
    """Record a run only if it fails: one that happens every minute would drown the others."""
    try:
        yield
    except BaseException as error:
        run = records.start_run(kind, detector, worker=worker_name(), at=clock.now())
        _fail(records, clock, run, error, {})
        raise


def _fail(
    records: RecordStore, clock: Clock, run: Run, error: BaseException, details: dict[str, Any]
) -> None:
    known = isinstance(error, NormalcyError)
    message = str(error) if known else f"unexpected {type(error).__name__}: {error}"
    records.finish_run(run.id, State.FAILED, at=clock.now(), message=message, details=details)
