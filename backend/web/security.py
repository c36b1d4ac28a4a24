"""Who may call, from where, and with what; headers that keep browsers careful.

Once there is a token or an account, every call must say whose it is, by a token or by a session,
but for liveness and for links that are signed: whoever holds such a link may make the one statement
it stands for, from anywhere. Before that the service is open, listens on loopback only, and takes
only requests addressed to loopback: a page on the internet whose name was made to resolve to
127.0.0.1 is refused. What a person may then do stands in `rights`. Requests that change something
must be JSON, which no form of a foreign page can send, whosever password the browser would add, or
a form with a mark that only our own pages know; the form of a signed link carries its right itself.
"""

import hmac
from hashlib import sha256
from ipaddress import ip_address
from urllib.parse import urlencode

from flask import Flask, Response, g, redirect, request
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response as AnyResponse

from backend.records import How, Role
from backend.services.acting import Actor, act_as, done
from backend.web import rights, sessions, who
from backend.web.application import application
from backend.web.errors import MACHINE_PATHS, is_program, problem
from backend.web.places import came_from, this_path
from backend.web.proxies import PROXIED
from backend.web.who import LOCAL, NOBODY, Person

LARGEST_JSON = 4 * 1024 * 1024
LARGEST_BODY = LARGEST_JSON + LARGEST_JSON // 4
"""What the server in front takes: a little more, for what stands around the chunks of a body."""

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_csrf = CSRFProtect()

ALWAYS_OPEN = ("/healthz",)
SIGNED = "said"
"""The part of the app whose addresses carry their own right; nothing else under it is open."""

SIGN_IN = "/sign-in"
OPEN_TO_STRANGERS = (SIGN_IN, "/sign-out", "/preferences", "/static/")
"""What it takes to sign in, and to see what one does there."""

POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'; "
    "object-src 'none'"
)
"""What pages may load and lead to, unless they need more."""

_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}

ONLY_TLS = "max-age=31536000"
"""What browsers are told that came by TLS: for a year, never without it."""

GRAFANA_USER, GRAFANA_SECRET = "X-Grafana-User", "X-Normalcy-Grafana-Secret"
"""Which of its users looks, as Grafana tells, and what proves that it was Grafana who told."""

LONGEST_NAME = 100


def register(app: Flask) -> None:
    """Guard every request of the app."""
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_JSON
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False  # looked at below, where it applies
    app.config["WTF_CSRF_TIME_LIMIT"] = None
    _csrf.init_app(app)
    app.before_request(_guard)
    app.after_request(_with_headers)
    app.teardown_request(_leave)
    app.register_error_handler(CSRFError, _unmarked)


def _guard() -> AnyResponse | None:
    _act(NOBODY, _way())
    if request.path in ALWAYS_OPEN or request.blueprint == SIGNED:
        return None
    found = _recognize()
    if found is None and not request.path.startswith(OPEN_TO_STRANGERS):
        return _ask()
    if found is LOCAL and (refused := _not_here()):
        return refused
    caller = found or NOBODY
    who.recognized(caller)
    _act(caller, How.GRAFANA if caller.is_of_grafana else _way())
    rights.check()
    return _packed() or _not_ours()


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine."""
    name = host.strip().lower().removeprefix("[").removesuffix("]").removesuffix(".")
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def _way() -> How:
    """By which way a change would be made, as far as its address tells."""
    if request.blueprint == SIGNED:
        return How.LINK
    if request.path.startswith(("/grafana", "/hooks/")):
        return How.GRAFANA
    # The scripts of our pages ask the API too; browsers say of them where they stand.
    return How.API if is_program() and "Referer" not in request.headers else How.PAGE


def _act(found: Person, how: How) -> None:
    """Let the audit log tell of this person until the request is over."""
    _leave(None)
    g.acting = act_as(Actor(found.name, how, request.remote_addr or ""))


def _leave(_error: BaseException | None) -> None:
    if (mark := g.pop("acting", None)) is not None:
        done(mark)


def _recognize() -> Person | None:
    """Whose request it is: by a secret that it shows, by its session, or by being here."""
    for secret in _shown():
        if found := of_secret(secret):
            return _user_of_grafana(found)
    if found := sessions.signed_in():
        return found
    return None if application().access.is_guarded() else LOCAL


def of_secret(secret: str) -> Person | None:
    """Who holds a secret: the configured token, or one of those that were made here."""
    if is_configured(secret):
        return Person("", Role.ADMIN)
    token = application().access.token_of(secret)
    return sessions.of_token(token) if token else None


def _user_of_grafana(found: Person) -> Person:
    """Who of Grafana's users looks, with the rights of Grafana's own token, and no more.

    Anybody can write the header: it is believed only beside the secret that Grafana was given, and
    only of one who shows a token as well.
    """
    secret, shown = application().settings.web.grafana_secret, request.headers.get(GRAFANA_SECRET)
    if not secret or not _same(shown or "", secret):
        return found
    name = _in_utf8(request.headers.get(GRAFANA_USER, "")).strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        return found
    return Person(name, found.role, found.detectors, is_of_grafana=True)


def _in_utf8(header: str) -> str:
    """What Grafana meant by a header: it writes UTF-8, and servers read Latin-1."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


