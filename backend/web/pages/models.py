"""Versions of a detector: which serves, what a new one would change, and the decision."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from backend.exceptions import ArtifactError, Conflict, InputError, NotFound
from backend.records import Promotion, Request, Role, State, Verdict, Version
from backend.services.comparison_request import COMPARE, WEEKS, Pair, served_before
from backend.services.comparison_verdict import verdict_of
from backend.services.work import OPEN
from backend.web.api.models_rows import in_milliseconds
from backend.web.application import application
from backend.web.pages import model_words as words
from backend.web.pages.asking import unsure
from backend.web.pages.difference_strip import strip
from backend.web.texts import text
from backend.web.who import by, needs, person

models = Blueprint("models_page", __name__)

MOST_VERSIONS = 50
MOST_ALERTS = 60
CHOICES = (1, WEEKS, 12, 26)
"""Weeks that may be compared by the form."""

Answer = str | AnyResponse | tuple[str, int]


@models.get("/detectors/<string:name>/models")
def show(name: str) -> str:
    """Versions, newest first; the one that serves, and the one that waits."""
    app = application()
    spec = app.detectors.get(name)
    versions = app.reviewing.versions(name, limit=MOST_VERSIONS)
    promotions = app.reviewing.promotions(name)
    return render_template(
        "models.html",
        detector=name,
        versions=[_Row.of(one, promotions) for one in versions],
        waiting=_waiting(versions),
        serving=promotions[-1] if promotions else None,
        promotions=promotions[::-1][:MOST_VERSIONS],
        review_asked=spec.promote == "review",
        may_decide=person().may(Role.ADMIN, name),
        before=served_before(promotions),
        timed=words.timed,
    )


@models.get("/detectors/<string:name>/models/<int:number>")
def review(name: str, number: int) -> str:
    """One version: what it would change first, then how it was trained."""
    app = application()
    app.detectors.get(name)
    weeks = request.args.get("weeks", type=int, default=WEEKS)
    about = app.reviewing.review(name, number, request.args.get("series"))
    pair = app.comparing.pair(name, number, weeks=weeks)
    newest, done = app.comparing.newest(pair)
    asked = newest if newest is not None and newest.state in OPEN else None
    result = None if done is None else done.result
    return render_template(
        "model.html",
        detector=name,
        number=number,
        about=about,
        pair=pair,
        asked=asked,
        failed=newest if newest is not None and newest.state not in (*OPEN, State.DONE) else None,
        result=result,
        said=None if result is None else words.sentences(verdict_of(result)),
        strip=None if result is None else strip(result),
        alerts=[] if result is None else _changes(result),
        choices=sorted({*CHOICES, weeks}),
        may_decide=person().may(Role.ADMIN, name),
        may_compare=person().may(Role.LABELLER, name),
        data=_data(pair, about, result, asked),
        timed=words.timed,
        figure=words.figure,
        met=words.met,
        lasted=words.lasted,
        plain=words.plain,
        percent=words.percent,
        around=words.around,
    )


@models.post("/detectors/<string:name>/models/<int:number>/compare")
@needs(Role.LABELLER)
def compare(name: str, number: int) -> Answer:
    """Ask for a comparison; the page follows it."""
    weeks = request.form.get("weeks", type=int, default=WEEKS)

    def ask() -> str:
        app = application()
        pair = app.comparing.pair(name, number, weeks=weeks)
        app.requests.ask(COMPARE, name, pair.payload, by=by())
        return text("models-compare-asked")

    followed = url_for("models_page.review", name=name, number=number, weeks=weeks)
    return _done(ask, followed, otherwise=_place(name, number))


@models.post("/detectors/<string:name>/models/<int:number>/promote")
@needs(Role.ADMIN)
def promote(name: str, number: int) -> Answer:
    """Let a version serve."""
    if page := unsure(text("models-promote-sure", number=number)):
        return page

    def change() -> str:
        application().promotion.promote(name, number, by=by())
        return text("models-promoted", number=number)

    return _done(change, _place(name, number))


@models.post("/detectors/<string:name>/models/<int:number>/keep")
@needs(Role.ADMIN)
def keep(name: str, number: int) -> Answer:
    """Turn a challenger down."""
    if page := unsure(text("models-keep-sure", number=number)):
        return page

    def change() -> str:
        application().promotion.keep(name, number, by=by())
        return text("models-kept", number=number)

    return _done(change, _place(name, number))


@models.post("/detectors/<string:name>/rollback")
@needs(Role.ADMIN)
def roll_back(name: str) -> Answer:
    """Let the version serve again that served before."""
    if page := unsure(text("models-rollback-sure")):
        return page

    def change() -> str:
        made = application().promotion.rollback(name, by=by())
        return text("models-rolled-back", number=made.number)

    return _done(change, url_for("models_page.show", name=name))


def _done(change: Callable[[], str], place: str, otherwise: str = "") -> Answer:
    """Do it and say so, or say why not, where that is elsewhere."""
    try:
        flash(change(), "good")
    except (InputError, NotFound, Conflict, ArtifactError) as error:
        flash(str(error), "bad")
        return redirect(otherwise or place, 303)
    return redirect(place, 303)


def _place(name: str, number: int) -> str:
    return url_for("models_page.review", name=name, number=number)


@dataclass(frozen=True)
class _Row:
    """A version as the list shows it; `since` is when it last began to serve."""

    number: int
    created_at: int
    verdict: Verdict
    rows: int | None
    labels: int
    provisional: bool
    warnings: int
    since: int | None

    @classmethod
    def of(cls, version: Version, promotions: Sequence[Promotion]) -> "_Row":
        training = version.training
        served = [one.serves_from for one in promotions if one.number == version.number]
        return cls(
            number=version.number,
            created_at=version.created_at,
            verdict=version.verdict,
            rows=training.get("rows"),
            labels=len(training.get("labels", ())),
            provisional=version.provisional,
            warnings=len(training.get("warnings", ())),
            since=served[-1] if served else None,
        )


def _waiting(versions: Sequence[Version]) -> Version | None:
    """The newest version, if it waits for a person."""
    newest = next(iter(versions), None)
    return newest if newest is not None and newest.verdict is Verdict.CHALLENGER else None


def _changes(result: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Alerts with what becomes of them: those that change first, then those that stay."""
    told = [(change, one) for change in ("gone", "new", "kept") for one in result[change]]
    return told[:MOST_ALERTS]


def _data(
    pair: Pair,
    about: Mapping[str, Any],
    result: Mapping[str, Any] | None,
    asked: Request | None,
) -> dict[str, Any]:
    """What the page's script draws and follows."""
    series, other = about["series"], about["champion_series"]
    return {
        "number": pair.challenger,
        "champion": pair.champion,
        "request": None if asked is None else asked.id,
        "threshold": None if series is None else series["threshold"],
        "curve": None if series is None else series["curve"],
        "errors": None if series is None else series["errors"],
        "champion_curve": None if other is None else other["curve"],
        "looks": [] if result is None else in_milliseconds(result["looks"]),
    }
