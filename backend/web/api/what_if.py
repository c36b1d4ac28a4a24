"""What another threshold would have given, as flat rows for Grafana's Infinity and for scripts."""

from operator import itemgetter
from typing import Annotated, Any

from pydantic import BaseModel, Field, RootModel

from backend.ports import Floats
from backend.records import series_key
from backend.services.rethresholding import THRESHOLD
from backend.services.what_if import Alerts, Answer, Question, Side
from backend.services.what_if_answer import known
from backend.specs import LONGEST_ALARM, AlarmSpec
from backend.web.api.asked import DetectorPath, Flag, PointsQuery, RangeQuery, Strict
from backend.web.api.blueprints import part
from backend.web.api.table_rows import wide
from backend.web.api.work_rows import Accepted, RequestAnswer, accepted
from backend.web.application import application
from backend.web.what_if import ALL_KINDS, question_of
from backend.web.who import by

api = part("what-if", "What another threshold would have given, from stored errors.")

_MEANINGS = "; ".join(f"{kind}: {meaning}" for kind, (_, meaning) in ALL_KINDS.items())


class WhatIfQuery(PointsQuery):
    """Another threshold over a range; without `for` and `clear_below` the detector's own."""

    kind: Annotated[str, Field(max_length=20, description=f"one of {', '.join(ALL_KINDS)}")]
    value: Annotated[str | None, Field(max_length=40, description=_MEANINGS)] = None
    settings: Annotated[
        list[Annotated[str, Field(max_length=100)]],
        Field(
            default_factory=list,
            alias="set",
            max_length=20,
            description="others as key=value, such as margin=1.2",
        ),
    ]
    for_: Annotated[int | None, Field(alias="for", ge=1, le=LONGEST_ALARM)] = None
    clear_below: Annotated[float | None, Field(gt=0, le=1)] = None

    @property
    def question(self) -> Question:
        """The threshold asked for."""
        return question_of(
            self.kind,
            self.value,
            points=self.for_,
            clear_below=self.clear_below,
            settings=self.settings,
        )


class CurveQuery(RangeQuery):
    """A range; without `for` and `clear_below` the detector's own alarm."""

    for_: Annotated[int | None, Field(alias="for", ge=1, le=LONGEST_ALARM)] = None
    clear_below: Annotated[float | None, Field(gt=0, le=1)] = None

    def alarm(self, own: AlarmSpec) -> AlarmSpec:
        """The alarm asked for."""
        told = {"points": self.for_, "clear_below": self.clear_below}
        return own.model_copy(update={k: v for k, v in told.items() if v is not None})


class WhatIfRow(BaseModel):
    """One point as it would have been; all null where nobody knows, or marks a gap."""

    time: int
    series: str
    what_if_threshold: float | None
    what_if_score: float | None
    what_if_flag: float | None
    what_if_alarm: float | None


class SideRow(BaseModel):
    """What one of two thresholds gives; null where no label or nothing stored tells.

    Precision, recall, F1 and the share of false alarms are of points that labels call normal or an
    anomaly. `limit` is the newest of the range.
    """

    alerts: int
    alerts_a_week: float | None
    flagged: int
    precision: float | None
    recall: float | None
    f1: float | None
    false_alarm_share: float | None
    events_caught: int
    limit: float | None
    basis: str
    backing_hours: float | None
    silent: bool

    @classmethod
    def of(cls, one: Alerts, side: Side) -> "SideRow":
        """One of both sides of a series."""
        backing = side.backing
        return cls(
            **one.figures(side),
            basis="" if backing is None else backing.basis,
            backing_hours=None if backing is None else backing.hours,
            silent=backing is not None and backing.silent,
        )


class AlertsRow(BaseModel):
    """How often a series would have alarmed; `notice` says what is not known."""

    series: str
    alerts_now: int
    alerts_then: int
    flagged_now: int
    flagged_then: int
    judged: int
    notice: str
    normal: int = Field(description="judged points that labels call normal")
    anomalous: int = Field(description="judged points that labels call an anomaly")
    events: int = Field(description="labelled anomalies with a judged point")
    now: SideRow
    then: SideRow

    @classmethod
    def of(cls, one: Alerts, notice: str) -> "AlertsRow":
        """One series."""
        return cls(
            series=series_key(one.tags),
            alerts_now=one.alerts_now,
            alerts_then=one.alerts_then,
            flagged_now=one.flagged_now,
            flagged_then=one.flagged_then,
            judged=one.judged,
            notice=notice,
            normal=one.normal,
            anomalous=one.anomalous,
            events=one.events,
            now=SideRow.of(one, one.now),
            then=SideRow.of(one, one.then),
        )


