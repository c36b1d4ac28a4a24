"""One detector: what its sensors say, what was expected, how far apart the two are, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backend.grafana.dashboards.frame import Dashboard, Face, Panel, dashboard
from backend.grafana.layout import below, placed, row
from backend.grafana.names import uid
from backend.grafana.panels import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    TIME,
    Shape,
    Words,
    dashed,
    gridded,
    moving_limit,
    of_column,
    of_query,
    repeated,
    stat,
    state_timeline,
    table,
    times,
    timeseries,
    with_links,
)
from backend.grafana.quoting import quoted
from backend.grafana.sources import Service, Source
from backend.grafana.sources.questions import CHANNEL, TRY_KIND, TRY_VALUE
from backend.records import LabelKind
from backend.specs import DetectorSpec

SCORE_PANEL, FLAG_PANEL = 4, 5
"""Alert rules link to them."""

_LABEL_COLORS = {
    LabelKind.NORMAL: GREEN,
    LabelKind.ANOMALY: RED,
    LabelKind.EXCLUDE: GREY,
}
EVENT_COLUMNS = (
    of_column("peak_score", {"decimals": 2, "displayName": "peak score"}),
    of_column("duration_s", {"unit": "s", "displayName": "duration"}),
    of_column("open", {"custom.width": 70}),
)

_MILLISECOND = 1_000_000


@dataclass(frozen=True)
class Subject:
    """What the dashboard is about, and what it needs to know beside.

    Attributes:
        spec: the detector.
        source: where the panels read.
        service: normalcy itself, where Grafana can read it; it may be the source.
        tags: the tag that makes an annotation a label, by kind.
        pages: where the pages of normalcy are.
    """

    spec: DetectorSpec
    source: Source
    service: Service | None
    tags: Mapping[LabelKind, str]
    pages: str


def detector_dashboard(subject: Subject) -> Dashboard:
    """The dashboard of one detector."""
    spec, source = subject.spec, subject.source
    face = Face(
        uid("detector", spec.name),
        spec.name,
        "What the sensors of this detector say, what was expected, and how far apart the two are. "
        "Mark a range: hold Ctrl or Cmd, drag over it in a chart, and tag it "
        f"{', '.join(subject.tags.values())}.",
        "now-7d",
        "1m",
        subject.pages,
        (f"detector:{spec.name}",),
    )
    tried = [] if subject.service is None else _tried_variables()
    variables = [_channel_variable(spec), *source.variables(spec), *tried]
    return dashboard(face, _panels(subject), variables, _annotations(subject))


def _panels(subject: Subject) -> list[Panel]:
    per_row = 2 if len(subject.spec.channels) > 1 else 1
    first = [
        (worst_now(subject), 6, 4),
        (coverage_now(subject), 6, 4),
        (flags(subject), 12, 4),
        (error(subject), 12, 8),
        (score(subject), 12, 8),
    ]
    if subject.spec.write_contributions:
        first += [(contributions(subject), 10, 8), (tops(subject), 14, 8)]
    else:
        first += [(tops(subject), 24, 8)]
    first += [(channel(subject, per_row), 24 // per_row, 8), (events(subject), 24, 8)]
    service = subject.service
    if service is None:
        return placed(first)
    if service is not subject.source:
        first += [(error_with_service(subject, service), 24, 8)]
    panels = placed(first)
    tried = [(line_then(subject, service), 14, 8), (alerts_then(subject, service), 10, 8)]
    return [*panels, row(13, "What if the threshold were another?", tried, below(panels))]


# -- one function a panel --------------------------------------------------------------------------


def worst_now(subject: Subject) -> Panel:
    """The newest score of each chosen series."""
    words = Words(
        "Score now",
        "The newest score of each chosen series. Above 1 a point is unlike what was normal.",
        "nothing scored in this time",
        "none",
    )
    targets = [subject.source.scores("A", subject.spec, "score", "last")]
    return stat(1, words, targets, [(None, GREEN), (1, RED)], decimals=2)


def coverage_now(subject: Subject) -> Panel:
    """How much of what was due was judged."""
    words = Words(
        "Coverage now",
        "The share of the points due that was judged in time. Low: the detector is blind.",
        "the detector does not score",
        "percentunit",
    )
    targets = [subject.source.coverage("A", "coverage", "last", subject.spec.name)]
    return stat(2, words, targets, [(None, RED), (0.5, ORANGE), (0.9, GREEN)], decimals=0)


def flags(subject: Subject) -> Panel:
    """When an alarm was on."""
    words = Words(
        "Alarms",
        "When the alarm of each series was on: from enough flagged points in a row until the score "
        "fell well below 1.",
        "nothing scored in this time",
        "none",
    )
    targets = [subject.source.scores("A", subject.spec, "alarm", "max")]
    panel = state_timeline(FLAG_PANEL, words, targets, {0: ("normal", GREEN), 1: ("alarm", RED)})
    return _gridded(panel, subject.spec)


def error(subject: Subject) -> Panel:
    """The smoothed error with the limit of its time."""
    words = Words(
        "Error and threshold",
        "How far the points are from what the model expects, smoothed, and the threshold of that "
        "time as a dashed line: it moves with every retraining.",
        "nothing scored in this time",
    )
    targets = [
        subject.source.scores("A", subject.spec, "smoothed", "mean"),
        subject.source.scores("B", subject.spec, "threshold", "last"),
    ]
    shape = _shape(subject.spec, limits=(0, None), overrides=[of_query("B", moving_limit(RED))])
    return _linked(_gridded(timeseries(3, words, targets, shape), subject.spec), subject)


def score(subject: Subject) -> Panel:
    """The score with its line at 1."""
    words = Words(
        "Score",
        "Error over threshold: 1 is the line, for every series and every version of the model.",
        "nothing scored in this time",
        "none",
    )
    targets = [subject.source.scores("A", subject.spec, "score", "max")]
    shape = _shape(subject.spec, limits=(0, None), lines=[(1, RED)], reaching=1.2)
    panel = timeseries(SCORE_PANEL, words, targets, shape)
    return _linked(_gridded(panel, subject.spec), subject)


def contributions(subject: Subject) -> Panel:
    """Which channels make the error."""
    words = Words(
        "Shares of the error",
        "Which channels the error comes from; the shares of a point sum to 1. Of several series "
        "their mean.",
        "no contributions in this time",
        "percentunit",
    )
    targets = [subject.source.contributions("A", subject.spec)]
    shape = Shape(draw="bars", fill=80, stack="normal", limits=(0, 1))
    return _gridded(timeseries(6, words, targets, shape), subject.spec)


def tops(subject: Subject) -> Panel:
    """The channels that stood out."""
    words = Words(
        "Sensors that stood out",
        "The newest flagged points with the channels that had the largest shares of the error.",
        "no flagged point in this time",
        "none",
    )
    shares = [of_column(f"top{rank}_share", {"unit": "percentunit"}) for rank in (1, 2, 3)]
    columns = [of_column("score", {"decimals": 2}), *shares, *times("Time", "time")]
    return table(7, words, [subject.source.tops("A", subject.spec)], columns)


def channel(subject: Subject, per_row: int) -> Panel:
    """One channel, measured and expected."""
    words = Words(
        f"${{{CHANNEL}}}",
        "What the sensors said, and dashed what the model expected.",
        "no data of this channel in this time",
    )
    targets = [subject.source.measured("A", subject.spec)]
    if subject.spec.write_expected:
        targets.append(subject.source.expected("B", subject.spec))
    shape = _shape(subject.spec, overrides=[of_query("B", dashed(BLUE, width=1))])
    panel = _linked(_gridded(timeseries(8, words, targets, shape), subject.spec), subject)
    return repeated(panel, CHANNEL, per_row)


def events(subject: Subject) -> Panel:
    """What was found."""
    words = Words(
        "Events",
        "Runs of flagged points, the newest first: their peak, and the channels that stood out.",
        "no events in this time",
        "none",
    )
    columns = [
        *EVENT_COLUMNS,
        of_column("stop_ms", {**TIME, "displayName": "until"}),
        *times("until", "Time", "time"),
    ]
    return table(9, words, [subject.source.events("A", subject.spec)], columns)


def line_then(subject: Subject, service: Service) -> Panel:
    """The line that another threshold would have drawn."""
    words = Words(
        "Error, threshold, and the one that is tried",
        "The smoothed error with its threshold, dashed red, and dashed orange the one that the "
        "variables Try and Value describe: fixed is a limit of the error, quantile a share of the "
        "normal errors, sigma a number of standard deviations, budget a rate such as 1/week.",
        "nothing scored in this time",
    )
    targets = [
        subject.source.scores("A", subject.spec, "smoothed", "mean"),
        subject.source.scores("B", subject.spec, "threshold", "last"),
        service.what_if("C", subject.spec, "threshold"),
    ]
    overrides = [of_query("B", moving_limit(RED)), of_query("C", moving_limit(ORANGE))]
    shape = _shape(subject.spec, limits=(0, None), overrides=overrides)
    return _gridded(timeseries(11, words, targets, shape), subject.spec)


def alerts_then(subject: Subject, service: Service) -> Panel:
    """How many alerts there would have been."""
    words = Words(
        "Alerts now and then",
        "How many alerts and flagged points of each series there were in this time, and how many "
        "there would have been with the threshold that is tried.",
        "nothing scored in this time",
        "none",
    )
    names = ("alerts_now", "alerts_then", "flagged_now", "flagged_then")
    columns = [of_column(name, {"displayName": name.replace("_", " ")}) for name in names]
    return table(12, words, [service.what_if_alerts("A", subject.spec)], columns)


def error_with_service(subject: Subject, service: Source) -> Panel:
    """The error as it is stored, with the threshold as normalcy itself tells it."""
    words = Words(
        "Error from InfluxDB, threshold from normalcy",
        "Two datasources in one chart: the stored error, and dashed the threshold line that "
        "normalcy's own datasource serves.",
        "nothing scored in this time",
    )
    targets = [
        subject.source.scores("A", subject.spec, "smoothed", "mean"),
        service.all_thresholds("B", subject.spec),
    ]
    shape = _shape(subject.spec, limits=(0, None), overrides=[of_query("B", moving_limit(ORANGE))])
    return _gridded(timeseries(10, words, targets, shape), subject.spec)


# -- what they share -------------------------------------------------------------------------------


def _shape(spec: DetectorSpec, **more: Any) -> Shape:
    return Shape(gap_ms=(spec.max_gap + 1) * spec.step // _MILLISECOND, **more)


def _gridded(panel: Panel, spec: DetectorSpec) -> Panel:
    return gridded(panel, spec.every)


def _linked(panel: Panel, subject: Subject) -> Panel:
    series = subject.source.label_link(subject.spec)
    url = f"{subject.pages}/label?detector={quoted(subject.spec.name)}{series}"
    span = "&from=${__from}&to=${__to}"
    return with_links(panel, [("Label the range shown", url + span)])


def _channel_variable(spec: DetectorSpec) -> dict[str, Any]:
    """The channels, all at first; known, so that nothing has to be asked."""
    options = [{"selected": False, "text": name, "value": name} for name in spec.channels]
    every = {"selected": True, "text": "All", "value": "$__all"}
    return {
        "name": CHANNEL,
        "label": "Channel",
        "type": "custom",
        "query": ",".join(_option(name) for name in spec.channels),
        "multi": True,
        "includeAll": True,
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "options": [every, *options],
        "hide": 0,
        "skipUrlSync": False,
    }


def _tried_variables() -> list[dict[str, Any]]:
    """A threshold to be tried: its kind and its value."""
    kinds = ("quantile", "fixed", "sigma", "budget")
    options = [{"selected": kind == kinds[0], "text": kind, "value": kind} for kind in kinds]
    value = {"selected": True, "text": "0.999", "value": "0.999"}
    kind_ = {
        "name": TRY_KIND,
        "label": "Try",
        "type": "custom",
        "query": ",".join(kinds),
        "multi": False,
        "includeAll": False,
        "current": options[0],
        "options": options,
        "hide": 0,
        "skipUrlSync": False,
    }
    value_ = {
        "name": TRY_VALUE,
        "label": "Value",
        "type": "textbox",
        "query": value["value"],
        "current": value,
        "options": [value],
        "hide": 0,
        "skipUrlSync": False,
    }
    return [kind_, value_]


def _option(name: str) -> str:
    # In the list of a custom variable a comma parts, and " : " parts a text from its value.
    return name.replace("\\", "\\\\").replace(",", "\\,")


def _annotations(subject: Subject) -> list[dict[str, Any]]:
    labels = [
        _marked(f"Labels: {kind}", color, subject.source.label_marks(subject.spec, kind))
        for kind, color in _LABEL_COLORS.items()
    ]
    return [*labels, _marked("Events", ORANGE, subject.source.event_marks(subject.spec))]


def _marked(name: str, color: str, query: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "enable": True, "iconColor": color, **query}
