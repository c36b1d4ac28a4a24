"""What a panel may ask for: one table of metrics, each with the question that answers it."""

from collections.abc import Callable
from dataclasses import dataclass

from backend.exceptions import InputError, NotFound
from backend.services.downsampling import Table
from backend.services.drawing import Span
from backend.services.queries import Queries
from backend.web.application import Application
from backend.web.datasource.asked import Filter, Panel, Payload, Target, choose
from backend.web.datasource.filters import passes
from backend.web.datasource.frames import (
    Frame,
    Look,
    detector_frame,
    event_frame,
    label_frame,
    series_frame,
    with_notice,
)

MOST_FRAMES = 200
TIME_LIMIT_NS = 10_000_000_000
"""No further query of a panel is begun after so long: Grafana gives up on all of them at 30 s."""

FULL_SHARE = 10
"""So many tables get the points wanted; more share them, see `Span.rows`."""


@dataclass(frozen=True)
class Chosen:
    """The part of the catalogue a query is about."""

    detector: str
    series: tuple[str, ...]
    channels: tuple[str, ...]
    span: Span
    filters: tuple[Filter, ...]


Draw = Callable[[Queries, Chosen], list[Table]]
Answer = Callable[[Application, Chosen], list[Frame]]

FIELDS = ("detector", "series", "channel")


@dataclass(frozen=True)
class Metric:
    """One line of the metric list: its name, what it is called, and the fields it is chosen by."""

    label: str
    fields: tuple[str, ...]
    answer: Answer


def answer(app: Application, panel: Panel) -> list[Frame]:
    """Frames of every query of a panel, each with the `refId` it answers."""
    frames, limit = [], app.clock.now() + TIME_LIMIT_NS
    for target in panel.targets:
        if app.clock.now() > limit:
            raise InputError("The queries of this panel take too long: choose a shorter range.")
        for frame in _answer(app, panel, target):
            frames.append({**frame, "refId": target.ref_id} if target.ref_id else frame)
    return frames


def detector_of(app: Application, payload: Payload) -> str:
    """The one detector a query is about.

    Raises:
        InputError: none is named, or several are.
        NotFound: there is none of that name.
    """
    names = [spec.name for spec in app.detectors.all()]
    chosen = choose(payload, "detector", names)
    if len(chosen) != 1:
        raise InputError(
            f"The query must name one detector in its payload, it names {len(chosen)}: choose one "
            f"of {', '.join(names) or 'none yet'}."
        )
    return app.detectors.get(chosen[0]).name


def _answer(app: Application, panel: Panel, target: Target) -> list[Frame]:
    metric = METRICS.get(target.metric)
    if metric is None:
        raise NotFound(f"There is no metric {target.metric!r}. Known: {', '.join(METRICS)}.")
    if "detector" not in metric.fields:
        return metric.answer(app, Chosen("", (), (), panel.span, panel.filters))
    return metric.answer(app, _chosen(app, panel, target))


def _chosen(app: Application, panel: Panel, target: Target) -> Chosen:
    detector = detector_of(app, target.payload)
    # The known series are looked up only where some are chosen: it may cost a read.
    keys = app.queries.series_keys(detector) if target.payload.get("series") else []
    return Chosen(
        detector,
        tuple(choose(target.payload, "series", keys)),
        tuple(choose(target.payload, "channel", app.detectors.get(detector).inputs)),
        panel.span,
        panel.filters,
    )


def _drawn(draw: Draw, look: Look) -> Answer:
    """The answer that draws tables as frames."""

    def frames(app: Application, chosen: Chosen) -> list[Frame]:
        tables = [
            table
            for table in draw(app.queries, chosen)
            if passes(table.tags, chosen.detector, chosen.filters)
        ]
        shown = [series_frame(table, chosen.detector, look) for table in tables[:MOST_FRAMES]]
        if shown and (text := _notice(len(tables), chosen.span)):
            shown[0] = with_notice(shown[0], text)
        return shown

    return frames


def _notice(tables: int, span: Span) -> str:
    if tables > MOST_FRAMES:
        return f"The first {MOST_FRAMES} of {tables} series are shown: choose some."
    if tables > FULL_SHARE:
        return f"{tables} series share {span.rows} points: choose some to see finer detail."
    return ""


def _score_field(name: str) -> Draw:
    return lambda queries, chosen: queries.scores(
        chosen.detector, chosen.span, fields=(name,), series=chosen.series
    )


def _channels(queries: Queries, chosen: Chosen) -> list[Table]:
    return queries.channels(
        chosen.detector, chosen.span, channels=chosen.channels, series=chosen.series
    )


def _expected(queries: Queries, chosen: Chosen) -> list[Table]:
    return queries.expected(
        chosen.detector, chosen.span, channels=chosen.channels, series=chosen.series
    )


def _contributions(queries: Queries, chosen: Chosen) -> list[Table]:
    return queries.contributions(
        chosen.detector, chosen.span, channels=chosen.channels, series=chosen.series
    )


def _events(app: Application, chosen: Chosen) -> list[Frame]:
    events = app.queries.events(chosen.detector, chosen.span, series=chosen.series)
    kept = [one for one in events if passes(one.tags, chosen.detector, chosen.filters)]
    return [event_frame(kept, app.clock.now())] if kept else []


def _labels(app: Application, chosen: Chosen) -> list[Frame]:
    labels = app.queries.labels(chosen.detector, span=chosen.span)
    return [label_frame(labels)] if labels else []


def _detectors(app: Application, chosen: Chosen) -> list[Frame]:
    overviews = app.queries.overviews()
    return [detector_frame(overviews)] if overviews else []


_SERIES = ("detector", "series")
_SHARE = Look("percentunit", {"min": 0, "max": 1})
_BINARY = Look(None, {"min": 0, "max": 1})

METRICS: dict[str, Metric] = {
    "channel": Metric("Measured value", FIELDS, _drawn(_channels, Look())),
    "expected": Metric("Expected value", FIELDS, _drawn(_expected, Look())),
    "score": Metric("Score (1 is the line)", _SERIES, _drawn(_score_field("score"), Look())),
    "error": Metric("Error", _SERIES, _drawn(_score_field("error"), Look())),
    "smoothed": Metric("Smoothed error", _SERIES, _drawn(_score_field("smoothed"), Look())),
    "threshold": Metric("Threshold", _SERIES, _drawn(_score_field("threshold"), Look())),
    "flag": Metric("Flag (0 or 1)", _SERIES, _drawn(_score_field("flag"), _BINARY)),
    "alarm": Metric("Alarm (0 or 1)", _SERIES, _drawn(_score_field("alarm"), _BINARY)),
    "contributions": Metric("Contributions", FIELDS, _drawn(_contributions, _SHARE)),
    "events": Metric("Events", _SERIES, _events),
    "labels": Metric("Labels", ("detector",), _labels),
    "detectors": Metric("Detectors", (), _detectors),
}
