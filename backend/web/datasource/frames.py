"""Data frames as Grafana reads them: typed fields, labels, ascending epoch milliseconds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np

from backend import schema
from backend.records import Label, series_key
from backend.services.downsampling import Table
from backend.services.events import Event
from backend.services.overview import Overview
from backend.services.what_if import Alerts
from backend.web.instants import milliseconds

Frame = dict[str, Any]
FieldType = Literal["time", "number", "string", "boolean"]


@dataclass(frozen=True)
class Look:
    """How a field shows: its unit, and what it is called."""

    unit: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """Grafana's field configuration."""
        return {**({"unit": self.unit} if self.unit else {}), **self.config}


def series_frame(
    table: Table, detector: str, look: Look, looks: Mapping[str, Look] | None = None
) -> Frame:
    """A table as a frame: one time field, and one value field for each column.

    Args:
        table: rows of one series.
        detector: becomes a label beside the tags.
        look: of every column.
        looks: of columns that look otherwise.
    """
    times = table.times // 1_000_000
    # Two rows within a millisecond: Grafana wants ascending times, so the last one stays.
    rows = np.flatnonzero(np.append(np.diff(times) > 0, True)[: len(times)])
    labels = {schema.DETECTOR_TAG: detector, **table.tags}
    key = series_key(table.tags)
    fields = [_field("time", "time", times[rows].tolist())]
    for name, values in table.columns.items():
        # Else a legend would spell out frame, field and every label.
        shown = " ".join([name, *(value for value in table.tags.values() if value)])
        config = {"displayNameFromDS": shown, **(looks or {}).get(name, look).plain()}
        fields.append(_field(name, "number", values[rows].tolist(), labels, config))
    return {"name": f"{detector} {key}".strip(), "fields": fields}


def event_frame(events: Sequence[Event], now: int) -> Frame:
    """Events as annotations; one that goes on ends now."""
    return _annotations(
        "events",
        [
            (
                event.start,
                now if event.stop is None else event.stop,
                "Anomaly" + (f" in {event.series}" if event.series else ""),
                _event_text(event),
                ["anomaly", event.detector, *([event.series] if event.series else [])],
                event.id,
            )
            for event in events
        ],
    )


def label_frame(labels: Sequence[Label]) -> Frame:
    """Labels as annotations."""
    return _annotations(
        "labels",
        [
            (
                one.start,
                one.stop,
                one.kind.value,
                one.note or f"{one.kind.value} by {one.created_by or one.source}",
                [one.kind.value, one.detector, *([series_key(one.tags)] if one.tags else [])],
                str(one.id),
            )
            for one in labels
        ],
    )


def detector_frame(overviews: Sequence[Overview]) -> Frame:
    """Detectors as a table, one row each."""
    columns: list[tuple[str, FieldType, list[Any]]] = [
        ("detector", "string", [one.detector for one in overviews]),
        ("state", "string", [one.condition.value for one in overviews]),
        ("why", "string", [one.why for one in overviews]),
        ("score", "number", [one.score for one in overviews]),
        ("scored_to", "time", [milliseconds(one.scored_to) for one in overviews]),
        ("trained_at", "time", [milliseconds(one.trained_at) for one in overviews]),
        ("version", "number", [one.champion for one in overviews]),
        ("coverage", "number", [one.coverage for one in overviews]),
        ("open_events", "number", [one.open_events for one in overviews]),
        ("series", "number", [one.series for one in overviews]),
        ("set_aside", "number", [len(one.set_aside) for one in overviews]),
    ]
    return {"name": "detectors", "fields": [_field(*column) for column in columns]}


def alerts_frame(alerts: Sequence[Alerts]) -> Frame:
    """Alerts and flagged points now and then as a table, one row a series."""
    columns: list[tuple[str, FieldType, list[Any]]] = [
        ("series", "string", [series_key(one.tags) for one in alerts]),
        ("alerts_now", "number", [one.alerts_now for one in alerts]),
        ("alerts_then", "number", [one.alerts_then for one in alerts]),
        ("flagged_now", "number", [one.flagged_now for one in alerts]),
        ("flagged_then", "number", [one.flagged_then for one in alerts]),
    ]
    return {"name": "alerts", "fields": [_field(*column) for column in columns]}


def table_frame(name: str, columns: Sequence[tuple[str, FieldType, list[Any]]]) -> Frame:
    """Columns as a frame: name, type and values of each."""
    return {"name": name, "fields": [_field(*column) for column in columns]}


def with_notice(frame: Frame, text: str) -> Frame:
    """The frame with a warning that Grafana shows in the panel's corner."""
    notices = [*frame.get("meta", {}).get("notices", []), {"severity": "warning", "text": text}]
    return {**frame, "meta": {"notices": notices}}


def _annotations(name: str, rows: Sequence[tuple[int, int, str, str, Sequence[str], str]]) -> Frame:
    ordered = sorted(rows, key=lambda row: (row[0], row[5]))
    columns: list[tuple[str, FieldType, list[Any]]] = [
        ("time", "time", [row[0] // 1_000_000 for row in ordered]),
        ("timeEnd", "time", [row[1] // 1_000_000 for row in ordered]),
        ("title", "string", [row[2] for row in ordered]),
        ("text", "string", [row[3] for row in ordered]),
        # Grafana parts the text at commas, so a series' own must not part it further.
        ("tags", "string", [",".join(t.replace(",", " ") for t in row[4]) for row in ordered]),
        ("id", "string", [row[5] for row in ordered]),
    ]
    return {"name": name, "fields": [_field(*column) for column in columns]}


def _field(
    name: str,
    type_: FieldType,
    values: list[Any],
    labels: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "type": type_, "values": values}
    if labels:
        found["labels"] = dict(labels)
    if config:
        found["config"] = dict(config)
    return found


def _event_text(event: Event) -> str:
    since = datetime.fromtimestamp(event.start // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    state = "open since" if event.stop is None else "began"
    channels = f", mostly {', '.join(event.channels)}" if event.channels else ""
    early = "; the model was learned without labels" if event.provisional else ""
    return f"{state} {since}, score up to {event.peak_score:.3g}{channels}{early}"
