"""What another threshold would have given, as flat rows for Grafana's Infinity and for scripts."""

from operator import itemgetter
from typing import Annotated, Any

from pydantic import BaseModel, Field, RootModel

from backend.records import series_key
from backend.services.what_if import Answer
from backend.web.api.asked import DetectorPath, PointsQuery
from backend.web.api.blueprints import part
from backend.web.api.table_rows import wide
from backend.web.application import application
from backend.web.what_if import KINDS, question_of

api = part("what-if", "What another threshold would have given, from stored errors.")

_MEANINGS = "; ".join(f"{kind}: {meaning}" for kind, (_, meaning) in KINDS.items())


class WhatIfQuery(PointsQuery):
    """Another threshold over a range; without `for` and `clear_below` the detector's own."""

    kind: Annotated[str, Field(max_length=20, description=f"one of {', '.join(KINDS)}")]
    value: Annotated[str, Field(max_length=40, description=_MEANINGS)]
    for_: Annotated[int | None, Field(alias="for", ge=1)] = None
    clear_below: Annotated[float | None, Field(gt=0, le=1)] = None


class WhatIfRow(BaseModel):
    """One point as it would have been; all null where nobody knows, or marks a gap."""

    time: int
    series: str
    what_if_threshold: float | None
    what_if_score: float | None
    what_if_flag: float | None
    what_if_alarm: float | None


class AlertsRow(BaseModel):
    """How often a series would have alarmed; `notice` says what is not known."""

    series: str
    alerts_now: int
    alerts_then: int
    flagged_now: int
    flagged_then: int
    judged: int
    notice: str


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
    """How many alerts and flagged points there were, and how many there would have been."""
    answer = _ask(path, query)
    notice = " ".join(answer.notices)
    return [
        AlertsRow(
            series=series_key(one.tags),
            alerts_now=one.alerts_now,
            alerts_then=one.alerts_then,
            flagged_now=one.flagged_now,
            flagged_then=one.flagged_then,
            judged=one.judged,
            notice=notice,
        )
        for one in answer.alerts
    ]


def _ask(path: DetectorPath, query: WhatIfQuery) -> Answer:
    app = application()
    question = question_of(
        query.kind, query.value, points=query.for_, clear_below=query.clear_below
    )
    span = query.span(app.clock, query.max_data_points)
    return app.what_if.ask(path.name, span, question, series=query.series)
