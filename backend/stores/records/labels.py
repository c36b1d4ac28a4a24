"""Labels: added and taken back, never changed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from backend.exceptions import NotFound
from backend.records import Label, LabelKind
from backend.stores.records import tables
from backend.stores.records.rows import columns

_LABELS = tables.labels


def add(connection: Connection, labels: Sequence[Label]) -> list[Label]:
    """Store labels and number them in the order given."""
    if not labels:
        return []
    statement = insert(_LABELS).returning(_LABELS.c.id, sort_by_parameter_order=True)
    ids = connection.scalars(statement, [columns(label, without="id") for label in labels])
    return [replace(label, id=number) for label, number in zip(labels, ids, strict=True)]


def listed(connection: Connection, detector: str | None, *, removed: bool) -> list[Label]:
    """Labels by start and id."""
    statement = select(_LABELS).order_by(_LABELS.c.start, _LABELS.c.id)
    if detector is not None:
        statement = statement.where(_LABELS.c.detector == detector)
    if not removed:
        statement = statement.where(_LABELS.c.removed_at.is_(None))
    return [_label(row) for row in connection.execute(statement)]


def remove(connection: Connection, ids: Sequence[int], *, by: str, at: int) -> list[Label]:
    """Take labels back; the update's condition keeps two people from removing the same one."""
    statement = update(_LABELS).where(_LABELS.c.removed_at.is_(None))
    statement = statement.values(removed_by=by, removed_at=at).returning(_LABELS)
    taken = []
    for number in sorted(set(ids)):
        row = connection.execute(statement.where(_LABELS.c.id == number)).one_or_none()
        if row is None:
            raise NotFound(
                f"There is no label {number}, or it was removed already; nothing was removed."
            )
        taken.append(_label(row))
    return sorted(taken, key=lambda label: (label.start, label.id))


def take_back(connection: Connection, ids: Sequence[int], *, by: str, at: int) -> None:
    """Take back those of these labels that are in force."""
    if not ids:
        return
    statement = update(_LABELS).where(_LABELS.c.removed_at.is_(None), _LABELS.c.id.in_(ids))
    connection.execute(statement.values(removed_by=by, removed_at=at))


def _label(row: Row[Any]) -> Label:
    return Label(**{**row._mapping, "kind": LabelKind(row.kind)})
