import json

import numpy as np
import pytest

from backend import schema
from backend.exceptions import StoreUnavailable
from backend.ports import Points, Query
from backend.records import SetAside, State
from tests.fakes.series import MemorySeriesStore
from tests.web.worlds import MINUTE, NOW, START, add_label, add_version, write_event

MS = 1_000_000
API = "/api/v1"
SCORES = f"{API}/detectors/gas-room/scores"


def strict(answer):
    """The body, read by a reader that takes no NaN."""

    def refuse(constant):
        raise AssertionError(f"{constant} in the answer")

    return json.loads(answer.get_data(), parse_constant=refuse)


class TestDetectors:
    def test_the_list_shows_how_they_are(self, client):
        rows = {row["detector"]: row for row in client.get(f"{API}/detectors").json}
        assert rows["gas-room"]["state"] == "normal"
        assert rows["gas-room"]["scored_to"] == NOW // MS
        assert rows["gas-room"]["read_only"] is True
        assert rows["pump"]["state"] == "no model"
        assert set(rows["pump"]) == set(rows["gas-room"])

    def test_a_stored_detector_comes_and_goes(self, client):
        spec = {"measurement": "air", "channels": ["temp"], "every": "10m"}
        made = client.put(f"{API}/detectors/office", json=spec)
        assert (made.status_code, made.json["read_only"]) == (200, False)
        assert made.json["spec"]["every"] == "10m"
        again = client.put(f"{API}/detectors/office", json=made.json["spec"])
        assert again.json["spec"] == made.json["spec"]
        assert client.delete(f"{API}/detectors/office").status_code == 204
        assert client.get(f"{API}/detectors/office").status_code == 404

    def test_those_of_the_file_are_read_only(self, client):
        spec = {"measurement": "air", "channels": ["temp"], "every": "10m"}
        assert client.put(f"{API}/detectors/pump", json=spec).status_code == 409
        assert client.delete(f"{API}/detectors/pump").status_code == 409

    @pytest.mark.parametrize(
        ("spec", "where"),
        [
            ({}, "measurement"),
            ({"measurement": "air", "channels": ["t"], "every": "soon"}, "every"),
            ({"measurement": "air", "channels": ["t"], "every": "9" * 400 + "d"}, "every"),
            ({"measurement": "air", "channels": ["t"], "every": "1m", "typo": 1}, "typo"),
            ({"measurement": "air", "channels": [], "every": "1m"}, "channels"),
        ],
        ids=lambda given: repr(given)[-40:],
    )
    def test_every_mistake_in_a_definition_is_named(self, client, spec, where):
        answer = client.put(f"{API}/detectors/office", json=spec)
        assert answer.status_code == 422
        assert where in [problem["where"] for problem in answer.json["problems"]]

    @pytest.mark.parametrize("name", ["a'b", 'a"b', "a b", "-x", "x" * 64, "é", "..;"])
    def test_a_name_that_is_none_is_refused(self, client, name):
        spec = {"measurement": "air", "channels": ["t"], "every": "1m"}
        assert client.put(f"{API}/detectors/{name}", json=spec).status_code in (404, 422)

    def test_the_name_stands_in_the_address_only(self, client):
        spec = {"name": "other", "measurement": "air", "channels": ["t"], "every": "1m"}
        assert client.put(f"{API}/detectors/office", json=spec).status_code == 422

    def test_series_with_what_is_set_aside(self, client, world):
        world.records.set_aside(SetAside("gas-room", "room=R3", "flat", NOW, NOW + MINUTE))
        rows = client.get(f"{API}/detectors/gas-room/series").json
        assert [(row["series"], row["set_aside"]) for row in rows] == [
            ("room=R1", None),
            ("room=R2", None),
            ("room=R3", "flat"),
        ]
        assert rows[2]["retry_at"] == (NOW + MINUTE) // MS


