"""Whether what is about to be written fits together, and what Grafana is known to trip over."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from backend import schema
from backend.exceptions import InputError
from backend.grafana.layout import COLUMNS
from backend.grafana.names import LONGEST_UID
from backend.grafana.quoting import check_name
from backend.specs import DetectorSpec

BUILT_IN = frozenset({"-- Grafana --", "-- Mixed --", "__expr__"})
"""Datasources that every Grafana has."""

FIELDS: Mapping[str, tuple[str, ...]] = {
    schema.SCORES: schema.SCORE_FIELDS,
    schema.EXPECTED: (),
    schema.CONTRIBUTIONS: (),
    schema.EVENTS: schema.EVENT_FIELDS,
    schema.TRAINING: schema.TRAINING_FIELDS,
    schema.COVERAGE: schema.COVERAGE_FIELDS,
    schema.RUNS: schema.RUN_FIELDS,
    schema.LABELS: schema.LABEL_FIELDS,
}
"""The fields of each measurement; channels are fields of the two that have none here."""

_UID = re.compile(rf"[A-Za-z0-9_-]{{1,{LONGEST_UID}}}")
_VARIABLE = re.compile(r"\$\{(\w+)|\$(\w+)")
_MACROS = frozenset(
    [
        "__all",
        "timeFilter",
        "__interval",
        "__interval_ms",
        "__from",
        "__to",
        "__timeFrom",
        "__timeTo",
        "__url_time_range",
        "col",
        "__field",
    ]
)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_SELECTED = re.compile(r'FROM (?:"(?:[^"\\]|\\.)*"\.)?"((?:[^"\\]|\\.)*)"')

Thing = Mapping[str, Any]


def check(
    datasources: Sequence[Thing],
    dashboards: Sequence[Thing],
    rules: Sequence[Thing],
    specs: Sequence[DetectorSpec],
) -> None:
    """Refuse what would not load or would show nothing.

    Raises:
        InputError: with everything that is wrong.
    """
    for spec in specs:
        _check_names(spec)
    uids = {one["uid"] for one in datasources} | BUILT_IN
    problems = [*_uids(datasources), *_uids(dashboards), *_uids(rules)]
    for dashboard in dashboards:
        told = _dashboard(dashboard, uids, specs)
        problems += [f"dashboard {dashboard['title']!r}: {text}" for text in told]
    panels = {(d["uid"], str(p["id"])) for d in dashboards for p in all_panels(d)}
    for rule in rules:
        problems += [f"rule {rule['title']!r}: {text}" for text in _rule(rule, uids, panels, specs)]
    problems += _twice("title of a rule", [rule["title"] for rule in rules])
    if problems:
        raise InputError("What would be written for Grafana is wrong: " + "; ".join(problems) + ".")


def all_panels(dashboard: Thing) -> Iterator[Thing]:
    """The panels of a dashboard with those in its closed rows, without the rows."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel["panels"]
        else:
            yield panel


def selected(query: str) -> str | None:
    """The measurement that a query selects from."""
    match = _SELECTED.search(query)
    return match[1] if match else None


def _check_names(spec: DetectorSpec) -> None:
    check_name(spec.measurement, "The measurement")
    for name in spec.channels:
        check_name(name, "The channel")
        if " : " in name:
            raise InputError(
                f"The channel {name!r} holds ' : ', which Grafana parts: no dashboard can be made."
            )
    for tag, value in [*spec.where.items(), *((tag, "") for tag in spec.group_by)]:
        check_name(tag, "The tag")
        check_name(value, "The tag value")


def _uids(things: Sequence[Thing]) -> list[str]:
    wrong = [f"the uid {one['uid']!r}" for one in things if not _UID.fullmatch(one["uid"])]
    return [*wrong, *_twice("uid", [one["uid"] for one in things])]


def _twice(what: str, values: Iterable[Any]) -> list[str]:
    seen = list(values)
    return [f"the {what} {value!r} twice" for value in sorted(set(seen)) if seen.count(value) > 1]


# -- dashboards ------------------------------------------------------------------------------------


def _dashboard(dashboard: Thing, uids: set[str], specs: Sequence[DetectorSpec]) -> Iterator[str]:
    panels = list(all_panels(dashboard))
    rows = [panel for panel in dashboard["panels"] if panel["type"] == "row"]
    yield from _twice("id of a panel", [panel["id"] for panel in [*panels, *rows]])
    for group in (dashboard["panels"], *(row["panels"] for row in rows)):
        yield from _places(group)
    known = {variable["name"] for variable in dashboard["templating"]["list"]} | _MACROS
    for panel in panels:
        yield from (f"panel {panel['title']!r}: {text}" for text in _panel(panel, uids, specs))
    for text in _texts(dashboard["panels"]), _texts(dashboard["templating"]):
        yield from (f"unknown variable {name!r}" for name in sorted(_variables(text) - known))
    for target in _influx(dashboard):
        yield from _query(target["query"], specs)