def is_configured(secret: str) -> bool:
    """Whether this is the administrator's token of the configuration."""
    configured = application().settings.web.token
    return bool(configured) and _same(secret, str(configured))


def _not_here() -> Response | None:
    host = request.headers.get("Host", "localhost")
    # A proxy on this machine may say localhost for whoever reaches it.
    if is_loopback(_without_port(host)) and not request.environ.get(PROXIED):
        return None
    return problem(
        403,
        "Without a token or an account this service answers only to localhost: set NORMALCY_TOKEN "
        "to open it under another name.",
    )


def _shown() -> list[str]:
    """Every secret the caller shows: API key, bearer token, password."""
    key = request.headers.get("X-Api-Key")
    try:
        authorization = request.authorization
    except ValueError:  # a password that is not in ASCII, as none that is encoded
        authorization = None
    shown = [key, authorization and authorization.token, authorization and authorization.password]
    return [secret for secret in shown if secret]


def _same(shown: str, token: str) -> bool:
    # Hashed first, so that not even the length shows in the time it takes.
    return hmac.compare_digest(sha256(shown.encode()).digest(), sha256(token.encode()).digest())


def _ask() -> AnyResponse:
    """Ask who it is: people on a page, programs by a status."""
    if not is_program() and not _shown():
        return redirect(f"{SIGN_IN}?{urlencode({'next': _back()})}", 303)
    message = (
        "This needs a token of normalcy: as Authorization: Bearer, as X-Api-Key, or as the "
        "password of HTTP Basic; people sign in at /sign-in."
    )
    # Grafana replaces the text of a 401 from a data source by its own.
    if request.path.startswith("/grafana"):
        return problem(403, message)
    response = problem(401, message, sign_in=SIGN_IN)
    scheme = "Bearer" if request.path.startswith("/api/") or request.is_json else "Basic"
    response.headers["WWW-Authenticate"] = f'{scheme} realm="normalcy"'
    return response


def _back() -> str:
    """Where to go after signing in: the page asked for, or that of the form that was sent."""
    if request.method in rights.READING:
        return this_path()
    return came_from()


def _unmarked(error: CSRFError) -> Response:
    return problem(
        400,
        "This form is too old or was not made here, or the browser keeps no cookies: go back, load "
        "the page again, and send it once more.",
    )


def _packed() -> Response | None:
    """Refuse a body that is packed: nobody knows how large it is before it is unpacked."""
    if request.headers.get("Content-Encoding", "identity").strip().lower() in ("identity", ""):
        return None
    return problem(415, "The body must not be compressed: send it without Content-Encoding.")


def _not_ours() -> Response | None:
    if request.routing_exception is not None:  # no such address or method, whatever was sent
        return None
    if request.method not in ("POST", "PUT", "PATCH", "DELETE") or not _changes_something():
        return None
    if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        return problem(403, "This was sent by a page of another site.")
    if request.method == "DELETE" and not request.content_length:
        return None
    if request.mimetype in _FORMS and not request.path.startswith(MACHINE_PATHS):
        _csrf.protect()
        return None
    return _no_json()


def _no_json() -> Response | None:
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
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", ONLY_TLS)
    if not request.path.startswith("/static/"):
        response.headers.setdefault("Cache-Control", "no-store")
    return response
