"""Every panel, variable and annotation of every dashboard gets what it asks for."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backend.grafana.checking import all_panels
from backend.records import series_key
from tests.integration.grafana.plants import (
    BLIND,
    CHANNELS,
    DETECTOR,
    FLEET,
    PUMPS,
    QUIET_ROOM,
    ROOM,
)
from tests.integration.grafana.stage import Stage, interpolated, require_influxdb

pytestmark = [pytest.mark.grafana, pytest.mark.timeout(300)]

VALUES: dict[str, dict[str, list[str]]] = {
    DETECTOR: {
        "channel": list(CHANNELS),
        "by_room": [ROOM, QUIET_ROOM],
        "series": [series_key({"room": room}) for room in (ROOM, QUIET_ROOM)],
    },
    FLEET: {
        "channel": ["flow", "pressure"],
        "by_line": ["L 1"],
        "by_pump": list(PUMPS),
        "series": [series_key({"line": "L 1", "pump": pump}) for pump in PUMPS],
    },
    BLIND: {"channel": ["speed"], "detector": [BLIND]},
}
"""What there is to choose, by the detector that a dashboard is about."""


TRIED = {"try_kind": ["fixed"], "try_value": ["0.7"]}
"""A threshold that can be tried without a model."""


def values_of(dashboard: Any) -> dict[str, list[str]]:
    about = [
        tag.removeprefix("detector:") for tag in dashboard["tags"] if tag.startswith("detector:")
    ]
    return {**VALUES[about[0] if about else BLIND], **TRIED}


def cases(stage: Stage) -> Iterator[tuple[Any, Any, dict[str, Any]]]:
    """Dashboard, panel, and the value of each variable that the panel sees."""
    for dashboard in stage.dashboards():
        chosen: dict[str, Any] = dict(values_of(dashboard))
        for panel in all_panels(dashboard):
            repeated = panel.get("repeat")
            for one in chosen[repeated] if repeated else [None]:
                yield dashboard, panel, {**chosen, **({repeated: one} if repeated else {})}


def asked(stage: Stage, target: Any, values: dict[str, Any]) -> list[Any]:
    """The frames of a query, by the way that Grafana itself takes."""
    if "query" in target:
        query = interpolated(target["query"], values)
        assert "${" not in query.replace("${__from}", "").replace("${__to}", ""), query
        return stage.grafana.frames({**target, "query": query})
    payload = {name: regex_of(text, values) for name, text in target["payload"].items()}
    uid = target["datasource"]["uid"]
    body = {"range": span(), "targets": [{**target, "payload": payload}], "maxDataPoints": 500}
    return list(stage.grafana.post(f"/api/datasources/proxy/uid/{uid}/query", body))


def regex_of(text: str, values: dict[str, Any]) -> str:
    """What the plugin makes of a field of its form."""
    return re.sub(r"\$(\w+)", lambda match: interpolated(f"${{{match[1]}:regex}}", values), text)


def span() -> dict[str, str]:
    """The last day, as a browser tells it."""
    now = datetime.now(UTC)
    texts = [(now - timedelta(days=1)).isoformat(), now.isoformat()]
    return dict(zip(("from", "to"), texts, strict=True))


def is_filled(frame: Any) -> bool:
    if "data" in frame:
        return any(value is not None for value in frame["data"]["values"][-1])
    return any(value is not None for value in frame["fields"][-1]["values"])


def test_every_panel_gets_data(stage: Stage) -> None:
    stage.plant.alarm(True, room=ROOM)
    seen = 0
    for dashboard, panel, values in cases(stage):
        for target in panel["targets"]:
            frames = asked(stage, target, values)

            where = f"{dashboard['title']}: {panel['title']} {target['refId']}"
            if "flagged point" not in panel["fieldConfig"]["defaults"]["noValue"]:
                assert frames, where
                assert any(is_filled(frame) for frame in frames), where
            seen += 1
    assert seen > 60


def test_the_fixed_queries_find_what_is_there(stage: Stage) -> None:
    """Names of rooms and channels that have to be quoted are found, and only they."""
    require_influxdb(stage)
    (dashboard,) = [one for one in stage.dashboards() if one["title"] == DETECTOR]
    by_title = {panel["title"]: panel for panel in dashboard["panels"]}
    values: dict[str, Any] = VALUES[DETECTOR]

    frames = asked(stage, by_title["Score"]["targets"][0], values)
    names = {frame["schema"]["name"] for frame in frames}
    assert names == {f"score {room}" for room in (ROOM, QUIET_ROOM)}

    one = asked(stage, by_title["Score"]["targets"][0], {**values, "by_room": [QUIET_ROOM]})
    assert {frame["schema"]["name"] for frame in one} == {f"score {QUIET_ROOM}"}

    shares = asked(stage, by_title["Shares of the error"]["targets"][0], values)
    assert {frame["schema"]["name"] for frame in shares} == set(CHANNELS)


def test_every_variable_offers_what_there_is(stage: Stage) -> None:
    seen = set()
    for dashboard in stage.dashboards():
        for variable in dashboard["templating"]["list"]:
            if variable["type"] != "query":
                continue
            wanted = values_of(dashboard)[variable["name"]]
            assert set(wanted) <= set(offered(stage, variable, values_of(dashboard)))
            seen.add(variable["name"])
    by_tag, by_key = {"by_room", "by_line", "by_pump"}, {"series"}
    assert seen == {"detector"} | (by_tag if stage.reads_influx else by_key)


def offered(stage: Stage, variable: Any, values: dict[str, list[str]]) -> list[str]:
    """What a variable offers, by the way that Grafana itself takes."""
    source = variable["datasource"]
    if isinstance(variable["query"], str):
        query = interpolated(variable["query"], values)
        (frame,) = stage.grafana.frames({"datasource": source, "rawQuery": True, "query": query})
        return list(frame["data"]["values"][0])
    body = {"payload": {"target": variable["query"]["query"]}, "range": span()}
    path = f"/api/datasources/proxy/uid/{source['uid']}/variable"
    return [one["__value"] for one in stage.grafana.post(path, body)]


def test_the_annotations_find_events_and_labels(stage: Stage) -> None:
    require_influxdb(stage)
    now = stage.application.clock.now()
    hour = 3_600_000_000_000
    stage.command(
        "label", "add", DETECTOR, "normal", "--from", "now-2h", "--to", "now-1h", "--note", "calm"
    )
    stage.application.label_publishing.publish()
    (dashboard,) = [one for one in stage.dashboards() if one["title"] == DETECTOR]
    marks = {note["name"]: note for note in dashboard["annotations"]["list"] if "target" in note}
    shown = {"${__from}": str((now - 3 * hour) // 10**6), "${__to}": str((now + hour) // 10**6)}

    found = {}
    for name in ("Events", "Labels: normal", "Labels: anomaly"):
        target = marks[name]["target"]
        query = interpolated(target["query"], VALUES[DETECTOR])
        for token, value in shown.items():
            query = query.replace(token, value)
        asked_ = {**target, "datasource": marks[name]["datasource"], "query": query}
        found[name] = stage.grafana.frames(asked_)

    assert [frame["schema"]["name"].rpartition(".")[2] for frame in found["Events"]] == [
        marks["Events"]["target"][f"{column}Column"] for column in ("text", "tags", "timeEnd")
    ]
    (note, *_) = [frame["data"]["values"][-1] for frame in found["Labels: normal"]]
    assert "calm" in note
    assert not any(frame["data"]["values"][-1] for frame in found["Labels: anomaly"])
