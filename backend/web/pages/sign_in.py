"""Sign in by name and password, or by a token alone, and sign out."""

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from backend.exceptions import TooManyTries
from backend.web import security, sessions
from backend.web.application import application
from backend.web.places import own_path
from backend.web.texts import text
from backend.web.who import NOBODY, person

sign_in = Blueprint("sign_in_page", __name__)

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


@sign_in.post("/sign-out")
def leave() -> Answer:
    """Sign out."""
    sessions.end()
    return redirect(security.SIGN_IN, 303)


def _enter(name: str, password: str) -> str:
    """Sign in; else what was wrong."""
    access, address = application().access, request.remote_addr or ""
    if name:
        user = access.sign_in(name, password, address)
        if user is None:
            return text("sign-in-wrong")
        sessions.begin(user)
        return ""
    access.count_try(address)
    if security.is_configured(password):
        sessions.begin(None)
        return ""
    token = access.token_of(password) if password else None
    if token is None:
        return text("sign-in-wrong-token")
    if token.detectors:
        return text("sign-in-scoped")
    sessions.begin(token)
    return ""


def _next(wanted: str) -> str:
    path = own_path(wanted)
    return "/" if path.startswith(security.SIGN_IN) else path


def _form(wanted: str, name: str = "", problem: str = "") -> str:
    return render_template(
        "sign_in.html",
        next=_next(wanted),
        name=name,
        problem=problem,
        guarded=application().access.is_guarded(),
    )