class CurveAnswer(BaseModel):
    """Figures of the chosen series together, at multiples of the thresholds that were written."""

    multiple: list[float]
    alerts: list[int]
    alerts_a_week: list[float | None]
    flagged: list[int]
    flag_share: list[float | None]
    precision: list[float | None]
    recall: list[float | None]
    f1: list[float | None]
    false_alarm_share: list[float | None]
    events_caught: list[int]
    judged: int
    normal: int
    anomalous: int
    events: int
    notices: list[str]


class ThresholdBody(Strict):
    """Another threshold for the model that serves, each part as it would stand in normalcy.yaml."""

    threshold: dict[str, Any]
    alarm: dict[str, Any] | None = None
    promote: Flag = Field(
        default=True, description="let the new version serve at once; else it waits for a person"
    )


class WhatIfRows(RootModel[list[WhatIfRow]]):
    """Points by time and series."""


class AlertsRows(RootModel[list[AlertsRow]]):
    """Counts by series."""


@api.get("/detectors/<string:name>/what-if", responses={"200": WhatIfRows})
def list_what_if(path: DetectorPath, query: WhatIfQuery) -> list[dict[str, Any]]:
    """The line, flags and alarms, thinned so that peaks, flags and gaps stay."""
    tables = _ask(path, query).tables
    rows = [row for one in tables for row in wide(one, {"series": series_key(one.tags)})]
    return sorted(rows, key=itemgetter("time", "series"))


@api.get("/detectors/<string:name>/what-if/alerts", responses={"200": AlertsRows})
def list_what_if_alerts(path: DetectorPath, query: WhatIfQuery) -> list[AlertsRow]:
    """Alerts, flagged points and how well they fit the labels, as they were and would have been."""
    answer = _ask(path, query)
    notice = " ".join(answer.notices)
    return [AlertsRow.of(one, notice) for one in answer.alerts]


@api.get("/detectors/<string:name>/what-if/curve", responses={"200": CurveAnswer})
def get_what_if_curve(path: DetectorPath, query: CurveQuery) -> dict[str, Any]:
    """Alerts, flags, precision, recall and F1 at multiples of the threshold that was."""
    app = application()
    alarm = query.alarm(app.detectors.get(path.name).alarm)
    span = query.span(app.clock)
    curve = app.what_if.curve(path.name, span, alarm=alarm, series=query.series)
    quality = curve.quality
    return CurveAnswer(
        multiple=curve.multiples.tolist(),
        alerts=curve.alerts.astype(int).tolist(),
        alerts_a_week=_numbers(curve.a_week),
        flagged=curve.flagged.astype(int).tolist(),
        flag_share=_numbers(curve.flag_share),
        precision=_numbers(quality.precision),
        recall=_numbers(quality.recall),
        f1=_numbers(quality.f1),
        false_alarm_share=_numbers(quality.far),
        events_caught=curve.caught.astype(int).tolist(),
        judged=curve.judged,
        normal=curve.normal,
        anomalous=curve.anomalous,
        events=curve.events,
        notices=list(curve.notices),
    ).model_dump()


@api.post("/detectors/<string:name>/threshold", responses={"202": RequestAnswer})
def apply_threshold(path: DetectorPath, body: ThresholdBody) -> Accepted:
    """Ask for a version with another threshold; the id of the request tells what comes of it."""
    payload = body.model_dump(exclude_none=True)
    request = application().requests.ask(THRESHOLD, path.name, payload, by=by("api"))
    return accepted(request)


def _ask(path: DetectorPath, query: WhatIfQuery) -> Answer:
    app = application()
    span = query.span(app.clock, query.max_data_points)
    return app.what_if.ask(path.name, span, query.question, series=query.series)


def _numbers(values: Floats) -> list[float | None]:
    return [known(value) for value in values]
