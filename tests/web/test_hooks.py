"""The webhook that Grafana's alerting calls."""

import base64
import copy
import json
import logging

import pytest

from backend.exceptions import StoreUnavailable
from backend.records import AlertState
from tests.web.grafana_bodies import GRAFANA_9_3_2, newer
from tests.web.worlds import NOW, make_world

PATH = "/hooks/grafana/alerts"
TOKEN = "a-long-token-of-nobody"


def changed(**more):
    body = copy.deepcopy(GRAFANA_9_3_2)
    body["alerts"][0].update(more)
    return body


@pytest.mark.parametrize("body", [GRAFANA_9_3_2, newer(GRAFANA_9_3_2)], ids=["9.3.2", "13.2"])
def test_what_grafana_sends_is_kept(world, client, body):
    answer = client.post(PATH, json=body)
    assert (answer.status_code, answer.json) == (200, {"stored": 2, "known": 0})
    first, second = world.alerting.listed()
    assert (first.alert.state, first.alert.detector, first.series) == (
        AlertState.FIRING,
        "gas-room",
        "room=R1",
    )
    assert first.alert.rule == "normalcy-alarm"
    assert first.alert.panel_url == "http://localhost:3000/d/normalcy-detector?viewPanel=4"
    assert first.alert.values["B"] in (1.0, 1.5)
    assert set(first.alert.values.values()) <= {1.0, 1.5}
    assert (first.alert.start, first.stop) == (1_779_998_400_000_000_000, None)
    assert (second.alert.state, second.series) == (AlertState.RESOLVED, "room=R2")
    assert second.alert.panel_url.endswith("/alerting/grafana/normalcy-alarm/view")
    assert second.stop == 1_779_996_000_123_456_000


def test_what_is_delivered_again_is_known(client):
    client.post(PATH, json=GRAFANA_9_3_2)
    assert client.put(PATH, json=GRAFANA_9_3_2).json == {"stored": 0, "known": 2}


def test_the_content_type_may_say_its_charset(client):
    body = json.dumps(GRAFANA_9_3_2)
    answer = client.post(PATH, data=body, content_type="application/json; charset=utf-8")
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "text",
        {},
        {"alerts": None},
        {"alerts": [1]},
        changed(status="on fire"),
        changed(startsAt="yesterday"),
        changed(startsAt=None),
        changed(endsAt="later"),
        changed(fingerprint=""),
        changed(fingerprint="a\nb"),
        changed(fingerprint=7),
        changed(labels=["room"]),
        changed(labels={"room": 1}),
    ],
)
def test_what_is_malformed_is_refused_whole(world, client, body):
    answer = client.post(PATH, data=json.dumps(body), content_type="application/json")
    assert answer.status_code == 422
    assert answer.json["message"].startswith("The request is not valid.")
    assert world.alerting.listed() == []


def test_what_is_no_json_is_refused(world, client):
    for data in (b"{", b""):
        answer = client.post(PATH, data=data, content_type="application/json")
        assert answer.status_code == 400
        assert answer.json["message"]
    assert client.post(PATH, data={"alerts": "x"}).status_code == 415
    assert world.alerting.listed() == []


def test_an_alert_without_what_is_optional_is_enough(world, client):
    alert = {
        "status": "firing",
        "labels": {"alertname": "DatasourceNoData"},
        "startsAt": "2026-05-28T20:00:00+02:00",
        "fingerprint": "x",
    }
    assert client.post(PATH, json={"alerts": [alert]}).json == {"stored": 1, "known": 0}
    (view,) = world.alerting.listed()
    assert view.alert.start == 1_779_991_200_000_000_000
    assert view.alert.panel_url == ""


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "//evil", "http://", "http://[", 7, None, "http://a\nb"]
)
def test_an_address_that_is_none_never_becomes_a_link(world, client, address):
    body = changed(panelURL=address, dashboardURL=address, generatorURL=address)
    assert client.post(PATH, json=body).status_code == 200
    assert world.alerting.listed()[0].alert.panel_url == ""
    assert "javascript:" not in client.get("/alerts").text


def test_a_large_delivery_is_stored_and_a_huge_one_is_refused(world, client):
    many = {"alerts": [{**GRAFANA_9_3_2["alerts"][0], "fingerprint": str(n)} for n in range(3000)]}
    answer = client.post(PATH, json=many)
    assert answer.json == {"stored": 3000, "known": 0}
    huge = changed(annotations={"summary": "x" * (4 * 1024 * 1024)})
    answer = client.post(PATH, json=huge)
    assert answer.status_code == 413
    assert "4 MiB" in answer.json["message"]


def test_alerts_that_grafana_left_out_are_told_in_the_log(client, caplog):
    with caplog.at_level(logging.WARNING):
        client.post(PATH, json={**GRAFANA_9_3_2, "truncatedAlerts": 12})
        client.post(PATH, json={**GRAFANA_9_3_2, "truncatedAlerts": "1\nforged"})
    assert "left 12 alerts out" in caplog.text
    assert "left some alerts out" in caplog.text
    assert "forged" not in caplog.text


def test_a_store_that_is_down_asks_grafana_to_come_again(world, client, monkeypatch):
    def down(*_, **__):
        raise StoreUnavailable("The records do not answer.")

    monkeypatch.setattr(world.records, "add_alerts", down)
    answer = client.post(PATH, json=GRAFANA_9_3_2)
    assert (answer.status_code, answer.json["message"]) == (503, "The records do not answer.")


def test_it_takes_the_same_token_as_the_rest():
    world = make_world(TOKEN)
    client = world.client()
    password = base64.b64encode(f"grafana:{TOKEN}".encode()).decode()
    assert client.post(PATH, json=GRAFANA_9_3_2).status_code == 401
    for authorization in (f"Bearer {TOKEN}", f"Basic {password}"):
        answer = client.post(PATH, json=GRAFANA_9_3_2, headers={"Authorization": authorization})
        assert answer.status_code == 200
    wrong = client.post(PATH, json=GRAFANA_9_3_2, headers={"Authorization": "Bearer wrong"})
    assert wrong.status_code == 401
    assert "token" in wrong.json["message"]


def test_looking_at_it_changes_nothing(client):
    assert client.get(PATH).status_code == 405


def test_the_time_of_receipt_is_kept(world, client):
    client.post(PATH, json=GRAFANA_9_3_2)
    assert {view.alert.received_at for view in world.alerting.listed()} == {NOW}
