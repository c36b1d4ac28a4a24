"""Hostile names at every place of the API, the pages and the datasource."""

import copy
import html
import re

import pytest
from flask.testing import FlaskClient

from tests import hostile
from tests.web.test_pages import outline
from tests.web.worlds import World


def test_every_part_of_the_web_has_places_that_take_a_name(client: FlaskClient) -> None:
    found = [name for name, _ in hostile.places(client)]

    assert len(found) == len(set(found)) > 60
    for part in ("detectors", "catalogue", "labels", "runs", "requests"):
        assert any(name.startswith(f"/api/v1/{part}") for name in found), part


@pytest.mark.parametrize("name", hostile.NAMES)
def test_a_hostile_name_finds_nothing_and_changes_nothing(
    client: FlaskClient, world: World, name: str
) -> None:
    before = copy.deepcopy((world.source._data, world.results._data))

    for place, ask in hostile.places(client):
        answer = ask(client, name)
        assert answer.status_code in hostile.STATUS, (place, answer.status_code)
        assert "Traceback" not in answer.text, place

    assert (world.source._data, world.results._data) == before
    assert not world.records.labels()
    assert not world.records.detectors()
    assert not world.records.requests()


@pytest.mark.parametrize("name", hostile.NAMES)
def test_a_hostile_value_of_a_tag_is_kept_as_it_came_or_refused(
    client: FlaskClient, world: World, name: str
) -> None:
    label = {"detector": "gas-room", "kind": "normal", "from": 1, "to": 2, "tags": {"room": name}}

    answer = client.post("/api/v1/labels", json=label)

    assert answer.status_code == (201 if name.isprintable() else 422)
    if answer.status_code == 201:
        assert [dict(one.tags) for one in world.records.labels()] == [{"room": name}]
        assert client.get("/api/v1/labels").json == answer.json
        assert client.get("/").status_code == 200


@pytest.mark.parametrize("name", hostile.NAMES)
@pytest.mark.parametrize("part", ["measurement", "channels", "group_by", "where"])
def test_a_definition_of_hostile_names_reads_nothing_or_is_refused(
    client: FlaskClient, name: str, part: str
) -> None:
    answer = client.put("/api/v1/detectors/odd", json=hostile.definition(part, name))

    assert answer.status_code == (200 if name and name.isprintable() else 422)
    found = client.get("/api/v1/detectors/odd")
    assert found.status_code == (200 if answer.status_code == 200 else 404)
    for view in ("series", "scores", "channels", "expected", "contributions", "events"):
        status = client.get(f"/api/v1/detectors/odd/{view}").status_code
        assert status == found.status_code, view
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("name", hostile.HOLDABLE)
def test_a_page_shows_a_hostile_name_that_is_there_as_text(
    client: FlaskClient, world: World, name: str
) -> None:
    evil = f"{name}<script>"
    world.source.write(evil, hostile.rows(evil))

    links = [
        attributes["href"] or ""
        for tag, attributes in outline(client.get("/catalogue").text).seen
        if tag == "a" and "measurement=" in (attributes["href"] or "")
    ]
    titles = []
    for link in links:
        page = client.get(link)
        assert "<script>" not in page.text
        titles += re.findall(r"<title>(.*) · normalcy</title>", page.text)
    assert sorted(map(html.unescape, titles)) == sorted(["air", evil])
    rows = client.get("/api/v1/catalogue/series", query_string={"measurement": evil}).json
    assert [row["measurement"] for row in rows] == [evil]
