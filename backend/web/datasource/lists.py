"""What can be chosen: metrics, payload fields, dashboard variables, filter keys and values."""

from collections.abc import Mapping
from typing import Any

from backend import schema
from backend.exceptions import InputError, NotFound
from backend.records import parse_series_key
from backend.web.application import Application
from backend.web.datasource.asked import Payload, read_payload
from backend.web.datasource.chosen import specs_seen
from backend.web.datasource.metrics import AGGREGATIONS, METRICS, detector_of
from backend.web.what_if import KINDS

_AGGREGATIONS = {
    "shape": "Shape: peaks, flags and gaps stay",
    "mean": "Mean",
    "min": "Least",
    "max": "Greatest",
    "last": "Last",
}

_FORMS: Mapping[str, Mapping[str, Any]] = {
    "detector": {"type": "select", "label": "Detector", "reloadMetric": True},
    "series": {"type": "multi-select", "label": "Series", "placeholder": "all"},
    "channel": {"type": "multi-select", "label": "Channel", "placeholder": "all judged"},
    "what": {
        "type": "multi-select",
        "label": "What",
        "placeholder": "score",
        "options": [{"label": name, "value": name} for name in schema.SCORE_NUMBERS],
    },
    "aggregation": {
        "type": "select",
        "label": "Aggregation",
        "placeholder": "shape",
        "options": [{"label": _AGGREGATIONS[name], "value": name} for name in AGGREGATIONS],
    },
    "what_if_kind": {
        "type": "select",
        "label": "Threshold",
        "reloadMetric": True,
        "options": [{"label": f"{kind}: {KINDS[kind][1]}", "value": kind} for kind in KINDS],
    },
    "what_if_value": {"type": "input", "label": "Value", "placeholder": "0.999"},
    "what_if_for": {"type": "input", "label": "Alarm for", "placeholder": "as the detector"},
    "what_if_clear_below": {
        "type": "input",
        "label": "Clear below",
        "placeholder": "as the detector",
    },
}

VARIABLES = ("detectors", "series", "channels", "sensors", "tag", "metrics")
"""Sensors are the channels under the word that people on the floor use for them."""


def metrics() -> list[dict[str, Any]]:
    """Every metric with the fields it is chosen by."""
    return [
        {
            "value": value,
            "label": metric.label,
            "payloads": [{"name": name, **_FORMS[name]} for name in metric.fields],
        }
        for value, metric in METRICS.items()
    ]


def options(app: Application, name: str, payload: Payload) -> list[str]:
    """What a payload field can be; empty while the detector is not chosen."""
    if name == "detector":
        return [spec.name for spec in specs_seen(app)]
    if static := _FORMS.get(name, {}).get("options"):
        return [one["value"] for one in static]
    if name not in ("series", "channel") or not payload.get("detector"):
        return []
    detector = detector_of(app, payload)
    if name == "channel":
        return list(app.detectors.get(detector).inputs)
    return app.queries.series_keys(detector)


def variable(app: Application, payload: object) -> list[str]:
    """Values of a dashboard variable, asked for as a JSON object or as `series gas-room`.

    Raises:
        InputError: no such list.
    """
    asked = _variable(payload)
    match asked.get("target"):
        case "detectors":
            return options(app, "detector", {})
        case "metrics":
            return list(METRICS)
        case "series":
            return app.queries.series_keys(detector_of(app, asked))
        case "channels" | "sensors":
            return list(app.detectors.get(detector_of(app, asked)).inputs)
        case "tag":
            return _values_of(app, detector_of(app, asked), str(asked.get("tag", "")))
    raise InputError(
        f"A variable lists one of {', '.join(VARIABLES)}: write detectors, or series DETECTOR, or "
        'tag DETECTOR TAG, or {"target": "series", "detector": "…"}.'
    )


def tag_keys(app: Application) -> list[str]:
    """Tags that a dashboard can filter by."""
    tags = {tag for spec in specs_seen(app) for tag in spec.group_by}
    return [schema.DETECTOR_TAG, *sorted(tags)]


def tag_values(app: Application, key: str) -> list[str]:
    """Values of a tag over all detectors that who asks may see."""
    if key == schema.DETECTOR_TAG:
        return options(app, "detector", {})
    values = {
        value
        for spec in specs_seen(app)
        if key in spec.group_by
        for value in _values_of(app, spec.name, key)
    }
    return sorted(values)


def _values_of(app: Application, detector: str, tag: str) -> list[str]:
    """Values of a tag among the series of a detector.

    Raises:
        NotFound: its series do not have that tag.
    """
    tags = app.detectors.get(detector).group_by
    if tag not in tags:
        known = f"they have {', '.join(tags)}" if tags else "it has one series without tags"
        raise NotFound(f"The series of {detector!r} have no tag {tag!r}: {known}.")
    keys = app.queries.series_keys(detector)
    return sorted({parse_series_key(key)[tag] for key in keys})


def _variable(payload: object) -> Payload:
    if isinstance(payload, str) and not payload.lstrip().startswith("{"):
        return _words(payload)
    asked = read_payload(payload)
    # A plain text typed into the variable's editor arrives as {"target": "series gas-room"}.
    target = asked.get("target")
    return {**asked, **_words(target)} if isinstance(target, str) else asked


def _words(text: str) -> dict[str, str]:
    target, _, rest = text.strip().partition(" ")
    detector, _, tag = rest.strip().partition(" ") if target == "tag" else (rest.strip(), "", "")
    words = {"target": target, "detector": detector, "tag": tag.strip()}
    return {name: word for name, word in words.items() if word or name == "target"}
