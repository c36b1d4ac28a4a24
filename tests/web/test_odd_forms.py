"""Forms as nobody's browser sends them: told in a sentence, never an error of ours."""

import json
from typing import Any

import pytest

from backend.records import Role, State
from backend.services.access import TokenDraft
from backend.services.dry_run import DRY_RUN
from tests.web.forms import mark_in, post
from tests.web.worlds import NOW, make_world, write_values

GOOD: dict[str, Any] = {
    "base": {"measurement": "air", "channels": ["temp"], "every": "1m"},
    "about": {"first": 1, "last": NOW, "series": []},
    "fields": [["temp", "channel", ""]],
    "tags": [["room", "left out", ""]],
}


def deep(levels: int) -> Any:
    body: Any = 1
    for _ in range(levels):
        body = {"a": body}
    return body


def data_of(page: str) -> Any:
    return json.loads(page.split('id="data">')[1].split("</script>", maxsplit=1)[0])


def form(kept: object = GOOD, **fields: str) -> dict[str, str]:
    text = kept if isinstance(kept, str) else json.dumps(kept)
    return {"kept": text, "name": "new-one", "measurement": "air", "every": "1m", **fields}


@pytest.fixture
def client():
    world = make_world()
    write_values(world, "R1")
    return world.client()


class TestSetUp:
    def test_a_good_one_is_checked(self, client):
        assert post(client, "/detectors/new", **form()).status_code == 200

    @pytest.mark.parametrize(
        "kept",
        [
            "",
            "[]",
            {**GOOD, "about": {"series": 5}},
            {**GOOD, "about": {"first": "x"}},
            {**GOOD, "about": {"last": 10**30}},
            {**GOOD, "about": {"reasons": 3}},
            {**GOOD, "fields": [["temp", "channel"]]},
            {**GOOD, "fields": [["temp", "else", ""]]},
            {**GOOD, "base": deep(255)},
            {**GOOD, "base": {"max_gap": 10**30}},
        ],
    )
    def test_what_the_form_carries_along_must_be_ours(self, client, kept):
        answer = post(client, "/detectors/new", **form(kept))
        assert answer.status_code == 422
        assert "This form is not complete" in answer.text

    @pytest.mark.parametrize("part", ["model", "threshold"])
    @pytest.mark.parametrize("value", ["x", [], 5, None])
    def test_a_section_that_is_none_gives_way_to_the_fields(self, client, part, value):
        kept = {**GOOD, "base": {**GOOD["base"], part: value}}
        assert post(client, "/detectors/new", **form(kept)).status_code == 200

    @pytest.mark.parametrize("window", ["²", "9" * 5000, "x"])
    def test_a_window_that_is_no_number_is_told(self, client, window):
        answer = post(client, "/detectors/new", **form(model="pca", window=window))
        assert answer.status_code == 422
        assert 'aria-invalid="true"' in answer.text

    @pytest.mark.parametrize("tried", ["²", "9" * 5000, "-1"])
    def test_a_dry_run_of_no_number_is_none(self, client, tried):
        assert post(client, "/detectors/new", **form(tried=tried)).status_code == 200

    def test_what_another_detector_was_asked_is_not_shown(self):
        world = make_world()
        world.detectors.save(world.detectors.get("pump").model_copy(update={"name": "own"}), by="x")
        world.access.add_token(TokenDraft("ada", Role.ADMIN), by="x")
        _, secret = world.access.add_token(TokenDraft("few", Role.ADMIN, ("own",)), by="ada")
        for kind, detector in ((DRY_RUN, "pump"), ("retrain", "own"), (DRY_RUN, "own")):
            asked = world.records.add_request(kind, detector, {}, by="x", at=NOW)
            world.records.claim_request(worker="w", at=NOW, deadline=NOW + 1)
            world.records.finish_request(
                asked.id, State.FAILED, at=NOW, message=f"why {asked.id}", result={}
            )
        client = world.client()
        shown = {"Authorization": f"Bearer {secret}"}
        page = client.get("/detectors/own/edit", headers=shown)
        assert page.status_code == 200
        own = mark_in(page.text)
        seen = []
        for number in (1, 2, 3):
            sent = {**form(tried=str(number), measurement="pump"), "csrf_token": own}
            sent["kept"] = json.dumps({**GOOD, "fields": [["flow", "channel", ""]], "tags": []})
            answer = client.post("/detectors/own/edit", data=sent, headers=shown)
            seen.append(f"why {number}" in answer.text)
        assert seen == [False, False, True]

    def test_the_series_shown_are_those_of_the_tags_chosen(self, client):
        tags = [["room", "left out", ""], ["site", "left out", ""]]
        kept = {**GOOD, "tags": tags, "about": {"last": NOW, "series": ["", "x"]}}
        shown = []
        for more in ({}, {"group_by": "room"}):
            page = post(client, "/detectors/new", **form(kept, **more))
            shown.append(data_of(page.text)["series"])
        assert shown == [[""], ["room=R1"]]


class TestOthers:
    @pytest.mark.parametrize("number", ["9" * 30, "9" * 5000, "²", ""])
    def test_a_label_of_no_number_is_not_there(self, client, number):
        answer = post(client, "/detectors/gas-room/labels/remove", id=number)
        assert answer.status_code == 200  # are you sure?
        answer = post(client, "/detectors/gas-room/labels/remove", id=number, sure="yes")
        assert answer.status_code == 303

    @pytest.mark.parametrize("came", ["http://[", "http://localhost//evil.example/", "x"])
    def test_where_a_form_came_from_leads_nowhere_else(self, client, came):
        page = client.post(
            "/detectors/pump/remove",
            data={"csrf_token": mark_in(client.get("/me").text)},
            headers={"Referer": came},
        )
        assert page.status_code == 200
        assert 'href="/"' in page.text.split("<main")[1]
        assert "evil" not in page.text
        world = make_world("a-token")
        answer = world.client().post("/work", headers={"Referer": came})
        assert (answer.status_code, answer.location) == (303, "/sign-in?next=%2F")

    def test_nor_is_a_detector_kept_with_one(self, client):
        spec = {**GOOD["base"], "alarm": {"for": 10_001}}
        answer = client.put("/api/v1/detectors/own", json=spec)
        assert answer.status_code == 422
        assert "alarm.for" in answer.json["message"]

    @pytest.mark.parametrize("points", [10_001, 10**12, 10**30])
    @pytest.mark.parametrize("what", ["what-if/curve?", "what-if?kind=fixed&value=1&"])
    def test_an_alarm_of_endless_length_is_refused(self, client, what, points):
        answer = client.get(f"/api/v1/detectors/gas-room/{what}for={points}")
        assert answer.status_code == 422
        assert "for" in answer.json["message"]
