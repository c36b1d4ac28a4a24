"""What Grafana loads, checked against the schema and against what Grafana is known to trip over."""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from backend import schema

ROOT = Path(__file__).parents[1] / "grafana_dashboards"
DASHBOARDS = {file.name: json.loads(file.read_text()) for file in (ROOT / "dashboards").iterdir()}
BUILT_IN = {"-- Grafana --", "__expr__"}
FIELDS: Mapping[str, tuple[str, ...]] = {
    schema.SCORES: schema.SCORE_FIELDS,
    schema.EXPECTED: (),
    schema.CONTRIBUTIONS: (),
    schema.EVENTS: schema.EVENT_FIELDS,
    schema.TRAINING: schema.TRAINING_FIELDS,
    schema.COVERAGE: schema.COVERAGE_FIELDS,
}
NUMBERS = {
    *schema.SCORE_NUMBERS,
    *schema.EVENT_NUMBERS,
    *schema.TRAINING_NUMBERS,
    *schema.COVERAGE_FIELDS,
}
QUOTED = re.compile(r'"([^"]+)"')
SENSORS = "${measurement:doublequote}"


def provisioned(folder: str) -> Iterator[Any]:
    for file in sorted((ROOT / "provisioning" / folder).iterdir()):
        yield yaml.safe_load(file.read_text())


def rules() -> dict[str, Any]:
    groups = [group for document in provisioned("alerting") for group in document["groups"]]
    return {rule["uid"]: rule for group in groups for rule in group["rules"]}


def sources() -> dict[str, Any]:
    found = [
        source for document in provisioned("datasources") for source in document["datasources"]
    ]
    return {source["uid"]: source for source in found}


def panels(dashboard: Any) -> list[Any]:
    return list(dashboard["panels"])


def queries() -> list[tuple[str, str]]:
    """(where, query) of everything that selects from a measurement."""
    found = []
    for name, dashboard in DASHBOARDS.items():
        for panel in panels(dashboard):
            found += [(f"{name} {panel['title']}", t["query"]) for t in panel["targets"]]
        for note in dashboard["annotations"]["list"]:
            if "query" in note.get("target", {}):
                found.append((f"{name} {note['name']}", note["target"]["query"]))
    for uid, rule in rules().items():
        models = [node["model"] for node in rule["data"]]
        found += [(uid, model["query"]) for model in models if "query" in model]
    return found


def selected(query: str) -> tuple[str, list[str]]:
    """Measurement and fields of a query."""
    fields, _, rest = query.replace(SENSORS, '"$measurement"').partition(" FROM ")
    measurement = QUOTED.match(rest)
    assert measurement is not None, query
    return measurement[1], QUOTED.findall(fields)


@pytest.mark.parametrize(("where", "query"), queries())
def test_every_measurement_and_field_is_written(where: str, query: str) -> None:
    measurement, fields = selected(query)
    if measurement == "$measurement":  # the sensors' own
        return
    assert measurement in schema.RESULT_MEASUREMENTS, where
    assert set(fields) <= set(FIELDS[measurement]), where


@pytest.mark.parametrize(("where", "query"), queries())
def test_every_query_is_bounded_in_time(where: str, query: str) -> None:
    assert "$timeFilter" in query, where
    assert ";" not in query, where


@pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=list(DASHBOARDS))
class TestDashboard:
    def test_it_loads_in_every_supported_version(self, dashboard: Any) -> None:
        assert dashboard["schemaVersion"] == 37
        assert "id" not in dashboard
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,40}", dashboard["uid"])

    def test_panels_have_stable_ids(self, dashboard: Any) -> None:
        ids = [panel["id"] for panel in panels(dashboard)]
        assert len(ids) == len(set(ids))

    def test_panels_do_not_overlap(self, dashboard: Any) -> None:
        for one, other in combinations(panels(dashboard), 2):
            a, b = one["gridPos"], other["gridPos"]
            beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
            above = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
            assert beside or above, (one["title"], other["title"])
        assert all(p["gridPos"]["x"] + p["gridPos"]["w"] <= 24 for p in panels(dashboard))

    def test_every_panel_says_what_it_shows_in_which_unit(self, dashboard: Any) -> None:
        for panel in panels(dashboard):
            defaults = panel["fieldConfig"]["defaults"]
            assert panel["title"]
            assert panel["description"].endswith(".")
            assert defaults["unit"]
            assert defaults["noValue"]

    def test_gaps_are_shown_as_gaps(self, dashboard: Any) -> None:
        for panel in panels(dashboard):
            if panel["type"] in {"timeseries", "state-timeline"}:
                assert panel["fieldConfig"]["defaults"]["custom"]["spanNulls"] is False

    def test_only_known_datasources_are_used(self, dashboard: Any) -> None:
        used = [
            *(panel["datasource"] for panel in panels(dashboard)),
            *(target["datasource"] for panel in panels(dashboard) for target in panel["targets"]),
            *(note["datasource"] for note in dashboard["annotations"]["list"]),
            *(variable["datasource"] for variable in dashboard["templating"]["list"]),
        ]
        assert {source["uid"] for source in used} <= set(sources()) | BUILT_IN

    def test_only_known_variables_are_used(self, dashboard: Any) -> None:
        known = {variable["name"] for variable in dashboard["templating"]["list"]}
        asked = [target["query"] for panel in panels(dashboard) for target in panel["targets"]]
        asked += [variable["query"] for variable in dashboard["templating"]["list"]]
        used = {name for text in asked for name in re.findall(r"\$\{?(\w+)", text)}
        assert used - {"timeFilter", "__interval"} <= known

    def test_names_with_dots_and_quotes_may_be_chosen(self, dashboard: Any) -> None:
        # Grafana escapes a variable for a regular expression unless told its format.
        asked = [target["query"] for panel in panels(dashboard) for target in panel["targets"]]
        asked += [variable["query"] for variable in dashboard["templating"]["list"]]
        asked += [n["target"].get("query", "") for n in dashboard["annotations"]["list"][1:]]
        for text in asked:
            plain = re.sub(r"\$timeFilter|\$__interval", "", text)
            assert not re.search(r"\$\w|\$\{\w+\}", plain), text

    def test_operators_can_draw_labels(self, dashboard: Any) -> None:
        built_in = [note for note in dashboard["annotations"]["list"] if note.get("builtIn")]
        assert [note["enable"] for note in built_in] == [True]


