"""The chart library's script, as its Python package ships it, served from here and nowhere else."""

import gzip
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

from flask import Blueprint, Response, g, request, url_for

from backend.web.security import POLICY

chart_script = Blueprint("chart_script", __name__)

_FILE = "plotly/package_data/plotly.min.js"
_YEAR_S = 31_536_000
_POLICY = f"{POLICY}; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
"""The library writes styles into what it draws; scripts stay those of this service alone."""


def address() -> str:
    """Where the current page finds the script; the page may draw with it from then on."""
    g.draws = True
    return url_for("chart_script.plotly", name=version())


@chart_script.after_app_request
def _allow_drawing(response: Response) -> Response:
    if g.get("draws"):
        response.headers["Content-Security-Policy"] = _POLICY
    return response


@cache
def version() -> str:
    """Of the library; part of the address, so that browsers keep the script until it changes."""
    return distribution("plotly").version


@chart_script.get("/static/plotly-<name>.js")
def plotly(name: str) -> Response:
    """The script, compressed once; whatever version is asked for, the installed one is given."""
    response = Response(mimetype="text/javascript")
    if request.accept_encodings["gzip"]:
        response.data = _compressed()
        response.headers["Content-Encoding"] = "gzip"
    else:
        response.data = _path().read_bytes()
    response.headers["Vary"] = "Accept-Encoding"
    is_current = name == version()
    response.headers["Cache-Control"] = (
        f"public, max-age={_YEAR_S}, immutable" if is_current else "no-store"
    )
    return response


@cache
def _compressed() -> bytes:
    return gzip.compress(_path().read_bytes(), mtime=0)


def _path() -> Path:
    # found without importing the package, which loads far more than a file
    return Path(str(distribution("plotly").locate_file(_FILE)))
