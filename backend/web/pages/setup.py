"""A detector is set up: proposal, preview, dry run, save; and changed, exported, removed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from backend.exceptions import ConfigurationError, InputError, LabelError, NormalcyError, Problem
from backend.records import (
    LabelDraft,
    LabelKind,
    Request,
    Role,
    SeriesKey,
    State,
    parse_series_key,
)
from backend.services.detector_yaml import as_yaml, body_of
from backend.services.dry_run import DRY_RUN, Asked
from backend.services.labelling import check_draft
from backend.services.proposing import Proposal
from backend.services.work import OPEN
from backend.specs import DetectorSpec
from backend.web.api.setup import yaml_file
from backend.web.application import application
from backend.web.instants import milliseconds
from backend.web.pages.asking import unsure
from backend.web.pages.ranges import DAY
from backend.web.pages.setup_form import MODELS, THRESHOLDS, USES, Draft, of_spec, places, proposed
from backend.web.pages.setup_form import read as read_form
from backend.web.scope import require_same_source
from backend.web.texts import text
from backend.web.who import by, needs, person

setup = Blueprint("setup_page", __name__)

MOST_SERIES = 200
_SHOWN = 14 * DAY
_NORMAL = 7 * DAY
_SECOND = 1_000_000_000

Answer = str | AnyResponse | tuple[str, int]


@setup.get("/detectors/new")
@needs(Role.ADMIN)
def new() -> Answer:
    """Choose a measurement; what is proposed for it fills the form."""
    app = application()
    asked = request.args.get("measurement")
    if asked is None:
        return render_template("setup_choose.html", measurements=app.catalogue.measurements())
    return _form(_with_range(proposed(app.setting_up.propose(asked))))


@setup.post("/detectors/new")
@needs(Role.ADMIN)
def make() -> Answer:
    """Check, try or store what stands in the form."""
    return _act(read_form(request.form), None)


@setup.get("/detectors/<string:name>/edit")
def edit(name: str) -> Answer:
    """The same form for a stored detector; those of normalcy.yaml are only shown."""
    detectors = application().detectors
    spec, configured = detectors.get(name), detectors.is_configured(name)
    if configured or not person().may(Role.ADMIN, name):
        return render_template(
            "setup_shown.html", detector=name, yaml=as_yaml([spec]), configured=configured
        )
    return _form(_with_range(of_spec(spec, body_of(spec), _proposal(spec))), name)


@setup.post("/detectors/<string:name>/edit")
@needs(Role.ADMIN)
def change(name: str) -> Answer:
    """Check, try or store the changed definition."""
    return _act(read_form(request.form, name), name)


@setup.get("/detectors/<string:name>/export")
def export(name: str) -> Response:
    """The detector as a file that normalcy.yaml can take over."""
    return yaml_file(application().setting_up.export([name]), f"{name}.yaml")


@setup.get("/detectors.yaml")
@needs(Role.ADMIN)
def export_all() -> Response:
    """All stored detectors as a file."""
    return yaml_file(application().setting_up.export(), "detectors.yaml")


@setup.post("/detectors/<string:name>/remove")
@needs(Role.ADMIN)
def remove(name: str) -> Answer:
    """Remove a stored detector, and offer to take that back."""
    app = application()
    if page := unsure(text("setup-remove-sure", name=name)):
        return page
    spec = app.detectors.get(name)
    app.detectors.delete(name)
    body = orjson.dumps(body_of(spec)).decode()
    return render_template("setup_removed.html", name=name, yaml=as_yaml([spec]), body=body)


@setup.post("/detectors/<string:name>/restore")
@needs(Role.ADMIN)
def restore(name: str) -> Answer:
    """Take a removal back."""
    try:
        body = orjson.loads(request.form.get("body", ""))
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise InputError("This form is not complete: add the detector anew.")
    require_same_source(name, body)
    application().setting_up.save(name, body, by=by(), seen=False)
    flash(text("setup-restored", name=name), "good")
    return redirect(url_for("detector_page.show", name=name), 303)


# -- what the form's buttons do --------------------------------------------------------------------


def _act(draft: Draft, name: str | None) -> Answer:
    try:
        body = draft.body(application().setting_up)
    except ConfigurationError as error:
        told = [Problem(f"settings.{one.where}", one.message) for one in error.problems]
        return _form(draft, name, told), 422
    require_same_source(draft.name, body)  # before the source is looked at for what it names
    checked = application().setting_up.check(draft.name, body, new=name is None)
    problems = [*checked.problems, *_about_range(draft)]
    if problems or checked.spec is None:
        return _form(draft, name, problems), 422
    act = request.form.get("act")
    if act == "save":
        return _save(draft, name, checked.spec, body)
    if act == "try":
        draft = replace(draft, tried=_try(draft, checked.spec))
    return _form(draft, name)


def _about_range(draft: Draft) -> list[Problem]:
    """What is wrong with the range, where it is needed."""
    act = request.form.get("act")
    wanted = act == "try" or (act == "save" and draft.label and (draft.start or draft.stop))
    if wanted and draft.range is None:
        return [Problem("range", text("setup-range-wrong"))]
    return []


def _try(draft: Draft, spec: DetectorSpec) -> int:
    assert draft.range is not None, "looked at before"
    asked = Asked(spec, (draft.range,))
    return application().requests.ask(DRY_RUN, spec.name, asked.payload, by=by()).id


def _save(draft: Draft, name: str | None, spec: DetectorSpec, body: dict[str, Any]) -> Answer:
    app = application()
    label = _label(draft)
    try:
        if label is not None:  # looked at first: a detector without its label would be half a thing
            check_draft(label, spec, app.clock.now())
    except LabelError as error:
        return _form(draft, name, [Problem("range", str(error))]), 422
    app.setting_up.save(draft.name, body, by=by(), new=name is None)
    flash(text("setup-saved" if name is None else "setup-changed", name=draft.name), "good")
    if label is not None:
        try:
            app.labelling.add(label, source="page", by=by())
            flash(text("setup-labelled"), "good")
        except NormalcyError as error:
            flash(str(error), "bad")
    return redirect(url_for("detector_page.show", name=draft.name), 303)


def _label(draft: Draft) -> LabelDraft | None:
    if not draft.label or draft.range is None:
        return None
    return LabelDraft(draft.name, LabelKind.NORMAL, *draft.range)


# -- what the form shows ---------------------------------------------------------------------------


def _form(draft: Draft, name: str | None = None, problems: Sequence[Problem] = ()) -> str:
    found = _tried(draft, name)
    result = found.result if found is not None and found.state is State.DONE else None
    body, readable = _body(draft)
    spec = application().setting_up.check(draft.name, body, new=False, seen=False).spec
    return render_template(
        "setup.html",
        detector=name,
        draft=draft,
        problems=places(problems),
        count=len(problems),
        models=MODELS,
        thresholds=THRESHOLDS,
        uses=USES,
        tried=found,
        result=result,
        data=_data(draft, body, spec, result),
        yaml=as_yaml([spec]) if readable and spec is not None else "",
        open_states=OPEN,
    )


def _tried(draft: Draft, name: str | None) -> Request | None:
    """The dry run that the form names; that of another detector is not for this page."""
    if draft.tried is None:
        return None
    found = application().queries.request(draft.tried)
    own = found.kind == DRY_RUN and name in (None, found.detector)
    return found if own else None


def _with_range(draft: Draft) -> Draft:
    """A draft with the week before the newest one chosen, where there are data of it."""
    first, last = draft.about.get("first"), draft.about.get("last")
    if first is None or last is None:
        return draft
    stop = max(last - _NORMAL, first + (last - first) // 2)
    start = max(first, stop - _NORMAL)
    return replace(draft, start=start // _SECOND * _SECOND, stop=stop // _SECOND * _SECOND)


def _proposal(spec: DetectorSpec) -> Proposal | None:
    """What would be proposed now; None where the source cannot tell."""
    try:
        return application().setting_up.propose(spec.measurement)
    except NormalcyError:
        return None


def _body(draft: Draft) -> tuple[dict[str, Any], bool]:
    """The definition that a draft comes to; that which it began with, where it cannot be read."""
    try:
        return draft.body(application().setting_up), True
    except ConfigurationError:
        return dict(draft.base), False


def _data(
    draft: Draft, body: dict[str, Any], spec: DetectorSpec | None, result: Any
) -> dict[str, Any]:
    """What the page's script needs to know."""
    last = draft.about.get("last") or application().clock.now()
    return {
        "spec": body,
        "series": _series(draft, body, spec)[:MOST_SERIES],
        "from": milliseconds(max(last - _SHOWN, draft.about.get("first") or 0)),
        "to": milliseconds(last),
        "tried": draft.tried,
        "result": None if result is None else _course(result),
    }


def _series(draft: Draft, body: dict[str, Any], spec: DetectorSpec | None) -> list[SeriesKey]:
    """Series to look at: those proposed, or those that tags chosen otherwise make."""
    last, wanted = draft.about.get("last"), set(body.get("group_by", ()))
    known = [key for key in draft.about.get("series", ()) if _tags(key) == wanted]
    if known or last is None or spec is None:
        return known
    return application().setting_up.series(spec, last)


def _tags(key: SeriesKey) -> set[str] | None:
    try:
        return set(parse_series_key(key))
    except ValueError:
        return None


def _course(result: Any) -> dict[str, Any]:
    """The course of the score, in milliseconds."""
    return {
        "from": milliseconds(result["recent"][0]),
        "to": milliseconds(result["recent"][1]),
        "series": {
            key: {
                "time": [milliseconds(time) for time in one["course"]["times"]],
                "score": one["course"]["score"],
            }
            for key, one in result["series"].items()
        },
    }
