"""The label studio: ranges marked in charts; who changed what; files of labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from backend.exceptions import Conflict, InputError, NormalcyError, NotFound
from backend.records import LabelKind, Role, SeriesKey, parse_series_key
from backend.services.drawing import Span
from backend.services.label_choices import Choices, Form
from backend.services.label_history import Difference
from backend.services.labelling import shown
from backend.specs import DetectorSpec
from backend.web.application import application
from backend.web.errors import status_of
from backend.web.instants import MS, before, parse_instant
from backend.web.numbers import number_in
from backend.web.pages.asking import unsure
from backend.web.pages.ranges import asked_range, from_to
from backend.web.texts import text
from backend.web.who import by, needs, person

labels = Blueprint("labels_page", __name__)

MOST_SERIES = 500
MOST_CHARTS = 6
MOST_LABELS = 200
MOST_CHANGES = 30

Answer = str | AnyResponse | tuple[str, int]
_REFUSED = (Conflict, InputError, NotFound)


@labels.get("/detectors/<string:name>/labels")
def show(name: str) -> str:
    """Charts to mark in; below them labels, history and files, which need no script."""
    return _page(name)


@labels.post("/detectors/<string:name>/labels/remove")
@needs(Role.LABELLER)
def remove(name: str) -> Answer:
    """Take a label back."""
    number = number_in(request.form.get("id")) or 0
    if page := unsure(text("labels-remove-sure", id=number)):
        return page
    try:
        application().labelling.change(name, [], [number], source="page", by=by())
    except _REFUSED as error:
        flash(str(error), "bad")
    else:
        flash(text("labels-removed", id=number), "good")
    return _back(name)


@labels.post("/detectors/<string:name>/labels/revert")
@needs(Role.LABELLER)
def revert(name: str) -> Answer:
    """Say again what was said at a moment."""
    known = application().label_history
    try:
        to = parse_instant(request.form.get("to", ""))
        planned = known.reversal(name, to)
        counts = {"add": len(planned.add), "remove": len(planned.remove)}
        asked = text("labels-revert-sure", time=shown(to), **counts)
        if page := unsure(asked):
            return page
        reversal, _ = known.revert(name, to, by=by(), source="page")
    except (*_REFUSED, ValueError) as error:
        flash(str(error), "bad")
    else:
        said = text("labels-reverted", time=shown(to), **counts)
        flash(f"{said} {reversal.notice}".strip(), "good")
    return _back(name)


@labels.post("/detectors/<string:name>/labels/import")
@needs(Role.LABELLER)
def bring(name: str) -> Answer:
    """Add the labels of a file."""
    file = request.files.get("file")
    if file is None or not file.filename:
        return _page(name, problem=text("labels-import-none")), 422
    try:
        choices = _choices(name)
        brought = application().label_files.bring(file.read(), file.filename, choices, by=by())
    except (NormalcyError, ValueError) as error:
        status = status_of(error) if isinstance(error, NormalcyError) else 422
        if status == 500:
            raise
        return _page(name, problem=str(error)), status
    flash(text("labels-imported", count=len(brought.added), there=brought.there), "good")
    return _back(name)


def _choices(name: str) -> Choices:
    form = request.form
    kind = form.get("kind")
    return Choices(
        detector=name,
        kind=LabelKind(kind) if kind else None,
        tags=parse_series_key(form.get("series", "")),
        zone=form.get("timezone", "").strip() or None,
        alone=True,
    )


def _back(name: str) -> AnyResponse:
    """The same page, looking at the same range."""
    kept: dict[str, Any] = {key: request.args.getlist(key) for key in ("series", "from", "to")}
    return redirect(url_for("labels_page.show", name=name, **kept), 303)


def _page(name: str, *, problem: str = "") -> str:
    app = application()
    spec = app.detectors.get(name)
    keys = app.queries.series_keys(name)[:MOST_SERIES]
    chosen = _chosen(keys)
    span = asked_range(app.clock.now())
    found = app.queries.labels(name, span=span)
    since, difference = _difference(name)
    return render_template(
        "labels.html",
        detector=name,
        keys=keys,
        chosen=chosen,
        most=MOST_CHARTS,
        span=span,
        labels=found[:MOST_LABELS],
        count=len(found),
        changes=app.label_history.changes(name, limit=MOST_CHANGES),
        since=since,
        difference=difference,
        forms=list(Form),
        kinds=list(LabelKind),
        problem=problem,
        may_label=person().may(Role.LABELLER, name),
        kept={"series": chosen, **from_to(span.start, span.stop)},
        data=_data(spec, chosen, span),
    )


def _chosen(keys: Sequence[SeriesKey]) -> list[SeriesKey]:
    """The series that the address names, else the first one."""
    asked = set(request.args.getlist("series"))
    named = [key for key in keys if key in asked][:MOST_CHARTS]
    return named or list(keys[:1])


@dataclass(frozen=True)
class Since:
    """What the labels of now are compared with: in words, and the moment where it is one."""

    words: str
    time: int | None = None


def _difference(name: str) -> tuple[Since | None, Difference | None]:
    """What came and went since the moment, or the version, that the address names."""
    known = application().label_history
    try:
        if version := number_in(request.args.get("version")):
            words = text("labels-since-version", number=version)
            return Since(words), known.of_version(name, version)
        if moment := request.args.get("since"):
            time = parse_instant(moment)
            return Since(text("labels-since"), time), known.difference(name, time)
    except (ValueError, NotFound, InputError) as error:
        return Since(str(error)), None
    return None, None


def _data(spec: DetectorSpec, chosen: Sequence[SeriesKey], span: Span) -> dict[str, Any]:
    """What the page's script needs to know."""
    return {
        "detector": spec.name,
        "channels": [*spec.channels, *spec.context],
        "series": [{"key": key, "tags": parse_series_key(key)} for key in chosen],
        "step": max(spec.step // MS, 1),
        "mayLabel": person().may(Role.LABELLER, spec.name),
        **from_to(span.start, span.stop),
    }


labels.add_app_template_filter(before, "before")
