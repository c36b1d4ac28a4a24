"""Pages on which people say what a range was: one for those who may, one for holders of a link."""

from collections.abc import Sequence
from typing import Any

from flask import (
    Blueprint,
    abort,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from backend.exceptions import LabelError, NormalcyError, StoreError
from backend.records import Label, LabelDraft, LabelKind, Role, parse_series_key, series_key
from backend.services.drawing import Span
from backend.services.saying import NOBODY, Question
from backend.specs import DetectorSpec, format_duration
from backend.web.application import application
from backend.web.errors import status_of
from backend.web.instants import MS, parse_instant
from backend.web.label_form import TAG_FIELD, LabelForm, read_form
from backend.web.pages.asking import unsure
from backend.web.places import own_path
from backend.web.texts import text
from backend.web.times import field_time
from backend.web.who import by, needs

label_pages = Blueprint("label_pages", __name__)
said = Blueprint("said", __name__)

MOST_OVERLAPS = 50
MOST_VALUES = 500

LARGEST_STATEMENT = 16 * 1024
_LONGEST_NAME = 100
_LONGEST_NOTE = 2000
_ASSETS = ("page.css", "forms.css", "icon.svg")


@label_pages.get("/label")
def label() -> str:
    """The form, filled by the parameters of a link; looking at it changes nothing."""
    app = application()
    specs = app.detectors.all()
    return _form_page(read_form(request.args, specs, app.clock.now()), specs)


@label_pages.post("/label")
@needs(Role.LABELLER)
def save() -> str | Response | tuple[str, int]:
    """Save what the form says; one that is not complete is shown again, as it was filled."""
    app = application()
    specs = app.detectors.all()
    form = read_form(request.form, specs, app.clock.now())
    spec, kind, start, stop = form.spec, form.kind, form.start, form.stop
    if spec is None or kind is None or start is None or stop is None or start >= stop:
        return _form_page(form, specs, text("label-incomplete")), 422
    draft = LabelDraft(spec.name, kind, start, stop, form.tags, form.note)
    try:
        label = app.labelling.add(draft, source="page", by=by())
    except LabelError as error:
        return _form_page(form, specs, str(error)), 422
    flash(_saved(label), "good")
    span: dict[str, Any] = {"from": start // MS, "to": -(-stop // MS)}
    place = url_for("label_pages.label", detector=spec.name, series=form.series, **span)
    return redirect(place, 303)


@label_pages.post("/label/<int:number>/take-back")
@needs(Role.LABELLER)
def take_back(number: int) -> str | Response:
    """Take a label back, once that was confirmed."""
    if page := unsure(text("label-really", number=number)):
        return page
    application().labelling.remove([number], by=by())
    flash(text("label-taken-back", number=number), "good")
    return redirect(own_path(request.form.get("next", "")), 303)


def _saved(label: Label) -> str:
    about = {"detector": label.detector, "series": series_of(label), "kind": str(label.kind)}
    return text("label-saved", number=label.id, **about)


def _form_page(form: LabelForm, specs: Sequence[DetectorSpec], problem: str = "") -> str:
    return render_template(
        "label.html",
        specs=specs,
        form=form,
        problem=problem,
        kinds={kind: text(f"label-kind-{kind}") for kind in LabelKind},
        tag_field=TAG_FIELD,
        start=field_time(form.start),
        stop=field_time(form.stop, up=True),
        values=_values(form.spec) if form.spec else {},
        overlaps=_overlaps(form),
        most=MOST_OVERLAPS,
        next=what_next(form.spec) if form.spec else "",
    )


def what_next(spec: DetectorSpec) -> str:
    """What a new label leads to, in a sentence."""
    quiet = format_duration(spec.schedule.retrain_after_labels)
    how = "review" if spec.promote == "review" else "auto"
    return text(f"label-next-{how}", detector=spec.name, quiet=quiet)


def _values(spec: DetectorSpec) -> dict[str, list[str]]:
    """Known values of each tag, to choose from."""
    try:
        keys = application().queries.series_keys(spec.name)
    except StoreError:
        keys = []  # names can be typed as well
    tags = [parse_series_key(key) for key in keys]
    found = {tag: sorted({one[tag] for one in tags if one.get(tag)}) for tag in spec.group_by}
    return {tag: values[:MOST_VALUES] for tag, values in found.items()}


def _overlaps(form: LabelForm) -> list[Label]:
    """Labels in force on any part of the range and any of the series."""
    if form.spec is None or form.start is None or form.stop is None or form.start >= form.stop:
        return []
    labels = application().queries.labels(form.spec.name, span=Span(form.start, form.stop))
    return [one for one in labels if _meet(one, form)][: MOST_OVERLAPS + 1]


def _meet(label: Label, form: LabelForm) -> bool:
    return all(form.tags.get(tag, value) == value for tag, value in label.tags.items())


@label_pages.app_template_filter("series")
def series_of(label: Label) -> str:
    """The series that a label speaks for, in words."""
    return series_key(label.tags) or text("label-whole")


@label_pages.app_template_filter("moment")
def moment(time: int) -> str:
    """A UTC time to the second."""
    return field_time(time).replace("T", " ")


# -- signed links ----------------------------------------------------------------------------------


@said.get("/said/assets/<name>")
def asset(name: str) -> Response:
    """What the page below needs to look well, without the product's token."""
    return current_app.send_static_file(name) if name in _ASSETS else abort(404)


@said.get("/said/<token>")
def ask(token: str) -> Response:
    """What a link would say, to be confirmed; whoever only looks has said nothing."""
    return _page(200, question=application().saying.question(token))


@said.post("/said/<token>")
def say(token: str) -> Response:
    """Say it, once."""
    request.max_content_length = LARGEST_STATEMENT
    form = request.form
    saying = application().saying
    try:
        stop = _end(form.get("to", ""))
        name = "".join(filter(str.isprintable, form.get("name", "")))[:_LONGEST_NAME].strip()
        note = form.get("note", "").replace("\0", "")[:_LONGEST_NOTE].strip()
        return _page(200, question=saying.say(token, by=name, note=note, stop=stop))
    except LabelError as error:
        question = saying.question(token)
        return _page(422, question=question, problem=str(error), filled=form)


@said.errorhandler(NormalcyError)
def refuse(error: NormalcyError) -> Response:
    """Tell what is wrong with a link, on a page that needs no token."""
    status = status_of(error)
    if status == 500:
        raise error
    return _page(status, problem=str(error))


@said.errorhandler(HTTPException)
def refuse_request(error: HTTPException) -> Response:
    """Tell what is wrong with what was sent."""
    large = error.code == 413
    words = "The note is too long: say it in fewer words." if large else error.description
    return _page(error.code or 500, problem=words or error.name)


def _end(text: str) -> int | None:
    try:
        return parse_instant(text) if text.strip() else None
    except ValueError as error:
        raise LabelError(f"The end cannot be read: {error}.") from error


def _page(status: int, *, question: Question | None = None, **more: object) -> Response:
    page = render_template(
        "said.html",
        question=question,
        kinds={kind: text(f"said-kind-{kind}") for kind in LabelKind},
        nobody=NOBODY,
        next=what_next(question.view.spec) if question and question.view.spec else "",
        stop=field_time(question.stop) if question else "",
        **more,
    )
    return Response(page, status, mimetype="text/html")
