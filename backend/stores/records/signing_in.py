"""Browsers in which somebody is signed in, people who sign in elsewhere, links that were used."""

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from backend.exceptions import Conflict
from backend.records import Identity, SessionKind, SignedIn
from backend.stores.records import tables
from backend.stores.records.rows import columns, insert_into

_SESSIONS = tables.sessions
_SPENT = tables.spent_links
_IDENTITIES = tables.identities


def begin(connection: Connection, session: SignedIn) -> SignedIn:
    """Store a session and number it."""
    values = columns(session, without="id")
    number = connection.scalar(insert(_SESSIONS).values(values).returning(_SESSIONS.c.id))
    assert number is not None
    return replace(session, id=number)


def by_digest(connection: Connection, digest: str) -> SignedIn | None:
    """The session of a cookie's secret."""
    rows = connection.execute(select(_SESSIONS).where(_SESSIONS.c.digest == digest))
    row = rows.one_or_none()
    return None if row is None else _session(row)


def of_name(connection: Connection, kind: SessionKind, name: str) -> list[SignedIn]:
    """Sessions of one person, newest first."""
    mine = (_SESSIONS.c.kind == kind.value, _SESSIONS.c.name == name)
    rows = connection.execute(select(_SESSIONS).where(*mine).order_by(_SESSIONS.c.id.desc()))
    return [_session(row) for row in rows]


def touch(connection: Connection, session: int, *, at: int) -> None:
    """Note when a browser was seen."""
    connection.execute(update(_SESSIONS).where(_SESSIONS.c.id == session).values(seen_at=at))


def end(connection: Connection, session: int) -> bool:
    """Remove a session; whether it was there."""
    return connection.execute(delete(_SESSIONS).where(_SESSIONS.c.id == session)).rowcount > 0


def forget(connection: Connection, *, seen_before: int, began_before: int) -> int:
    """Remove sessions that were not seen for long, or began long ago."""
    old = (_SESSIONS.c.seen_at < seen_before) | (_SESSIONS.c.began_at < began_before)
    return connection.execute(delete(_SESSIONS).where(old)).rowcount


def spend(connection: Connection, digest: str, *, at: int) -> bool:
    """Note that a link was used; whether this was the first time."""
    statement = insert_into(connection, _SPENT).values(digest=digest, at=at)
    stored = connection.execute(statement.on_conflict_do_nothing().returning(_SPENT.c.at))
    return stored.one_or_none() is not None


def is_spent(connection: Connection, digest: str) -> bool:
    """Whether a link was used."""
    return connection.scalar(select(_SPENT.c.at).where(_SPENT.c.digest == digest)) is not None


def forget_links(connection: Connection, *, before: int) -> int:
    """Remove the marks of links that were used before a time."""
    return connection.execute(delete(_SPENT).where(_SPENT.c.at < before)).rowcount


def identity_of_name(connection: Connection, name: str) -> Identity | None:
    """Who goes by a name here."""
    rows = connection.execute(select(_IDENTITIES).where(_IDENTITIES.c.name == name))
    row = rows.one_or_none()
    return None if row is None else Identity(**row._mapping)


def keep_identity(connection: Connection, identity: Identity) -> Identity:
    """Store who somebody is, or under which name they come now; first come, first named."""
    taken = identity_of_name(connection, identity.name)
    own = (identity.issuer, identity.subject)
    if taken is not None and (taken.issuer, taken.subject) != own:
        raise Conflict(f"The name {identity.name!r} belongs to somebody else here.")
    changed = {"name": identity.name, "last_at": identity.last_at}
    statement = insert_into(connection, _IDENTITIES).values(columns(identity))
    keys = [_IDENTITIES.c.issuer, _IDENTITIES.c.subject]
    kept = statement.on_conflict_do_update(index_elements=keys, set_=changed)
    return Identity(**connection.execute(kept.returning(_IDENTITIES)).one()._mapping)


def _session(row: Row[Any]) -> SignedIn:
    return SignedIn(**{**row._mapping, "kind": SessionKind(row.kind)})
