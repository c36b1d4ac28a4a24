"""The REST interface under /api/v1, described by its own OpenAPI document."""

from flask import Response, jsonify
from flask_openapi3.openapi import OpenAPI

from backend.web.api import (
    access,
    alerts,
    audit,
    chart,
    definitions,
    drift,
    fleet,
    history,
    label_changes,
    labels,
    models,
    models_review,
    results,
    setup,
    stored,
    sufficiency,
    what_if,
    work,
)

BLUEPRINTS = (
    access.api,
    definitions.api,
    results.api,
    chart.api,
    what_if.api,
    fleet.api,
    history.api,
    setup.api,
    sufficiency.api,
    stored.api,
    labels.api,
    label_changes.api,
    alerts.api,
    audit.api,
    models.api,
    models_review.api,
    drift.api,
    work.api,
)


def register(app: OpenAPI) -> None:
    """Serve every part of the interface and its description."""
    for api in BLUEPRINTS:
        app.register_api(api)

    def document() -> Response:
        return jsonify(app.api_doc)

    app.add_url_rule("/api/v1/openapi.json", "openapi", document)
