"""What another threshold would have given, as flat rows."""

import pytest

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
    assert client.get(f"{PATH}/alerts", query_string=asked).json == [
        {
            "series": "room=R1",
            "alerts_now": 1,
            "alerts_then": 1,
            "flagged_now": 10,
            "flagged_then": 1,
            "judged": 600,
            "notice": "",
        }
    ]
    (patient,) = client.get(f"{PATH}/alerts", query_string=FIXED).json
    assert patient["alerts_then"] == 0


def test_what_is_not_known_is_null_and_told(client):
    asked = {**FIXED, "kind": "quantile", "value": "0.999"}
    assert {row["what_if_score"] for row in client.get(PATH, query_string=asked).json} == {None}
    (row,) = client.get(f"{PATH}/alerts", query_string=asked).json
    assert "gas-room/1 are lost" in row["notice"]


def test_nothing_stored_is_an_empty_list(client):
    for path in ("what-if", "what-if/alerts"):
        answer = client.get(f"/api/v1/detectors/pump/{path}", query_string={**FIXED, "series": []})
        assert (answer.status_code, answer.json) == (200, [])


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"kind": None}, 422, "kind"),
        ({"value": None}, 422, "value"),
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
