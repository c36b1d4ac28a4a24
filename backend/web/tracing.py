"""Every request is counted, and has an id by which its lines in the log are found.

A caller's own `X-Request-Id` is taken where it may stand in a log line as it is; the answer tells
the id either way. What is counted goes by the rule that an address follows, never by the address.
"""

import logging
from contextlib import ExitStack
from time import perf_counter

from flask import Flask, Response, g, request

from backend.services.log_fields import REQUEST, fields, log_fields, new_id, sane_id, told
from backend.web.application import application

HEADER = "X-Request-Id"
NOWHERE = "(none)"
"""The rule of an address that there is nothing at."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_log = logging.getLogger(__name__)


def register(app: Flask) -> None:
    """Follow every request from its beginning: to be called before anything else may answer."""
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_forget)


def _begin() -> None:
    g.began = perf_counter()
    bound = ExitStack()
    request_id = sane_id(request.headers.get(HEADER)) or new_id()
    bound.enter_context(log_fields(request_id=request_id))
    g.bound = bound


def _end(response: Response) -> Response:
    if "began" not in g:
        return response
    seconds = perf_counter() - g.began
    rule = request.url_rule.rule if request.url_rule else NOWHERE
    method = request.method if request.method in _METHODS else "other"
    application().meters.answered(rule, method, response.status_code, seconds)
    response.headers[HEADER] = fields()[REQUEST]
    if response.status_code >= 400:
        _tell(rule, method, response.status_code, seconds)
    return response


def _tell(rule: str, method: str, status: int, seconds: float) -> None:
    """Say in the log what was refused or failed; what a page of ours looks like needs no line."""
    level = logging.WARNING if status >= 500 else logging.INFO
    values = {"status": status, "method": method, "route": rule, "took_s": round(seconds, 3)}
    words = " ".join(f"{name}={value}" for name, value in values.items())
    _log.log(level, "answered %s", words, extra=told("answered", **values))


def _forget(_error: BaseException | None) -> None:
    if "bound" in g:
        g.bound.close()
