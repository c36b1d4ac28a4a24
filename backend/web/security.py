"""Who may call, from where, and with what; headers that keep browsers careful.

With a token every call must show it, but for liveness and for links that are signed: whoever holds
such a link may make the one statement it stands for, from anywhere. Without a token the service is
open, listens on loopback only, and takes only requests addressed to loopback: a page on the
internet whose name was made to resolve to 127.0.0.1 is refused. Requests that change something must
be JSON, which no form of a foreign page can send, whosever password the browser would add; the form
of a signed link carries its right itself.
"""

import hmac
from hashlib import sha256
from ipaddress import ip_address

from flask import Flask, Response, request
from werkzeug.exceptions import BadRequest

from backend.web.errors import problem

LARGEST_JSON = 4 * 1024 * 1024
LARGEST_BODY = 16 * LARGEST_JSON
"""What the server in front should still take, so that a refusal is told in our own words."""

ALWAYS_OPEN = ("/healthz",)
SIGNED = "said"
"""The part of the app whose addresses carry their own right; nothing else under it is open."""

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def register(app: Flask, token: str | None) -> None:
    """Guard every request of the app."""
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_JSON

    def guard() -> Response | None:
        if request.path in ALWAYS_OPEN or request.blueprint == SIGNED:
            return None
        return _stranger(token) or _not_json()

    app.before_request(guard)
    app.after_request(_with_headers)


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine."""
    name = host.strip().lower().removeprefix("[").removesuffix("]").removesuffix(".")
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def _stranger(token: str | None) -> Response | None:
    if token:
        return None if any(_same(shown, token) for shown in _shown()) else _ask_for_token()
    host = request.headers.get("Host", "localhost")
    if is_loopback(_without_port(host)):
        return None
    return problem(
        403,
        "Without a token this service answers only to localhost: set NORMALCY_TOKEN to open it "
        "under another name.",
    )


def _shown() -> list[str]:
    """Every secret the caller shows: API key, bearer token, password."""
    key, authorization = request.headers.get("X-Api-Key"), request.authorization
    shown = [key, authorization and authorization.token, authorization and authorization.password]
    return [secret for secret in shown if secret]


def _same(shown: str, token: str) -> bool:
    # Hashed first, so that not even the length shows in the time it takes.
    return hmac.compare_digest(sha256(shown.encode()).digest(), sha256(token.encode()).digest())


def _ask_for_token() -> Response:
    message = (
        "This needs the token of normalcy: as Authorization: Bearer, as X-Api-Key, or as the "
        "password of HTTP Basic."
    )
    # Grafana replaces the text of a 401 from a data source by its own.
    if request.path.startswith("/grafana"):
        return problem(403, message)
    response = problem(401, message)
    scheme = "Bearer" if request.path.startswith("/api/") else "Basic"
    response.headers["WWW-Authenticate"] = f'{scheme} realm="normalcy"'
    return response


def _not_json() -> Response | None:
    if request.method not in ("POST", "PUT", "PATCH", "DELETE") or not _changes_something():
        return None
    if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        return problem(403, "This was sent by a page of another site.")
    if request.method == "DELETE" and not request.content_length:
        return None
    if request.mimetype != "application/json":
        return problem(415, "The request must carry JSON: set Content-Type to application/json.")
    try:
        if request.get_data():
            request.get_json()
    except BadRequest:
        return problem(400, "The body of the request is not JSON.")
    return None


def _changes_something() -> bool:
    # Grafana's protocol asks by POST; nothing under it changes anything.
    return not request.path.startswith("/grafana")


def _without_port(host: str) -> str:
    return host if host.endswith("]") or ":" not in host else host.rsplit(":", 1)[0]


def _with_headers(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if not request.path.startswith("/static/"):
        response.headers.setdefault("Cache-Control", "no-store")
    return response
