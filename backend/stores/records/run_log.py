"""What runs told of themselves, line by line; never more than there is use for."""

from sqlalchemy import Connection, delete, insert, select

from backend.records import LOG_LINES, LOGS_KEPT, LogLine
from backend.stores.records import tables

_LOG = tables.run_log


def add(connection: Connection, run: int, *, at: int, words: str) -> None:
    """Append a line; the oldest of too many goes."""
    connection.execute(insert(_LOG).values(run=run, at=at, words=words))
    own = select(_LOG.c.id).where(_LOG.c.run == run).order_by(_LOG.c.id.desc())
    last_to_go = connection.scalar(own.offset(LOG_LINES).limit(1))
    if last_to_go is not None:
        connection.execute(delete(_LOG).where(_LOG.c.run == run, _LOG.c.id <= last_to_go))


def listed(connection: Connection, run: int) -> list[LogLine]:
    """Lines of a run, oldest first."""
    lines = select(_LOG.c.at, _LOG.c.words).where(_LOG.c.run == run).order_by(_LOG.c.id)
    return [LogLine(row.at, row.words) for row in connection.execute(lines)]


def forget(connection: Connection, *, newest: int) -> None:
    """Remove the lines of runs that lie long before the newest one."""
    connection.execute(delete(_LOG).where(_LOG.c.run <= newest - LOGS_KEPT))
