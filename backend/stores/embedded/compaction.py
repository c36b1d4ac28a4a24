"""Keeping the number of segments small, inside the transaction of the write that makes it large.

A row written alone is rewritten once into MIXED and then a few times into the newest SETTLED
segment, however long the history is; a large write settles at once.
"""

import sqlite3

from backend.stores.embedded.layers import Layer, overlay, parted, pieces
from backend.stores.embedded.segments import (
    FRESH,
    MIXED,
    SETTLED,
    SETTLED_ROWS,
    Segment,
    find_level,
    insert,
    load,
    load_over,
    remove,
)

FAN = 16  # segments of a level before they move to the next


def add(connection: sqlite3.Connection, series: int, layer: Layer) -> None:
    """Store rows of one series, and tidy up when it is time to."""
    fresh = find_level(connection, series, FRESH)
    mixed = find_level(connection, series, MIXED)
    waiting = sum(segment.rows for segment in [*fresh, *mixed])
    full = len(fresh) + 1 >= FAN
    if len(layer) + waiting >= SETTLED_ROWS or (full and len(mixed) + 1 >= FAN):
        _settle(connection, series, _merge(connection, [*mixed, *fresh], layer))
    elif full:
        insert(connection, series, MIXED, _merge(connection, fresh, layer))
    else:
        insert(connection, series, FRESH, layer)


def _merge(connection: sqlite3.Connection, segments: list[Segment], newest: Layer) -> Layer:
    """Take segments out and lay them, and `newest` on top, over each other."""
    if not segments:
        return newest
    older = load_over(connection, segments)
    remove(connection, segments)
    return overlay([older, newest])


def _settle(connection: sqlite3.Connection, series: int, layer: Layer) -> None:
    """Lay rows over the settled segments, touching only those whose time the rows fall into.

    The time of a segment reaches to the first row of the next one; the first segment's has no
    beginning.
    """
    settled = find_level(connection, series, SETTLED)
    for number, rows in enumerate(parted(layer, [segment.first for segment in settled[1:]])):
        if not len(rows):
            continue
        if settled and not _goes_behind(settled[number], rows):
            older = load(connection, settled[number])
            remove(connection, [settled[number]])
            merged = overlay([older, rows])
        else:
            merged = rows
        for piece in pieces(merged, SETTLED_ROWS):
            insert(connection, series, SETTLED, piece)


def _goes_behind(segment: Segment, rows: Layer) -> bool:
    """Whether rows become segments of their own, because they follow one that is full."""
    return rows.times[0] > segment.last and segment.rows + len(rows) > SETTLED_ROWS
