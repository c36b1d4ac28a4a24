"""What a person may change for themselves: password, sessions, language, theme."""

from flask import Blueprint, flash, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from backend.exceptions import InputError, NotFound, TooManyTries
from backend.services.access import SHORTEST_PASSWORD
from backend.web import sessions
from backend.web.application import application
from backend.web.errors import status_of
from backend.web.numbers import number_in
from backend.web.texts import text
from backend.web.who import person, require_account

me = Blueprint("me_page", __name__)

Answer = str | AnyResponse | tuple[str, int] | tuple[str, int, dict[str, str]]


@me.get("/me")
def show() -> str:
    """Who one is here, and the forms."""
    return _page()


@me.post("/me/password")
def change_password() -> Answer:
    """Change the own password; other browsers have to sign in again, this one need not."""
    name, form = require_account(), request.form
    if form.get("password", "") != form.get("again", ""):
        return _page(text("me-differ")), 422
    try:
        user = application().access.change_password(
            name, form.get("former", ""), form.get("password", ""), request.remote_addr or ""
        )
    except TooManyTries as error:
        return _page(str(error)), 429, {"Retry-After": str(error.wait_s)}
    except InputError as error:
        return _page(str(error)), status_of(error)
    sessions.begin(user)
    flash(text("me-changed"), "good")
    return redirect("/me", 303)


@me.post("/me/sessions/end")
def end_session() -> Answer:
    """Sign out in another browser, or in all others; this one goes on."""
    here = sessions.current()
    if here is None:
        return _page(text("me-no-session")), 422
    if request.form.get("which") == "others":
        flash(text("me-ended-others", count=sessions.end_others()), "good")
        return redirect("/me", 303)
    number = number_in(request.form.get("which")) or 0
    try:
        application().sessions.end_one(number, here.kind, here.name)
    except NotFound:
        return _page(text("me-ended-already")), 404
    flash(text("me-ended"), "good")
    return redirect("/me", 303)


def _page(problem: str = "") -> str:
    here = sessions.current()
    return render_template(
        "me.html",
        who=person(),
        here=here.id if here else None,
        sessions=application().sessions.of(here.kind, here.name) if here else [],
        problem=problem,
        guarded=application().access.is_guarded(),
        shortest=SHORTEST_PASSWORD,
    )
