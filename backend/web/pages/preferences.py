"""Language and theme, kept in the browser that chose them."""

from flask import Blueprint, Flask, redirect, request
from werkzeug.wrappers import Response

from backend.web.places import own_path
from backend.web.texts import COOKIE, LANGUAGES

preferences = Blueprint("preferences_page", __name__)

THEMES = ("system", "light", "dark")
_YEAR_S = 31_536_000


@preferences.post("/preferences")
def choose() -> Response:
    """Keep what was chosen and go back to where that was."""
    response = redirect(own_path(request.form.get("next", "")))
    if (code := request.form.get("language")) in LANGUAGES:
        _keep(response, COOKIE, str(code))
    if (theme := request.form.get("theme")) in THEMES:
        _keep(response, "theme", str(theme))
    return response


def register(app: Flask) -> None:
    """Offer `theme` and `THEMES` to templates."""
    app.add_template_global(theme)
    app.jinja_env.globals["THEMES"] = THEMES


def theme() -> str:
    """The theme of the current request."""
    chosen = request.cookies.get("theme", "")
    return chosen if chosen in THEMES else THEMES[0]


def _keep(response: Response, name: str, value: str) -> None:
    response.set_cookie(
        name, value, max_age=_YEAR_S, samesite="Lax", httponly=True, secure=request.is_secure
    )
