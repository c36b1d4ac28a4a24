"""Requests: asked by one process, claimed and answered by another."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    case,
    func,
    or_,
    select,
    text,
    true,
    update,
)

from backend.exceptions import Conflict, NotFound
from backend.records import Request, State
from backend.stores.records import tables
from backend.stores.records.rows import columns, fingerprint, insert_into, plain

_REQUESTS = tables.requests
_OPEN = (State.WAITING.value, State.RUNNING.value)


def add(connection: Connection, request: Request) -> Request:
    """Store a request, or find its equal that still waits."""
    digest = fingerprint(request.payload)
    values = {**columns(request, without="id"), "fingerprint": digest}
    statement = insert_into(connection, _REQUESTS).values(values)
    insertion = statement.on_conflict_do_nothing(
        index_elements=["kind", "detector", "fingerprint"], index_where=text(tables.WAITING)
    ).returning(_REQUESTS)
    equal = select(_REQUESTS).where(
        _REQUESTS.c.kind == request.kind,
        _REQUESTS.c.detector == request.detector,
        _REQUESTS.c.fingerprint == digest,
        _REQUESTS.c.state == State.WAITING.value,
    )
    while True:  # neither happens only when the equal one was claimed between the two statements
        for attempt in (insertion, equal):
            row = connection.execute(attempt).one_or_none()
            if row is not None:
                return _request(row)


@dataclass(frozen=True)
class Claim:
    """Who claims a request, when, and until when unless renewed."""

    worker: str
    at: int
    deadline: int


def claim(
    connection: Connection,
    claim: Claim,
    *,
    kinds: Collection[str] | None,
    request: int | None,
) -> Request | None:
    """Take the oldest request of these kinds, or a certain one, that waits or is given up."""
    free = _claimable(claim.at)
    if kinds is not None:
        free = and_(free, _REQUESTS.c.kind.in_(kinds))
    if request is not None:
        free = and_(free, _REQUESTS.c.id == request)
    oldest = select(_REQUESTS.c.id).where(free).order_by(_REQUESTS.c.id).limit(1)
    claimed = update(_REQUESTS).values(
        state=State.RUNNING.value,
        worker=claim.worker,
        claimed_at=claim.at,
        deadline=claim.deadline,
        progress=0.0,
        words="",
    )
    while (number := connection.scalar(oldest)) is not None:
        # Whoever changes the row has it; who changes none was late and looks for the next.
        mine = claimed.where(_REQUESTS.c.id == number, free).returning(_REQUESTS)
        row = connection.execute(mine).one_or_none()
        if row is not None:
            return _request(row)
    return None


def _claimable(at: int) -> ColumnElement[bool]:
    waiting = _REQUESTS.c.state == State.WAITING.value
    expired = and_(_REQUESTS.c.state == State.RUNNING.value, _REQUESTS.c.deadline <= at)
    return or_(waiting, expired)


def report(
    connection: Connection, request: int, values: Mapping[str, Any], *, worker: str | None
) -> Request:
    """Note progress of a claimed request and extend the claim.

    Args:
        connection: within a transaction.
        request: its number.
        values: `progress`, `deadline` and, if they are told, `words`.
        worker: who reports; anybody if None.
    """
    running = _REQUESTS.c.state == State.RUNNING.value
    statement = update(_REQUESTS).where(_REQUESTS.c.id == request, running, _of(worker))
    row = connection.execute(statement.values(values).returning(_REQUESTS)).one_or_none()
    if row is None:
        found = one(connection, request)
        _refuse_other(found, worker)
        raise Conflict(f"Request {request} is {found.state}, not running.")
    return _request(row)


def cancel(connection: Connection, request: int, *, by: str, at: int) -> Request:
    """End a request that waits; note of one worked on who wants it to end."""
    waits = _REQUESTS.c.state == State.WAITING.value
    mine = _REQUESTS.c.id == request, _REQUESTS.c.state.in_(_OPEN)
    noted = update(_REQUESTS).where(*mine).returning(_REQUESTS)
    noted = noted.values(
        cancelled_by=func.coalesce(_REQUESTS.c.cancelled_by, by),
        finished_at=case((waits, at), else_=_REQUESTS.c.finished_at),
        state=case((waits, State.CANCELLED.value), else_=_REQUESTS.c.state),
    )
    row = connection.execute(noted).one_or_none()
    if row is None:
        state = one(connection, request).state
        raise Conflict(f"Request {request} cannot be cancelled: it is {state}.")
    return _request(row)


def finish(
    connection: Connection, request: int, values: Mapping[str, Any], *, worker: str | None
) -> None:
    """Record how a request ended; the first end stands.

    Args:
        connection: within a transaction.
        request: its number.
        values: `state`, `finished_at`, `result` and `message`.
        worker: who ends it; anybody if None.
    """
    statement = update(_REQUESTS).where(
        _REQUESTS.c.id == request, _REQUESTS.c.state.in_(_OPEN), _of(worker)
    )
    values = {**values, "state": values["state"].value, "result": plain(values["result"])}
    ended = statement.values(values).returning(_REQUESTS.c.id)
    if connection.execute(ended).one_or_none() is None:
        found = one(connection, request)
        _refuse_other(found, worker)
        raise Conflict(f"Request {request} is {found.state} already.")


def _of(worker: str | None) -> ColumnElement[bool]:
    return true() if worker is None else _REQUESTS.c.worker == worker


def _refuse_other(found: Request, worker: str | None) -> None:
    if worker not in (None, found.worker):
        raise Conflict(f"Request {found.id} was taken over by {found.worker}.")


def one(connection: Connection, request: int) -> Request:
    """One request."""
    row = connection.execute(select(_REQUESTS).where(_REQUESTS.c.id == request)).one_or_none()
    if row is None:
        raise NotFound(f"There is no request {request}.")
    return _request(row)


@dataclass(frozen=True)
class Asked:
    """Which requests are meant; None means any."""

    kind: str | None
    detector: str | None
    payload: Mapping[str, Any] | None


def listed(connection: Connection, asked: Asked, *, limit: int) -> list[Request]:
    """Requests, newest first."""
    statement = select(_REQUESTS).order_by(_REQUESTS.c.id.desc()).limit(limit)
    if asked.kind is not None:
        statement = statement.where(_REQUESTS.c.kind == asked.kind)
    if asked.detector is not None:
        statement = statement.where(_REQUESTS.c.detector == asked.detector)
    if asked.payload is not None:
        statement = statement.where(_REQUESTS.c.fingerprint == fingerprint(asked.payload))
    return [_request(row) for row in connection.execute(statement)]


def still_open(connection: Connection) -> list[Request]:
    """Requests that wait or are worked on, oldest first."""
    # Written out, as in the partial index, so that it is used.
    statement = select(_REQUESTS).where(text(tables.OPEN)).order_by(_REQUESTS.c.id)
    return [_request(row) for row in connection.execute(statement)]


def _request(row: Row[Any]) -> Request:
    values = {name: value for name, value in row._mapping.items() if name != "fingerprint"}
    return Request(**{**values, "state": State(row.state)})
