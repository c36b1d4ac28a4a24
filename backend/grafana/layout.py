"""Where panels stand: row by row from the left, on Grafana's 24 columns."""

from collections.abc import Sequence
from typing import Any

COLUMNS = 24

Panel = dict[str, Any]
Sized = tuple[Panel, int, int]
"""A panel with its width in columns and its height."""


def placed(panels: Sequence[Sized], top: int = 0) -> list[Panel]:
    """Put panels beside each other while there is room, then below.

    Every row is as high as its highest panel, so that nothing overlaps.
    """
    found: list[Panel] = []
    x, y, height = 0, top, 0
    for panel, width, tall in panels:
        if x + width > COLUMNS:
            x, y, height = 0, y + height, 0
        found.append({**panel, "gridPos": {"x": x, "y": y, "w": width, "h": tall}})
        x, height = x + width, max(height, tall)
    return found


def row(id_: int, title: str, panels: Sequence[Sized], top: int) -> Panel:
    """A row that is closed until somebody opens it: what is in it costs nothing until then."""
    return {
        "id": id_,
        "type": "row",
        "title": title,
        "collapsed": True,
        "gridPos": {"x": 0, "y": top, "w": COLUMNS, "h": 1},
        "panels": placed(panels, top + 1),
    }


def below(panels: Sequence[Panel]) -> int:
    """The first free line under panels."""
    return max((p["gridPos"]["y"] + p["gridPos"]["h"] for p in panels), default=0)
