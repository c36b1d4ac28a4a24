"""The pages of work as the server gives them: forms, filters, roles and languages."""

import re

import pytest
from flask.testing import FlaskClient

from backend.records import Role, State
from backend.services.access import TokenDraft
from backend.services.promotion import KEEP
from backend.services.requests import KINDS
from backend.web import create_app
from backend.web.pages.work import left_words
from tests.web.forms import mark_in, post
from tests.web.worlds import NOW, World

SECOND = 1_000_000_000


def send(client: FlaskClient, address: str, **fields: str):
    return post(client, address, "/work", **fields)


def ended(world: World, detector: str, state: State, message: str = "") -> int:
    run = world.records.start_run("retrain", detector, worker="jobs:1", at=NOW - SECOND)
    world.records.finish_run(run.id, state, at=NOW, message=message, details={})
    return run.id


def test_what_ended_is_filtered_by_detector_and_state(client: FlaskClient, world: World):
    ended(world, "gas-room", State.FAILED, "first <message>")
    ended(world, "pump", State.FAILED, "second message")
    ended(world, "gas-room", State.CANCELLED, "third message")
    everything = client.get("/work").text
    assert "first &lt;message&gt;" in everything
    assert "third message" in everything
    some = client.get("/work?detector=gas-room&state=failed").text
    assert "first &lt;message&gt;" in some
    assert "second message" not in some
    assert "third message" not in some
    for nonsense in ("detector=nobody", "state=odd"):
        assert "second message" in client.get(f"/work?{nonsense}").text


def test_a_run_tells_by_which_id_the_log_knows_it(client: FlaskClient, world: World):
    details = {"run_id": "5f0c2a9be114"}
    run = world.records.start_run("retrain", "gas-room", worker="jobs:1", at=NOW, details=details)
    page = client.get(f"/work/runs/{run.id}").text
    assert "Id in the log" in page
    assert "<code>5f0c2a9be114</code>" in page
    before = ended(world, "gas-room", State.FAILED)
    assert "Id in the log" not in client.get(f"/work/runs/{before}").text


def test_an_empty_page_says_what_to_do_next(client: FlaskClient):
    page = client.get("/work").text
    assert "by the form below" in page
    assert "Nothing has ended like that yet" in page
    assert "http-equiv" not in page


def test_a_training_is_asked_for_by_the_form(client: FlaskClient, world: World):
    answer = send(client, "/work", kind="retrain", detector="gas-room", cold="yes")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/work/requests/1")
    request = world.records.request(1)
    assert (request.kind, request.payload) == ("retrain", {"cold": True})
    assert "Waits for a worker" in client.get("/work/requests/1").text


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"kind": "dance", "detector": "pump"}, 422, "There is no work"),
        ({"kind": "retrain", "detector": "nobody"}, 404, "nobody"),
        ({"kind": "backfill", "detector": "pump", "from": "x", "to": "1"}, 422, "cannot be read"),
        ({"kind": "backfill", "detector": "pump", "from": "9", "to": "9"}, 422, "range is empty"),
        ({"kind": "backfill", "detector": "pump"}, 422, "cannot be read"),
    ],
)
def test_a_wrong_form_comes_back_filled_with_a_sentence(
    client: FlaskClient, world: World, fields: dict[str, str], status: int, words: str
):
    answer = send(client, "/work", **fields)
    assert answer.status_code == status
    assert words in answer.text
    if fields["kind"] == "backfill":
        assert re.search(r'value="backfill" checked', answer.text)
        assert re.search(r"<option selected>pump", answer.text)
    assert world.records.requests() == []


def test_a_cancel_is_asked_about_before_it_is_done(client: FlaskClient, world: World):
    run = world.records.start_run("retrain", "gas-room", worker="jobs:1", at=NOW).id
    question = send(client, f"/work/runs/{run}/cancel").text
    assert "Cancel Training of gas-room? It stops before it is done" in question
    assert world.records.run(run).cancelled_by is None
    answer = send(client, f"/work/runs/{run}/cancel", sure="yes")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/work/runs/{run}")
    assert world.records.run(run).cancelled_by == "page"
    page = client.get(f"/work/runs/{run}").text
    assert "Cancelled by page: it stops at its next step." in page
    assert 'action="/work/runs' not in page, "once is enough"


def test_one_that_has_just_ended_says_so(client: FlaskClient, world: World):
    run = ended(world, "gas-room", State.DONE)
    send(client, f"/work/runs/{run}/cancel", sure="yes")
    assert "cannot be cancelled: it is done" in client.get(f"/work/runs/{run}").text


def test_a_request_that_waits_is_cancelled(client: FlaskClient, world: World):
    asked = world.records.add_request(
        "backfill", "pump", {"start": 0, "stop": SECOND}, by="a", at=0
    )
    page = client.get(f"/work/requests/{asked.id}").text
    assert "1970-01-01 00:00:01 UTC" in page
    send(client, f"/work/requests/{asked.id}/cancel", sure="yes")
    assert world.records.request(asked.id).state is State.CANCELLED


@pytest.mark.parametrize("address", ["/work/runs/77", "/work/requests/77"])
def test_what_is_not_there_is_a_page_that_says_so(client: FlaskClient, address: str):
    answer = client.get(address)
    assert answer.status_code == 404
    assert "77" in answer.text


def test_who_may_only_look_gets_no_buttons_and_is_refused(client: FlaskClient, world: World):
    run = world.records.start_run("retrain", "gas-room", worker="jobs:1", at=NOW).id
    world.access.add_token(TokenDraft("first", Role.ADMIN), by="ann")
    _, secret = world.access.add_token(TokenDraft("eyes", Role.VIEWER), by="ann")
    headers = {"Authorization": f"Bearer {secret}"}
    pages = [client.get(place, headers=headers).text for place in ("/work", f"/work/runs/{run}")]
    assert "Training of gas-room" in pages[0]
    assert not any('action="/work' in page.replace('method="get" action', "") for page in pages)
    for address in ("/work", f"/work/runs/{run}/cancel"):
        data = {"csrf_token": mark_in(pages[0]), "sure": "yes", "kind": "retrain"}
        assert client.post(address, data=data, headers=headers).status_code == 403
    assert world.records.run(run).cancelled_by is None


def test_the_pages_are_korean_where_that_is_asked_for(client: FlaskClient, world: World):
    ended(world, "gas-room", State.INTERRUPTED)
    headers = {"Accept-Language": "ko"}
    page = client.get("/work", headers=headers).text
    assert "gas-room 학습" in page
    assert "중단됨" in page
    assert "작업 프로세스가 실행되면" in client.get("/work/runs/1", headers=headers).text


@pytest.mark.parametrize("kind", [*KINDS, KEEP, "score"])
def test_every_kind_of_work_has_a_name_in_the_readers_language(
    client: FlaskClient, world: World, kind: str
):
    run = world.records.start_run(kind, "gas-room", worker="jobs:1", at=NOW).id
    page = client.get(f"/work/runs/{run}", headers={"Accept-Language": "ko"}).text
    (title,) = re.findall("<h1>(.*?)</h1>", page)
    assert kind not in title
    assert re.search("[가-힣]", title)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "time left not known yet"),
        (0.2, "a few seconds left"),
        (89.6, "about 90 s left"),
        (90, "about 2 min left"),
        (3599, "about 60 min left"),
        (5400, "about 1.5 h left"),
    ],
)
def test_the_time_left_is_told_in_a_fitting_unit(world: World, seconds: float | None, words: str):
    with create_app(world).test_request_context(headers={"Accept-Language": "en"}):
        assert left_words(seconds) == words
