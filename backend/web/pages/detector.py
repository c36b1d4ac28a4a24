"""One detector: what was measured and expected, error and threshold, score, events and labels."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from backend.exceptions import Conflict, NotFound
from backend.records import Role, SeriesKey
from backend.services.drawing import Span
from backend.services.events import Event
from backend.specs import DetectorSpec, format_duration
from backend.web.application import application
from backend.web.pages.ranges import asked_range, from_to
from backend.web.texts import text
from backend.web.who import by, needs, person

detector = Blueprint("detector_page", __name__)

MOST_SERIES = 1000
MOST_EVENTS = 50


@detector.get("/detectors/<string:name>")
def show(name: str) -> str:
    """Charts of a series over a range; the events below it are there without a script too."""
    app = application()
    spec = app.detectors.get(name)
    keys = app.queries.series_keys(name)
    chosen = chosen_series(keys)
    now = app.clock.now()
    span = asked_range(now)
    series = [] if chosen is None else [chosen]
    return render_template(
        "detector.html",
        detector=name,
        about=_about(spec),
        one=app.queries.overview(name),
        drift=app.drift.open(name),
        changed=app.channel_changes.told(spec, series).get(chosen or "", ()),
        may_train=person().may(Role.ADMIN, name),
        may_say=person().may(Role.LABELLER, name),
        keys=keys[:MOST_SERIES],
        chosen=chosen,
        span=span,
        events=app.queries.events(name, span, series=series, limit=MOST_EVENTS)[::-1],
        data=_data(spec, chosen, span),
        event_range=lambda event: _around(event, spec.step, now),
        label_range=lambda event: from_to(event.start, event.stop or now),
    )


@detector.post("/detectors/<string:name>/drift/<int:proposal>/accept")
@needs(Role.ADMIN)
def accept_drift(name: str, proposal: int) -> AnyResponse:
    """Have the detector trained anew, as its errors have drifted."""

    def change() -> str:
        application().drift.accept(name, proposal, by=by())
        return text("detector-drift-accepted")

    return _answered(name, change)


@detector.post("/detectors/<string:name>/drift/<int:proposal>/dismiss")
@needs(Role.LABELLER)
def dismiss_drift(name: str, proposal: int) -> AnyResponse:
    """Say that the errors of now are usual."""

    def change() -> str:
        application().drift.dismiss(name, proposal, by=by())
        return text("detector-drift-dismissed")

    return _answered(name, change)


def _answered(name: str, change: Callable[[], str]) -> AnyResponse:
    """Do it and say so, or say why not."""
    try:
        flash(change(), "good")
    except (Conflict, NotFound) as error:
        flash(str(error), "bad")
    return redirect(url_for("detector_page.show", name=name), 303)


def _around(event: Event, step: int, now: int) -> dict[str, int]:
    """An event with as much time before and after it, at least fifty steps."""
    stop = event.stop or now
    return from_to(event.start, stop, beside=max(stop - event.start, 50 * step))


def chosen_series(keys: list[SeriesKey]) -> SeriesKey | None:
    """The series that the address names, else the first one; None where there is none."""
    asked = request.args.get("series")
    if asked is not None and asked in keys:
        return asked
    return keys[0] if keys else None


def _about(spec: DetectorSpec) -> dict[str, str]:
    return {
        "measurement": spec.measurement,
        "every": format_duration(spec.every),
        "model": spec.model.kind,
        "threshold": spec.threshold.kind,
    }


def _data(spec: DetectorSpec, series: SeriesKey | None, span: Span) -> dict[str, Any]:
    """What the page's script needs to know."""
    return {
        "detector": spec.name,
        "channels": list(spec.channels),
        "context": list(spec.context),
        "series": series or "",
        "step": spec.step // 1_000_000,
        **from_to(span.start, span.stop),
    }
