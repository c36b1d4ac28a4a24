"""What a panel may ask for: one table of metrics, each with the question that answers it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import cast

from backend import schema
from backend.exceptions import InputError, NotFound
from backend.ports import Aggregate
from backend.records import LabelKind, Role
from backend.services.downsampling import Table
from backend.services.drawing import Span
from backend.services.queries import Queries
from backend.services.what_if import ALARM, FLAG, SCORE, THRESHOLD
from backend.web.application import Application
from backend.web.datasource.asked import Panel, Payload, Target, choose, read_what_if
from backend.web.datasource.chosen import Answer, Chosen, Metric, specs_seen
from backend.web.datasource.filters import passes
from backend.web.datasource.fleet_metrics import FLEET_METRICS
from backend.web.datasource.frames import (
    Frame,
    Look,
    alerts_frame,
    detector_frame,
    event_frame,
    label_frame,
    series_frame,
    with_notice,
)
from backend.web.who import require, seen

MOST_FRAMES = 200
TIME_LIMIT_NS = 10_000_000_000
"""No further query of a panel is begun after so long: Grafana gives up on all of them at 30 s."""

FULL_SHARE = 10
"""So many tables get the points wanted; more share them, see `Span.rows`."""

SHAPE = "shape"
AGGREGATIONS = (SHAPE, "mean", "min", "max", "last")
"""How rows become points: so that their shape stays, or one number of each bucket."""


Draw = Callable[[Queries, Chosen], list[Table]]


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
        Forbidden: it is none of those that who asks may see.
        InputError: none is named, or several are.
        NotFound: there is none of that name.
    """
    names = [spec.name for spec in specs_seen(app)]
    chosen = choose(payload, "detector", names)
    if len(chosen) != 1:
        raise InputError(
            f"The query must name one detector in its payload, it names {len(chosen)}: choose one "
            f"of {', '.join(names) or 'none yet'}."
        )
    require(Role.VIEWER, chosen[0])
    return app.detectors.get(chosen[0]).name


def _answer(app: Application, panel: Panel, target: Target) -> list[Frame]:
    metric = METRICS.get(target.metric)
    if metric is None:
        raise NotFound(f"There is no metric {target.metric!r}. Known: {', '.join(METRICS)}.")
    if "detector" not in metric.fields:
        asked = Chosen("", (), (), panel.span, panel.filters, target.payload)
        return metric.answer(app, asked)
    return metric.answer(app, _chosen(app, panel, target, metric))


def _chosen(app: Application, panel: Panel, target: Target, metric: Metric) -> Chosen:
    detector = detector_of(app, target.payload)
    # The known series are looked up only where some are chosen: it may cost a read.
    keys = app.queries.series_keys(detector) if target.payload.get("series") else []
    return Chosen(
        detector,
        tuple(choose(target.payload, "series", keys)),
        tuple(choose(target.payload, "channel", app.detectors.get(detector).inputs)),
        panel.span,
        panel.filters,
        target.payload,
        _what(target.payload) if "what" in metric.fields else (),
        _aggregate(target.payload),
    )


def _what(payload: Payload) -> tuple[str, ...]:
    """The fields of the scores that are chosen; of "all" of them, all."""
    chosen = choose(payload, "what", schema.SCORE_NUMBERS)
    for name in chosen:
        if name not in schema.SCORE_NUMBERS:
            known = ", ".join(schema.SCORE_NUMBERS)
            raise NotFound(f"There is no {name!r} to show: what is one or more of {known}.")
    if not chosen and payload.get("what"):
        return schema.SCORE_NUMBERS
    return tuple(dict.fromkeys(chosen)) or ("score",)


def _aggregate(payload: Payload) -> Aggregate | None:
    chosen = choose(payload, "aggregation", AGGREGATIONS) or [SHAPE]
    if len(chosen) > 1 or chosen[0] not in AGGREGATIONS:
        raise InputError(
            f"aggregation must be one of {', '.join(AGGREGATIONS)}, not {', '.join(chosen)!r}."
        )
    return None if chosen[0] == SHAPE else cast(Aggregate, chosen[0])


def _drawn(draw: Draw, look: Look, looks: Mapping[str, Look] | None = None) -> Answer:
    """The answer that draws tables as frames; some columns may have a look of their own."""

    def frames(app: Application, chosen: Chosen) -> list[Frame]:
        tables = [
            table
            for table in draw(app.queries, chosen)
            if passes(table.tags, chosen.detector, chosen.filters)
        ]
        shown = [
            series_frame(table, chosen.detector, look, looks or {})
            for table in tables[:MOST_FRAMES]
        ]
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
    return lambda queries, chosen: _scores(queries, replace(chosen, what=(name,)))


def _scores(queries: Queries, chosen: Chosen) -> list[Table]:
    return queries.scores(
        chosen.detector,
        chosen.span,
        fields=chosen.what,
        series=chosen.series,
        aggregate=chosen.aggregate,
    )


