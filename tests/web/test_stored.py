"""What the stores hold, over HTTP."""

import numpy as np
import pytest

from backend.ports import Points
from backend.web.pages.catalogue import MOST_SERIES
from tests import hostile
from tests.web.test_pages import outline
from tests.web.worlds import MINUTE, NOW, START

API = "/api/v1/catalogue"


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
    assert not rows[0]["more"]
    (row,) = client.get(f"{API}/series?measurement=air&limit=1").json
    assert row["more"]


@pytest.mark.parametrize("name", hostile.NAMES)
@pytest.mark.parametrize(
    ("path", "asked"),
    [
        (f"{API}/fields", lambda name: {"measurement": name}),
        (f"{API}/tags", lambda name: {"measurement": name}),
        (f"{API}/series", lambda name: {"measurement": name}),
        (f"{API}/series", lambda name: {"measurement": "air", "by": name}),
        ("/catalogue", lambda name: {"measurement": name}),
    ],
    ids=["fields", "tags", "series", "by", "page"],
)
def test_a_name_that_is_not_there_is_not_found(client, path, asked, name):
    assert client.get(path, query_string=asked(name)).status_code == 404


def test_the_page_shows_a_measurement(client):
    text = client.get("/catalogue").text
    outline(text)
    assert 'href="/catalogue?measurement=air"' in text
    assert "Choose a measurement" in text
    text = client.get("/catalogue?measurement=air").text
    outline(text)
    assert "room=R1,site=plant-1" in text
    assert "none in 600 rows" in text
    assert "1m" in text
    assert "Not all of its series" not in text


def test_the_page_says_that_there_are_more_series(client, world):
    once = {"temp": np.ones(1)}
    rooms = [{"room": f"N{number}"} for number in range(MOST_SERIES)]
    world.source.write("air", [Points(room, np.array([START]), once) for room in rooms])

    text = client.get("/catalogue?measurement=air").text

    outline(text)
    assert "Not all of its series are shown" in text


def test_the_page_of_an_empty_store_says_what_to_do(world):
    world.source._data.clear()
    assert "normalcy import" in world.client().get("/catalogue").text
