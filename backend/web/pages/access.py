"""Accounts of people and tokens of programs, for an administrator."""

from collections.abc import Callable

from flask import Blueprint, flash, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from backend.exceptions import Conflict, InputError, NotFound
from backend.records import Role, Token
from backend.services.access import SHORTEST_PASSWORD, TokenDraft
from backend.web import sessions
from backend.web.application import application
from backend.web.errors import status_of
from backend.web.numbers import number_in
from backend.web.pages.asking import unsure
from backend.web.pages.ranges import DAY
from backend.web.texts import text
from backend.web.who import by, needs, person

access = Blueprint("access_page", __name__)

ROLES = tuple(Role)
DAYS = ("", "30", "90", "365")
"""After how many days a token may be made to end; never if empty."""

_HERE = "/access"
Answer = str | AnyResponse | tuple[str, int]


@access.get("/access")
@needs(Role.ADMIN)
def show() -> Answer:
    """Accounts and tokens."""
    return _page()


@access.post("/access/users")
@needs(Role.ADMIN)
def add_user() -> Answer:
    """Make an account."""
    name, password = request.form.get("name", ""), request.form.get("password", "")

    def add() -> str:
        made = application().access.add_user(name, password, _role(), by=by())
        return text("access-user-added", name=made.name)

    return _done(add, "user")


@access.post("/access/users/change")
@needs(Role.ADMIN)
def change_user() -> Answer:
    """Give an account another role or another password."""
    name, password = request.form.get("name", ""), request.form.get("password", "")

    def change() -> str:
        given = {"password": password} if password else {"role": _role()}
        user = application().access.change_user(name, **given)
        if person().is_account and person().name == user.name:
            sessions.begin(user)  # whoever changes the own account stays signed in
        return text("access-user-changed", name=user.name)

    return _done(change)


@access.post("/access/users/remove")
@needs(Role.ADMIN)
def remove_user() -> Answer:
    """Remove an account."""
    name = request.form.get("name", "")
    if page := unsure(text("access-remove-sure", name=name)):
        return page

    def remove() -> str:
        application().access.remove_user(name)
        return text("access-user-removed", name=name)

    return _done(remove)


@access.post("/access/tokens")
@needs(Role.ADMIN)
def add_token() -> Answer:
    """Make a token, and show its secret this once."""
    try:
        token, secret = application().access.add_token(_draft(), by=by())
    except (InputError, NotFound) as error:
        return _page(problem=str(error), where="token"), status_of(error)
    return _page(made=token, secret=secret)


@access.post("/access/tokens/revoke")
@needs(Role.ADMIN)
def revoke_token() -> Answer:
    """Take a token back."""
    number, name = number_in(request.form.get("token")) or 0, request.form.get("name", "")
    if page := unsure(text("access-revoke-sure", name=name)):
        return page

    def revoke() -> str:
        return text("access-revoked", name=application().access.revoke_token(number).name)

    return _done(revoke)


def _done(change: Callable[[], str], where: str = "top") -> Answer:
    """Do it and say so; else the page again, filled, with what was wrong."""
    try:
        flash(change(), "good")
    except (InputError, NotFound, Conflict) as error:
        return _page(problem=str(error), where=where), status_of(error)
    return redirect(_HERE, 303)


def _draft() -> TokenDraft:
    form = request.form
    days = form.get("days", "")
    ends = application().clock.now() + int(days) * DAY if days in DAYS[1:] else None
    return TokenDraft(form.get("name", ""), _role(), form.getlist("detectors"), ends)


def _role() -> Role:
    try:
        return Role(request.form.get("role", ""))
    except ValueError as error:
        known = ", ".join(ROLES)
        raise InputError(f"There is no such role: choose one of {known}.") from error


def _page(
    *, problem: str = "", where: str = "top", made: Token | None = None, secret: str = ""
) -> str:
    app = application()
    held = app.access
    tokens = [(one, held.counts(one)) for one in held.tokens()]
    return render_template(
        "access.html",
        users=held.users(),
        tokens=sorted(tokens, key=lambda pair: (not pair[1], -pair[0].id)),
        detectors=[spec.name for spec in app.detectors.all()],
        roles=ROLES,
        days=DAYS,
        shortest=SHORTEST_PASSWORD,
        problem=problem,
        where=where,
        filled=request.form,
        made=made,
        secret=secret,
        guarded=held.is_guarded(),
    )
