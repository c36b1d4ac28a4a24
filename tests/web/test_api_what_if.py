"""What another threshold would have given, as flat rows."""

import pytest

from backend.records import LabelDraft, LabelKind
from tests.web.worlds import MINUTE, START, add_label

PATH = "/api/v1/detectors/gas-room/what-if"
RANGE = {"from": "2026-05-28T10:26:00Z", "to": "2026-05-28T20:26:00Z"}
FIXED = {**RANGE, "kind": "fixed", "value": "0.5", "series": "room=R1"}


def test_points_are_flat_rows_in_the_order_of_time(client):
    rows = client.get(PATH, query_string={**FIXED, "series": ["room=R1", "room=R2"]}).json
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)
    assert {row["series"] for row in rows} == {"room=R1", "room=R2"}
    for row in rows:
        assert set(row) == {
            "time",
            "series",
            "what_if_threshold",
            "what_if_score",
            "what_if_flag",
            "what_if_alarm",
        }
        assert row["what_if_threshold"] == 0.5
    assert sum(row["what_if_flag"] for row in rows) == 2


def test_points_are_thinned(client):
    assert len(client.get(PATH, query_string={**FIXED, "maxDataPoints": 40}).json) <= 40


def test_alerts_now_and_then(client):
    asked = {**FIXED, "for": 1, "clear_below": 1}
    (row,) = client.get(f"{PATH}/alerts", query_string=asked).json
    sides = row.pop("now"), row.pop("then")
    assert row == {
        "series": "room=R1",
        "alerts_now": 1,
        "alerts_then": 1,
        "flagged_now": 10,
        "flagged_then": 1,
        "judged": 600,
        "notice": "",
        "normal": 0,
        "anomalous": 0,
        "events": 0,
    }
    assert [one["alerts"] for one in sides] == [1, 1]
    assert [one["limit"] for one in sides] == [0.2, 0.5]
    assert [one["precision"] for one in sides] == [None, None]
    assert sides[0]["alerts_a_week"] == pytest.approx(168 / 10)
    (patient,) = client.get(f"{PATH}/alerts", query_string=FIXED).json
    assert patient["alerts_then"] == 0


def test_what_is_not_known_is_null_and_told(client):
    asked = {**FIXED, "kind": "quantile", "value": "0.999"}
    assert {row["what_if_score"] for row in client.get(PATH, query_string=asked).json} == {None}
    (row,) = client.get(f"{PATH}/alerts", query_string=asked).json
    assert "gas-room/1 are lost" in row["notice"]


def test_settings_stand_beside_the_value(client):
    asked = {**FIXED, "set": ["margin=2", "follow.span=50"]}
    rows = client.get(PATH, query_string=asked).json
    assert {row["what_if_threshold"] for row in rows} == {None}  # it follows errors that are lost
    asked = {**FIXED, "set": ["margin=2"]}
    assert {row["what_if_threshold"] for row in client.get(PATH, query_string=asked).json} == {1.0}
    told = {**RANGE, "kind": "fixed", "set": ["value=0.5"]}
    rows = client.get(PATH, query_string=told).json
    assert {row["what_if_threshold"] for row in rows} == {0.5}


@pytest.mark.parametrize("kind", ["conformal", "dynamic", "pot"])
def test_kinds_with_defaults_need_no_value(client, kind):
    assert client.get(PATH, query_string={**RANGE, "kind": kind}).status_code == 200


def test_the_curve_counts_at_many_multiples(client, world):
    add_label(world)
    world.labelling.add(
        LabelDraft("gas-room", LabelKind.ANOMALY, START + 300 * MINUTE, START + 310 * MINUTE),
        source="api",
        by="ann",
    )
    curve = client.get(f"{PATH}/curve", query_string={**RANGE, "series": "room=R1"}).json
    middle = curve["multiple"].index(1.0)
    assert curve["flagged"][middle] == 10
    assert curve["flag_share"][middle] == pytest.approx(10 / 600)
    assert curve["f1"][middle] == curve["precision"][middle] == curve["recall"][middle] == 1
    assert curve["false_alarm_share"][middle] == 0
    assert (curve["judged"], curve["anomalous"], curve["events"]) == (600, 10, 1)
    assert curve["alerts"][middle] == 1
    assert curve["flagged"][0] == 600
    at_once = client.get(f"{PATH}/curve", query_string={**RANGE, "series": "room=R1", "for": 11})
    assert at_once.json["alerts"][middle] == 0


def test_an_empty_curve_is_null_and_not_an_error(client):
    curve = client.get("/api/v1/detectors/pump/what-if/curve", query_string=RANGE).json
    assert curve["judged"] == 0
    assert set(curve["flag_share"]) == {None}


def test_another_threshold_is_asked_of_a_worker(client, world):
    body = {"threshold": {"kind": "quantile", "q": 0.9}, "promote": False}
    answer = client.post("/api/v1/detectors/gas-room/threshold", json=body)
    assert answer.status_code == 202
    request = world.records.request(answer.json["id"])
    assert (request.kind, request.detector) == ("threshold", "gas-room")
    assert request.payload["threshold"]["q"] == 0.9
    assert request.payload["promote"] is False
    assert answer.headers["Location"] == f"/api/v1/requests/{request.id}"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"threshold": {"kind": "magic"}}, 422),
        ({"threshold": {"kind": "sigma", "per_mode": True}}, 422),
        ({"threshold": {"kind": "pot"}, "promote": 3}, 422),
    ],
)
def test_a_threshold_that_cannot_be_is_not_asked_for(client, world, body, status):
    assert client.post("/api/v1/detectors/gas-room/threshold", json=body).status_code == status
    assert world.records.requests() == []


def test_nothing_stored_is_an_empty_list(client):
    for path in ("what-if", "what-if/alerts"):
        answer = client.get(f"/api/v1/detectors/pump/{path}", query_string={**FIXED, "series": []})
        assert (answer.status_code, answer.json) == (200, [])


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"kind": None}, 422, "kind"),
        ({"value": None}, 422, "value"),
        ({"set": "margin"}, 422, "key=value"),
        ({"set": "margin=0"}, 422, "what_if.threshold.fixed.margin"),
        ({"set": "q=1"}, 422, "Extra"),
        ({"kind": "f1_max"}, 422, "takes no value"),
        ({"value": ""}, 422, "needs a value"),
        ({"kind": "magic"}, 422, "fixed, quantile, sigma, budget"),
        ({"value": "-1"}, 422, "what_if.threshold.fixed.value"),
        ({"for": "0"}, 422, "for"),
        ({"series": "R1"}, 404, "room=…"),
        ({"to": "2026-05-28T10:26:00Z"}, 422, "empty"),
    ],
    ids=repr,
)
def test_what_cannot_be_answered_is_explained(client, change, status, message):
    asked = {key: value for key, value in {**FIXED, **change}.items() if value is not None}
    answer = client.get(PATH, query_string=asked)
    assert answer.status_code == status
    assert message in answer.json["message"]
