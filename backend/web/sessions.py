"""Who is signed in: a signed cookie with a secret, which counts for as long as its record does.

The cookie alone lets nobody in: signing out, another password or role, the end of the token or of
the session's time void it in every browser that has a copy.
"""

import hmac
from hashlib import sha256
from urllib.parse import urlsplit

from flask import Flask, current_app, request, session
from flask.sessions import SecureCookieSessionInterface

from backend.records import Role, SessionKind, SignedIn, Token, User
from backend.web.application import application
from backend.web.who import Person

_LASTS_S = 366 * 24 * 3600
"""The cookie outlives every session that the settings allow: the record says when it is over."""
_SECRET = "session"  # nosec B105  # no password


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
    app.config["PERMANENT_SESSION_LIFETIME"] = _LASTS_S
    app.config["SESSION_REFRESH_EACH_REQUEST"] = False


def begin(who: User | Token | None) -> None:
    """Let the browser be where somebody signed in; None stands for the configured token."""
    if isinstance(who, User):
        _begin(SessionKind.ACCOUNT, who.name, str(who.changed_at))
    elif who is not None:
        _begin(SessionKind.TOKEN, who.name, str(who.id))
    else:
        _begin(SessionKind.CONFIGURED, "", _seal())


def begin_elsewhere(name: str, proof: str) -> None:
    """Let the browser be where somebody signed in for whom another service vouches."""
    _begin(SessionKind.ELSEWHERE, name, proof)


def end() -> None:
    """Sign out here, and in every copy of this cookie."""
    if secret := session.get(_SECRET):
        application().sessions.end(str(secret))
    session.clear()


def end_others() -> int:
    """Sign out everywhere but here, and say in how many places."""
    found = current()
    if found is None:
        return 0
    return application().sessions.end_others(found.kind, found.name, str(session[_SECRET]))


def current() -> SignedIn | None:
    """The session of this browser, if it counts."""
    secret = session.get(_SECRET)
    return application().sessions.found(secret) if isinstance(secret, str) else None


def signed_in() -> Person | None:
    """Who the browser says is signed in, as far as that still holds."""
    if _SECRET not in session:
        return None
    one = current()
    found = _person(one) if one is not None else None
    if found is None:
        del session[_SECRET]  # the rest stays, so that forms that are open can still be sent
    return found


def of_user(user: User) -> Person:
    """Who signed in by name and password."""
    return Person(user.name, user.role, is_account=True)


def of_token(token: Token) -> Person:
    """Who shows a token."""
    return Person(token.name, token.role, token.detectors)


def _begin(kind: SessionKind, name: str, proof: str) -> None:
    """Everything is new, the mark of the forms too: what was planted before is worth nothing."""
    end()
    session.permanent = True
    session[_SECRET] = application().sessions.begin(
        kind,
        name,
        proof,
        address=request.remote_addr or "",
        agent=request.headers.get("User-Agent", ""),
    )


def _person(one: SignedIn) -> Person | None:
    app = application()
    match one.kind:
        case SessionKind.ACCOUNT:
            user = app.access.still_signed_in(one.name, int(one.proof))
            return of_user(user) if user else None
        case SessionKind.TOKEN:
            token = app.access.token(int(one.proof))
            return of_token(token) if token else None
        case SessionKind.ELSEWHERE:
            role = app.elsewhere.role_now(one.proof) if app.elsewhere else None
            return Person(one.name, role, is_elsewhere=True) if role else None
        case SessionKind.CONFIGURED:
            seal = _seal()
            holds = bool(seal) and hmac.compare_digest(one.proof, seal)
            return Person("", Role.ADMIN) if holds else None


def _seal() -> str:
    """A mark of the configured token, of no use to who reads it; "" if there is none."""
    token, key = application().settings.web.token, current_app.secret_key
    if not token or not isinstance(key, str):
        return ""
    return hmac.new(key.encode(), token.encode(), sha256).hexdigest()
