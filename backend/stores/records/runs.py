"""Runs of jobs: begun, ended, or found interrupted."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from backend.exceptions import NotFound
from backend.records import Run, State
from backend.stores.records import tables
from backend.stores.records.rows import columns, plain

_RUNS = tables.runs


def start(connection: Connection, run: Run) -> Run:
    """Record that a job began, and number the run."""
    statement = insert(_RUNS).values(columns(run, without="id")).returning(_RUNS)
    return _run(connection.execute(statement).one())


def finish(
    connection: Connection,
    run: int,
    state: State,
    *,
    at: int,
    message: str,
    details: Mapping[str, Any],
) -> None:
    """Record how a job ended."""
    statement = update(_RUNS).where(_RUNS.c.id == run).returning(_RUNS.c.id)
    ended = statement.values(
        state=state.value, finished_at=at, message=message, details=plain(details)
    )
    if connection.execute(ended).one_or_none() is None:
        raise NotFound(f"There is no run {run}.")


def listed(connection: Connection, detector: str | None, *, limit: int) -> list[Run]:
    """Runs, newest first."""
    statement = select(_RUNS).order_by(_RUNS.c.id.desc()).limit(limit)
    if detector is not None:
        statement = statement.where(_RUNS.c.detector == detector)
    return [_run(row) for row in connection.execute(statement)]


def interrupt(connection: Connection, *, worker: str, at: int) -> int:
    """Mark running runs of workers whose name starts with `worker` as interrupted."""
    # Not LIKE, which takes upper and lower case for the same in SQLite.
    of_worker = func.substr(_RUNS.c.worker, 1, len(worker)) == worker
    statement = update(_RUNS).where(_RUNS.c.state == State.RUNNING.value, of_worker)
    ended = statement.values(state=State.INTERRUPTED.value, finished_at=at)
    return connection.execute(ended).rowcount


def _run(row: Row[Any]) -> Run:
    return Run(**{**row._mapping, "state": State(row.state)})
