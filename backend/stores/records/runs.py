"""Runs of jobs: begun, ended, or found interrupted."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, and_, insert, select, text, update

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
    """Record how a job ended; one that was found interrupted stays so."""
    mine = and_(_RUNS.c.id == run, _RUNS.c.state != State.INTERRUPTED.value)
    ended = update(_RUNS).where(mine).returning(_RUNS.c.id)
    ended = ended.values(state=state.value, finished_at=at, message=message, details=plain(details))
    if connection.execute(ended).one_or_none() is None:
        known = select(_RUNS.c.id).where(_RUNS.c.id == run)
        if connection.scalar(known) is None:
            raise NotFound(f"There is no run {run}.")


def listed(connection: Connection, detector: str | None, *, limit: int) -> list[Run]:
    """Runs, newest first."""
    statement = select(_RUNS).order_by(_RUNS.c.id.desc()).limit(limit)
    if detector is not None:
        statement = statement.where(_RUNS.c.detector == detector)
    return [_run(row) for row in connection.execute(statement)]


def still_open(connection: Connection) -> list[Run]:
    """Runs that go on by the record, oldest first."""
    # Written out, as in the partial index, so that it is used.
    statement = select(_RUNS).where(text(tables.RUNNING)).order_by(_RUNS.c.id)
    return [_run(row) for row in connection.execute(statement)]


def interrupt(connection: Connection, *, worker: str, at: int) -> int:
    """Mark running runs of a worker as interrupted."""
    going_on = _RUNS.c.state == State.RUNNING.value
    statement = update(_RUNS).where(going_on, _RUNS.c.worker == worker)
    ended = statement.values(state=State.INTERRUPTED.value, finished_at=at)
    return connection.execute(ended).rowcount


def _run(row: Row[Any]) -> Run:
    return Run(**{**row._mapping, "state": State(row.state)})
