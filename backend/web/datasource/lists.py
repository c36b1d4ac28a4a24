"""What can be chosen: metrics, payload fields, dashboard variables, filter keys and values."""

from collections.abc import Mapping
from typing import Any

from backend import schema
from backend.exceptions import InputError
from backend.records import parse_series_key
from backend.web.application import Application
from backend.web.datasource.asked import Payload, read_payload
from backend.web.datasource.metrics import METRICS, detector_of

_FORMS: Mapping[str, Mapping[str, Any]] = {
    "detector": {"type": "select", "label": "Detector", "reloadMetric": True},
    "series": {"type": "multi-select", "label": "Series", "placeholder": "all"},
    "channel": {"type": "multi-select", "label": "Channel", "placeholder": "all judged"},
}

VARIABLES = ("detectors", "series", "channels", "metrics")


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
        return [spec.name for spec in app.detectors.all()]
    if name not in _FORMS or not payload.get("detector"):
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
        case "channels":
            return list(app.detectors.get(detector_of(app, asked)).inputs)
    raise InputError(
        f"A variable lists one of {', '.join(VARIABLES)}: write detectors, or series DETECTOR, or "
        '{"target": "series", "detector": "…"}.'
    )


def tag_keys(app: Application) -> list[str]:
    """Tags that a dashboard can filter by."""
    tags = {tag for spec in app.detectors.all() for tag in spec.group_by}
    return [schema.DETECTOR_TAG, *sorted(tags)]


def tag_values(app: Application, key: str) -> list[str]:
    """Values of a tag over all detectors."""
    if key == schema.DETECTOR_TAG:
        return options(app, "detector", {})
    values = {
        parse_series_key(series)[key]
        for spec in app.detectors.all()
        if key in spec.group_by
        for series in app.queries.series_keys(spec.name)
    }
    return sorted(values)


def _variable(payload: object) -> Payload:
    if isinstance(payload, str) and not payload.lstrip().startswith("{"):
        return _words(payload)
    asked = read_payload(payload)
    # A plain text typed into the variable's editor arrives as {"target": "series gas-room"}.
    target = asked.get("target")
    return {**asked, **_words(target)} if isinstance(target, str) else asked


def _words(text: str) -> dict[str, str]:
    target, _, detector = text.strip().partition(" ")
    return {"target": target, **({"detector": detector.strip()} if detector.strip() else {})}
