"""What is made for a Grafana, against the files that were looked at, the schema, and the traps."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from backend import schema
from backend.cli import cli
from backend.cli.session import Session
from backend.exceptions import ConfigurationError, InputError
from backend.grafana.checking import BUILT_IN, FIELDS, all_panels, check, selected
from backend.grafana.files import ALERTING_FILE, DATASOURCE_FILE, PROVIDER_FILE, provision
from backend.grafana.names import shown_alone, uid
from backend.grafana.provisioning import Store, make
from backend.grafana.rules import interval_s, window_s
from backend.specs import DetectorSpec, ScheduleSpec
from tests.grafana.variants import ALIKE, GOLDEN, INFLUX, MIXER, ROOMS, VARIANTS, files, kept, made

ROOT = Path(__file__).parents[2]
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
NUMBERS = {
    *schema.SCORE_NUMBERS,
    *schema.EVENT_NUMBERS,
    *schema.TRAINING_NUMBERS,
    *schema.COVERAGE_FIELDS,
    *schema.RUN_NUMBERS,
}
ALL = [(name, board["uid"]) for name in VARIANTS for board in made(name).dashboards]
RULES = {rule["uid"]: rule for rule in made("influxdb1-grafana9.3").rules}


def board(name: str, board_uid: str) -> Any:
    (found,) = [one for one in made(name).dashboards if one["uid"] == board_uid]
    return found


def queries(thing: Any) -> list[str]:
    """Every query in InfluxQL, wherever it stands."""
    if isinstance(thing, dict):
        own = [thing["query"]] if thing.get("rawQuery") else []
        return own + [text for value in thing.values() for text in queries(value)]
    if isinstance(thing, list | tuple):
        return [text for value in thing for text in queries(value)]
    return []


# -- as it was looked at ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", VARIANTS)
def test_what_is_made_is_what_was_looked_at(name: str) -> None:
    folder = GOLDEN / name
    there = {p.relative_to(folder): p.read_text() for p in folder.rglob("*.*") if p.is_file()}

    assert kept(name) == there


@pytest.mark.parametrize(("name", "like"), ALIKE.items())
def test_the_generation_of_influxdb_changes_no_dashboard(name: str, like: str) -> None:
    assert made(name).dashboards == made(like).dashboards
    assert made(name).rules == made(like).rules


def test_what_compose_mounts_is_made_from_its_configuration(tmp_path: Path) -> None:
    environ = {
        "NORMALCY_CONFIG": str(ROOT / "docker/normalcy.yaml"),
        "NORMALCY_HOME": str(tmp_path / "home"),
        "NORMALCY_TOKEN": "x",
    }
    out = tmp_path / "out"
    done = CliRunner().invoke(
        cli, ["grafana", "provision", "--out", str(out)], obj=Session(environ)
    )

    assert done.exit_code == 0, done.output
    shipped = ROOT / "grafana_dashboards"
    paths = {p.relative_to(out) for p in out.rglob("*.*") if p.is_file()}
    kinds = ("*.json", "*.yaml")
    assert paths == {p.relative_to(shipped) for kind in kinds for p in shipped.rglob(kind)}
    for path in paths:
        assert (out / path).read_text() == (shipped / path).read_text(), path


# -- dashboards ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "board_uid"), ALL)
class TestDashboard:
    def test_it_loads_in_every_supported_version(self, name: str, board_uid: str) -> None:
        dashboard = board(name, board_uid)
        assert dashboard["schemaVersion"] == 37
        assert "id" not in dashboard
        assert re.fullmatch(r"normalcy-[A-Za-z0-9_-]{1,31}", dashboard["uid"])
        assert "normalcy" in dashboard["tags"]

    def test_every_panel_says_what_it_shows_in_which_unit(self, name: str, board_uid: str) -> None:
        for panel in all_panels(board(name, board_uid)):
            defaults = panel["fieldConfig"]["defaults"]
            assert panel["title"]
            assert panel["description"].endswith(".")
            assert defaults["unit"]
            assert defaults["noValue"]

    def test_gaps_are_shown_as_gaps(self, name: str, board_uid: str) -> None:
        for panel in all_panels(board(name, board_uid)):
            if panel["type"] in {"timeseries", "state-timeline"}:
                assert panel["fieldConfig"]["defaults"]["custom"]["spanNulls"] is not True

    def test_operators_can_draw_labels(self, name: str, board_uid: str) -> None:
        notes = board(name, board_uid)["annotations"]["list"]
        built_in = [note for note in notes if note.get("builtIn")]
        assert [note["enable"] for note in built_in] == [True]

    def test_names_with_dots_and_quotes_may_be_chosen(self, name: str, board_uid: str) -> None:
        # Grafana escapes a variable for a regular expression unless told its format.
        for text in queries(board(name, board_uid)):
            plain = re.sub(r"\$timeFilter|\$__interval|\$\{__(from|to)\}", "", text)
            assert not re.search(r"\$\w|\$\{\w+\}", plain), text

    def test_every_query_is_one_statement_bounded_in_time(self, name: str, board_uid: str) -> None:
        for text in queries(board(name, board_uid)):
            assert "$timeFilter" in text or "${__from}" in text, text
            assert ";" not in text

    def test_only_one_kind_of_datasource_needs_a_plugin(self, name: str, board_uid: str) -> None:
        panels = list(all_panels(board(name, board_uid)))
        used = {target["datasource"]["type"] for panel in panels for target in panel["targets"]}
        assert len(used - {"influxdb"}) <= 1
        if name.startswith("embedded"):
            assert "influxdb" not in used


@pytest.mark.parametrize("name", [n for n in VARIANTS if n.startswith("influxdb")])
def test_one_panel_mixes_both_datasources(name: str) -> None:
    panels = [panel for one in made(name).dashboards for panel in all_panels(one)]
    mixed = [panel for panel in panels if panel["datasource"]["uid"] == "-- Mixed --"]
    kinds = [{target["datasource"]["type"] for target in panel["targets"]} for panel in mixed]

    assert any(len(kind) == 2 and "influxdb" in kind for kind in kinds)


@pytest.mark.parametrize("name", VARIANTS)
def test_the_threshold_is_a_dashed_line_that_moves(name: str) -> None:
    dashboard = board(name, uid("detector", MIXER.name))
    (panel,) = [one for one in all_panels(dashboard) if one["title"] == "Error and threshold"]
    (override,) = panel["fieldConfig"]["overrides"]
    (target,) = [t for t in panel["targets"] if t["refId"] == override["matcher"]["options"]]

    properties = {one["id"]: one["value"] for one in override["properties"]}
    assert properties["custom.lineStyle"]["fill"] == "dash"
    assert properties["custom.lineInterpolation"] == "stepAfter"
    assert "threshold" in json.dumps(target)


@pytest.mark.parametrize("name", VARIANTS)
def test_the_line_of_the_score_is_one(name: str) -> None:
    dashboard = board(name, uid("detector", MIXER.name))
    (panel,) = [one for one in all_panels(dashboard) if one["title"] == "Score"]
    defaults = panel["fieldConfig"]["defaults"]

    assert [step["value"] for step in defaults["thresholds"]["steps"]] == [None, 1]
    assert defaults["custom"]["thresholdsStyle"]["mode"] == "dashed"


def test_links_lead_to_the_label_page_with_series_and_range() -> None:
    dashboard = board("influxdb1-grafana9.3", uid("detector", ROOMS.name))
    links = [
        link["url"]
        for panel in all_panels(dashboard)
        for link in panel["fieldConfig"]["defaults"].get("links", ())
    ]

    assert links
    for link in links:
        assert link.startswith("https://normalcy.example/label?detector=gas.room&room=")
        assert "floor%20no=${__field.labels" in link
        assert link.endswith("&from=${__from}&to=${__to}")


@pytest.mark.parametrize("name", [n for n in VARIANTS if n.startswith("influxdb")])
def test_every_measurement_and_field_is_written(name: str) -> None:
    for text in queries([made(name).dashboards, made(name).rules]):
        measurement = selected(text)
        assert measurement is not None, text
        if measurement.startswith("normalcy_"):
            fields = QUOTED.findall(text.partition(" FROM ")[0])
            known = {*FIELDS[measurement], *ROOMS.channels, *MIXER.channels, *ROOMS.group_by}
            known |= {schema.DETECTOR_TAG, schema.KIND_TAG}
            assert set(fields) <= known, text
        else:
            assert measurement in ('air \\"raw\\"', "mixer"), text


def test_every_measurement_of_results_is_known_to_the_check() -> None:
    assert set(FIELDS) == set(schema.RESULT_MEASUREMENTS)


# -- rules -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
class TestRule:
    def test_every_query_asks_for_one_number(self, rule: Any) -> None:
        for text in queries(rule):
            outer = text.partition(" FROM ")[0]
            (field,) = QUOTED.findall(outer)
            assert field in NUMBERS
            assert text.endswith("fill(none)")
            assert re.search(r"GROUP BY time\(", text)

    def test_every_query_is_reduced_to_numbers_that_are_there(self, rule: Any) -> None:
        reduced = {
            node["model"]["expression"]: node["model"]
            for node in rule["data"]
            if node["model"].get("type") == "reduce"
        }
        asked = {node["refId"] for node in rule["data"] if "query" in node["model"]}

        assert set(reduced) == asked
        assert all(model["settings"] == {"mode": "dropNN"} for model in reduced.values())

    def test_no_condition_is_on_a_raw_error(self, rule: Any) -> None:
        # Grafana compares with six decimals, and a retraining moves the scale.
        for text in queries(rule):
            assert not re.search(r'\("(error|smoothed|threshold)"\)', text)

    def test_its_condition_is_the_last_node(self, rule: Any) -> None:
        assert rule["data"][-1]["refId"] == rule["condition"] == "C"
        assert all(node["model"]["refId"] == node["refId"] for node in rule["data"])

    def test_it_leads_to_a_panel(self, rule: Any) -> None:
        board_uid = rule["annotations"]["__dashboardUid__"]
        dashboard = board("influxdb1-grafana9.3", board_uid)

        panels = [str(panel["id"]) for panel in all_panels(dashboard)]
        assert rule["annotations"]["__panelId__"] in panels

    def test_its_templates_survive_the_loading(self, rule: Any) -> None:
        # Labels are expanded like environment variables, annotations are not.
        assert not any("$" in text for text in rule["labels"].values())
        for text in rule["annotations"].values():
            assert "$$" not in text
            assert text.count("{{") == text.count("}}")

    def test_it_names_its_detector_in_every_case(self, rule: Any) -> None:
        assert rule["labels"]["detector"] in ("gas.room", "mixer")
        summary = rule["annotations"]["summary"]
        told, _, otherwise = summary.partition("{{ else }}")
        assert rule["labels"]["detector"] in told
        assert not otherwise or rule["labels"]["detector"] in otherwise

    def test_its_title_is_its_own(self, rule: Any) -> None:
        assert [one["title"] for one in RULES.values()].count(rule["title"]) == 1


def test_every_detector_has_its_rules() -> None:
    kinds = ("alarm", "blind", "retrain", "drift", "aside")

    assert {*(uid(kind, MIXER.name) for kind in kinds)} <= set(RULES)
    assert uid("fleet", ROOMS.name) in RULES
    assert uid("fleet", MIXER.name) not in RULES  # it has one series


@pytest.mark.parametrize("every", ["1s", "10s", "1m", "10m", "1h", "1d"])
@pytest.mark.parametrize("score", ["1s", "1m", "10m"])
def test_a_window_holds_the_newest_row_whenever_it_is_evaluated(every: str, score: str) -> None:
    spec = DetectorSpec(
        name="d", measurement="m", channels=("a",), every=every, delay="30s",
        schedule=ScheduleSpec(score=score),
    )  # fmt: skip
    grid = spec.every.total_seconds()
    # A row is stamped at its bucket's start and seen when that has ended, waited and been scored;
    # until the next one is seen it is the newest.
    oldest = 2 * grid + 30 + spec.schedule.score.total_seconds()

    assert window_s(spec) > oldest
    # An alarm that is over is not told for much longer.
    assert window_s(spec) <= oldest + spec.schedule.score.total_seconds() + 60


def test_rules_are_evaluated_as_often_as_is_scored() -> None:
    def spec(score: timedelta) -> DetectorSpec:
        return replace_schedule(MIXER, score)

    assert interval_s([]) == 60
    assert interval_s([spec(timedelta(seconds=1))]) == 10
    assert interval_s([spec(timedelta(seconds=34)), spec(timedelta(hours=1))]) == 30
    assert interval_s([spec(timedelta(hours=1))]) == 300


def replace_schedule(spec: DetectorSpec, score: timedelta) -> DetectorSpec:
    return spec.model_copy(update={"schedule": ScheduleSpec(score=score)})


def test_silence_is_an_alarm_for_the_rule_that_watches_the_watcher() -> None:
    states = {uid_: rule["noDataState"] for uid_, rule in RULES.items()}

    assert states[uid("blind", MIXER.name)] == "Alerting"
    assert {state for uid_, state in states.items() if "blind" not in uid_} == {"OK"}


# -- where things are read -------------------------------------------------------------------------


def test_a_policy_that_is_not_the_default_is_named_everywhere() -> None:
    kept_for_long = replace(INFLUX, results=Store("influxdb://influxdb:8086/normalcy/long"))
    found = make(kept_for_long)

    for text in queries([found.dashboards, found.rules]):
        if "normalcy_" in text and "SHOW" not in text:
            assert 'FROM "long"."normalcy_' in text


def test_an_embedded_store_can_only_be_read_by_a_plugin() -> None:
    with pytest.raises(ConfigurationError, match="json_datasource"):
        make(replace(INFLUX, results=Store("embedded:///r"), plugin="none"))


def test_without_a_plugin_everything_is_read_from_influxdb() -> None:
    found = make(replace(INFLUX, plugin="none"))
    used = {
        target["datasource"]["type"]
        for dashboard in found.dashboards
        for panel in all_panels(dashboard)
        for target in panel["targets"]
    }

    assert used == {"influxdb"}
    assert {one["type"] for one in found.datasources} == {"influxdb"}


@pytest.mark.parametrize(
    ("store", "url"),
    [
        (Store("influxdb://db/plant"), "http://db:8086"),
        (Store("influxdb+https://db:443/plant"), "https://db:443"),
        (Store("influxdb://[::1]:8086/plant"), "http://[::1]:8086"),
        (Store("influxdb://localhost:8086/plant", "http://host.docker.internal:8086"),
         "http://host.docker.internal:8086"),
    ],
)  # fmt: skip
def test_grafana_is_told_where_it_reaches_the_store(store: Store, url: str) -> None:
    found = {one["uid"]: one for one in make(replace(INFLUX, source=store)).datasources}

    assert found["normalcy_sensors"]["url"] == url
    assert found["normalcy_sensors"]["database"] == "plant"


@pytest.mark.parametrize("name", VARIANTS)
def test_datasources_suit_old_and_new_versions(name: str) -> None:
    for source in made(name).datasources:
        # By POST answers are lost in the proxy of 9.3, and a dash in the uid cuts its address.
        assert re.fullmatch(r"\w+", source["uid"])
        if source["type"] == "influxdb":
            assert source["database"] == source["jsonData"]["dbName"]
            assert source["jsonData"]["httpMode"] == "GET"


@pytest.mark.parametrize("name", VARIANTS)
def test_no_secret_stands_in_a_file(name: str) -> None:
    for source in yaml.safe_load(files(name)[DATASOURCE_FILE])["datasources"]:
        for secret in source.get("secureJsonData", {}).values():
            assert re.fullmatch(r"(Token )?\$NORMALCY_[A-Z_]+", secret)


# -- what cannot be --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"channels": ("$timeFilter",)},
        {"channels": ("a${channel}",)},
        {"measurement": "m [[detector]]"},
        {"group_by": ("$__interval",)},
        {"where": {"site": "${__from}"}},
        {"channels": ("a : b",)},
    ],
)
def test_names_that_grafana_would_change_are_refused(changes: dict[str, Any]) -> None:
    spec = DetectorSpec.model_validate({**MIXER.plain(), **changes})

    with pytest.raises(InputError, match="no dashboard can be made"):
        make(replace(INFLUX, specs=(spec,)))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: d["panels"][0].update(description=""), "no description"),
        (lambda d: d["panels"][0]["fieldConfig"]["defaults"].update(unit=""), "no unit"),
        (lambda d: d["panels"][0].update(id=d["panels"][1]["id"]), "id of a panel"),
        (lambda d: d["panels"][1].update(gridPos=d["panels"][0]["gridPos"]), "overlap"),
        (lambda d: d["panels"][0]["gridPos"].update(x=20), "beyond the edge"),
        (lambda d: d["panels"][0]["targets"][0].update(query='SELECT x FROM "nobody"'), "nobody"),
        (lambda d: d["panels"][0]["targets"][0].update(
            query='SELECT max("smell") FROM "normalcy_scores"'), "smell"),
        (lambda d: d["panels"][0]["targets"][0].update(alias="${nobody}"), "unknown variable"),
        (lambda d: d["panels"][0]["targets"][0].update(datasource={"uid": "else"}), "else"),
        (lambda d: d.update(uid="a b"), "the uid 'a b'"),
    ],
)  # fmt: skip
def test_a_dashboard_that_would_show_nothing_is_refused(change: Any, told: str) -> None:
    found = make(INFLUX)
    boards = json.loads(json.dumps(found.dashboards))
    change(boards[0])

    with pytest.raises(InputError, match=re.escape(told)):
        check(found.datasources, boards, found.rules, INFLUX.specs)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda r: r.update(condition="Z"), "the condition 'Z'"),
        (lambda r: r["labels"].update(x="$labels"), "a label holds '$'"),
        (lambda r: r["annotations"].update(__panelId__="99"), "unknown panel"),
        (lambda r: r["data"][1]["model"].update(expression="Q"), "reads 'Q'"),
        (lambda r: r["data"][0].update(datasourceUid="else"), "unknown datasource"),
        (lambda r: r["data"][0].update(relativeTimeRange={"from": 0, "to": 0}), "is empty"),
    ],
)
def test_a_rule_that_would_not_load_is_refused(change: Any, told: str) -> None:
    found = make(INFLUX)
    rules = json.loads(json.dumps(found.rules))
    change(rules[0])

    with pytest.raises(InputError, match=re.escape(told)):
        check(found.datasources, found.dashboards, rules, INFLUX.specs)


# -- uids ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", "gas-room", "gas.room", "A" * 63, "x_y-" * 15])
def test_uids_are_within_what_grafana_takes(name: str) -> None:
    made_ = uid("detector", name)

    assert re.fullmatch(r"normalcy-[A-Za-z0-9_-]+", made_)
    assert len(made_) <= 40
    assert shown_alone(made_, ["other", name]) == name
    assert shown_alone(uid("fleet", name), [name]) == name
    assert shown_alone(uid("overview"), [name]) is None


def test_names_that_differ_have_uids_that_differ() -> None:
    names = ["a.b", "a-b", "a_b", "A" * 62, "A" * 63]

    assert len({uid("detector", name) for name in names}) == len(names)


# -- a folder is brought to what is wanted ---------------------------------------------------------


def told(folder: Path, plan: Any = INFLUX) -> dict[str, str]:
    changes = provision(make(plan), folder, "/etc/normalcy/dashboards")
    return {str(change.path): change.what for change in changes}


def test_the_same_configuration_writes_the_same_files(tmp_path: Path) -> None:
    assert set(told(tmp_path).values()) == {"written"}
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")}

    assert set(told(tmp_path).values()) == {"unchanged"}
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")} == before


def test_what_a_detector_left_behind_is_removed(tmp_path: Path) -> None:
    told(tmp_path)
    fewer = told(tmp_path, replace(INFLUX, specs=(ROOMS,)))

    gone = f"dashboards/{uid('detector', MIXER.name)}.json"
    assert fewer[gone] == "removed"
    assert not (tmp_path / gone).exists()
    document = yaml.safe_load((tmp_path / ALERTING_FILE).read_text())
    kinds = ("aside", "alarm", "blind", "drift", "retrain")
    deleted = {one["uid"] for one in document["deleteRules"]}
    # A rule that is only left out of the file would stay in Grafana.
    assert deleted == {uid(kind, MIXER.name) for kind in kinds}

    # They are deleted until they come back.
    assert set(told(tmp_path, replace(INFLUX, specs=(ROOMS,))).values()) == {"unchanged"}
    told(tmp_path)
    assert "deleteRules" not in yaml.safe_load((tmp_path / ALERTING_FILE).read_text())


def test_what_others_put_there_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "dashboards"
    folder.mkdir()
    others = {
        "mine.json": "{}",
        "normalcy-mine.json": '{"uid": "normalcy-mine", "tags": []}',
        "normalcy-broken.json": "{",
    }
    for name, text in others.items():
        (folder / name).write_text(text)

    told(tmp_path)

    assert {name: (folder / name).read_text() for name in others} == others


def test_a_file_of_rules_that_cannot_be_read_is_not_written_over(tmp_path: Path) -> None:
    file = tmp_path / ALERTING_FILE
    file.parent.mkdir(parents=True)
    file.write_text("groups: [{rules: 5}]")

    with pytest.raises(InputError, match="move it away"):
        told(tmp_path)

    assert not (tmp_path / "dashboards").exists()
    assert file.read_text() == "groups: [{rules: 5}]"


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")

    with pytest.raises(InputError, match="cannot be written to"):
        told(blocked)


def test_losing_a_file_never_deletes_a_dashboard_with_its_labels() -> None:
    (provider,) = yaml.safe_load(files("influxdb1-grafana9.3")[PROVIDER_FILE])["providers"]

    assert provider["disableDeletion"] is True
    assert provider["folderUid"] == "normalcy"


def test_rules_and_dashboards_have_folders_of_their_own() -> None:
    # Grafana would otherwise make the folder by its title and ignore the uid.
    found = files("influxdb1-grafana9.3")
    (provider,) = yaml.safe_load(found[PROVIDER_FILE])["providers"]
    (group,) = yaml.safe_load(found[ALERTING_FILE])["groups"]

    assert provider["folder"] != group["folder"]
    assert group["interval"] == "1m"


def test_no_policy_and_no_contact_point_is_written() -> None:
    document = yaml.safe_load(files("influxdb1-grafana9.3")[ALERTING_FILE])

    assert set(document) == {"apiVersion", "groups"}


def test_only_datasources_that_are_made_are_read() -> None:
    for name in VARIANTS:
        known = {one["uid"] for one in made(name).datasources} | BUILT_IN
        text = json.dumps(made(name).dashboards)
        assert set(re.findall(r'"uid": "(normalcy_\w+)"', text)) <= known
