"""Metrics about all detectors, for overviews where InfluxDB is absent."""

import numpy as np
import pytest

from backend import schema
from backend.ports import Points
from backend.records import State
from tests.web.test_api_history import write_coverage, write_training
from tests.web.worlds import MINUTE, NOW, START, add_label, write_event, write_scores

MS = 1_000_000
RANGE = {"from": "2026-05-28T10:26:00.000Z", "to": "2026-05-28T20:27:00.000Z"}


def ask(client, metric, payload=None, points=60):
    span = {"from": START // MS, "to": NOW // MS}
    body = {
        "range": {"from": span["from"], "to": span["to"]},
        "maxDataPoints": points,
        "targets": [{"refId": "A", "target": metric, "payload": payload or {}}],
    }
    answer = client.post("/grafana/query", json=body)
    assert answer.status_code == 200, answer.json
    return answer.json


def columns(frame):
    return {field["name"]: field["values"] for field in frame["fields"]}


class TestOverTime:
    def test_the_worst_series_stands_for_its_detector(self, world, client):
        write_scores(world, "R2")
        (frame,) = ask(client, "worst", {"what": "flag"})
        assert frame["fields"][1]["labels"] == {"detector": "gas-room"}
        assert max(columns(frame)["flag"]) == 1.0
        assert frame["refId"] == "A"

    def test_coverage_of_all_or_of_one(self, world, client):
        write_coverage(world, "gas-room", [1.0, 0.25])
        write_coverage(world, "pump", [1.0])
        frames = ask(client, "coverage")
        assert [frame["fields"][1]["labels"]["detector"] for frame in frames] == [
            "gas-room",
            "pump",
        ]
        assert min(columns(frames[0])["coverage"]) == 0.25
        (lag,) = ask(client, "coverage", {"detector": "pump", "what": "lag_s"})
        assert columns(lag)["lag_s"] == [30.0]
        assert lag["fields"][1]["config"]["unit"] == "s"

    def test_losses_of_one_detector(self, world, client):
        write_training(world, "gas-room", [START, START + MINUTE], 0.25)
        write_training(world, "pump", [START], 0.5)
        (frame,) = ask(client, "training", {"detector": "gas-room", "what": "loss"})
        assert columns(frame) == {
            "time": [START // MS, (START + MINUTE) // MS],
            "loss": [0.25, 0.25],
        }

    @pytest.mark.parametrize("metric", ["worst", "coverage"])
    def test_an_unknown_column_is_told(self, client, metric):
        body = {
            "range": RANGE,
            "targets": [{"target": metric, "payload": {"what": "smell"}}],
        }
        answer = client.post("/grafana/query", json=body)
        assert answer.status_code == 404
        assert "smell" in answer.json["message"]


class TestTables:
    def test_trainings_newest_first(self, world, client):
        write_training(world, "gas-room", [START, START + MINUTE], 0.25)
        (frame,) = ask(client, "versions", {"detector": "gas-room"})
        found = columns(frame)
        assert found["time"] == [(START + MINUTE) // MS, START // MS]
        assert found["verdict"] == ["x", "x"]
        (newest,) = ask(client, "trained")
        assert columns(newest)["time"] == [(START + MINUTE) // MS]

    def test_events_as_a_table(self, world, client):
        write_event(world, "R1", 300)
        write_event(world, "R2", 310, open_=True)
        (frame,) = ask(client, "event_table", {"detector": "gas-room"})
        found = columns(frame)
        assert found["series"] == ["room=R2", "room=R1"]
        assert found["until"] == [None, (START + 310 * MINUTE) // MS]
        assert found["channels"][0] == "NH3, temp"
        (going_on,) = ask(client, "open_events")
        assert columns(going_on)["series"] == ["room=R2"]

    def test_flagged_points_newest_first(self, client):
        asked = {"detector": "gas-room", "series": ["room=R1"]}
        (frame,) = ask(client, "tops", asked, points=1000)
        found = columns(frame)
        assert found["time"][0] == (START + 309 * MINUTE) // MS
        assert set(found["top1"]) == {"NH3"}
        assert len(found["time"]) == 10

    def test_runs(self, world, client):
        for state in (State.FAILED, State.DONE):
            run = world.records.start_run("retrain", "pump", worker="here:1", at=START)
            at = START + MINUTE
            world.records.finish_run(run.id, state, at=at, message="no rows", details={})
        (failed,) = ask(client, "failed_runs")
        assert columns(failed)["message"] == ["no rows"]
        (seconds,) = ask(client, "run_seconds")
        assert columns(seconds)["retrain of pump"] == [60.0, 60.0]

    @pytest.mark.parametrize("metric", ["trained", "open_events", "failed_runs", "run_seconds"])
    def test_nothing_is_an_empty_list(self, client, metric):
        assert ask(client, metric) == []


class TestLabels:
    def test_labels_of_one_kind(self, world, client):
        add_label(world)
        assert ask(client, "labels", {"detector": "gas-room", "kind": "normal"})
        assert ask(client, "labels", {"detector": "gas-room", "kind": "anomaly"}) == []


def test_strange_rows_do_no_harm(world, client):
    """A row without texts, as an older version wrote it."""
    fields = {"loss": np.array([0.5])}
    points = Points({"detector": "pump"}, np.array([START]), fields)
    world.results.write(schema.TRAINING, [points])
    (frame,) = ask(client, "versions", {"detector": "pump"})
    assert columns(frame)["verdict"] == [None]
    assert columns(frame)["threshold"] == [None]
