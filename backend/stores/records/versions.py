"""Model versions, their numbers, and which of them serves."""

from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from backend.exceptions import Conflict, NotFound
from backend.records import Promotion, Verdict, Version
from backend.stores.records import tables
from backend.stores.records.rows import columns, insert_into

_NUMBERS = tables.version_numbers
_VERSIONS = tables.versions
_PROMOTIONS = tables.promotions


def next_number(connection: Connection, detector: str) -> int:
    """Count one further in a single statement, so that no two callers get the same number."""
    statement = insert_into(connection, _NUMBERS).values(detector=detector, last=1)
    counted = statement.on_conflict_do_update(
        index_elements=["detector"], set_={"last": _NUMBERS.c.last + 1}
    )
    return int(connection.execute(counted.returning(_NUMBERS.c.last)).scalar_one())


def add(connection: Connection, version: Version) -> Version:
    """Store a version under its number, which must be new."""
    statement = insert_into(connection, _VERSIONS).values(columns(version))
    stored = connection.execute(statement.on_conflict_do_nothing().returning(_VERSIONS))
    row = stored.one_or_none()
    if row is None:
        raise Conflict(f"Version {version.name} is stored already; versions are never replaced.")
    return _version(row)


def listed(connection: Connection, detector: str, *, limit: int | None) -> list[Version]:
    """Versions of a detector, newest first."""
    statement = select(_VERSIONS).where(_VERSIONS.c.detector == detector)
    rows = connection.execute(statement.order_by(_VERSIONS.c.number.desc()).limit(limit))
    return [_version(row) for row in rows]


def one(connection: Connection, detector: str, number: int) -> Version:
    """One version."""
    statement = select(_VERSIONS).where(
        _VERSIONS.c.detector == detector, _VERSIONS.c.number == number
    )
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise _unknown(detector, number)
    return _version(row)


def set_verdict(connection: Connection, detector: str, number: int, verdict: Verdict) -> None:
    """Change what became of a version."""
    statement = update(_VERSIONS).where(
        _VERSIONS.c.detector == detector, _VERSIONS.c.number == number
    )
    changed = statement.values(verdict=verdict.value).returning(_VERSIONS.c.number)
    if connection.execute(changed).one_or_none() is None:
        raise _unknown(detector, number)


def promote(connection: Connection, promotion: Promotion) -> None:
    """Let a version serve and retire the former champion."""
    of_detector = _VERSIONS.c.detector == promotion.detector
    # PostgreSQL: two promotions at once must see each other's champion; SQLite has one writer.
    connection.execute(select(_VERSIONS.c.number).where(of_detector).with_for_update())
    former = update(_VERSIONS).where(of_detector, _VERSIONS.c.verdict == Verdict.CHAMPION.value)
    connection.execute(former.values(verdict=Verdict.RETIRED.value))
    set_verdict(connection, promotion.detector, promotion.number, Verdict.CHAMPION)
    connection.execute(insert(_PROMOTIONS).values(columns(promotion)))


def promotions(connection: Connection, detector: str) -> list[Promotion]:
    """Promotions in the order they were made."""
    names = [_PROMOTIONS.c[name] for name in ("detector", "number", "serves_from", "at", "by")]
    statement = select(*names).where(_PROMOTIONS.c.detector == detector)
    rows = connection.execute(statement.order_by(_PROMOTIONS.c.id))
    return [Promotion(**row._mapping) for row in rows]


def _version(row: Row[Any]) -> Version:
    return Version(**{**row._mapping, "verdict": Verdict(row.verdict)})


def _unknown(detector: str, number: int) -> NotFound:
    return NotFound(f"Detector {detector!r} has no version {number}.")
