"""What each process says of itself: one row a process, written over."""

from collections.abc import Collection

from sqlalchemy import Connection, delete, select

from backend.records import ProcessReport
from backend.stores.records import tables
from backend.stores.records.rows import columns, insert_into

_REPORTS = tables.process_reports


def report(connection: Connection, said: ProcessReport) -> None:
    """Store what a process says, in place of what it said before."""
    values = columns(said)
    statement = insert_into(connection, _REPORTS).values(values)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))


def listed(connection: Connection, *, counts: bool) -> list[ProcessReport]:
    """What every process said last; sorted here, since databases sort by their own languages."""
    asked = [one for one in _REPORTS.columns if counts or one is not _REPORTS.c.families]
    rows = connection.execute(select(*asked))
    return sorted((ProcessReport(**row._mapping) for row in rows), key=lambda one: one.name)


def forget(connection: Connection, names: Collection[str]) -> None:
    """Remove what processes said."""
    connection.execute(delete(_REPORTS).where(_REPORTS.c.name.in_(list(names))))
