"""What each address needs: one table of method and rule, and what tokens for some detectors reach.

Reading needs a viewer, saying what a range was a labeller, every other change an administrator.
A way to change something that neither stands in the table nor says by `who.needs` what it needs is
an administrator's.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from typing import Any

from flask import current_app, request
from werkzeug.exceptions import Forbidden

from backend.records import Role
from backend.web.who import NEEDS, Person, person, require

READING = ("GET", "HEAD", "OPTIONS")

NEEDED: Mapping[tuple[str, str], Role] = {
    # pages
    ("GET", "/access"): Role.ADMIN,
    ("POST", "/access/users"): Role.ADMIN,
    ("POST", "/access/users/change"): Role.ADMIN,
    ("POST", "/access/users/remove"): Role.ADMIN,
    ("POST", "/access/tokens"): Role.ADMIN,
    ("POST", "/access/tokens/revoke"): Role.ADMIN,
    ("POST", "/detectors/<string:name>/labels/remove"): Role.LABELLER,
    ("POST", "/detectors/<string:name>/labels/revert"): Role.LABELLER,
    ("POST", "/detectors/<string:name>/labels/import"): Role.LABELLER,
    ("GET", "/audit"): Role.ADMIN,
    ("POST", "/me/password"): Role.VIEWER,
    ("POST", "/me/sessions/end"): Role.VIEWER,
    ("POST", "/preferences"): Role.VIEWER,
    ("POST", "/fleet/labels"): Role.LABELLER,
    ("POST", "/sign-in"): Role.VIEWER,
    ("POST", "/sign-out"): Role.VIEWER,
    # who may call
    ("GET", "/api/v1/users"): Role.ADMIN,
    ("POST", "/api/v1/users"): Role.ADMIN,
    ("PUT", "/api/v1/users/<string:name>"): Role.ADMIN,
    ("DELETE", "/api/v1/users/<string:name>"): Role.ADMIN,
    ("GET", "/api/v1/tokens"): Role.ADMIN,
    ("POST", "/api/v1/tokens"): Role.ADMIN,
    ("DELETE", "/api/v1/tokens/<int:id>"): Role.ADMIN,
    ("PUT", "/api/v1/me/password"): Role.VIEWER,
    ("DELETE", "/api/v1/me/sessions/<int:id>"): Role.VIEWER,
    ("GET", "/api/v1/audit"): Role.ADMIN,
    # detectors and versions
    ("POST", "/api/v1/detectors/propose"): Role.VIEWER,
    ("POST", "/api/v1/detectors/check"): Role.VIEWER,
    ("POST", "/api/v1/detectors/preview"): Role.VIEWER,
    ("PUT", "/api/v1/detectors/<string:name>"): Role.ADMIN,
    ("DELETE", "/api/v1/detectors/<string:name>"): Role.ADMIN,
    ("POST", "/api/v1/detectors/<string:name>/models/<int:number>/promote"): Role.ADMIN,
    ("POST", "/api/v1/detectors/<string:name>/models/<int:number>/keep"): Role.ADMIN,
    ("POST", "/api/v1/detectors/<string:name>/models/<int:number>/comparison"): Role.LABELLER,
    ("POST", "/api/v1/detectors/<string:name>/rollback"): Role.ADMIN,
    ("POST", "/api/v1/detectors/<string:name>/threshold"): Role.ADMIN,
    ("POST", "/api/v1/detectors/<string:name>/drift/<int:id>/accept"): Role.ADMIN,
    ("POST", "/api/v1/detectors/<string:name>/drift/<int:id>/dismiss"): Role.LABELLER,
    ("POST", "/detectors/<string:name>/drift/<int:proposal>/accept"): Role.ADMIN,
    ("POST", "/detectors/<string:name>/drift/<int:proposal>/dismiss"): Role.LABELLER,
    ("POST", "/detectors/<string:name>/models/<int:number>/compare"): Role.LABELLER,
    ("POST", "/detectors/<string:name>/models/<int:number>/promote"): Role.ADMIN,
    ("POST", "/detectors/<string:name>/models/<int:number>/keep"): Role.ADMIN,
    ("POST", "/detectors/<string:name>/rollback"): Role.ADMIN,
    ("POST", "/detectors/<string:name>/threshold"): Role.ADMIN,
    # labels
    ("POST", "/api/v1/labels"): Role.LABELLER,
    ("DELETE", "/api/v1/labels/<int:id>"): Role.LABELLER,
    ("POST", "/api/v1/detectors/<string:name>/labels/change"): Role.LABELLER,
    ("POST", "/api/v1/detectors/<string:name>/labels/revert"): Role.LABELLER,
    ("POST", "/api/v1/detectors/<string:name>/labels/import"): Role.LABELLER,
    # work: what is asked for decides, see `REQUESTS`
    ("POST", "/api/v1/requests"): Role.VIEWER,
    ("POST", "/api/v1/requests/<int:id>/cancel"): Role.VIEWER,
    ("POST", "/api/v1/runs/<int:id>/cancel"): Role.ADMIN,
    # Grafana asks by POST, and what it tells is kept
    ("POST", "/grafana/metrics"): Role.VIEWER,
    ("POST", "/grafana/metric-payload-options"): Role.VIEWER,
    ("POST", "/grafana/search"): Role.VIEWER,
    ("POST", "/grafana/query"): Role.VIEWER,
    ("POST", "/grafana/variable"): Role.VIEWER,
    ("POST", "/grafana/tag-keys"): Role.VIEWER,
    ("POST", "/grafana/tag-values"): Role.VIEWER,
    ("POST", "/grafana/annotations"): Role.VIEWER,
    ("POST", "/hooks/grafana/alerts"): Role.LABELLER,
    ("PUT", "/hooks/grafana/alerts"): Role.LABELLER,
    ("POST", "/hooks/grafana/sync"): Role.LABELLER,
}

OF_LINKS = (("POST", "/said/<token>"),)
"""Ways to change something for which the address itself is the right."""

REQUESTS: Mapping[str, Role] = {"explain": Role.VIEWER}
"""Kinds of work that change nothing; all others are an administrator's."""

