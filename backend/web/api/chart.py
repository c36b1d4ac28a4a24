"""What a chart draws, as columns: thinned so that peaks, flags and gaps stay."""

from dataclasses import replace
from typing import Any, Literal

import numpy as np
from flask import request
from pydantic import BaseModel, Field, field_validator

from backend import schema
from backend.ports import Floats, Strings
from backend.records import series_key
from backend.services.downsampling import Table
from backend.services.drawing import Span
from backend.web.api.asked import ChannelsQuery, DetectorPath, Text
from backend.web.api.blueprints import part
from backend.web.application import application

api = part("charts", "What the pages draw.")

What = Literal["channels", "expected", "scores", "contributions"]

FLATTEST = 200.0
"""Numbers so many times as large as their spread still draw alike with seven digits."""


class ChartQuery(ChannelsQuery):
    """What is drawn of a range; several are asked for in one go."""

    what: list[What] = Field(default_factory=lambda: list[What](["channels", "scores"]))
    field: list[Text] = Field([], description="numbers of the scores; none named means all")

    @field_validator("field", mode="after")
    @classmethod
    def _known(cls, fields: list[str]) -> list[str]:
        if unknown := set(fields) - set(schema.SCORE_NUMBERS):
            known = ", ".join(schema.SCORE_NUMBERS)
            raise ValueError(f"expected any of {known}, got {', '.join(sorted(unknown))}")
        return fields


class ChartTable(BaseModel):
    """Columns of one series on one time axis; null where there is a gap."""

    what: What
    series: str
    time: list[int]
    columns: dict[str, list[float | None]]


class ChartAnswer(BaseModel):
    """All tables of a range; numbers have the digits that a chart can show."""

    tables: list[ChartTable]


@api.get("/detectors/<string:name>/chart", responses={"200": ChartAnswer})
def get_chart(path: DetectorPath, query: ChartQuery) -> dict[str, Any]:
    """Measured and expected values, scores and contributions of a range, as columns."""
    span = query.span(application().clock, query.max_data_points)
    # A view that was left, or panned on, is not read to its end, where the server can tell.
    gone = request.environ.get("waitress.client_disconnected", lambda: False)
    span = replace(span, wanted=lambda: not gone())
    return {
        "tables": [_plain(what, t) for what in query.what for t in _ask(what, path, query, span)]
    }


def _ask(what: What, path: DetectorPath, query: ChartQuery, span: Span) -> list[Table]:
    queries = application().queries
    if what == "scores":
        fields = query.field or schema.SCORE_NUMBERS
        return queries.scores(path.name, span, fields=fields, series=query.series)
    ask = {
        "channels": queries.channels,
        "expected": queries.expected,
        "contributions": queries.contributions,
    }[what]
    return ask(path.name, span, channels=query.channel, series=query.series)


def _plain(what: What, table: Table) -> dict[str, Any]:
    return {
        "what": what,
        "series": series_key(table.tags),
        "time": table.times // 1_000_000,
        "columns": {name: _short(values) for name, values in table.columns.items()},
    }


def _short(values: Floats | Strings) -> Any:
    """Seven digits where a chart of these numbers looks the same with them."""
    numbers = np.asarray(values, dtype=np.float64)
    present = numbers[np.isfinite(numbers)]
    if not len(present):
        return numbers
    largest = float(np.abs(present).max())
    spread = float(present.max()) - float(present.min())
    inside = largest < float(np.finfo(np.float32).max)
    # Of a counter, or a pressure around one bar, the digits that move stand far behind.
    return numbers.astype(np.float32) if inside and largest <= FLATTEST * spread else numbers
