"""The threshold workbench: what another threshold would have given, and a version that has it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, Response, flash, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from backend.exceptions import Conflict, InputError, NormalcyError, NotFound
from backend.records import Request, Role, SeriesKey, series_key
from backend.services.downsampling import Table
from backend.services.drawing import Span
from backend.services.rethresholding import THRESHOLD, AskedThreshold
from backend.services.threshold_asked import nested
from backend.services.what_if import THRESHOLD as LINE
from backend.services.what_if import Answer, Present, Question, read_question
from backend.services.what_if_answer import known
from backend.services.work import OPEN
from backend.web.api.what_if import AlertsRow
from backend.web.application import application
from backend.web.numbers import number_in
from backend.web.pages.asking import unsure
from backend.web.pages.detector import MOST_SERIES, chosen_series
from backend.web.pages.ranges import asked_range, from_to
from backend.web.texts import text
from backend.web.what_if import ALL_KINDS, value_of
from backend.web.who import by, needs, person

threshold = Blueprint("threshold_page", __name__)

_WEEKS_NS = 4 * 7 * 86_400_000_000_000
_FEW = 16
"""Up to so many series all are looked at unless one is asked for; more take long."""
_POINTS = 1500
_MOST_ROWS = 100
FIGURES = (
    "flagged",
    "alerts",
    "alerts_a_week",
    "precision",
    "recall",
    "f1",
    "false_alarm_share",
    "events_caught",
)
_SHARES = ("precision", "recall", "f1", "false_alarm_share")
USUAL: Mapping[str, str] = {
    "fixed": "1",
    "quantile": "0.999",
    "sigma": "4",
    "budget": "1/week",
    "conformal": "0.999",
    "f1_max": "",
    "dynamic": "0.13",
    "pot": "0.0001",
}
"""What the value of a kind begins with on the form."""
_LONGEST = 40

Page = str | tuple[str, int] | AnyResponse


@dataclass(frozen=True)
class Form:
    """The fields of the form as they were sent, or as they begin."""

    kind: str
    value: str
    margin: str
    points: str
    clear_below: str

    @classmethod
    def of(cls, fields: Mapping[str, str], present: Present) -> "Form":
        """Read the fields; what is not sent is what serves now."""
        threshold, alarm = present.threshold, present.alarm
        name = ALL_KINDS[threshold.kind][0]
        own = "" if name is None else f"{getattr(threshold, name)}"
        kind = fields.get("kind", threshold.kind)
        value = own if kind == threshold.kind else USUAL.get(kind, "")
        return cls(
            kind,
            fields.get("value", value).strip()[:_LONGEST],
            fields.get("margin", f"{threshold.margin:g}").strip()[:_LONGEST],
            fields.get("for", str(alarm.points)).strip()[:_LONGEST],
            fields.get("clear_below", f"{alarm.clear_below:g}").strip()[:_LONGEST],
        )

    def question(self, present: Present) -> Question:
        """What it asks; of the kind that serves, settings that the form lacks stay as they are.

        Raises:
            InputError: a field does not fit.
        """
        name, meaning = value_of(self.kind)
        told: dict[str, Any] = {"kind": self.kind}
        if self.kind == present.threshold.kind:
            told = present.threshold.model_dump(mode="json", by_alias=True)
        if name is not None:
            if not self.value:
                raise InputError(f"A {self.kind} threshold needs a value: {meaning}.")
            told[name] = self.value
        alarm = present.alarm.model_dump(mode="json", by_alias=True)
        alarm |= nested((("for", self.points), ("clear_below", self.clear_below)))
        return read_question({"threshold": {**told, "margin": self.margin}, "alarm": alarm})


@threshold.get("/detectors/<string:name>/threshold")
def show(name: str) -> Page:
    """The workbench; without a script the form shows now and then as a table."""
    return _page(name, request.args, asked="kind" in request.args)


@threshold.get("/detectors/<string:name>/threshold/answer")
def answer(name: str) -> Response | tuple[Response, int]:
    """What the form asks, for the page's script."""
    try:
        app = application()
        present = app.what_if.present(name)
        question = Form.of(request.args, present).question(present)
        found = _ask(name, question, app.queries.series_keys(name), _span())
    except NormalcyError as error:
        return jsonify(message=str(error)), 404 if isinstance(error, NotFound) else 422
    shown = request.args.get("series", "")
    lines = [_line(one) for one in found.tables if series_key(one.tags) == shown]
    return jsonify(**_plain(found), line=lines[0] if lines else None)


