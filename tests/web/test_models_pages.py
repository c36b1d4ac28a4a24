"""The pages of versions, read without a browser."""

import pytest
from flask.testing import FlaskClient

from backend.records import Promotion, State, Verdict
from backend.services.comparison_request import COMPARE
from backend.web.pages.difference_strip import strip
from backend.web.pages.model_words import lasted, percent
from tests.services.plant import Plant
from tests.web.forms import mark_in
from tests.web.reviewed import requests_of, trained, world_of
from tests.web.worlds import World, add_version, make_world

HOUR = 3600 * 10**9
DAY = 24 * HOUR
VERSION = "/detectors/rooms/models/2"


@pytest.fixture
def plant() -> Plant:
    return trained()


@pytest.fixture
def world(plant: Plant) -> World:
    return world_of(plant)


@pytest.fixture
def client(world: World) -> FlaskClient:
    return world.client()


def token(client: FlaskClient) -> str:
    return mark_in(client.get(VERSION).text)


def test_before_a_comparison_the_page_says_so_and_still_tells_the_training(
    client: FlaskClient, plant: Plant
) -> None:
    (asked,) = plant.records.requests(kind=COMPARE)
    plant.records.finish_request(
        asked.id, State.FAILED, at=1, result={}, message="the store is away"
    )
    told = client.get(VERSION).text
    assert "It is not known yet what this version would change." in told
    assert "the store is away" in told
    assert "How it was trained" in told
    assert "It learned from 2 labels; since then 1 came and 0 went." in told


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "as many alerts as version 1"), ("ko", "버전 1과(와) 같았을 것입니다")],
)
def test_the_verdict_is_told_in_the_readers_language(
    client: FlaskClient, plant: Plant, language: str, said: str
) -> None:
    requests_of(plant).serve_one("w", [COMPARE])
    assert said in client.get(VERSION, headers={"Accept-Language": language}).text


def test_a_decision_is_asked_back_before_it_is_made(client: FlaskClient, plant: Plant) -> None:
    form = {"csrf_token": token(client)}
    asked = client.post(f"{VERSION}/promote", data=form)
    assert "Let version 2 serve from the next point on?" in asked.text
    assert plant.records.promotions("rooms")[-1].number == 1
    made = client.post(f"{VERSION}/promote", data={**form, "sure": "yes"})
    assert (made.status_code, made.headers["Location"]) == (303, VERSION)
    assert plant.records.promotions("rooms")[-1].number == 2


def test_what_cannot_be_done_is_told(client: FlaskClient) -> None:
    form = {"csrf_token": token(client), "sure": "yes"}
    client.post("/detectors/rooms/rollback", data=form)
    told = client.get("/detectors/rooms/models").text
    assert "There is no earlier version of" in told


def test_a_comparison_over_too_many_weeks_is_told(client: FlaskClient, plant: Plant) -> None:
    form = {"csrf_token": token(client), "weeks": "99"}
    answer = client.post(f"{VERSION}/compare", data=form)
    assert answer.status_code == 303
    assert "1 to 52 weeks" in client.get(answer.headers["Location"]).text
    assert len(plant.records.requests(kind=COMPARE)) == 1


def test_versions_and_their_decisions_are_listed(client: FlaskClient, plant: Plant) -> None:
    plant.records.promote(Promotion("rooms", 2, plant.clock.now(), plant.clock.now(), "<b>ada"))
    told = client.get("/detectors/rooms/models").text
    assert "&lt;b&gt;ada" in told
    assert "Roll back to version 1" in told
    assert "waits for a decision" not in told
    assert plant.records.version("rooms", 1).verdict is Verdict.RETIRED


def test_without_versions_it_says_what_to_do() -> None:
    told = make_world().client().get("/detectors/gas-room/models").text
    assert "normalcy retrain gas-room" in told
    assert make_world().client().get("/detectors/gas-room/models/7").status_code == 404
    assert make_world().client().get("/detectors/no/models").status_code == 404


def test_a_version_whose_files_tell_nothing_is_shown_all_the_same() -> None:
    world = make_world()
    add_version(world)
    told = world.client().get("/detectors/gas-room/models/1").text
    assert "Version 1 of gas-room" in told
    assert "How it was trained" in told


def test_marks_lie_where_alerts_were() -> None:
    alert = {"start": 12 * HOUR, "stop": 18 * HOUR, "series": "room=a"}
    thin = {"start": 10 * DAY - HOUR, "stop": 10 * DAY + HOUR, "series": ""}
    result = {"start": 0, "stop": 10 * DAY, "gone": [alert], "new": [thin], "kept": []}

    found = strip({**result, "anomalies": [{**alert, "note": "pump"}]})

    ((gone,), (new,)) = found.lanes["gone"], found.lanes["new"]
    assert (gone.x, gone.width, gone.title) == (50.0, 25.0, "room=a")
    assert new.x + new.width == 1000
    assert new.width >= 3
    assert found.lanes["anomaly"][0].title == "pump"
    assert [time for _, time in found.ticks][:2] == [0, 2 * DAY]


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0"), (59, "59s"), (3661, "1h1m"), (90_061, "1d1h"), (86_399, "1d")]
)
def test_durations_are_told_in_two_units(seconds: float, said: str) -> None:
    assert lasted(seconds) == said


@pytest.mark.parametrize(("share", "said"), [(0, "0%"), (0.0012, "0.12%"), (0.5, "50%")])
def test_a_small_share_is_not_told_as_none(share: float, said: str) -> None:
    assert percent(share) == said
