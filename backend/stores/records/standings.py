"""How detectors stand: counted by the database, so that the number of series costs little."""

from sqlalchemy import Connection, and_, func, select

from backend.records import Standing
from backend.stores.records import tables

_MARKS, _ASIDE = tables.watermarks, tables.set_aside
_PROMOTIONS, _VERSIONS = tables.promotions, tables.versions


def listed(connection: Connection) -> list[Standing]:
    """How every detector stands that the tables know of, by name."""
    marks, aside, serving = _marks(connection), _aside(connection), _serving(connection)
    return [
        Standing(
            detector=name,
            set_aside=aside.get(name, 0),
            **dict(zip(("series", "scored_from", "scored_to"), marks.get(name, ()), strict=False)),
            **dict(zip(("serving", "made_at"), serving.get(name, ()), strict=False)),
        )
        for name in sorted({*marks, *aside, *serving})
    ]


def _marks(connection: Connection) -> dict[str, tuple[int, int, int]]:
    mark = _MARKS.c.mark
    asked = select(_MARKS.c.detector, func.count(), func.min(mark), func.max(mark))
    rows = connection.execute(asked.group_by(_MARKS.c.detector))
    return {name: (count, first, last) for name, count, first, last in rows}


def _aside(connection: Connection) -> dict[str, int]:
    asked = select(_ASIDE.c.detector, func.count().label("series"))
    rows = connection.execute(asked.group_by(_ASIDE.c.detector))
    return {row.detector: row.series for row in rows}


def _serving(connection: Connection) -> dict[str, tuple[int, int]]:
    """Number and age of each version that was promoted last."""
    last = select(func.max(_PROMOTIONS.c.id)).group_by(_PROMOTIONS.c.detector)
    version = and_(
        _VERSIONS.c.detector == _PROMOTIONS.c.detector, _VERSIONS.c.number == _PROMOTIONS.c.number
    )
    asked = (
        select(_VERSIONS.c.detector, _VERSIONS.c.number, _VERSIONS.c.created_at)
        .join(_PROMOTIONS, version)
        .where(_PROMOTIONS.c.id.in_(last))
    )
    return {name: (number, made_at) for name, number, made_at in connection.execute(asked)}
