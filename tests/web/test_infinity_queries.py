"""Every query that a dashboard puts by Infinity is answered with the columns that it names."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backend import schema
from backend.grafana.checking import all_panels
from backend.grafana.provisioning import Store, make
from backend.ports import Points
from backend.records import State, series_key
from tests.grafana.variants import EMBEDDED
from tests.web.test_api_history import write_coverage, write_training
from tests.web.worlds import (
    GAS_ROOM,
    MINUTE,
    NOW,
    PUMP,
    START,
    add_label,
    make_world,
    write_event,
    write_scores,
    write_values,
)

MS = 1_000_000
TYPES: dict[str, tuple[type, ...]] = {
    "number": (int, float),
    "string": (str,),
    "timestamp_epoch": (int,),
}

ROOMS = GAS_ROOM.model_copy(update={"write_contributions": True})
PLAN = replace(EMBEDDED, specs=(ROOMS, PUMP), version=(12, 0), source=Store("embedded:///s"))
BOARDS = make(PLAN).dashboards


def targets() -> Iterator[tuple[str, Any]]:
    """Where a query stands, and the query, of panels, annotations and variables."""
    for board in BOARDS:
        for panel in all_panels(board):
            for one in panel["targets"]:
                yield f"{board['title']}: {panel['title']} {one['refId']}", one
        for note in board["annotations"]["list"]:
            if "target" in note:
                yield f"{board['title']}: {note['name']}", note["target"]
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                asked = variable["query"]["infinityQuery"]
                yield f"{board['title']}: {variable['name']}", asked


TARGETS = dict(targets())


@pytest.fixture(scope="module")
def client() -> Any:
    """A world in which there is something of everything."""
    world = make_world()
    for room in ("R1", "R2"):
        write_values(world, room)
        write_scores(world, room)
        world.records.set_watermarks("gas-room", {f"room={room}": NOW})
    for measurement in (schema.EXPECTED, schema.CONTRIBUTIONS):
        fields = {"temp": np.full(3, 0.5), "NH3": np.full(3, 0.5)}
        times = START + MINUTE * np.arange(3)
        tags = {"detector": "gas-room", "room": "R1"}
        world.results.write(measurement, [Points(tags, times, fields)])
    write_event(world, "R1", 300)
    write_event(world, "R2", 500, open_=True)
    for detector in ("gas-room", "pump"):
        write_coverage(world, detector, [1.0, 0.5])
        write_training(world, detector, [START], 0.1)
        run = world.records.start_run("retrain", detector, worker="here:1", at=START)
        world.records.finish_run(run.id, State.FAILED, at=START + MINUTE, message="x", details={})
    add_label(world)
    return world.client()


def asked(target: Any) -> dict[str, Any]:
    """The parameters as Grafana's server fills them in."""
    keys = [series_key({"room": room}) for room in ("R1", "R2")]
    values = {
        "${__timeFrom}": START // MS,
        "${__timeTo}": NOW // MS,
        "${series:json}": str(keys).replace("'", '"'),
        "${channel}": "flow" if "/pump/" in target["url"] else "temp",
        "${detector}": "gas-room",
        "${try_kind}": "fixed",
        "${try_value}": "0.1",
    }
    parameters = target["url_options"].get("params", ())
    return {one["key"]: values.get(one["value"], one["value"]) for one in parameters}


@pytest.mark.parametrize("where", TARGETS)
def test_the_answer_has_the_columns_that_are_named(where: str, client: Any) -> None:
    target = TARGETS[where]
    assert (target["parser"], target["source"], target["type"]) == ("backend", "url", "json")
    url = target["url"].replace("${detector}", "gas-room")

    answer = client.get(url, query_string=asked(target))

    assert answer.status_code == 200, answer.json
    rows = answer.json
    if not url.startswith("/api/v1/detectors/pump") and "Labels: " not in where:
        assert rows
    for row in rows:
        for column in target["columns"]:
            value = row[column["selector"]]
            assert value is None or isinstance(value, TYPES[column["type"]]), column


@pytest.mark.parametrize(
    "where", [name for name, one in TARGETS.items() if one["format"] == "timeseries"]
)
def test_a_time_series_has_one_time_and_ascends(where: str, client: Any) -> None:
    target = TARGETS[where]
    (time,) = [c["selector"] for c in target["columns"] if c["type"] == "timestamp_epoch"]
    assert any(column["type"] == "number" for column in target["columns"])

    url = target["url"].replace("${detector}", "gas-room")
    rows = client.get(url, query_string=asked(target)).json

    times = [row[time] for row in rows]
    assert times == sorted(times)


def test_labels_of_each_kind_are_marked(client: Any) -> None:
    found = {
        where.rpartition(" ")[2]: client.get(one["url"], query_string=asked(one)).json
        for where, one in TARGETS.items()
        if where.startswith("gas-room: Labels: ")
    }

    assert set(found) == {"normal", "anomaly", "exclude"}
    assert [len(found[kind]) for kind in ("normal", "anomaly", "exclude")] == [1, 0, 0]
