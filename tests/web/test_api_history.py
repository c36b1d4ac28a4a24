"""Detectors as a whole over time, as Infinity and scripts read them."""

import json

import numpy as np
import pytest

from backend import schema
from backend.ports import Points
from backend.records import State
from tests.web.worlds import MINUTE, NOW, START, write_event, write_scores

MS = 1_000_000
API = "/api/v1"
WHOLE = {"from": START // MS, "to": NOW // MS}


def write_coverage(world, detector, shares, lag=30.0):
    times = START + MINUTE * np.arange(len(shares), dtype=np.int64)
    fields = {
        "coverage": np.array(shares),
        "lag_s": np.full(len(shares), lag),
        "series": np.full(len(shares), 2.0),
        "set_aside": np.zeros(len(shares)),
    }
    world.results.write(schema.COVERAGE, [Points({"detector": detector}, times, fields)])


def write_training(world, detector, times, loss):
    count = len(times)
    fields = {name: np.full(count, loss) for name in schema.TRAINING_NUMBERS}
    fields |= {name: np.full(count, "x", dtype=object) for name in schema.TRAINING_STRINGS}
    points = Points({"detector": detector}, np.array(times), fields)
    world.results.write(schema.TRAINING, [points])


class TestWorst:
    def test_the_worst_series_stands_for_its_detector(self, world, client):
        write_scores(world, "R2")
        rows = client.get(f"{API}/worst", query_string={**WHOLE, "maxDataPoints": 60}).json

        assert {row["detector"] for row in rows} == {"gas-room"}
        assert [row["time"] for row in rows] == sorted({row["time"] for row in rows})
        peak = max(rows, key=lambda row: row["score"])
        assert (peak["score"], peak["flag"], peak["alarm"]) == (4.0, 1.0, 1.0)
        assert peak["time"] <= (START + 305 * MINUTE) // MS < peak["time"] + 10 * 60_000
        assert len(rows) <= 61

    def test_an_empty_range_is_refused(self, client):
        answer = client.get(f"{API}/worst", query_string={"from": NOW // MS, "to": NOW // MS})
        assert answer.status_code == 422


class TestCoverage:
    def test_the_worst_of_each_bucket_is_told(self, world, client):
        write_coverage(world, "gas-room", [1.0, 0.4, 1.0, 1.0])
        write_coverage(world, "pump", [1.0, 1.0])
        asked = {"from": START // MS, "to": (START + 4 * MINUTE) // MS, "maxDataPoints": 2}
        rows = client.get(f"{API}/coverage", query_string=asked).json

        assert [(row["detector"], row["coverage"]) for row in rows] == [
            ("gas-room", 0.4),
            ("pump", 1.0),
            ("gas-room", 1.0),
        ]
        assert {row["lag_s"] for row in rows} == {30.0}

    def test_one_detector_can_be_asked_for(self, world, client):
        write_coverage(world, "gas-room", [1.0])
        write_coverage(world, "pump", [1.0])
        rows = client.get(f"{API}/coverage", query_string={**WHOLE, "detector": "pump"}).json
        assert [row["detector"] for row in rows] == ["pump"]

    def test_an_unknown_detector_is_told(self, client):
        assert client.get(f"{API}/coverage?detector=nobody").status_code == 404


class TestTraining:
    def test_every_training_is_a_row_and_the_newest_can_be_had_alone(self, world, client):
        write_training(world, "gas-room", [START, START + MINUTE], 0.25)
        write_training(world, "pump", [START], 0.5)

        rows = client.get(f"{API}/training", query_string=WHOLE).json
        assert [(row["detector"], row["loss"]) for row in rows] == [
            ("gas-room", 0.25),
            ("pump", 0.5),
            ("gas-room", 0.25),
        ]
        newest = client.get(f"{API}/training", query_string={**WHOLE, "newest": "true"}).json
        assert [(row["detector"], row["time"]) for row in newest] == [
            ("pump", START // MS),
            ("gas-room", (START + MINUTE) // MS),
        ]


class TestEvents:
    def test_only_those_that_go_on(self, world, client):
        write_event(world, "R1", 300)
        write_event(world, "R2", 310, open_=True)
        write_event(world, "R3", 320, open_=True)
        rows = client.get(f"{API}/events").json
        assert [row["series"] for row in rows] == ["room=R3", "room=R2"]


class TestTops:
    def test_flagged_points_with_their_channels_newest_first(self, client):
        asked = {**WHOLE, "series": json.dumps(["room=R1"]), "limit": 3}
        rows = client.get(f"{API}/detectors/gas-room/tops", query_string=asked).json
        assert [row["time"] for row in rows] == [
            (START + row * MINUTE) // MS for row in (309, 308, 307)
        ]
        assert {(row["series"], row["top1"], row["flag"]) for row in rows} == {
            ("room=R1", "NH3", 1.0)
        }


class TestSeries:
    @pytest.mark.parametrize("text", ['["room=R1"', "[1]", '[["room=R1"]]'])
    def test_a_list_that_is_none_is_refused(self, client, text):
        answer = client.get(f"{API}/detectors/gas-room/scores", query_string={"series": text})
        assert answer.status_code == 422
        assert "JSON list" in answer.json["message"]

    def test_a_list_of_several_is_taken(self, world, client):
        write_scores(world, "R2")
        asked = {**WHOLE, "series": '["room=R1","room=R2"]'}
        rows = client.get(f"{API}/detectors/gas-room/scores", query_string=asked).json
        assert {row["series"] for row in rows} == {"room=R1", "room=R2"}


class TestRuns:
    def test_those_that_failed_and_the_oldest_first(self, world, client):
        for number, state in enumerate((State.FAILED, State.DONE, State.FAILED)):
            at = START + number * MINUTE
            run = world.records.start_run("retrain", "pump", worker="here:1", at=at)
            world.records.finish_run(run.id, state, at=at + MINUTE, message="", details={})

        failed = client.get(f"{API}/runs?state=failed").json
        assert [row["started_at"] for row in failed] == [(START + 2 * MINUTE) // MS, START // MS]
        assert {row["seconds"] for row in failed} == {60.0}
        oldest = client.get(f"{API}/runs?ascending=true").json
        assert [row["state"] for row in oldest] == ["failed", "done", "failed"]
        assert oldest[0]["started_at"] == START // MS