@threshold.post("/detectors/<string:name>/threshold")
@needs(Role.ADMIN)
def apply(name: str) -> Page:
    """Ask for a version with the threshold of the form."""
    app = application()
    fields = request.form
    try:
        present = app.what_if.present(name)
        question = Form.of(fields, present).question(present)
        asked = AskedThreshold(question, fields.get("promote", "yes") == "yes")
        told = "sure" if asked.promote else "sure-challenger"
        if page := unsure(text(f"threshold-script-{told}", detector=name)):
            return page
        work = app.requests.ask(THRESHOLD, name, asked.payload, by=by())
    except (InputError, Conflict) as error:
        flash(str(error), "bad")
        return _page(name, fields, asked=False), 422
    flash(text("threshold-asked"), "good")
    return redirect(url_for("threshold_page.show", name=name, request=work.id), 303)


def _page(name: str, fields: Mapping[str, str], *, asked: bool) -> str:
    app = application()
    keys, span = app.queries.series_keys(name), _span()
    present = app.what_if.find_present(name)
    if present is None or not keys:
        return render_template("threshold.html", detector=name, present=None, keys=keys)
    form, found, problem = Form.of(fields, present), None, ""
    if asked:
        try:
            found = _ask(name, form.question(present), keys, span)
        except InputError as error:
            problem = str(error)
    chosen, every, work = chosen_series(keys), _scope(keys), _work(name)
    going = work if work is not None and work.state in OPEN else None
    plain = None if found is None else _plain(found)
    return render_template(
        "threshold.html",
        detector=name,
        present=present,
        keys=keys[:MOST_SERIES],
        chosen=chosen,
        every=every,
        span=span,
        form=form,
        kinds=ALL_KINDS,
        figures=FIGURES,
        found=plain,
        rows=[] if plain is None else plain["series"][:_MOST_ROWS],
        figure=figure,
        problem=problem,
        work=work,
        going=going,
        configured=app.detectors.is_configured(name),
        may_apply=person().may(Role.ADMIN, name),
        data={
            "detector": name,
            "series": chosen or "",
            "every": every,
            **from_to(span.start, span.stop),
            "asked": asked and not problem,
            "present": {"kind": present.threshold.kind, "margin": present.threshold.margin},
            "value": Form.of({}, present).value,
            "usual": dict(USUAL),
            "plain": [kind for kind, (own, _) in ALL_KINDS.items() if own is None],
            "most": _MOST_ROWS,
            "request": None if going is None else going.id,
        },
    )


def _span() -> Span:
    return replace(asked_range(application().clock.now(), _WEEKS_NS), points=_POINTS)


def _ask(name: str, question: Question, keys: list[SeriesKey], span: Span) -> Answer:
    chosen = chosen_series(keys)
    series = [] if _scope(keys) or chosen is None else [chosen]
    return application().what_if.ask(name, span, question, series=series)


def _scope(keys: Sequence[SeriesKey]) -> bool:
    """Whether the figures are of all series."""
    asked = request.values.get("of")
    return len(keys) <= _FEW if asked is None else asked == "all"


def _work(name: str) -> Request | None:
    """The request that the address names, if it is for a threshold of this detector."""
    number = number_in(request.args.get("request"))
    if number is None:
        return None
    try:
        found = application().requests.get(number)
    except NotFound:
        return None
    return found if (found.kind, found.detector) == (THRESHOLD, name) else None


def _plain(found: Answer) -> dict[str, Any]:
    """Figures of all series together and of each, and what is not known."""
    return {
        "together": AlertsRow.of(found.together, "").model_dump(),
        "series": [AlertsRow.of(one, "").model_dump() for one in found.alerts],
        "notices": list(found.notices),
    }


def _line(table: Table) -> dict[str, list[float | None]]:
    """The other threshold over time, in milliseconds."""
    values = [known(value) for value in table.columns[LINE]]
    return {"time": (table.times / 1e6).tolist(), "value": values}


def figure(name: str, side: Mapping[str, Any], whole: Mapping[str, Any]) -> str:
    """One figure for people; the page's script writes it in the same way."""
    value = side[name]
    if name == "events_caught":
        return text("threshold-script-caught-of", count=value, of=whole["events"])
    if value is None:
        return "-"
    if name in _SHARES:
        return f"{100 * value:.1f} %"
    if name == "flagged" and whole["judged"]:
        return f"{value} ({100 * value / whole['judged']:.2f} %)"
    return f"{value:.1f}" if isinstance(value, float) else str(value)
