"""Who is signed in: a signed cookie, which is void once the person or the password changed."""

import hmac
from hashlib import sha256
from urllib.parse import urlsplit

from flask import Flask, current_app, request, session
from flask.sessions import SecureCookieSessionInterface

from backend.records import Role, Token, User
from backend.web.application import application
from backend.web.who import Person

IDLE_S = 12 * 3600
_SEEN_EVERY_S = 60
_SECOND = 1_000_000_000
_WHO, _SEEN = "who", "seen"


class _Cookies(SecureCookieSessionInterface):
    """Cookies that go over TLS only, wherever the pages are reached by it."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._secure_host = parts.netloc if parts.scheme == "https" else None

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure or request.host == self._secure_host


def register(app: Flask, key: str, address: str, port: int) -> None:
    """Let the app keep sessions.

    Args:
        app: whose sessions.
        key: what signs them.
        address: where browsers reach the pages.
        port: where it listens; browsers give a cookie to every port of a host.
    """
    app.secret_key = key
    app.session_interface = _Cookies(address)
    app.config["SESSION_COOKIE_NAME"] = f"normalcy_{port}"
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    app.config["PERMANENT_SESSION_LIFETIME"] = IDLE_S
    app.config["SESSION_REFRESH_EACH_REQUEST"] = False


def begin(who: User | Token | None) -> None:
    """Remember in the browser who signed in; None stands for the configured token."""
    if isinstance(who, User):
        _remember({"user": who.name, "since": who.changed_at})
    elif who is not None:
        _remember({"token": who.id})
    else:
        _remember({"configured": _seal()})


def end() -> None:
    """Forget who signed in."""
    session.clear()


def signed_in() -> Person | None:
    """Who the browser says is signed in, as far as that still holds."""
    who, now = session.get(_WHO), application().clock.now() // _SECOND
    if not isinstance(who, dict):
        return None
    idle = now - session.get(_SEEN, 0)
    found = _person(who) if idle < IDLE_S else None
    if found is None:
        del session[_WHO]  # the rest stays, so that forms that are open can still be sent
    elif idle >= _SEEN_EVERY_S:
        session[_SEEN] = now
    return found


def of_user(user: User) -> Person:
    """Who signed in by name and password."""
    return Person(user.name, user.role, is_account=True)


def of_token(token: Token) -> Person:
    """Who shows a token."""
    return Person(token.name, token.role, token.detectors)


def _remember(who: dict[str, object]) -> None:
    session.permanent = True
    session[_WHO] = who
    session[_SEEN] = application().clock.now() // _SECOND


def _person(who: dict[str, object]) -> Person | None:
    access = application().access
    match who:
        case {"user": str(name), "since": int(since)}:
            user = access.still_signed_in(name, since)
            return of_user(user) if user else None
        case {"token": int(number)}:
            token = access.token(number)
            return of_token(token) if token else None
        case {"configured": str(seal)} if seal and hmac.compare_digest(seal, _seal()):
            return Person("", Role.ADMIN)
    return None


def _seal() -> str:
    """A mark of the configured token, of no use to who reads the cookie; "" if there is none."""
    token, key = application().settings.web.token, current_app.secret_key
    if not token or not isinstance(key, str):
        return ""
    return hmac.new(key.encode(), token.encode(), sha256).hexdigest()
