"""What decides whether a version is to serve: its review, and what it would change."""

from typing import Any

from backend.services.comparison_request import COMPARE
from backend.web.api.asked import VersionPath
from backend.web.api.blueprints import part
from backend.web.api.models_rows import (
    ComparedBody,
    ComparedQuery,
    ComparisonAnswer,
    ReviewAnswer,
    ReviewQuery,
    in_milliseconds,
)
from backend.web.api.work_rows import Accepted, RequestAnswer, VersionRow, VersionRows, accepted
from backend.web.application import application
from backend.web.who import by

api = part("review", "What a version learned, and what it would change.")

_VERSION = "/detectors/<string:name>/models/<int:number>"


@api.get(f"{_VERSION}/comparison", responses={"200": ComparisonAnswer})
def get_comparison(path: VersionPath, query: ComparedQuery) -> dict[str, Any]:
    """The newest comparison of a version with another one, and how far one under way is."""
    comparing = application().comparing
    pair = comparing.pair(path.name, path.number, query.champion, query.weeks)
    return ComparisonAnswer.of(pair, *comparing.newest(pair)).model_dump()


@api.post(f"{_VERSION}/comparison", responses={"202": RequestAnswer})
def compare(path: VersionPath, body: ComparedBody) -> Accepted:
    """Ask for a comparison with another version, by default the one that serves."""
    app = application()
    pair = app.comparing.pair(path.name, path.number, body.champion, body.weeks)
    request = app.requests.ask(COMPARE, path.name, pair.payload, by=by("api"))
    return accepted(request)


@api.get(f"{_VERSION}/review", responses={"200": ReviewAnswer})
def review(path: VersionPath, query: ReviewQuery) -> dict[str, Any]:
    """Losses, held-out errors with the threshold, labels: how a version was trained."""
    found = application().reviewing.review(path.name, path.number, query.series)
    return ReviewAnswer(**in_milliseconds(found)).model_dump()


@api.post(f"{_VERSION}/keep", responses={"200": VersionRows})
def keep(path: VersionPath) -> list[VersionRow]:
    """Turn a challenger down: the version that serves goes on."""
    app = application()
    app.promotion.keep(path.name, path.number, by=by("api"))
    return [VersionRow.of(one) for one in app.queries.versions(path.name)]
