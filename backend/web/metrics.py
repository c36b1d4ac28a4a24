"""What Prometheus scrapes: the whole product in one answer, in the form that it accepts."""

from typing import cast

from flask import Blueprint, Response, request
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from backend.web.application import application

metrics = Blueprint("metrics", __name__)


@metrics.get("/metrics")
def show() -> Response:
    """Work, detectors and processes, as text or OpenMetrics."""
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    # an encoder asks for no more than `collect`
    registry = cast(CollectorRegistry, application().monitoring)
    return Response(encode(registry), content_type=content_type)
