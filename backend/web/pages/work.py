"""Work: what goes on, what waits, what ended lately; begun by a form and ended on demand."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from backend.exceptions import InputError, NormalcyError
from backend.records import Request, Role, Run, State
from backend.services.promotion import KEEP
from backend.services.requests import KINDS as REQUESTED
from backend.services.work import OPEN, Advice
from backend.web.application import application
from backend.web.errors import status_of
from backend.web.instants import parse_instant
from backend.web.pages.asking import unsure
from backend.web.pages.ranges import DAY
from backend.web.texts import text
from backend.web.who import by, needs

work = Blueprint("work_page", __name__)

MOST_ENDED = 50
KINDS = (*REQUESTED, KEEP, "score")
"""Kinds of work that have a name on the pages; others are shown as they are called."""
BEGUN = ("retrain", "backfill")
"""What the form begins."""
_SOON_S = 5
_UNITS = ((3600, "hours", 3600), (90, "minutes", 60), (_SOON_S, "seconds", 1))
"""From how many seconds on the time left is told in a unit, and how many one has."""

Shown = str | tuple[str, int]


@work.get("/work")
def show() -> str:
    """What goes on, what waits and what ended lately, and the form that begins something."""
    return _page({})


@work.post("/work")
@needs(Role.ADMIN)
def begin() -> Response | tuple[str, int]:
    """Ask for a training or a backfill, and lead to how far it is."""
    try:
        asked = _ask()
    except NormalcyError as error:
        return _page(request.form, str(error)), status_of(error)
    return redirect(url_for("work_page.one_request", id=asked.id), 303)


@work.get("/work/runs/<int:id>")
def one_run(id: int) -> str:
    """How far a run is, how long it will go on, what it told, and what to do next."""
    view = application().work.look(id)
    return render_template("work_run.html", view=view, data={"kind": "runs", "id": id}, **_words())


@work.post("/work/runs/<int:id>/cancel")
@needs(Role.ADMIN)
def cancel_run(id: int) -> Response | str:
    """End a run, once the person is sure."""
    run = application().work.look(id).run
    if page := unsure(_question(run)):
        return page
    return _cancelled(lambda: application().work.cancel_run(id, by=by()), "one_run", id)


@work.get("/work/requests/<int:id>")
def one_request(id: int) -> str:
    """How far a request is, with the run that serves it."""
    found = application().work.look_at_request(id)
    return render_template(
        "work_request.html",
        found=found,
        request_=found.request,
        view=found.run,
        data={"kind": "requests", "id": id},
        **_words(),
    )


@work.post("/work/requests/<int:id>/cancel")
@needs(Role.ADMIN)
def cancel_request(id: int) -> Response | str:
    """End a request, once the person is sure."""
    found = application().work.look_at_request(id).request
    if page := unsure(_question(found)):
        return page
    return _cancelled(lambda: application().work.cancel_request(id, by=by()), "one_request", id)


def _page(filled: Mapping[str, str], problem: str = "") -> str:
    app = application()
    detector, state = request.args.get("detector") or None, _state()
    names = [spec.name for spec in app.detectors.all()]
    detector = detector if detector in names else None
    now = app.clock.now()
    going_on = app.work.going_on(detector)
    return render_template(
        "work.html",
        going_on=[(run, app.work.left_s(run)) for run in going_on],
        waiting=app.work.waiting(detector),
        ended=_ended(detector, state),
        names=names,
        detector=detector,
        state=state,
        states=[one for one in State if one not in OPEN],
        filled=filled,
        problem=problem,
        usual=(now - DAY, now),
        begun=BEGUN,
        **_words(),
    )


def _ended(detector: str | None, state: State | None) -> list[Run]:
    runs = application().queries.runs(detector, state=state, limit=MOST_ENDED)
    return [run for run in runs if run.state is not State.RUNNING]


def _state() -> State | None:
    asked = request.args.get("state", "")
    return State(asked) if asked in list(State) else None


def _ask() -> Request:
    """Ask for what the form says.

    Raises:
        InputError: it is not complete, or no time.
        NotFound: there is no such detector.
    """
    form = request.form
    kind = form.get("kind", "")
    payload: dict[str, Any] = {}
    if kind not in BEGUN:
        raise InputError(f"There is no work {kind!r} to begin: expected one of {', '.join(BEGUN)}.")
    if kind == "retrain" and form.get("cold"):
        payload = {"cold": True}
    if kind == "backfill":
        payload = {"start": _time("from"), "stop": _time("to")}
        if payload["start"] >= payload["stop"]:
            raise InputError("The range is empty: it must end after its start.")
    return application().requests.ask(kind, form.get("detector", ""), payload, by=by())


def _time(name: str) -> int:
    try:
        return parse_instant(request.form.get(name, ""))
    except ValueError as error:
        raise InputError(f"The time {name!r} of the range cannot be read: {error}.") from error


def _cancelled(cancel: Any, view: str, id: int) -> Response:
    try:
        cancel()
    except NormalcyError as error:
        flash(str(error), "bad")
    else:
        flash(text("work-will-stop"), "good")
    return redirect(url_for(f"work_page.{view}", id=id), 303)


def _question(one: Run | Request) -> str:
    return text("work-cancel-sure", kind=kind_words(one.kind), detector=one.detector or "-")


def _words() -> dict[str, Any]:
    """What templates say of work."""
    return {
        "kind_words": kind_words,
        "left_words": left_words,
        "advice_words": advice_words,
        "percent": lambda share: text("work-script-share", percent=int(100 * share)),
    }


def kind_words(kind: str) -> str:
    """What a kind of work is called."""
    return text(f"work-kind-{kind.replace('_', '-')}") if kind in KINDS else kind


def advice_words(advice: Advice) -> str:
    """What to do next."""
    return text(f"work-advice-{advice.name.lower().replace('_', '-')}")


def left_words(seconds: float | None) -> str:
    """How long work will go on, roughly: nobody is helped by its last second."""
    if seconds is None:
        return text("work-script-left-unknown")
    for least, unit, size in _UNITS:
        if seconds >= least:
            count = seconds / size
            rounded = round(count, 1) if unit == "hours" else round(count)
            return text(f"work-script-left-{unit}", count=rounded)
    return text("work-script-left-soon")
