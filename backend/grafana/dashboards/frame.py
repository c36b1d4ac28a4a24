"""What every dashboard has in common."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from backend.grafana.names import TAG
from backend.grafana.sources import Variable

SCHEMA_VERSION = 37
"""Of Grafana 9.3: newer ones bring it forward, none brings a newer one back."""

Dashboard = dict[str, Any]
Panel = dict[str, Any]

_GRAFANA = {"type": "grafana", "uid": "-- Grafana --"}

DRAWN_HERE = {
    "builtIn": 1,
    "datasource": _GRAFANA,
    "enable": True,
    "hide": True,
    "iconColor": "rgba(160, 160, 160, 0.6)",
    "name": "Annotations & Alerts",
    "type": "dashboard",
}
"""Without it nothing can be drawn on a dashboard. What is drawn is pale until it is read: then it
appears as a label in the colour of its kind."""


@dataclass(frozen=True)
class Face:
    """What a dashboard is called and how it is looked at.

    Attributes:
        uid: of the dashboard.
        title: of the dashboard.
        description: the question it answers.
        since: the range at first.
        refresh: how often it is drawn anew.
        pages: where the pages of normalcy are.
    """

    uid: str
    title: str
    description: str
    since: str
    refresh: str
    pages: str
    tags: tuple[str, ...] = field(default=())


def dashboard(
    face: Face,
    panels: Sequence[Panel],
    variables: Sequence[Variable] = (),
    annotations: Sequence[dict[str, Any]] = (),
) -> Dashboard:
    """A dashboard as Grafana loads it from a file or takes it by its API."""
    return {
        "uid": face.uid,
        "title": face.title,
        "description": face.description,
        "tags": [TAG, *face.tags],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "",
        "time": {"from": face.since, "to": "now"},
        "refresh": face.refresh,
        "links": _links(face),
        "templating": {"list": list(variables)},
        "annotations": {"list": [*annotations, DRAWN_HERE]},
        "panels": list(panels),
    }


def _links(face: Face) -> list[dict[str, Any]]:
    common = {"asDropdown": False, "includeVars": False, "tags": [], "tooltip": ""}
    others = {
        **common,
        "title": "normalcy",
        "type": "dashboards",
        "icon": "dashboard",
        "tags": [TAG],
        "asDropdown": True,
        "keepTime": True,
        "targetBlank": False,
        "url": "",
    }
    pages = {
        **common,
        "title": "Pages of normalcy",
        "type": "link",
        "icon": "external link",
        "keepTime": False,
        "targetBlank": True,
        "url": f"{face.pages}/",
        "tooltip": "Labels, model versions and runs",
    }
    return [others, pages]
