"""Leases: who of several processes does a piece of work, and until when.

One clock counts: that of the PostgreSQL server, whatever the hosts say. An SQLite file is used on
one machine, whose clock all its processes share.
"""

import secrets
import time
from collections.abc import Collection
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    and_,
    case,
    delete,
    func,
    literal,
    literal_column,
    or_,
    select,
    update,
)

from backend.records import Lease
from backend.stores.records import tables
from backend.stores.records.rows import insert_into

_LEASES = tables.leases
_FREE = ""
_CLOCKS_DIFFER = 60_000_000_000
"""A time that was served further ahead than this came from a clock that was wrong."""
_SERVER_NOW = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000000 AS BIGINT)"


def take(
    connection: Connection, name: str, holder: str, *, length: int, due: int | None
) -> Lease | None:
    """Take a lease in one statement: whoever comes second finds it taken."""
    now = _now(connection)
    statement = insert_into(connection, _LEASES).values(
        name=name,
        holder=holder,
        token=secrets.token_hex(8),
        until=now + length,
        due=due,
        formerly="",
    )
    new = statement.excluded
    # One that would hold for longer than any does was taken before the clock was set back.
    too_far = _LEASES.c.until > now + max(length, 0) + _CLOCKS_DIFFER
    free = or_(_LEASES.c.holder == _FREE, _LEASES.c.until <= now, too_far)
    taken = statement.on_conflict_do_update(
        index_elements=["name"],
        set_={
            "holder": new.holder,
            "token": new.token,
            "until": new.until,
            "due": func.coalesce(new.due, _LEASES.c.due),
            "formerly": _LEASES.c.holder,
        },
        where=free if due is None else and_(free, _is_to_serve(due, now)),
    )
    row = connection.execute(taken.returning(_LEASES)).one_or_none()
    return None if row is None else _lease(row)


def _is_to_serve(due: int, now: ColumnElement[int]) -> ColumnElement[bool]:
    served = _LEASES.c.served
    return or_(served.is_(None), served < due, served > now + _CLOCKS_DIFFER)


def renew(connection: Connection, tokens: Collection[str], *, length: int) -> frozenset[str]:
    """Let leases hold for longer, also those that ran out and nobody took."""
    statement = update(_LEASES).where(_LEASES.c.token.in_(tokens), _LEASES.c.holder != _FREE)
    renewed = statement.values(until=_now(connection) + length).returning(_LEASES.c.token)
    return frozenset(connection.scalars(renewed))


def holds(connection: Connection, name: str, token: str) -> bool:
    """Whether nobody else has taken a lease since."""
    statement = select(_LEASES.c.holder).where(_LEASES.c.name == name, _LEASES.c.token == token)
    return connection.scalar(statement) is not None


def drop(connection: Connection, name: str, token: str, *, done: bool) -> None:
    """Give a lease back; one of which there is nothing to remember leaves no row."""
    mine = and_(_LEASES.c.name == name, _LEASES.c.token == token)
    left: dict[str, Any] = {"holder": _FREE, "token": "", "formerly": ""}  # nosec B105
    if done:
        served = func.coalesce(_LEASES.c.due, _LEASES.c.served)
        left |= {"due": None, "served": served}
    connection.execute(update(_LEASES).where(mine).values(left))
    nothing = and_(_LEASES.c.due.is_(None), _LEASES.c.served.is_(None))
    connection.execute(
        delete(_LEASES).where(_LEASES.c.name == name, _LEASES.c.holder == _FREE, nothing)
    )


def listed(connection: Connection) -> list[Lease]:
    """Leases that are held, have run out or were left unfinished; sorted here, by one language."""
    expired = case((_LEASES.c.until <= _now(connection), 1), else_=0).label("expired")
    of_interest = or_(_LEASES.c.holder != _FREE, _LEASES.c.due.is_not(None))
    rows = connection.execute(select(_LEASES, expired).where(of_interest))
    return sorted((_lease(row, bool(row.expired)) for row in rows), key=lambda one: one.name)


def _now(connection: Connection) -> ColumnElement[int]:
    if connection.dialect.name == "sqlite":
        return literal(time.time_ns(), BigInteger)
    return literal_column(_SERVER_NOW, BigInteger)


def _lease(row: Row[Any], expired: bool = False) -> Lease:
    return Lease(
        row.name, row.holder, row.token, row.until, row.due, row.formerly, expired, row.served
    )
