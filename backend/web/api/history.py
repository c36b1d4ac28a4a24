"""All detectors over time: flat rows for Grafana's Infinity and for scripts."""

from collections.abc import Iterable
from operator import itemgetter

import numpy as np

from backend import schema
from backend.records import series_key
from backend.services.downsampling import Table
from backend.web.api.asked import AllEventsQuery, DetectorPath, HistoryQuery, PointsQuery, TopsQuery
from backend.web.api.blueprints import part
from backend.web.api.history_rows import CoverageRows, TopRows, TrainingRows, WorstRows
from backend.web.api.rows import EventRow, EventRows
from backend.web.api.table_rows import Row, wide
from backend.web.application import application
from backend.web.who import seen, seen_tables

api = part("history", "Detectors as a whole over time.")


@api.get("/worst", responses={"200": WorstRows})
def list_worst(query: PointsQuery) -> list[Row]:
    """Score, flag and alarm of each detector's worst series."""
    app = application()
    return _rows(seen_tables(app.history.worst(query.span(app.clock, query.max_data_points))))


@api.get("/coverage", responses={"200": CoverageRows})
def list_coverage(query: HistoryQuery) -> list[Row]:
    """How much was judged and how late, the worst of each bucket."""
    app = application()
    span = query.span(app.clock, query.max_data_points)
    return _rows(seen_tables(app.history.coverage(span, query.detector)))


@api.get("/training", responses={"200": TrainingRows})
def list_training(query: HistoryQuery) -> list[Row]:
    """Losses, thresholds and verdicts of every training in a range."""
    app = application()
    tables = seen_tables(app.history.training(query.span(app.clock), query.detector))
    if query.newest:
        tables = [one.take(np.array([len(one) - 1])) for one in tables]
    return _rows(tables)


@api.get("/events", responses={"200": EventRows})
def list_open_events(query: AllEventsQuery) -> list[EventRow]:
    """Events of all detectors that go on, the newest first."""
    found = application().history.open_events(query.detector)
    return [EventRow.of(one) for one in seen(found, lambda one: one.detector)]


@api.get("/detectors/<string:name>/tops", responses={"200": TopRows})
def list_tops(path: DetectorPath, query: TopsQuery) -> list[Row]:
    """The newest flagged points with the channels that stood out."""
    app = application()
    rows = flagged(
        app.queries.scores(
            path.name, query.span(app.clock), fields=schema.SCORE_FIELDS, series=query.series
        )
    )
    return rows[: query.limit]


def flagged(tables: Iterable[Table]) -> list[Row]:
    """Rows of flagged points, newest first."""
    rows = [row for one in tables for row in wide(one, {"series": series_key(one.tags)})]
    found = [row for row in rows if row["flag"] == 1.0]
    return sorted(found, key=itemgetter("time"), reverse=True)


def _rows(tables: Iterable[Table]) -> list[Row]:
    """Rows by time, then detector: Infinity takes time series in the order of time only."""
    rows = [row for one in tables for row in wide(one, one.tags)]
    return sorted(rows, key=itemgetter("time", schema.DETECTOR_TAG))