FILTERED = frozenset(
    {
        "/api/v1/alerts",
        "/api/v1/audit",
        "/api/v1/coverage",
        "/api/v1/detectors",
        "/api/v1/events",
        "/api/v1/labels",
        "/api/v1/labels/<int:id>",
        "/api/v1/me",
        "/api/v1/openapi.json",
        "/api/v1/requests",
        "/api/v1/requests/<int:id>",
        "/api/v1/requests/<int:id>/cancel",
        "/api/v1/runs",
        "/api/v1/series",
        "/api/v1/runs/<int:id>",
        "/api/v1/runs/<int:id>/cancel",
        "/api/v1/training",
        "/api/v1/work",
        "/api/v1/worst",
        "/grafana",
        "/grafana/",
        "/grafana/annotations",
        "/grafana/metric-payload-options",
        "/grafana/metrics",
        "/grafana/query",
        "/grafana/search",
        "/grafana/tag-keys",
        "/grafana/tag-values",
        "/grafana/variable",
    }
)
"""What leaves out by itself what a token for some detectors does not see."""

IN_BODY = frozenset({"/api/v1/labels", "/api/v1/requests"})
"""Where the body names the detectors that something is to be changed of."""

_OF_DETECTOR = ("/detectors/<string:name>", "/detectors/<name>")


def needed(method: str, rule: str, view: Callable[..., Any] | None = None) -> Role:
    """The role that a way to call needs.

    Args:
        method: of HTTP.
        rule: the address, with the names of its parts.
        view: what answers; its own word counts where the table has none.
    """
    method = "GET" if method in READING else method
    otherwise = Role.VIEWER if method == "GET" else Role.ADMIN
    own: Role = getattr(view, NEEDS, otherwise)
    return NEEDED.get((method, rule), own)


def check() -> None:
    """Refuse the current request if who sent it may not make it.

    Raises:
        Forbidden: with a sentence.
    """
    if request.url_rule is None:
        return
    view = current_app.view_functions.get(request.endpoint or "")
    require(needed(request.method, request.url_rule.rule, view))
    if (who := person()).detectors:
        _check_scope(who, request.url_rule.rule)


def _check_scope(who: Person, rule: str) -> None:
    named = set(_named(rule))
    only = ", ".join(who.detectors)
    if unknown := sorted(named - {*who.detectors, ""}):
        raise Forbidden(f"This token is for {only} only, and not for {', '.join(unknown)}.")
    if "" in named or not _narrows(rule, named):
        raise Forbidden(f"This token is for {only} only: ask for one of them by name.")


def _narrows(rule: str, named: Set[str]) -> bool:
    """Whether what answers keeps to the detectors that are named, or to those of the person."""
    if _is_of_detector(rule):
        return True
    if request.method not in READING and rule in IN_BODY:
        return bool(named)
    return rule in FILTERED


def _is_of_detector(rule: str) -> bool:
    return any(part in rule for part in _OF_DETECTOR)


def _named(rule: str) -> Iterator[str]:
    """Every detector that the request names: in its path, its query, its body."""
    if _is_of_detector(rule):
        yield (request.view_args or {})["name"]
    yield from request.args.getlist("detector")
    if request.mimetype == "application/json" and request.get_data():
        yield from _named_in(request.get_json(silent=True))


def _named_in(body: Any) -> Iterator[str]:
    rows: Iterable[Any] = body if isinstance(body, list) else [body]
    for one in rows:
        if isinstance(one, dict) and isinstance(one.get("detector"), str):
            yield one["detector"]
