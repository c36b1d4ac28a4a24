"""Annotations for the plugins of Grafana 7 and 8, which do not read them from `/query`."""

from typing import Any

from backend.exceptions import InputError
from backend.web.application import Application
from backend.web.datasource.asked import Payload, read_panel, read_payload
from backend.web.datasource.metrics import answer

_METRICS = ("events", "labels")


def annotations(app: Application, body: Payload) -> list[dict[str, Any]]:
    """Annotations of a range; the query is `events DETECTOR` or a JSON object.

    Raises:
        InputError: the query is neither.
    """
    asked = body.get("annotation")
    if not isinstance(asked, dict):
        raise InputError("The request carries no annotation query.")
    metric, payload = _query(asked.get("query"))
    target = {"target": metric, "payload": payload}
    frames = answer(app, read_panel({"range": body.get("range"), "targets": [target]}))
    return [row for frame in frames for row in _rows(frame, asked)]


def _query(text: object) -> tuple[str, Payload]:
    if isinstance(text, str) and not text.lstrip().startswith("{"):
        metric, _, detector = text.strip().partition(" ")
        payload: Payload = {"detector": detector.strip()}
    else:
        payload = read_payload(text)
        metric = str(payload.get("target", "events"))
    if metric not in _METRICS:
        raise InputError("An annotation query is events DETECTOR or labels DETECTOR.")
    return metric, payload


def _rows(frame: dict[str, Any], asked: dict[str, Any]) -> list[dict[str, Any]]:
    columns = {field["name"]: field["values"] for field in frame["fields"]}
    return [
        {
            "annotation": asked,
            "time": columns["time"][row],
            "timeEnd": columns["timeEnd"][row],
            "isRegion": columns["timeEnd"][row] > columns["time"][row],
            "title": columns["title"][row],
            "tags": columns["tags"][row].split(","),
            "text": columns["text"][row],
        }
        for row in range(len(columns["time"]))
    ]