class TestScores:
    def test_rows_are_flat_complete_and_in_order(self, client):
        rows = strict(client.get(SCORES, query_string={"maxDataPoints": 50}))
        keys = {"time", "series", *schema.SCORE_FIELDS}
        assert all(set(row) == keys for row in rows)
        times = [row["time"] for row in rows]
        assert times == sorted(times)
        assert {row["series"] for row in rows} == {"room=R1", "room=R2"}
        assert max(row["score"] for row in rows) == 4.0
        assert isinstance(rows[0]["time"], int)

    def test_one_series_and_a_range(self, client):
        asked = {"series": "room=R1", "from": START // MS, "to": "2100-01-01T00:00:00Z"}
        rows = client.get(SCORES, query_string=asked).json
        assert len(rows) == 600
        assert {row["series"] for row in rows} == {"room=R1"}
        asked["to"] = (START + 10 * MINUTE) // MS
        assert len(client.get(SCORES, query_string=asked).json) == 10

    def test_a_gap_is_a_row_of_nulls(self, client, world):
        tags = {"detector": "gas-room", "room": "R1"}
        later = Points(tags, np.array([NOW + 60 * MINUTE]), {"score": np.array([0.5])})
        world.results.write(schema.SCORES, [later])
        asked = {"series": "room=R1", "from": START // MS, "to": (NOW + 90 * MINUTE) // MS}
        rows = strict(client.get(SCORES, query_string=asked))
        assert rows[600] == {"time": NOW // MS, "series": "room=R1"} | dict.fromkeys(
            schema.SCORE_FIELDS
        )
        assert rows[601]["error"] is None

    def test_nothing_there_is_an_empty_list(self, client):
        answer = client.get(f"{API}/detectors/pump/scores")
        assert (answer.status_code, answer.json) == (200, [])

    @pytest.mark.parametrize(
        "asked",
        [
            {"maxDataPoints": 10**12},
            {"maxDataPoints": 0},
            {"maxDataPoints": "many"},
            {"from": "x"},
            {"from": "1e400"},
            {"from": 2000, "to": 1000},
            {"from": NOW // MS, "to": NOW // MS},
            {"series": "x" * 5000},
        ],
    )
    def test_what_makes_no_sense_is_refused(self, client, asked):
        answer = client.get(SCORES, query_string=asked)
        assert answer.status_code == 422
        assert answer.json["message"]

    @pytest.mark.parametrize("key", ["nope", "room=R1' OR '1'='1", "site=x", '"; DROP SERIES'])
    def test_an_unknown_series_is_refused_by_name(self, client, key):
        answer = client.get(SCORES, query_string={"series": key})
        assert answer.status_code == 404
        assert "room=…" in answer.json["message"]

    def test_an_unknown_detector_is_404(self, client):
        for part in ("scores", "channels", "events", "series", "models", "expected"):
            answer = client.get(f"{API}/detectors/nope/{part}")
            assert answer.status_code == 404
            assert "gas-room" in answer.json["message"]

    def test_a_store_that_is_down_is_503(self, client, world):
        class Down(MemorySeriesStore):
            def read(self, query: Query) -> list[Points]:
                raise StoreUnavailable("InfluxDB does not answer.")

        world.with_results(Down())
        answer = world.client().get(SCORES)
        assert answer.status_code == 503
        assert answer.json["message"] == "InfluxDB does not answer."


class TestChannels:
    def test_values_are_long_rows(self, client):
        asked = {"channel": ["temp", "load"], "series": "room=R2", "maxDataPoints": 30}
        rows = strict(client.get(f"{API}/detectors/gas-room/channels", query_string=asked))
        assert {row["channel"] for row in rows} == {"temp", "load"}
        assert all(set(row) == {"time", "series", "channel", "value"} for row in rows)

    def test_an_unknown_channel_is_404(self, client):
        asked = {"channel": "password"}
        answer = client.get(f"{API}/detectors/gas-room/channels", query_string=asked)
        assert answer.status_code == 404
        assert "temp, NH3, load" in answer.json["message"]

    @pytest.mark.parametrize("part", ["expected", "contributions"])
    def test_what_the_model_wrote(self, client, world, part):
        measurement = {"expected": schema.EXPECTED, "contributions": schema.CONTRIBUTIONS}[part]
        fields = {"temp": np.array([0.25]), "NH3": np.array([0.75])}
        tags = {"detector": "gas-room", "room": "R1"}
        world.results.write(measurement, [Points(tags, np.array([NOW - MINUTE]), fields)])
        rows = client.get(f"{API}/detectors/gas-room/{part}").json
        assert {(row["channel"], row["value"]) for row in rows} == {("temp", 0.25), ("NH3", 0.75)}


class TestEvents:
    def test_events_with_their_ends(self, client, world):
        write_event(world, "R2", 590, open_=True)
        past, present = client.get(f"{API}/detectors/gas-room/events").json
        assert (past["time"], past["time_end"]) == (
            (START + 300 * MINUTE) // MS,
            (START + 310 * MINUTE) // MS,
        )
        assert (present["open"], present["time_end"]) == (True, None)
        assert set(past) == set(present)


class TestLabels:
    def label(self, **more):
        return {
            "detector": "gas-room",
            "kind": "normal",
            "from": START // MS,
            "to": (START + 60 * MINUTE) // MS,
            **more,
        }

    def test_a_label_comes_and_goes(self, client):
        added = client.post(f"{API}/labels", json=self.label(tags={"room": "R1"}, note="calm"))
        assert added.status_code == 201
        row = added.json[0]
        assert (row["series"], row["note"], row["source"]) == ("room=R1", "calm", "api")
        assert client.get(f"{API}/labels").json == added.json
        assert client.get(f"{API}/labels?detector=pump").json == []
        assert client.delete(f"{API}/labels/{row['id']}").status_code == 204
        assert client.get(f"{API}/labels").json == []
        assert client.delete(f"{API}/labels/{row['id']}").status_code == 404

    def test_many_are_stored_all_or_none(self, client):
        good, bad = self.label(), self.label(detector="nope")
        assert client.post(f"{API}/labels", json=[good, bad]).status_code == 404
        assert client.get(f"{API}/labels").json == []
        iso = self.label(**{"from": "2026-05-01T00:00:00Z", "to": "2026-05-01T01:00:00Z"})
        assert len(client.post(f"{API}/labels", json=[good, iso]).json) == 2

    @pytest.mark.parametrize(
        "change",
        [
            {"kind": "fine"},
            {"from": None},
            {"to": START // MS},
            {"to": (NOW + 10_000 * MINUTE) // MS},
            {"tags": {"site": "x"}},
            {"tags": ["room"]},
            {"tags": {"room": 5}},
            {"note": "x" * 3000},
            {"colour": "red"},
        ],
    )
    def test_a_wrong_label_is_refused(self, client, change):
        answer = client.post(f"{API}/labels", json={**self.label(), **change})
        assert answer.status_code == 422
        assert answer.json["message"]
        assert client.get(f"{API}/labels").json == []

    @pytest.mark.parametrize("body", ["null", "5", '"text"', "[]", "[[]]", "{}", '"{}"', "[null]"])
    def test_what_is_no_label_is_refused(self, client, body):
        answer = client.post(f"{API}/labels", data=body, content_type="application/json")
        assert answer.status_code == 422
        assert client.get(f"{API}/labels").json == []


class TestModels:
    def test_versions_and_their_training(self, client):
        rows = client.get(f"{API}/detectors/gas-room/models").json
        assert [(row["number"], row["verdict"]) for row in rows] == [(1, "champion")]
        shown = client.get(f"{API}/detectors/gas-room/models/1").json
        assert shown["training"]["rows"] == 100
        assert set(rows[0]) < set(shown)
        assert client.get(f"{API}/detectors/gas-room/models/9").status_code == 404
        assert client.get(f"{API}/detectors/gas-room/models/{10**30}").status_code == 404

    def test_promote_and_roll_back(self, client, world):
        add_version(world, promoted=False)
        rows = client.post(f"{API}/detectors/gas-room/models/2/promote", json={}).json
        assert rows[0]["verdict"] == "champion"
        again = client.post(f"{API}/detectors/gas-room/models/2/promote", json={})
        assert again.status_code == 409
        rows = client.post(f"{API}/detectors/gas-room/rollback", json={}).json
        assert rows[1]["verdict"] == "champion"


class TestWork:
    def test_a_retrain_is_asked_for_and_followed(self, client, world):
        asked = client.post(f"{API}/requests", json={"kind": "retrain", "detector": "pump"})
        assert asked.status_code == 202
        assert asked.json["state"] == "waiting"
        place = asked.headers["Location"]
        number = asked.json["id"]
        world.records.finish_request(number, State.DONE, at=NOW, result={"version": 3})
        answer = client.get(place).json
        assert (answer["state"], answer["result"]) == ("done", {"version": 3})
        assert [row["id"] for row in client.get(f"{API}/requests").json] == [number]

    def test_a_backfill_carries_its_range_in_nanoseconds(self, client):
        body = {"kind": "backfill", "detector": "pump", "from": 1000, "to": "1970-01-01T00:00:02Z"}
        answer = client.post(f"{API}/requests", json=body).json
        assert answer["payload"] == {"start": 10**9, "stop": 2 * 10**9}

    def test_an_explanation_is_asked_for_by_its_point(self, client):
        body = {"kind": "explain", "detector": "pump", "time": 1000, "series": "room=a"}
        answer = client.post(f"{API}/requests", json=body)
        assert answer.status_code == 202
        assert answer.json["payload"] == {"time": 10**9, "series": "room=a"}
        del body["time"]
        assert client.post(f"{API}/requests", json=body).status_code == 422

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({"kind": "retrain", "detector": "nope"}, 404),
            ({"kind": "shutdown", "detector": "pump"}, 422),
            ({"kind": "retrain"}, 422),
            ({"kind": "backfill", "detector": "pump"}, 422),
            ({"kind": "backfill", "detector": "pump", "from": 2, "to": 1}, 422),
            ({"kind": "retrain", "detector": "pump", "gpu": True}, 422),
        ],
    )
    def test_work_that_makes_no_sense_is_refused(self, client, body, status):
        assert client.post(f"{API}/requests", json=body).status_code == status
        assert client.get(f"{API}/requests").json == []

    def test_runs_newest_first(self, client, world):
        first = world.records.start_run("score", "pump", worker="w", at=START)
        second = world.records.start_run("retrain", "gas-room", worker="w", at=NOW)
        assert [r["id"] for r in client.get(f"{API}/runs").json] == [second.id, first.id]
        assert [r["id"] for r in client.get(f"{API}/runs?detector=pump").json] == [first.id]
        assert client.get(f"{API}/runs?limit=-1").status_code == 422

    def test_an_unknown_request_is_404(self, client):
        assert client.get(f"{API}/requests/77").status_code == 404


def test_labels_are_listed_with_the_series_they_speak_for(client, world):
    add_label(world, tags={"room": "R,1"})
    assert client.get(f"{API}/labels").json[0]["series"] == "room=R\\,1"
