"""What was measured, scored and found: flat rows for Grafana's Infinity and for scripts."""

from collections.abc import Iterable, Sequence
from operator import itemgetter

from backend import schema
from backend.records import series_key
from backend.services.downsampling import Table
from backend.web.api.asked import ChannelsQuery, DetectorPath, EventsQuery, PointsQuery
from backend.web.api.blueprints import part
from backend.web.api.rows import ChannelRows, EventRow, EventRows, ScoreRows
from backend.web.api.table_rows import Row, times_of, wide
from backend.web.application import application

api = part("results", "Measured values, scores and events.")


@api.get("/detectors/<string:name>/scores", responses={"200": ScoreRows})
def list_scores(path: DetectorPath, query: PointsQuery) -> list[Row]:
    """Error, threshold, score and flag, thinned so that peaks, flags and gaps stay."""
    app = application()
    span = query.span(app.clock, query.max_data_points)
    tables = app.queries.scores(path.name, span, fields=schema.SCORE_FIELDS, series=query.series)
    return _sorted(wide(table, {"series": series_key(table.tags)}) for table in tables)


@api.get("/detectors/<string:name>/channels", responses={"200": ChannelRows})
def list_channels(path: DetectorPath, query: ChannelsQuery) -> list[Row]:
    """Measured values, thinned so that peaks and gaps stay."""
    app = application()
    span = query.span(app.clock, query.max_data_points)
    tables = app.queries.channels(path.name, span, channels=query.channel, series=query.series)
    return _sorted(_long(table) for table in tables)


@api.get("/detectors/<string:name>/expected", responses={"200": ChannelRows})
def list_expected(path: DetectorPath, query: ChannelsQuery) -> list[Row]:
    """What the model expected, in the sensor's unit."""
    app = application()
    span = query.span(app.clock, query.max_data_points)
    tables = app.queries.expected(path.name, span, channels=query.channel, series=query.series)
    return _sorted(_long(table) for table in tables)


@api.get("/detectors/<string:name>/contributions", responses={"200": ChannelRows})
def list_contributions(path: DetectorPath, query: ChannelsQuery) -> list[Row]:
    """Each channel's share of the error; the shares of a point sum to 1."""
    app = application()
    span = query.span(app.clock, query.max_data_points)
    tables = app.queries.contributions(path.name, span, channels=query.channel, series=query.series)
    return _sorted(_long(table) for table in tables)


@api.get("/detectors/<string:name>/events", responses={"200": EventRows})
def list_events(path: DetectorPath, query: EventsQuery) -> list[EventRow]:
    """Events that overlap a range."""
    app = application()
    events = app.queries.events(
        path.name, query.span(app.clock), series=query.series, limit=query.limit
    )
    return [EventRow.of(event) for event in events]


def _sorted(parts: Iterable[Sequence[Row]]) -> list[Row]:
    # Infinity takes a time series only in the order of time, whatever the series.
    return sorted((row for part in parts for row in part), key=itemgetter("time", "series"))


def _long(table: Table) -> list[Row]:
    key = series_key(table.tags)
    return [
        {"time": time, "series": key, "channel": name, "value": value}
        for name, values in table.columns.items()
        for time, value in zip(times_of(table), values.tolist(), strict=True)
    ]
