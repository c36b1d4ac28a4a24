"""What a person may change for themselves: password, language, theme."""

from flask import Blueprint, flash, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from backend.exceptions import InputError, TooManyTries
from backend.services.access import SHORTEST_PASSWORD
from backend.web import sessions
from backend.web.application import application
from backend.web.errors import status_of
from backend.web.texts import text
from backend.web.who import person, require_account

me = Blueprint("me_page", __name__)


@me.get("/me")
def show() -> str:
    """Who one is here, and the forms."""
    return _page()


@me.post("/me/password")
def change_password() -> AnyResponse | tuple[str, int]:
    """Change the own password; other browsers have to sign in again, this one need not."""
    name, form = require_account(), request.form
    if form.get("password", "") != form.get("again", ""):
        return _page(text("me-differ")), 422
    try:
        user = application().access.change_password(
            name, form.get("former", ""), form.get("password", "")
        )
    except (InputError, TooManyTries) as error:
        return _page(str(error)), status_of(error)
    sessions.begin(user)
    flash(text("me-changed"), "good")
    return redirect("/me", 303)


def _page(problem: str = "") -> str:
    return render_template(
        "me.html",
        who=person(),
        problem=problem,
        guarded=application().access.is_guarded(),
        shortest=SHORTEST_PASSWORD,
    )
