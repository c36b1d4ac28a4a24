"""Detectors made by the API or in the pages."""

from sqlalchemy import Connection, delete, select

from backend.exceptions import NotFound
from backend.records import StoredDetector
from backend.stores.records import tables
from backend.stores.records.rows import columns, insert_into

_DETECTORS = tables.detectors


def save(connection: Connection, detector: StoredDetector) -> None:
    """Store or replace a detector."""
    values = columns(detector)
    statement = insert_into(connection, _DETECTORS).values(values)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))


def remove(connection: Connection, name: str) -> None:
    """Remove a detector's definition."""
    statement = delete(_DETECTORS).where(_DETECTORS.c.name == name).returning(_DETECTORS.c.name)
    if connection.execute(statement).one_or_none() is None:
        raise NotFound(f"There is no stored detector {name!r}.")


def listed(connection: Connection) -> list[StoredDetector]:
    """Stored detectors by name; sorted here, since databases sort by their own languages."""
    rows = connection.execute(select(_DETECTORS))
    return sorted((StoredDetector(**row._mapping) for row in rows), key=lambda one: one.name)
