"""Pages on which people say what a range was: one for those who may, one for holders of a link."""

from flask import Blueprint, Response, abort, current_app, render_template, request
from werkzeug.exceptions import HTTPException

from backend.exceptions import LabelError, NormalcyError, StoreError
from backend.records import Label, LabelKind, parse_series_key, series_key
from backend.services.drawing import Span
from backend.services.saying import NOBODY, Question
from backend.specs import DetectorSpec, format_duration
from backend.web.application import application
from backend.web.errors import status_of
from backend.web.instants import parse_instant
from backend.web.label_form import TAG_FIELD, LabelForm, field_time, read_form

label_pages = Blueprint("label_pages", __name__)
said = Blueprint("said", __name__)

KINDS = {
    LabelKind.NORMAL: "normal: this is how it should be, learn it",
    LabelKind.ANOMALY: "anomaly: something was wrong, do not learn it",
    LabelKind.EXCLUDE: "exclude: maintenance or a test, neither learn nor judge it",
}
SAID_KINDS = {
    LabelKind.NORMAL: "normal",
    LabelKind.ANOMALY: "a real anomaly",
    LabelKind.EXCLUDE: "maintenance",
}
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
    form = read_form(request.args, specs, app.clock.now())
    return render_template(
        "label.html",
        specs=specs,
        form=form,
        kinds=KINDS,
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
    served = "waits for review" if spec.promote == "review" else "serves from then on"
    return (
        f"{spec.name} is trained anew once nothing has been said for {quiet}; "
        f"the new version {served}."
    )


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
    return series_key(label.tags) or "the whole detector"


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
    text = render_template(
        "said.html",
        question=question,
        kinds=SAID_KINDS,
        nobody=NOBODY,
        next=what_next(question.view.spec) if question and question.view.spec else "",
        stop=field_time(question.stop) if question else "",
        **more,
    )
    return Response(text, status)
