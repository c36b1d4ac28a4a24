"""Kinds of panels, each with what Grafana needs to draw it alike in versions 9.3 to 13.

Every panel says what it shows, in which unit, and what it means when it is empty.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

Panel = dict[str, Any]
Target = dict[str, Any]
Override = dict[str, Any]

MIXED = {"type": "datasource", "uid": "-- Mixed --"}

TIME = {"unit": "dateTimeAsIso", "custom.width": 165}
"""A column that holds a time."""

GREEN, RED, ORANGE, GREY, BLUE = "green", "red", "orange", "#8e8e8e", "blue"


@dataclass(frozen=True)
class Words:
    """What a panel tells beside its data.

    Attributes:
        title: of the panel.
        description: what it shows and what to make of it.
        empty: what it means that nothing is shown.
        unit: Grafana's name of the unit.
    """

    title: str
    description: str
    empty: str = "no data"
    unit: str = "short"


@dataclass(frozen=True)
class Shape:
    """How lines are drawn, where it is not as usual."""

    draw: str = "line"
    interpolation: str = "linear"
    fill: int = 0
    stack: str = "none"
    points: str = "never"
    limits: tuple[float | None, float | None] = (None, None)
    reaching: float | None = None
    """What the axis reaches to, also where nothing is so high."""
    decimals: int | None = None
    lines: Sequence[tuple[float, str]] = ()
    """Limits drawn as dashed lines, with their colours."""
    gap_ms: int | None = None
    """Distance of two points from which on they are not joined."""
    overrides: Sequence[Override] = field(default_factory=tuple)


def timeseries(id_: int, words: Words, targets: Sequence[Target], shape: Shape) -> Panel:
    """Lines, bars or points over time."""
    steps: list[dict[str, Any]] = [{"value": None, "color": GREEN}]
    steps += [{"value": value, "color": color} for value, color in shape.lines]
    custom = {
        "drawStyle": shape.draw,
        "lineInterpolation": shape.interpolation,
        "lineWidth": 1,
        "fillOpacity": shape.fill,
        "showPoints": shape.points,
        "pointSize": 5,
        "stacking": {"mode": shape.stack, "group": "A"},
        # Points further apart than this are a gap, and are shown as one.
        "spanNulls": shape.gap_ms if shape.gap_ms else False,
        "thresholdsStyle": {"mode": "dashed" if shape.lines else "off"},
    }
    custom |= {} if shape.reaching is None else {"axisSoftMax": shape.reaching}
    defaults: dict[str, Any] = {
        "custom": custom,
        "thresholds": {"mode": "absolute", "steps": steps},
    }
    low, high = shape.limits
    sized = {"min": low, "max": high, "decimals": shape.decimals}
    defaults |= {name: value for name, value in sized.items() if value is not None}
    if shape.lines:
        # The colour of a line says which series it is, not on which side of the limit.
        defaults["color"] = {"mode": "palette-classic"}
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return _panel(id_, words, targets, _Look("timeseries", defaults, options, shape.overrides))


def state_timeline(
    id_: int, words: Words, targets: Sequence[Target], states: Mapping[int, tuple[str, str]]
) -> Panel:
    """Bands of states over time; numbers with their words and colours."""
    defaults = {
        "custom": {"fillOpacity": 75, "lineWidth": 0, "spanNulls": False},
        # By thresholds numbers would become ranges before they are looked up.
        "color": {"mode": "fixed", "fixedColor": GREY},
        "thresholds": {"mode": "absolute", "steps": [{"value": None, "color": GREY}]},
        "mappings": [mapping(states)],
    }
    options = {
        "mergeValues": True,
        "showValue": "never",
        "alignValue": "left",
        "rowHeight": 0.8,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    return _panel(id_, words, targets, _Look("state-timeline", defaults, options))


def stat(
    id_: int,
    words: Words,
    targets: Sequence[Target],
    steps: Sequence[tuple[float | None, str]],
    *,
    decimals: int | None = None,
) -> Panel:
    """The newest number of each series, large, coloured by its size."""
    defaults: dict[str, Any] = {"color": {"mode": "thresholds"}, "thresholds": _steps(steps)}
    defaults |= {} if decimals is None else {"decimals": decimals}
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "auto",
    }
    return _panel(id_, words, targets, _Look("stat", defaults, options))


def bar_gauge(
    id_: int,
    words: Words,
    targets: Sequence[Target],
    steps: Sequence[tuple[float | None, str]],
    limits: tuple[float, float],
    *,
    at_most: int = 25,
) -> Panel:
    """The newest number of each series as a bar, the largest first."""
    defaults = {
        "color": {"mode": "thresholds"},
        "thresholds": _steps(steps),
        "min": limits[0],
        "max": limits[1],
        "decimals": 2,
    }
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": True},
        "displayMode": "basic",
        "orientation": "horizontal",
        "showUnfilled": True,
        "minVizWidth": 0,
        "minVizHeight": 10,
    }
    panel = _panel(id_, words, targets, _Look("bargauge", defaults, options))
    return {**panel, "transformations": [*worst_first(["lastNotNull"]), limit(at_most)]}


def table(
    id_: int,
    words: Words,
    targets: Sequence[Target],
    overrides: Sequence[Override] = (),
    transformations: Sequence[dict[str, Any]] = (),
) -> Panel:
    """Rows and columns."""
    custom = {"align": "auto", "displayMode": "auto", "filterable": True, "minWidth": 80}
    # Else an empty cell would say that the whole table is.
    blank = [
        _override({"id": "byType", "options": kind}, {"noValue": "-"})
        for kind in ("string", "time", "number")
    ]
    options = {"showHeader": True, "footer": {"show": False, "reducer": ["sum"], "fields": ""}}
    look = _Look("table", {"custom": custom}, options, [*blank, *overrides])
    panel = _panel(id_, words, targets, look)
    return {**panel, "transformations": list(transformations)} if transformations else panel


def histogram(id_: int, words: Words, targets: Sequence[Target]) -> Panel:
    """How often values of each size came."""
    defaults = {"custom": {"fillOpacity": 60, "lineWidth": 1, "gradientMode": "none"}}
    options = {
        "combine": True,
        "bucketOffset": 0,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False},
    }
    return _panel(id_, words, targets, _Look("histogram", defaults, options))


# -- parts of panels -------------------------------------------------------------------------------


def mapping(states: Mapping[int, tuple[str, str]]) -> dict[str, Any]:
    """Numbers shown as words in colours."""
    options = {
        str(number): {"index": index, "text": text, "color": color}
        for index, (number, (text, color)) in enumerate(states.items())
    }
    return {"type": "value", "options": options}


def gridded(panel: Panel, grid: timedelta) -> Panel:
    """The panel with buckets no smaller than the grid: in smaller ones every other is empty."""
    return {**panel, "interval": f"{max(round(grid.total_seconds() * 1000), 1)}ms"}


def times(*names: str) -> list[Override]:
    """Columns that hold a time, shown as a date."""
    return [of_column(name, TIME) for name in names]


def of_query(ref: str, properties: Mapping[str, Any]) -> Override:
    """Other settings for what a query brings, by its letter: names differ between datasources."""
    return _override({"id": "byFrameRefID", "options": ref}, properties)


def of_column(name: str, properties: Mapping[str, Any]) -> Override:
    """Other settings for a column of a table."""
    return _override({"id": "byName", "options": name}, properties)


def dashed(color: str, *, width: int = 2, interpolation: str = "linear") -> dict[str, Any]:
    """A line to compare with, in a colour of its own."""
    return {
        "custom.lineStyle": {"fill": "dash", "dash": [10, 6]},
        "custom.lineInterpolation": interpolation,
        "custom.lineWidth": width,
        "custom.fillOpacity": 0,
        "color": {"mode": "fixed", "fixedColor": color},
    }


def moving_limit(color: str) -> dict[str, Any]:
    """A limit that moves: it stays at its value until the next."""
    return dashed(color, interpolation="stepAfter")


def worst_first(calculations: Sequence[str]) -> list[dict[str, Any]]:
    """One row a series with the numbers asked for, the largest of the first on top."""
    heads = {"lastNotNull": "Last *", "max": "Max", "mean": "Mean"}
    first = heads[calculations[0]]
    return [
        {"id": "reduce", "options": {"reducers": list(calculations), "mode": "seriesToRows"}},
        {"id": "sortBy", "options": {"fields": {}, "sort": [{"field": first, "desc": True}]}},
    ]


def limit(rows: int) -> dict[str, Any]:
    """Only the first so many rows."""
    return {"id": "limit", "options": {"limitField": rows}}


def with_links(panel: Panel, links: Sequence[tuple[str, str]]) -> Panel:
    """The panel with links on its data, each a title and an address."""
    plain = [{"title": title, "url": url, "targetBlank": True} for title, url in links]
    defaults = {**panel["fieldConfig"]["defaults"], "links": plain}
    return {**panel, "fieldConfig": {**panel["fieldConfig"], "defaults": defaults}}


def repeated(panel: Panel, variable: str, most_per_row: int) -> Panel:
    """The panel once for each value of a variable."""
    return {**panel, "repeat": variable, "repeatDirection": "h", "maxPerRow": most_per_row}


@dataclass(frozen=True)
class _Look:
    kind: str
    defaults: Mapping[str, Any]
    options: Mapping[str, Any]
    overrides: Sequence[Override] = ()


def _panel(id_: int, words: Words, targets: Sequence[Target], look: _Look) -> Panel:
    defaults = {"unit": words.unit, "noValue": words.empty, **look.defaults}
    return {
        "id": id_,
        "type": look.kind,
        "title": words.title,
        "description": words.description,
        "datasource": _datasource(targets),
        "targets": list(targets),
        "fieldConfig": {"defaults": defaults, "overrides": list(look.overrides)},
        "options": dict(look.options),
    }


def _datasource(targets: Sequence[Target]) -> dict[str, str]:
    """The one of all targets, or Grafana's name for several."""
    first: dict[str, str] = targets[0]["datasource"]
    return first if all(one["datasource"] == first for one in targets) else MIXED


def _override(matcher: Mapping[str, Any], properties: Mapping[str, Any]) -> Override:
    found = [{"id": name, "value": value} for name, value in properties.items()]
    return {"matcher": dict(matcher), "properties": found}


def _steps(steps: Sequence[tuple[float | None, str]]) -> dict[str, Any]:
    found = [{"value": value, "color": color} for value, color in steps]
    return {"mode": "absolute", "steps": found}