def test_the_threshold_is_a_dashed_line_that_moves() -> None:
    (panel,) = [p for d in DASHBOARDS.values() for p in panels(d) if "threshold" in p["title"]]
    (override,) = panel["fieldConfig"]["overrides"]
    (target,) = [t for t in panel["targets"] if t["refId"] == override["matcher"]["options"]]

    properties = {one["id"]: one["value"] for one in override["properties"]}
    assert properties["custom.lineStyle"]["fill"] == "dash"
    assert selected(target["query"]) == (schema.SCORES, ["threshold"])


def test_the_line_of_the_score_is_one() -> None:
    (panel,) = [p for d in DASHBOARDS.values() for p in panels(d) if p["title"] == "Score"]
    defaults = panel["fieldConfig"]["defaults"]

    assert [step["value"] for step in defaults["thresholds"]["steps"]] == [None, 1]
    assert defaults["custom"]["thresholdsStyle"]["mode"].startswith("line")


@pytest.mark.parametrize("rule", rules().values(), ids=list(rules()))
class TestRule:
    def test_it_asks_for_one_number_and_nothing_else(self, rule: Any) -> None:
        asked = [node["model"]["query"] for node in rule["data"] if "query" in node["model"]]
        (query,) = asked
        _, fields = selected(query)

        assert len(fields) == 1
        assert set(fields) <= NUMBERS
        # A value that is not there is not one; a count of none is.
        assert query.endswith("fill(0)" if "count(" in query else "fill(none)")

    def test_its_nodes_follow_one_another_to_the_condition(self, rule: Any) -> None:
        query, reduce, threshold = rule["data"]

        assert reduce["model"]["expression"] == query["refId"]
        assert reduce["model"]["settings"] == {"mode": "dropNN"}
        assert threshold["model"]["expression"] == reduce["refId"]
        assert rule["condition"] == threshold["refId"]
        assert all(node["model"]["refId"] == node["refId"] for node in rule["data"])

    def test_its_window_covers_the_lag_of_a_ten_minute_grid(self, rule: Any) -> None:
        window = rule["data"][0]["relativeTimeRange"]

        assert window["from"] - window["to"] >= 3 * 600

    def test_its_datasources_are_known(self, rule: Any) -> None:
        assert {node["datasourceUid"] for node in rule["data"]} <= set(sources()) | BUILT_IN

    def test_it_leads_to_a_panel(self, rule: Any) -> None:
        uid, panel = rule["annotations"]["__dashboardUid__"], rule["annotations"]["__panelId__"]
        (dashboard,) = [d for d in DASHBOARDS.values() if d["uid"] == uid]

        assert int(panel) in [one["id"] for one in panels(dashboard)]

    def test_its_templates_survive_the_loading(self, rule: Any) -> None:
        # Labels are expanded like environment variables, annotations are not.
        for text in rule["labels"].values():
            assert not re.search(r"(?<!\$)\$(?!\$)", text)
        for text in rule["annotations"].values():
            assert "$$" not in text
            # All labels at once would show Grafana's own ones, too.
            assert not re.search(r"\{\{-?\s*\$labels\s*-?\}\}", text)

    def test_it_speaks_sense_where_no_series_is_known(self, rule: Any) -> None:
        # No data and failed queries raise alerts without the labels of a series.
        for text in (*rule["labels"].values(), rule["annotations"]["summary"]):
            assert "{{ if $labels.detector }}" in text.replace("$$", "$")
            assert "{{ else }}" in text


def test_a_detector_that_stops_alone_is_told() -> None:
    (silent,) = [rule for uid, rule in rules().items() if uid.endswith("silent")]
    (query,) = [node["model"]["query"] for node in silent["data"] if "query" in node["model"]]

    assert selected(query) == (schema.COVERAGE, ["coverage"])
    assert f'"{schema.DETECTOR_TAG}" fill(0)' in query
    assert silent["noDataState"] == "Alerting"


def test_losing_a_file_never_deletes_a_dashboard() -> None:
    providers = [p for document in provisioned("dashboards") for p in document["providers"]]

    assert providers
    assert all(provider["disableDeletion"] is True for provider in providers)


def test_rules_and_dashboards_have_folders_of_their_own() -> None:
    # Grafana would otherwise make the folder by its title and ignore the uid.
    dashboards = {
        p["folder"] for document in provisioned("dashboards") for p in document["providers"]
    }
    alerts = {g["folder"] for document in provisioned("alerting") for g in document["groups"]}

    assert not dashboards & alerts


def test_datasources_name_their_database_for_old_and_new_versions() -> None:
    for source in sources().values():
        assert source["database"] == source["jsonData"]["dbName"]
        assert source["jsonData"]["httpMode"] == "POST"
