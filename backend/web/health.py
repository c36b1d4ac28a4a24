"""Is the process alive, and is it ready: one line for each part."""

from flask import Blueprint, Response, jsonify

from backend.web.application import application

health = Blueprint("health", __name__)


@health.get("/healthz")
def alive() -> Response:
    """Liveness: the process answers, whatever else is wrong."""
    return jsonify({"status": "ok"})


@health.get("/readyz")
def ready() -> Response:
    """Readiness: every store by name, `ok` or what is wrong; 503 when any fails."""
    parts = application().queries.parts()
    is_ready = all(part.ok for part in parts)
    answer = {part.name: "ok" if part.ok else part.detail for part in parts}
    response = jsonify({"ready": is_ready, "parts": answer})
    response.status_code = 200 if is_ready else 503
    return response
