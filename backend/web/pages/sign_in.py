"""Sign in by name and password, by a token alone, or elsewhere; and sign out."""

import hmac
import logging
from dataclasses import asdict
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, session
from werkzeug.wrappers import Response as AnyResponse

from backend.exceptions import SignInRefused, TooManyTries
from backend.ports import Departure
from backend.records import SessionKind
from backend.services.elsewhere import Elsewhere
from backend.web import security, sessions
from backend.web.application import application
from backend.web.places import own_path
from backend.web.texts import text
from backend.web.who import NOBODY, person

sign_in = Blueprint("sign_in_page", __name__)

LONGEST_AWAY_S = 600
"""For how long somebody may take to sign in at another service."""

LONGEST_NEXT = 2000
"""Of an address that a cookie keeps; browsers drop one of more than 4,096 bytes."""

_LONGEST_TOLD = 200
_LEFT = "left"
_STATUS = {"unreachable": 503, "answer": 502, "stale": 400, "cancelled": 400}
_log = logging.getLogger(__name__)

Answer = str | AnyResponse | tuple[str, int] | tuple[str, int, dict[str, str]]


@sign_in.get("/sign-in")
def show() -> Answer:
    """The form; whoever is known already goes on to where they wanted."""
    if person() is not NOBODY and application().access.is_guarded():
        return redirect(_next(request.args.get("next", "")), 303)
    return _form(request.args.get("next", ""))


@sign_in.post("/sign-in")
def enter() -> Answer:
    """Sign in, and go on to where one wanted."""
    wanted = request.form.get("next", "")
    name, password = request.form.get("name", "").strip(), request.form.get("password", "")
    try:
        problem = _enter(name, password)
    except TooManyTries as error:
        page = _form(wanted, name, text("sign-in-too-many", seconds=error.wait_s))
        return page, 429, {"Retry-After": str(error.wait_s)}
    if problem:
        return _form(wanted, name, problem), 422
    return redirect(_next(wanted), 303)


@sign_in.get("/sign-in/elsewhere")
def depart() -> Answer:
    """Lead the browser to where its person signs in, and remember how it left."""
    elsewhere, wanted = _elsewhere(), request.args.get("next", "")
    try:
        left = elsewhere.depart(_back())
    except SignInRefused as error:
        return _refused(error, wanted)
    session[_LEFT] = {
        **asdict(left), "url": "", "next": _next_by_cookie(wanted), "at": _now_s(),
    }  # fmt: skip
    return redirect(left.url, 303)


@sign_in.get("/sign-in/elsewhere/back")
def arrive() -> Answer:
    """Let in who came back, once for each departure."""
    elsewhere, left = _elsewhere(), session.pop(_LEFT, None)
    wanted = left["next"] if left else ""
    try:
        found = elsewhere.arrive(*_brought(left), _back())
    except SignInRefused as error:
        return _refused(error, wanted)
    sessions.begin_elsewhere(found.name, found.proof)
    return redirect(_next(wanted), 303)


@sign_in.post("/sign-out")
def leave() -> Answer:
    """Sign out here, and in every copy of this browser's cookie."""
    found = sessions.current()
    sessions.end()
    if found is not None and found.kind is SessionKind.ELSEWHERE:
        return redirect(f"{security.SIGN_IN}?left=elsewhere", 303)
    return redirect(security.SIGN_IN, 303)


def _elsewhere() -> Elsewhere:
    found = application().elsewhere
    return abort(404) if found is None else found


def _brought(left: dict[str, Any] | None) -> tuple[str, Departure]:
    """The code that the browser brought, if it is the one that left, and left not long ago."""
    args = request.args
    if left is None or not _is_of(left, args.get("state", "")):
        raise SignInRefused("The sign-in did not begin in this browser, or took too long.", "stale")
    if args.get("error") == "access_denied":
        raise SignInRefused("The sign-in was called off at the other service.", "cancelled")
    if "error" in args or not args.get("code"):
        told = args.get("error", "without a code")[:_LONGEST_TOLD]
        raise SignInRefused(f"The sign-in service answered {told!r}.", "answer")
    return args["code"], Departure("", left["state"], left["nonce"], left["verifier"])


def _is_of(left: dict[str, Any], state: str) -> bool:
    """Whether a browser that comes back is the one that left, and left not long ago."""
    is_fresh = 0 <= _now_s() - int(left["at"]) < LONGEST_AWAY_S
    return is_fresh and hmac.compare_digest(state.encode(), str(left["state"]).encode())


def _refused(error: SignInRefused, wanted: str) -> Answer:
    """Say why, on the page where one can still sign in otherwise."""
    _log.warning("A sign-in elsewhere was refused: %s", error)
    values = {"name": error.name, "place": _elsewhere().label}
    problem = text(f"sign-in-elsewhere-{error.why.replace('_', '-')}", **values)
    return _form(wanted, problem=problem), _STATUS.get(error.why, 403)


def _back() -> str:
    """Where the other service leads back to; it has to know this address beforehand."""
    return f"{application().settings.web.url}/sign-in/elsewhere/back"


def _home() -> str:
    return f"{application().settings.web.url}{security.SIGN_IN}"


def _now_s() -> int:
    return application().clock.now() // 1_000_000_000


def _enter(name: str, password: str) -> str:
    """Sign in; else what was wrong."""
    access, address = application().access, request.remote_addr or ""
    if name:
        user = access.sign_in(name, password, address)
        if user is None:
            return text("sign-in-wrong")
        sessions.begin(user)
        return ""
    at = access.count_try(address)
    is_configured = security.is_configured(password)
    token = access.token_of(password) if password and not is_configured else None
    if token is None and not is_configured:
        return text("sign-in-wrong-token")
    access.forgive_try(address, at)
    if token is not None and token.detectors:
        return text("sign-in-scoped")
    sessions.begin(token)
    return ""


def _next(wanted: str) -> str:
    path = own_path(wanted)
    return "/" if path.startswith(security.SIGN_IN) else path


def _next_by_cookie(wanted: str) -> str:
    """Where to go on to; "/" where the address would not fit into a cookie."""
    path = _next(wanted)
    return path if len(ascii(path)) <= LONGEST_NEXT else "/"


def _form(wanted: str, name: str = "", problem: str = "") -> str:
    elsewhere = application().elsewhere
    has_left = request.args.get("left") == "elsewhere" and not problem
    return render_template(
        "sign_in.html",
        next=_next(wanted),
        name=name,
        problem=problem,
        elsewhere=elsewhere,
        farewell=elsewhere.farewell(_home()) if elsewhere and has_left else None,
        has_left=has_left and elsewhere is not None,
        guarded=application().access.is_guarded(),
    )
