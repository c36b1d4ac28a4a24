"""From what went wrong to an HTTP status and a sentence; never a traceback."""

import logging
import secrets

from flask import Flask, Response, jsonify, render_template, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from backend.exceptions import (
    ArtifactError,
    ConfigurationError,
    Conflict,
    GrafanaError,
    InputError,
    LinkError,
    LinkExpired,
    NormalcyError,
    NotFound,
    StoreUnavailable,
    TooManyTries,
)

_log = logging.getLogger(__name__)

STATUS: tuple[tuple[type[NormalcyError], int], ...] = (
    (NotFound, 404),
    (Conflict, 409),
    (ArtifactError, 409),
    (InputError, 422),
    (ConfigurationError, 400),
    (TooManyTries, 429),
    (LinkExpired, 410),
    (LinkError, 403),
    (StoreUnavailable, 503),
    (GrafanaError, 503),
)
"""First match wins; everything else is 500."""

MACHINE_PATHS = ("/api/", "/grafana", "/healthz", "/hooks/", "/metrics", "/readyz")
"""Under these the answer to an error is JSON, elsewhere a page."""

_SENTENCES = {
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
    413: "The request is larger than 4 MiB: send it in parts.",
    415: "The request must carry JSON: set Content-Type to application/json.",
}


def register(app: Flask) -> None:
    """Let every error end in a sentence."""
    app.register_error_handler(NormalcyError, _known)
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(Exception, _unknown)


def status_of(error: NormalcyError) -> int:
    """The HTTP status that an error of ours answers with."""
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def is_program() -> bool:
    """Whether a program sent the request, and not a person who looks at a page."""
    return request.path.startswith(MACHINE_PATHS) or request.is_json


def problem(status: int, message: str, **more: object) -> Response:
    """An answer that tells a problem: JSON for machines, a page for people."""
    if is_program():
        reason = HTTP_REASONS.get(status, "Error")
        response = jsonify({"message": message, "error": reason, **more})
    else:
        response = Response(render_template("error.html", status=status, message=message))
    response.status_code = status
    return response


def invalid(error: ValidationError) -> Response:
    """The answer to a request that does not fit its schema: every mistake with its place."""
    problems = describe(error)
    first = "; ".join(f"{one['where']}: {one['message']}" for one in problems[:3])
    return problem(422, f"The request is not valid. {first}", problems=problems)


def describe(error: ValidationError) -> list[dict[str, str]]:
    """Mistakes as place and sentence, without what was sent."""
    return [
        {
            "where": ".".join(str(part) for part in one["loc"]) or "body",
            "message": one["msg"].removeprefix("Value error, "),
        }
        for one in error.errors(include_url=False, include_context=False, include_input=False)
    ]


HTTP_REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    410: "Gone",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    507: "Insufficient Storage",
}


def _known(error: NormalcyError) -> Response:
    status = status_of(error)
    if status != 500:
        response = problem(status, str(error))
        if isinstance(error, TooManyTries):
            response.headers["Retry-After"] = str(error.wait_s)
        return response
    number = _number()
    _log.error("%s (%s %r): %s", number, request.method, request.path, error, exc_info=error)
    return problem(status, str(error), id=number)


def _refused(error: HTTPException) -> Response:
    status = error.code or 500
    response = problem(status, _SENTENCES.get(status) or error.description or error.name)
    for name, value in error.get_headers():
        if name in ("Allow", "WWW-Authenticate", "Retry-After"):
            response.headers[name] = value
    return response


def _unknown(error: Exception) -> Response:
    number = _number()
    _log.error("%s (%s %r)", number, request.method, request.path, exc_info=error)
    return problem(
        500,
        f"Something went wrong inside; the log of normalcy tells more under {number}.",
        id=number,
    )


def _number() -> str:
    return secrets.token_hex(4)
