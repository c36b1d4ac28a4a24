"""How far scoring has come, and which series are left out for now."""

from collections.abc import Mapping

from sqlalchemy import Connection, and_, delete, select, update

from backend.records import SeriesKey, SetAside
from backend.stores.records import tables
from backend.stores.records.rows import columns, insert_into

_MARKS = tables.watermarks
_ASIDE = tables.set_aside
_KEY = ["detector", "series"]


def watermarks(connection: Connection, detector: str) -> dict[SeriesKey, int]:
    """For each series the first nanosecond not yet scored."""
    statement = select(_MARKS.c.series, _MARKS.c.mark).where(_MARKS.c.detector == detector)
    return {row.series: row.mark for row in connection.execute(statement)}


def set_watermarks(connection: Connection, detector: str, marks: Mapping[SeriesKey, int]) -> None:
    """Move watermarks forward; sorted, so that two writers never wait for each other."""
    if not marks:
        return
    statement = insert_into(connection, _MARKS)
    forward = statement.on_conflict_do_update(
        index_elements=_KEY,
        set_={"mark": statement.excluded.mark},
        where=_MARKS.c.mark < statement.excluded.mark,
    )
    rows = [{"detector": detector, "series": key, "mark": marks[key]} for key in sorted(marks)]
    connection.execute(forward, rows)


def rewind_watermarks(connection: Connection, detector: str, mark: int) -> None:
    """Move marks that lie ahead of this one back to it."""
    ahead = and_(_MARKS.c.detector == detector, _MARKS.c.mark > mark)
    connection.execute(update(_MARKS).where(ahead).values(mark=mark))


def put_aside(connection: Connection, series: SetAside) -> None:
    """Put a series aside, or renew its reason."""
    values = columns(series)
    statement = insert_into(connection, _ASIDE).values(values)
    connection.execute(statement.on_conflict_do_update(index_elements=_KEY, set_=values))


def put_aside_now(connection: Connection, detector: str) -> list[SetAside]:
    """Series set aside, by key; sorted here, since databases sort by their own languages."""
    rows = connection.execute(select(_ASIDE).where(_ASIDE.c.detector == detector))
    return sorted((SetAside(**row._mapping) for row in rows), key=lambda one: one.series)


def readmit(connection: Connection, detector: str, series: SeriesKey) -> None:
    """Take a series back."""
    connection.execute(
        delete(_ASIDE).where(_ASIDE.c.detector == detector, _ASIDE.c.series == series)
    )
