"""What a chart draws, as columns: thinned so that peaks, flags and gaps stay."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from backend.records import series_key
from backend.services.downsampling import Table
from backend.services.drawing import Span
from backend.web.api.asked import ChannelsQuery, DetectorPath
from backend.web.api.blueprints import part
from backend.web.api.table_rows import times_of
from backend.web.application import application

api = part("charts", "What the pages draw.")

What = Literal["channels", "expected", "scores", "contributions"]


class ChartQuery(ChannelsQuery):
    """What is drawn of a range; several are asked for in one go."""

    what: list[What] = Field(default_factory=lambda: list[What](["channels", "scores"]))


class ChartTable(BaseModel):
    """Columns of one series on one time axis; null where there is a gap."""

    what: What
    series: str
    time: list[int]
    columns: dict[str, list[float | None]]


class ChartAnswer(BaseModel):
    """All tables of a range."""

    tables: list[ChartTable]


@api.get("/detectors/<string:name>/chart", responses={"200": ChartAnswer})
def get_chart(path: DetectorPath, query: ChartQuery) -> dict[str, Any]:
    """Measured and expected values, scores and contributions of a range, as columns."""
    app = application()
    span = query.span(app.clock, query.max_data_points)
    return {
        "tables": [_plain(what, t) for what in query.what for t in _ask(what, path, query, span)]
    }


def _ask(what: What, path: DetectorPath, query: ChartQuery, span: Span) -> list[Table]:
    queries = application().queries
    if what == "scores":
        return queries.scores(path.name, span, series=query.series)
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
        "time": times_of(table),
        "columns": dict(table.columns),
    }
