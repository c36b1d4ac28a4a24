"""What Prometheus scrapes: the whole product in one answer, in the form that it accepts."""

from typing import cast

from flask import Blueprint, Response, request
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from backend.exceptions import StoreError
from backend.services.monitoring import Monitoring, Told, records_up
from backend.web.application import application

metrics = Blueprint("metrics", __name__)


@metrics.get("/metrics")
def show() -> Response:
    """Work, detectors and processes, as text or OpenMetrics."""
    return _encoded(application().monitoring)


@metrics.errorhandler(StoreError)
def show_that_records_are_away(_error: StoreError) -> Response:
    """Nobody can say then whose token it is; that alone is told to whoever asks, to alert by."""
    return _encoded(Told([records_up(False)]))


def _encoded(told: Monitoring | Told) -> Response:
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    # an encoder asks for no more than `collect`
    return Response(encode(cast(CollectorRegistry, told)), content_type=content_type)
