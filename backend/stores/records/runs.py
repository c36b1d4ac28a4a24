"""Runs of jobs: begun, told of, asked to end, ended, or found interrupted."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, case, func, insert, select, text, update

from backend.exceptions import Conflict, NotFound
from backend.records import Run, State
from backend.stores.records import run_log, tables
from backend.stores.records.rows import columns, plain

_RUNS = tables.runs
_CUT_SHORT = (State.INTERRUPTED.value, State.CANCELLED.value)


def start(connection: Connection, run: Run) -> Run:
    """Record that a job began, and number the run."""
    values = {**columns(run, without="id"), "details": plain(run.details)}
    begun = _run(connection.execute(insert(_RUNS).values(values).returning(_RUNS)).one())
    run_log.forget(connection, newest=begun.id)
    return begun


def tell(connection: Connection, run: int, *, share: float, words: str, at: int) -> Run:
    """Keep how far a run is, and what it does where that is new; one that ended stays as it is."""
    going_on = _RUNS.c.id == run, _RUNS.c.state == State.RUNNING.value
    before = connection.scalar(select(_RUNS.c.words).where(*going_on).with_for_update())
    told = update(_RUNS).where(*going_on).values(progress=share, words=words, told_at=at)
    row = connection.execute(told.returning(_RUNS)).one_or_none()
    if row is None:
        return one(connection, run)
    if words != before:
        run_log.add(connection, run, at=at, words=words)
    return _run(row)


def cancel(connection: Connection, run: int, *, by: str) -> Run:
    """Note who wants a run to end; the first one stands."""
    going_on = _RUNS.c.id == run, _RUNS.c.state == State.RUNNING.value
    statement = update(_RUNS).where(*going_on)
    noted = statement.values(cancelled_by=func.coalesce(_RUNS.c.cancelled_by, by))
    row = connection.execute(noted.returning(_RUNS)).one_or_none()
    if row is None:
        raise Conflict(f"Run {run} cannot be cancelled: it is {one(connection, run).state}.")
    return _run(row)


def one(connection: Connection, run: int) -> Run:
    """One run."""
    row = connection.execute(select(_RUNS).where(_RUNS.c.id == run)).one_or_none()
    if row is None:
        raise NotFound(f"There is no run {run}.")
    return _run(row)


def finish(
    connection: Connection,
    run: int,
    state: State,
    *,
    at: int,
    message: str,
    details: Mapping[str, Any],
) -> None:
    """Record how a job ended; one that was found interrupted or cancelled stays so."""
    mine = _RUNS.c.id == run, _RUNS.c.state.not_in(_CUT_SHORT)
    ended = update(_RUNS).where(*mine).returning(_RUNS.c.id)
    ended = ended.values(state=state.value, finished_at=at, message=message, details=plain(details))
    if connection.execute(ended).one_or_none() is None:
        one(connection, run)


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
    """Mark running runs of a worker as interrupted, or as cancelled where that was asked for."""
    going_on = _RUNS.c.state == State.RUNNING.value
    statement = update(_RUNS).where(going_on, _RUNS.c.worker == worker)
    unasked = _RUNS.c.cancelled_by.is_(None)
    state = case((unasked, State.INTERRUPTED.value), else_=State.CANCELLED.value)
    ended = statement.values(state=state, finished_at=at)
    return connection.execute(ended).rowcount


def _run(row: Row[Any]) -> Run:
    return Run(**{**row._mapping, "state": State(row.state)})
