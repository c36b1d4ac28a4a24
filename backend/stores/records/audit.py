"""The audit log: entries are added, listed, and removed when they are old; none is changed."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from backend.records import AuditEntry, How
from backend.stores.records import tables
from backend.stores.records.rows import columns

_AUDIT = tables.audit


@dataclass(frozen=True)
class Asked:
    """Which entries are wanted; what is None or empty does not narrow.

    Attributes:
        who: of this person.
        detectors: of one of these detectors.
        action: this one, or all that begin with it and a dot.
        before: older than the entry of this number.
    """

    who: str | None = None
    detectors: Collection[str] = ()
    action: str | None = None
    before: int | None = None


def add(connection: Connection, entry: AuditEntry) -> AuditEntry:
    """Store an entry and number it."""
    statement = insert(_AUDIT).values(columns(entry, without="id")).returning(_AUDIT.c.id)
    number = connection.scalar(statement)
    assert number is not None
    return replace(entry, id=number)


def listed(connection: Connection, asked: Asked, *, limit: int) -> list[AuditEntry]:
    """Entries, newest first."""
    statement = select(_AUDIT).order_by(_AUDIT.c.id.desc()).limit(limit)
    if asked.who is not None:
        statement = statement.where(_AUDIT.c.who == asked.who)
    if asked.detectors:
        statement = statement.where(_AUDIT.c.detector.in_(asked.detectors))
    if asked.action is not None:
        below = _AUDIT.c.action.startswith(f"{asked.action}.", autoescape=True)
        statement = statement.where((_AUDIT.c.action == asked.action) | below)
    if asked.before is not None:
        statement = statement.where(_AUDIT.c.id < asked.before)
    return [_entry(row) for row in connection.execute(statement)]


def forget(connection: Connection, *, before: int) -> int:
    """Remove entries that are older than a time."""
    return connection.execute(delete(_AUDIT).where(_AUDIT.c.at < before)).rowcount


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(**{**row._mapping, "how": How(row.how)})