def _places(panels: Sequence[Thing]) -> Iterator[str]:
    for panel in panels:
        place = panel["gridPos"]
        if place["x"] + place["w"] > COLUMNS:
            yield f"panel {panel['title']!r} stands beyond the edge"
    for one, other in combinations(panels, 2):
        if _overlap(one["gridPos"], other["gridPos"]):
            yield f"the panels {one['title']!r} and {other['title']!r} overlap"


def _overlap(one: Thing, other: Thing) -> bool:
    beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    return not (beside or above)


def _panel(panel: Thing, uids: set[str], specs: Sequence[DetectorSpec]) -> Iterator[str]:
    defaults = panel["fieldConfig"]["defaults"]
    told = {**panel, **defaults}
    needed = ("title", "description", "unit", "noValue")
    yield from (f"no {what}" for what in needed if not told[what])
    yield from _twice("letter of a query", [target["refId"] for target in panel["targets"]])
    for target in panel["targets"]:
        if target["datasource"]["uid"] not in uids:
            yield f"unknown datasource {target['datasource']['uid']!r}"


def _influx(thing: Any) -> Iterator[Thing]:
    """Every query in InfluxQL, wherever it stands."""
    if isinstance(thing, Mapping):
        if thing.get("rawQuery"):
            yield thing
        for value in thing.values():
            yield from _influx(value)
    elif isinstance(thing, list):
        for value in thing:
            yield from _influx(value)


def _texts(thing: Any) -> list[str]:
    if isinstance(thing, Mapping):
        return [text for value in thing.values() for text in _texts(value)]
    if isinstance(thing, list):
        return [text for value in thing for text in _texts(value)]
    return [thing] if isinstance(thing, str) else []


def _variables(texts: Iterable[str]) -> set[str]:
    found = {one or other for text in texts for one, other in _VARIABLE.findall(text)}
    return {name for name in found if not name.startswith("tag_")}


# -- queries ---------------------------------------------------------------------------------------


def _query(query: str, specs: Sequence[DetectorSpec]) -> Iterator[str]:
    """What a query names and nobody writes."""
    measurement = selected(query)
    if measurement is None or measurement not in FIELDS:
        known = {_quoted(spec.measurement) for spec in specs}
        if measurement is not None and measurement not in known:
            yield f"unknown measurement {measurement!r}"
        return
    names = {*FIELDS[measurement], measurement, schema.DETECTOR_TAG, schema.KIND_TAG}
    for spec in specs:
        names |= {_quoted(name) for name in (*spec.group_by, *spec.channels)}
    policy = set(re.findall(r'FROM "((?:[^"\\]|\\.)*)"\.', query))
    for name in _QUOTED.findall(query):
        if name not in names | policy:
            yield f"unknown name {name!r} in {query!r}"


def _quoted(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"')


# -- rules -----------------------------------------------------------------------------------------


def _rule(
    rule: Thing,
    uids: set[str],
    panels: set[tuple[str, str]],
    specs: Sequence[DetectorSpec],
) -> Iterator[str]:
    letters = [node["refId"] for node in rule["data"]]
    yield from _twice("letter of a query", letters)
    if rule["condition"] not in letters:
        yield f"the condition {rule['condition']!r} is no query"
    shown = rule["annotations"]["__dashboardUid__"], rule["annotations"]["__panelId__"]
    if shown not in panels:
        yield f"unknown panel {shown!r}"
    if any("$" in text for text in rule["labels"].values()):
        yield "a label holds '$', which Grafana replaces"
    for node in rule["data"]:
        yield from _node(node, uids, letters, specs)


def _node(
    node: Thing, uids: set[str], letters: Sequence[str], specs: Sequence[DetectorSpec]
) -> Iterator[str]:
    model = node["model"]
    if node["datasourceUid"] not in uids:
        yield f"unknown datasource {node['datasourceUid']!r}"
    if "query" in model:
        span = node["relativeTimeRange"]
        if span["from"] <= span["to"]:
            yield f"the range of {node['refId']} is empty"
        yield from _query(model["query"], specs)
    else:
        named = {model["expression"], *re.findall(r"\$(\w+)", model["expression"])}
        used = named if model["type"] != "math" else named - {model["expression"]}
        yield from (f"{node['refId']} reads {name!r}" for name in sorted(used - set(letters)))