def _of_channels(ask: Callable[[Queries], Callable[..., list[Table]]]) -> Draw:
    """What is drawn of the chosen channels: measured, expected, or their shares."""
    return lambda queries, chosen: ask(queries)(
        chosen.detector,
        chosen.span,
        channels=chosen.channels,
        series=chosen.series,
        aggregate=chosen.aggregate,
    )


def _events(app: Application, chosen: Chosen) -> list[Frame]:
    events = app.queries.events(chosen.detector, chosen.span, series=chosen.series)
    kept = [one for one in events if passes(one.tags, chosen.detector, chosen.filters)]
    return [event_frame(kept, app.clock.now())] if kept else []


def _labels(app: Application, chosen: Chosen) -> list[Frame]:
    labels = app.queries.labels(chosen.detector, span=chosen.span)
    if kinds := choose(chosen.payload, "kind", list(LabelKind)):
        labels = [one for one in labels if one.kind in kinds]
    return [label_frame(labels)] if labels else []


def _what_if(name: str, look: Look) -> Answer:
    """The answer that draws one column of what would have been."""

    def frames(app: Application, chosen: Chosen) -> list[Frame]:
        asked = read_what_if(chosen.payload)
        found = app.what_if.ask(chosen.detector, chosen.span, asked, series=chosen.series)
        tables = [one.only([name]) for one in found.tables]
        shown = _drawn(lambda queries, chosen: tables, look)(app, chosen)
        return _noticed(shown, found.notices)

    return frames


def _alerts(app: Application, chosen: Chosen) -> list[Frame]:
    asked = read_what_if(chosen.payload)
    found = app.what_if.ask(chosen.detector, chosen.span, asked, series=chosen.series)
    kept = [one for one in found.alerts if passes(one.tags, chosen.detector, chosen.filters)]
    return _noticed([alerts_frame(kept)] if kept else [], found.notices)


def _noticed(frames: list[Frame], notices: Sequence[str]) -> list[Frame]:
    for text in notices:
        frames[:1] = [with_notice(frame, text) for frame in frames[:1]]
    return frames


def _detectors(app: Application, chosen: Chosen) -> list[Frame]:
    overviews = seen(app.queries.overviews(), lambda one: one.detector)
    return [detector_frame(overviews)] if overviews else []


_EVENTS = ("detector", "series")
_SERIES = (*_EVENTS, "aggregation")
_CHANNELS = (*_EVENTS, "channel", "aggregation")
_SCORES = (*_EVENTS, "what", "aggregation")
_WHAT_IF = (*_EVENTS, "what_if_kind", "what_if_value", "what_if_for", "what_if_clear_below")
_SHARE = Look("percentunit", {"min": 0, "max": 1})
_BINARY = Look(None, {"min": 0, "max": 1})
_LOOKS = {
    **dict.fromkeys(("flag", "alarm", "judged"), _BINARY),
    **dict.fromkeys(("top1_share", "top2_share", "top3_share"), _SHARE),
}

METRICS: dict[str, Metric] = {
    "channel": Metric(
        "Measured value", _CHANNELS, _drawn(_of_channels(lambda queries: queries.channels), Look())
    ),
    "expected": Metric(
        "Expected value", _CHANNELS, _drawn(_of_channels(lambda queries: queries.expected), Look())
    ),
    "score": Metric("Score (1 is the line)", _SERIES, _drawn(_score_field("score"), Look())),
    "error": Metric("Error", _SERIES, _drawn(_score_field("error"), Look())),
    "smoothed": Metric("Smoothed error", _SERIES, _drawn(_score_field("smoothed"), Look())),
    "threshold": Metric("Threshold", _SERIES, _drawn(_score_field("threshold"), Look())),
    "flag": Metric("Flag (0 or 1)", _SERIES, _drawn(_score_field("flag"), _BINARY)),
    "alarm": Metric("Alarm (0 or 1)", _SERIES, _drawn(_score_field("alarm"), _BINARY)),
    "scores": Metric("Scores, several at once", _SCORES, _drawn(_scores, Look(), _LOOKS)),
    "contributions": Metric(
        "Contributions",
        _CHANNELS,
        _drawn(_of_channels(lambda queries: queries.contributions), _SHARE),
    ),
    "what_if_threshold": Metric("What if: threshold", _WHAT_IF, _what_if(THRESHOLD, Look())),
    "what_if_score": Metric("What if: score", _WHAT_IF, _what_if(SCORE, Look())),
    "what_if_flag": Metric("What if: flag (0 or 1)", _WHAT_IF, _what_if(FLAG, _BINARY)),
    "what_if_alarm": Metric("What if: alarm (0 or 1)", _WHAT_IF, _what_if(ALARM, _BINARY)),
    "what_if_alerts": Metric("What if: alerts now and then", _WHAT_IF, _alerts),
    "events": Metric("Events", _EVENTS, _events),
    "labels": Metric("Labels", ("detector",), _labels),
    "detectors": Metric("Detectors", (), _detectors),
    **FLEET_METRICS,
}
