"""The protocol of Grafana's JSON datasource (simpod) under /grafana; it only reads.

Every address is served with and without a trailing slash. Errors are JSON with a `message`, which
is what the panel shows.
"""

from typing import Any

import orjson
from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import BadRequest

from backend.web.application import application
from backend.web.datasource.asked import read_panel, read_payload
from backend.web.datasource.legacy import annotations
from backend.web.datasource.lists import metrics, options, tag_keys, tag_values, variable
from backend.web.datasource.metrics import METRICS, answer

datasource = Blueprint("datasource", __name__, url_prefix="/grafana")


@datasource.get("", strict_slashes=False)
@datasource.get("/", strict_slashes=False)
def health() -> Response:
    """Grafana's "Save & test": whether the results can be read."""
    failing = [part for part in application().queries.parts() if not part.ok]
    if not failing:
        return jsonify({"message": "normalcy answers, and so do its stores."})
    text = " ".join(f"{part.name}: {part.detail}" for part in failing)
    body = {"message": text, "error": {"code": "store_unavailable", "message": text}}
    response = jsonify(body)
    response.status_code = 503
    return response


@datasource.post("/metrics", strict_slashes=False)
def list_metrics() -> Response:
    """The metrics with the form fields of each."""
    _body()
    return jsonify(metrics())


@datasource.post("/metric-payload-options", strict_slashes=False)
def list_options() -> Response:
    """What a form field can be."""
    body = _body()
    found = options(application(), str(body.get("name")), read_payload(body.get("payload")))
    return jsonify([{"label": text or "(no tags)", "value": text} for text in found])


@datasource.post("/search", strict_slashes=False)
def search() -> Response:
    """The names of the metrics, for older plugins."""
    typed = _body().get("target")
    wanted = typed.lower() if isinstance(typed, str) else ""
    return jsonify([name for name in METRICS if wanted in name])


@datasource.post("/query", strict_slashes=False)
def query() -> Response:
    """Frames for every query of a panel."""
    return jsonify(answer(application(), read_panel(_body())))


@datasource.post("/variable", strict_slashes=False)
def list_variable() -> Response:
    """Values of a dashboard variable."""
    found = variable(application(), _body().get("payload"))
    return jsonify([{"__text": text, "__value": text} for text in found])


@datasource.post("/tag-keys", strict_slashes=False)
def list_tag_keys() -> Response:
    """Tags for ad-hoc filters."""
    return jsonify([{"type": "string", "text": key} for key in tag_keys(application())])


@datasource.post("/tag-values", strict_slashes=False)
def list_tag_values() -> Response:
    """Values of a tag for ad-hoc filters."""
    return jsonify([{"text": v} for v in tag_values(application(), str(_body().get("key")))])


@datasource.post("/annotations", strict_slashes=False)
def list_annotations() -> Response:
    """Events and labels for the plugins of Grafana 7 and 8."""
    return jsonify(annotations(application(), _body()))


def _body() -> dict[str, Any]:
    """The body as an object, whatever content type it was sent with."""
    content = request.get_data()
    try:
        body = orjson.loads(content) if content.strip() else {}
    except orjson.JSONDecodeError as error:
        raise BadRequest("The body of the request is not JSON.") from error
    if not isinstance(body, dict):
        raise BadRequest("The body of the request must be a JSON object.")
    return body
