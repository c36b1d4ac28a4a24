"""Annotations in Grafana: which are known, what they stand for, and what is wrong with some."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select, text, update
from sqlalchemy.sql.dml import ReturningInsert, ReturningUpdate

from backend.exceptions import Conflict
from backend.records import AnnotationLink, AnnotationProblem, Tie
from backend.stores.records import tables
from backend.stores.records.rows import columns, insert_into

_LINKS = tables.annotation_links
_PROBLEMS = tables.annotation_problems


def links(connection: Connection, book: str | None) -> list[AnnotationLink]:
    """Links of one Grafana or all; sorted here, since databases sort by their own languages."""
    wanted = select(_LINKS) if book is None else select(_LINKS).where(_LINKS.c.book == book)
    rows = connection.execute(wanted)
    found = [
        AnnotationLink(**{**row._mapping, "tie": Tie(row.tie), "labels": tuple(row.labels)})
        for row in rows
    ]
    return sorted(found, key=lambda link: (link.book, link.annotation))


def tie(connection: Connection, link: AnnotationLink, added: Sequence[int]) -> AnnotationLink:
    """Store a link if it is as its revision says."""
    labels = (*link.labels, *added)
    stored = replace(link, labels=labels, revision=link.revision + 1)
    values = {**columns(stored), "labels": list(labels)}
    if link.rid:
        _refuse_second(connection, link)
    if connection.execute(_storing(connection, link, values)).one_or_none() is None:
        raise _changed(link)
    return stored


def _storing(
    connection: Connection, link: AnnotationLink, values: dict[str, Any]
) -> ReturningInsert[Any] | ReturningUpdate[Any]:
    if link.revision:
        return update(_LINKS).where(_same(link)).values(values).returning(_LINKS.c.revision)
    fresh = insert_into(connection, _LINKS).values(values)
    return fresh.on_conflict_do_nothing().returning(_LINKS.c.revision)


def untie(connection: Connection, link: AnnotationLink) -> None:
    """Forget a link if it is as its revision says."""
    statement = delete(_LINKS).where(_same(link)).returning(_LINKS.c.revision)
    if connection.execute(statement).one_or_none() is None:
        raise _changed(link)


def problems(connection: Connection) -> list[AnnotationProblem]:
    """Problems in the order noted."""
    rows = connection.execute(select(_PROBLEMS).order_by(_PROBLEMS.c.id))
    return [AnnotationProblem(r.book, r.annotation, r.message, r.since) for r in rows]


def note_problems(connection: Connection, book: str, noted: Sequence[AnnotationProblem]) -> None:
    """Replace the problems of one Grafana."""
    connection.execute(delete(_PROBLEMS).where(_PROBLEMS.c.book == book))
    if noted:
        connection.execute(insert(_PROBLEMS), [columns(problem) for problem in noted])


def _refuse_second(connection: Connection, link: AnnotationLink) -> None:
    """Of two annotations with the same rid one is too many, and is not tied."""
    others = select(_LINKS.c.annotation).where(
        _LINKS.c.book == link.book,
        _LINKS.c.rid == link.rid,
        _LINKS.c.annotation != link.annotation,
        text(tables.RID),
    )
    if connection.execute(others).first() is not None:
        raise _changed(link)


def _same(link: AnnotationLink) -> ColumnElement[bool]:
    return and_(
        _LINKS.c.book == link.book,
        _LINKS.c.annotation == link.annotation,
        _LINKS.c.revision == link.revision,
    )


def _changed(link: AnnotationLink) -> Conflict:
    return Conflict(f"The annotation {link.annotation} was taken up by another process meanwhile.")
