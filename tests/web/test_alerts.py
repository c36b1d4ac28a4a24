"""Stored alerts, as a page and as rows."""

import pytest

from backend.records import Delivery
from tests.web.grafana_bodies import GRAFANA_9_3_2
from tests.web.test_pages import outline
from tests.web.worlds import MINUTE, NOW

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def told(client):
    client.post("/hooks/grafana/alerts", json=GRAFANA_9_3_2)
    alert = {**GRAFANA_9_3_2["alerts"][0], "fingerprint": "b", "annotations": {"summary": EVIL}}
    alert |= {"labels": {"detector": EVIL, "unit": EVIL}, "startsAt": "2026-05-28T01:00:00Z"}
    client.post("/hooks/grafana/alerts", json={"alerts": [alert]})
    return client


def test_rows_are_flat_and_newest_first(told):
    rows = told.get("/api/v1/alerts").json
    assert [row["state"] for row in rows] == ["firing", "resolved", "firing"]
    first = rows[0]
    assert first == {
        "time": 1_779_998_400_000,
        "time_end": None,
        "id": first["id"],
        "fingerprint": "52ec2b2b2f0b6f6f",
        "state": "firing",
        "detector": "gas-room",
        "known": True,
        "series": "room=R1",
        "rule": "normalcy-alarm",
        "title": "Anomaly",
        "summary": "gas-room behaves unlike what was labeled normal",
        "description": "Score 4.20 (1 is the line), most of it from NH3 and temp.",
        "panel_url": "http://localhost:3000/d/normalcy-detector?viewPanel=4",
        "received_at": NOW // 1_000_000,
        "message": "pending",
        "message_problem": "",
    }
    assert rows[1]["time_end"] == 1_779_996_000_123
    assert rows[2]["known"] is False


def test_rows_are_chosen(told):
    def series(query):
        return [row["series"] for row in told.get(f"/api/v1/alerts?{query}").json]

    assert series("detector=gas-room") == ["room=R1", "room=R2"]
    assert series("state=resolved") == ["room=R2"]
    assert series("detector=gas-room&limit=1") == ["room=R1"]
    assert series("detector=nothing") == []
    assert told.get("/api/v1/alerts?state=on").status_code == 422
    assert told.get("/api/v1/alerts?limit=0").status_code == 422


def test_before_anything_was_told_the_page_says_what_to_do(client):
    assert client.get("/api/v1/alerts").json == []
    assert "/hooks/grafana/alerts" in client.get("/alerts").text


def test_the_page_shows_each_alert_with_where_to_go(told):
    page = told.get("/alerts")
    parsed = outline(page.text)
    links = [a["href"] for tag, a in parsed.seen if tag == "a"]
    start = 1_779_998_400_000 - 3 * 60_000
    label = f"/label?detector=gas-room&series=room%3DR1&from={start}&to={NOW // 1_000_000}"
    assert label in links
    assert "http://localhost:3000/d/normalcy-detector?viewPanel=4" in links
    assert told.get(label).status_code == 200
    assert EVIL not in page.text
    assert "unknown here" in page.text
    scripts = [a for tag, a in parsed.seen if tag == "script"]
    assert all(a.get("type") == "application/json" or a["src"] for a in scripts)
    assert all("style" not in a for _, a in parsed.seen)


def test_the_page_can_be_narrowed(told):
    assert "room=R1" not in told.get("/alerts?state=resolved").text
    assert "room=R2" not in told.get("/alerts?state=firing").text
    assert "None of these." in told.get("/alerts?detector=pump").text
    assert told.get("/alerts?state=nonsense").status_code == 200


def test_whether_people_were_told_shows(told, world):
    first, second = world.records.due_messages(NOW)
    world.records.settle_message(
        first.id, Delivery.PENDING, at=NOW + MINUTE, problem="The chat answered 503."
    )
    world.records.settle_message(second.id, Delivery.FAILED, at=NOW, problem="No such chat.")
    text = told.get("/alerts").text
    assert "The chat answered 503." in text
    assert "in 1 min" in text
    assert "No such chat." in text
    row = told.get("/api/v1/alerts").json[2]
    assert (row["message"], row["message_problem"]) == ("failed", "No such chat.")
