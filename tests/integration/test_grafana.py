"""Dashboard and alert rules in a real Grafana, beside a real InfluxDB that it can reach.

Everything is made under names of its own and removed again.
"""

import json
import re
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from backend import schema
from backend.ports import Credentials, Points
from backend.stores.opening import open_series_store
from tests.servers.grafana import Grafana, require_grafana
from tests.servers.influxdb import InfluxServer

pytestmark = [pytest.mark.grafana, pytest.mark.influx, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[2] / "grafana_dashboards"
DASHBOARD = json.loads((ROOT / "dashboards" / "detector.json").read_text())
(GROUP,) = yaml.safe_load((ROOT / "provisioning/alerting/normalcy.yaml").read_text())["groups"]
(_FILE,) = (ROOT / "provisioning" / "datasources").iterdir()
SOURCES = {one["uid"]: one for one in yaml.safe_load(_FILE.read_text())["datasources"]}

STEP_S = 600
# Names that are legal and have to be quoted.
DETECTOR, ROOM, QUIET_ROOM, MEASUREMENT = "gas.room", "A 1/2", "B, east", "air (raw)"
BLIND, STOPPED = "mixer", "press"
CHANNELS = ["H2S (ppm)", "temp"]
VALUES: dict[str, str | list[str]] = {
    "detector": DETECTOR,
    "by": "room",
    "series": [ROOM, QUIET_ROOM],
    "measurement": MEASUREMENT,
    "channel": CHANNELS,
}
"""What is chosen on the dashboard."""

STATES = {
    "normalcy-alarm": {(DETECTOR, ROOM): True, (DETECTOR, QUIET_ROOM): False},
    "normalcy-blind": {(DETECTOR, ""): False, (BLIND, ""): True},
    "normalcy-silent": {(DETECTOR, ""): False, (BLIND, ""): False, (STOPPED, ""): True},
}
"""Rule to (detector, room) to whether it fires."""

PATIENCE_S = 90.0


def rows(now: int, tags: dict[str, str], values: dict[str, Any], hours: tuple[int, int]) -> Points:
    """A row each ten minutes, from so many hours ago to so many."""
    times = np.arange(now - hours[0] * 3600, now - hours[1] * 3600, STEP_S)
    columns = {
        name: np.full(len(times), value, dtype=object if isinstance(value, str) else float)
        for name, value in values.items()
    }
    return Points(tags, times * 10**9, columns)


def results(now: int) -> Iterator[tuple[str, Points]]:
    """What detectors write: one in alarm, one that is blind, and one that stopped."""
    channels = dict.fromkeys(CHANNELS, 0.5)
    for room in (ROOM, QUIET_ROOM):
        tags = {schema.DETECTOR_TAG: DETECTOR, "room": room}
        alarm = float(room == ROOM)
        score = dict.fromkeys(schema.SCORE_NUMBERS, 0.5) | dict.fromkeys(schema.SCORE_STRINGS, "x")
        yield schema.SCORES, rows(now, tags, score | {"flag": alarm, "alarm": alarm}, (6, 0))
        yield schema.EXPECTED, rows(now, tags, channels, (6, 0))
        yield schema.CONTRIBUTIONS, rows(now, tags, channels, (6, 0))
    foreign = {schema.DETECTOR_TAG: BLIND}
    yield schema.EXPECTED, rows(now, foreign, {"speed": 0.5}, (6, 0))
    yield schema.CONTRIBUTIONS, rows(now, foreign, {"speed": 1.0}, (6, 0))
    event = dict.fromkeys(schema.EVENT_NUMBERS, 1.0) | dict.fromkeys(schema.EVENT_STRINGS, "temp")
    event["stop_ms"] = now * 1000.0
    yield schema.EVENTS, rows(now, {schema.DETECTOR_TAG: DETECTOR, "room": ROOM}, event, (6, 5))
    training = dict.fromkeys(schema.TRAINING_NUMBERS, 0.1)
    training |= dict.fromkeys(schema.TRAINING_STRINGS, "x")
    yield schema.TRAINING, rows(now, {schema.DETECTOR_TAG: DETECTOR}, training, (6, 5))
    for detector, share, until in ((DETECTOR, 1.0, 0), (BLIND, 0.2, 0), (STOPPED, 1.0, 3)):
        coverage = dict.fromkeys(schema.COVERAGE_FIELDS, 1.0) | {"coverage": share}
        yield schema.COVERAGE, rows(now, {schema.DETECTOR_TAG: detector}, coverage, (6, until))


class Stage:
    """Folder, datasources and rules with names of their own in somebody's Grafana."""

    def __init__(self, grafana: Grafana, server: InfluxServer) -> None:
        self.grafana = grafana
        self.name = f"normalcy-test-{uuid.uuid4().hex[:8]}"
        self._server = server

    def set_up(self) -> None:
        now = int(time.time()) // STEP_S * STEP_S
        readings = rows(now, {"room": ROOM}, dict.fromkeys(CHANNELS, 20.0), (6, 0))
        self._fill("normalcy-sensors", [(MEASUREMENT, readings)])
        self._fill("normalcy-results", list(results(now)))
        self.grafana.post("/api/folders", {"uid": self.name, "title": self.name})

    def _fill(self, source: str, written: list[tuple[str, Points]]) -> None:
        """Write into a database, and let Grafana know it as the provisioned datasource."""
        url = self._server.new_database()
        store = open_series_store(url, Credentials(), create=True)
        for measurement, points in written:
            store.write(measurement, [points])
        database = url.rsplit("/", 1)[1]
        made = {**SOURCES[source], "uid": self.uid(source), "name": self.uid(source)}
        made |= {"url": self._server.url, "database": database}
        made["jsonData"] = {**made["jsonData"], "dbName": database}
        del made["orgId"], made["editable"]
        self.grafana.post("/api/datasources", made)

    def tear_down(self) -> None:
        self.grafana.delete(f"/api/folders/{self.name}?forceDeleteRules=true")
        for source in SOURCES:
            self.grafana.delete(f"/api/datasources/uid/{self.uid(source)}")

    def uid(self, of: str) -> str:
        """Ours for one of the product's."""
        return f"{self.name}-{of.removeprefix('normalcy-')}"

    def renamed(self, what: Any) -> Any:
        """The same with our uids."""
        text = json.dumps(what)
        for uid in (*SOURCES, DASHBOARD["uid"], *STATES):
            text = text.replace(f'"{uid}"', f'"{self.uid(uid)}"')
        return json.loads(text)


def interpolated(text: str) -> str:
    """What a browser makes of variables, by the formats that are used."""

    def value(match: re.Match[str]) -> str:
        found, form = VALUES[match[1]], match[2]
        if form == "regex":
            escaped = [re.sub(r"([\\^$*+?.()|\[\]{}/])", r"\\\1", one) for one in found]
            return f"({'|'.join(escaped)})"
        mark = {"singlequote": "'", "doublequote": '"'}[form]
        assert isinstance(found, str)
        return mark + found.replace(mark, "\\" + mark) + mark

    text = re.sub(r"\$\{(\w+):(\w+)\}", value, text)
    assert not re.search(r"\$(?!timeFilter|__interval|/)", text), text
    return text


@pytest.fixture(scope="module")
def grafana() -> Grafana:
    return require_grafana()


@pytest.fixture(scope="module")
def stage(grafana: Grafana, influxdb_server: InfluxServer) -> Iterator[Stage]:
    made = Stage(grafana, influxdb_server)
    try:
        made.set_up()
        yield made
    finally:
        made.tear_down()


@pytest.mark.parametrize("source", SOURCES)
def test_datasources_reach_their_database(stage: Stage, source: str) -> None:
    answer = stage.grafana.get(f"/api/datasources/uid/{stage.uid(source)}/health")

    assert answer["status"] == "OK", answer


def test_the_dashboard_comes_back_as_it_went(stage: Stage) -> None:
    sent = stage.renamed(DASHBOARD)

    stage.grafana.post("/api/dashboards/db", {"dashboard": sent, "folderUid": stage.name})

    back = stage.grafana.get(f"/api/dashboards/uid/{stage.uid(DASHBOARD['uid'])}")
    assert back["meta"]["folderUid"] == stage.name
    for part in ("panels", "templating", "annotations"):
        assert back["dashboard"][part] == sent[part]


@pytest.mark.parametrize("panel", DASHBOARD["panels"], ids=lambda panel: panel["title"])
def test_every_panel_gets_data(stage: Stage, panel: Any) -> None:
    for target in stage.renamed(panel["targets"]):
        frames = stage.grafana.frames({**target, "query": interpolated(target["query"])})

        assert frames, target["query"]
        assert all(frame["data"]["values"][-1] for frame in frames)


@pytest.mark.parametrize("title", ["Expected by the model", "Shares of the error"])
def test_channels_of_other_detectors_are_not_drawn(stage: Stage, title: str) -> None:
    (panel,) = [one for one in DASHBOARD["panels"] if one["title"] == title]
    (target,) = stage.renamed(panel["targets"])

    frames = stage.grafana.frames({**target, "query": interpolated(target["query"])})

    drawn = {frame["schema"]["name"].partition(" $")[0] for frame in frames}
    assert drawn == {f"mean_{channel}" for channel in CHANNELS}


def test_the_table_of_events_names_the_series(stage: Stage) -> None:
    (panel,) = [one for one in DASHBOARD["panels"] if one["title"] == "Events"]
    (target,) = stage.renamed(panel["targets"])

    frames = stage.grafana.frames({**target, "query": interpolated(target["query"])})

    assert ROOM in [frame["data"]["values"][-1][0] for frame in frames]


@pytest.mark.parametrize(
    "variable", DASHBOARD["templating"]["list"], ids=lambda variable: variable["name"]
)
def test_every_variable_offers_what_there_is(stage: Stage, variable: Any) -> None:
    source = stage.renamed(variable["datasource"])
    asked = {"datasource": source, "rawQuery": True, "query": interpolated(variable["query"])}

    (frame,) = stage.grafana.frames(asked)

    offered = frame["data"]["values"][0]
    wanted = VALUES[variable["name"]]
    assert set([wanted] if isinstance(wanted, str) else wanted) <= set(offered)


def test_the_annotations_find_the_events(stage: Stage) -> None:
    asked = [note for note in DASHBOARD["annotations"]["list"] if "query" in note.get("target", {})]
    assert asked
    for note in stage.renamed(asked):
        query = interpolated(note["target"]["query"])
        target = {**note["target"], "datasource": note["datasource"], "query": query}

        names = [frame["schema"]["name"] for frame in stage.grafana.frames(target)]

        columns = [note["target"][f"{one}Column"] for one in ("text", "tags", "timeEnd")]
        assert names == [f"normalcy_events.{column}" for column in columns]


def states(found: list[tuple[dict[str, str], bool]]) -> dict[tuple[str, str], bool]:
    """(detector, room) to whether it fires."""
    return {(labels["detector"], labels.get("room", "")): fires for labels, fires in found}


@pytest.mark.parametrize("rule", GROUP["rules"], ids=lambda rule: rule["uid"])
def test_the_rule_parts_what_fires_from_what_does_not(stage: Stage, rule: Any) -> None:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

    answer = stage.grafana.post("/api/v1/eval", {"data": stage.renamed(rule["data"]), "now": now})

    frames = answer["results"][rule["condition"]]["frames"]
    found = [
        (frame["schema"]["fields"][-1]["labels"], frame["data"]["values"][-1] == [1])
        for frame in frames
    ]
    assert states(found) == STATES[rule["uid"]]


@pytest.fixture(scope="module")
def alerts(stage: Stage) -> dict[str, list[Any]]:
    """Rule's title to its alerts, as Grafana's own clock has evaluated each."""
    for rule in stage.renamed(GROUP["rules"]):
        # A file's labels are expanded as environment variables are; what is posted is not.
        labels = {key: text.replace("$$", "$") for key, text in rule["labels"].items()}
        place = {"orgID": 1, "folderUID": stage.name, "ruleGroup": "test"}
        stage.grafana.post("/api/v1/provisioning/alert-rules", {**rule, **place, "labels": labels})
    path = f"/api/v1/provisioning/folder/{stage.name}/rule-groups/test"
    stage.grafana.put(path, {**stage.grafana.get(path), "interval": 10})
    return evaluated(stage)


def evaluated(stage: Stage) -> dict[str, list[Any]]:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        answer = stage.grafana.get("/api/prometheus/grafana/api/v1/rules")
        groups = [one for one in answer["data"]["groups"] if one["file"] == stage.name]
        rules = [rule for group in groups for rule in group["rules"]]
        assert not any(rule.get("lastError") for rule in rules), rules
        if rules and all(rule.get("alerts") for rule in rules):
            return {rule["name"]: rule["alerts"] for rule in rules}
        time.sleep(1)  # polling a server's own clock, bounded by the deadline
    return pytest.fail(f"the rules were not evaluated within {PATIENCE_S:.0f} s")


@pytest.mark.parametrize("rule", GROUP["rules"], ids=lambda rule: rule["uid"])
def test_the_rule_fires_for_the_series_it_should(alerts: Any, rule: Any) -> None:
    # One that has to hold for a while is pending first.
    found = [
        (one["labels"], not one["state"].startswith("Normal")) for one in alerts[rule["title"]]
    ]

    assert states(found) == STATES[rule["uid"]]


@pytest.mark.parametrize("rule", GROUP["rules"], ids=lambda rule: rule["uid"])
def test_the_templates_of_the_rule_are_expanded(alerts: Any, rule: Any) -> None:
    for one in alerts[rule["title"]]:
        texts = [one["annotations"][name] for name in ("summary", "description")]
        assert one["labels"]["normalcy_detector"] == one["labels"]["detector"]
        assert not any(re.search(r"\{\{|<no value>|map\[|__", text) for text in texts), texts
        assert one["labels"]["detector"] in texts[0]


def test_an_alarm_names_its_series(alerts: Any) -> None:
    told = {one["annotations"]["description"] for one in alerts["Anomaly"]}

    assert any(f" detector={DETECTOR} room={ROOM}." in text for text in told), told
