"""When the service was looked after, and what is old enough to go."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, delete, func, select

from backend.exceptions import Conflict
from backend.records import Upkeep, Verdict
from backend.stores.records import tables
from backend.stores.records.rows import columns, insert_into, plain

_UPKEEP, _VERSIONS = tables.upkeep, tables.versions
_RUNS, _REQUESTS, _LOG = tables.runs, tables.requests, tables.run_log
_ENDED = (
    (_RUNS, _RUNS.c.finished_at),
    (_REQUESTS, _REQUESTS.c.finished_at),
    (tables.drift_proposals, tables.drift_proposals.c.answered_at),
)
"""When a row of each table came to its end; without a time where it has not."""


def note(connection: Connection, upkeep: Upkeep) -> None:
    """Keep when something was done last."""
    values = {**columns(upkeep), "details": plain(upkeep.details)}
    stated = insert_into(connection, _UPKEEP).values(values)
    changed: Mapping[str, Any] = {name: values[name] for name in ("at", "details")}
    connection.execute(stated.on_conflict_do_update(index_elements=["name"], set_=changed))


def listed(connection: Connection) -> list[Upkeep]:
    """What was done last, by name."""
    rows = connection.execute(select(_UPKEEP).order_by(_UPKEEP.c.name))
    return [Upkeep(**row._mapping) for row in rows]


def versioned(connection: Connection) -> list[str]:
    """Detectors that have versions."""
    asked = select(_VERSIONS.c.detector).distinct().order_by(_VERSIONS.c.detector)
    return list(connection.scalars(asked))


def artifacts(connection: Connection) -> frozenset[str]:
    """Artifacts that versions name."""
    return frozenset(connection.scalars(select(_VERSIONS.c.artifact)))


def remove_version(connection: Connection, detector: str, number: int) -> bool:
    """Remove a version, unless it serves; whether it was there."""
    own = _VERSIONS.c.detector == detector, _VERSIONS.c.number == number
    # PostgreSQL: a promotion that goes on must be over, or wait.
    verdict = connection.scalar(select(_VERSIONS.c.verdict).where(*own).with_for_update())
    if verdict == Verdict.CHAMPION.value:
        raise Conflict(f"Version {number} of {detector!r} serves: it cannot be removed.")
    return connection.execute(delete(_VERSIONS).where(*own)).rowcount > 0


def ended(connection: Connection, *, before: int) -> int:
    """How many runs and requests ended, and proposals were answered, before a time."""
    counts = (select(func.count()).where(at < before) for _, at in _ENDED)
    return sum(connection.scalar(count) or 0 for count in counts)


def forget_ended(connection: Connection, *, before: int, limit: int) -> int:
    """Remove the oldest of what `ended` counts; runs with what they told."""
    count = 0
    for table, at in _ENDED:
        own = table.c.id
        asked = select(own).where(at < before).order_by(own).limit(limit - count)
        gone = list(connection.scalars(asked))
        if table is _RUNS:
            connection.execute(delete(_LOG).where(_LOG.c.run.in_(gone)))
        connection.execute(delete(table).where(own.in_(gone)))
        count += len(gone)
    return count
