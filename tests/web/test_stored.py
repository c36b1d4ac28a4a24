"""What the stores hold, over HTTP."""

import pytest

from tests.web.test_pages import outline
from tests.web.worlds import MINUTE, NOW, START

API = "/api/v1/catalogue"
HOSTILE = ['"', "'", "\\", "a\nb", "; DROP MEASUREMENT air", "日本", "$timeFilter", "", "\x00", "*"]


def test_measurements_of_both_stores(client):
    assert client.get(f"{API}/measurements").json == [{"measurement": "air"}]
    names = [row["measurement"] for row in client.get(f"{API}/measurements?store=results").json]
    assert "normalcy_scores" in names
    assert client.get(f"{API}/measurements?store=else").status_code == 422


def test_fields_tags_and_series(client):
    fields = client.get(f"{API}/fields?measurement=air").json
    assert {row["field"]: row["kind"] for row in fields} == dict.fromkeys(
        ("temp", "NH3", "load"), "float"
    )
    tags = client.get(f"{API}/tags?measurement=air").json
    assert {(row["tag"], row["value"], row["more"]) for row in tags} == {
        ("room", "R1", False),
        ("room", "R2", False),
        ("site", "plant-1", False),
    }
    rows = client.get(f"{API}/series?measurement=air&by=room").json
    assert [row["series"] for row in rows] == ["room=R1", "room=R2"]
    assert rows[0]["first"] == START // 10**6
    assert rows[0]["last"] == (NOW - MINUTE) // 10**6
    assert (rows[0]["cadence_s"], rows[0]["gaps"], rows[0]["newest_gap_to"]) == (60.0, 0, None)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize(
    "ask",
    [
        lambda client, name: client.get(f"{API}/fields", query_string={"measurement": name}),
        lambda client, name: client.get(f"{API}/tags", query_string={"measurement": name}),
        lambda client, name: client.get(f"{API}/series", query_string={"measurement": name}),
        lambda client, name: client.get(
            f"{API}/series", query_string={"measurement": "air", "by": name}
        ),
        lambda client, name: client.get("/catalogue", query_string={"measurement": name}),
        lambda client, name: client.get(
            "/api/v1/detectors/gas-room/scores", query_string={"series": name}
        ),
        lambda client, name: client.get(
            "/api/v1/detectors/gas-room/channels", query_string={"channel": name}
        ),
    ],
    ids=["fields", "tags", "series", "by", "page", "series of scores", "channel"],
)
def test_hostile_names_are_only_not_found(client, world, ask, name):
    assert ask(client, name).status_code == 404
    assert world.source.measurements() == ["air"]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize(
    "target",
    [
        lambda name: {"target": name},
        lambda name: {"target": "scores", "payload": {"detector": name}},
        lambda name: {"target": "scores", "payload": {"detector": "gas-room", "series": name}},
    ],
    ids=["metric", "detector", "series"],
)
def test_hostile_payloads_of_the_datasource_find_nothing(client, world, target, name):
    body = {
        "range": {"from": "2026-05-28T00:00:00Z", "to": "2026-05-29T00:00:00Z"},
        "targets": [{"refId": "A", **target(name)}],
    }

    answer = client.post("/grafana/query", json=body)

    assert answer.status_code in (200, 400, 404, 422)
    assert answer.is_json
    assert world.source.measurements() == ["air"]


def test_the_page_shows_a_measurement(client):
    text = client.get("/catalogue").text
    outline(text)
    assert 'href="/catalogue?measurement=air"' in text
    text = client.get("/catalogue?measurement=air").text
    outline(text)
    assert "room=R1,site=plant-1" in text
    assert "none in 600 rows" in text
    assert "1m" in text


def test_the_page_of_an_empty_store_says_what_to_do(world):
    world.source._data.clear()
    assert "normalcy import" in world.client().get("/catalogue").text
