"""The label page, and the page behind a signed link."""

import pytest

from backend.exceptions import StoreUnavailable
from backend.records import Label, LabelKind
from backend.services.links import Statement
from backend.web.label_pages import LARGEST_STATEMENT
from tests.hostile import NAMES
from tests.web.forms import mark_in
from tests.web.grafana_bodies import GRAFANA_9_3_2
from tests.web.test_pages import outline
from tests.web.worlds import MINUTE, NOW, START, add_label, make_world

TOKEN = "a-long-token-of-nobody"
RANGE = f"from={START // 10**6}&to={(START + 60 * MINUTE) // 10**6}"


def fields(text):
    return {
        a["name"]: a.get("value")
        for tag, a in outline(text).seen
        if tag == "input" and a.get("type") not in ("radio", "hidden")
    }


def scripts(parsed):
    return [attributes for tag, attributes in parsed.seen if tag == "script"]


def token(client):
    """The secret of a page's forms, bound to the cookies of the client."""
    return mark_in(client.get("/label").text)


class TestLabelPage:
    def test_a_link_fills_it(self, client):
        text = client.get(f"/label?detector=gas-room&series=room%3DR1&{RANGE}&kind=exclude").text
        assert fields(text) == {
            "tag.room": "R1",
            "from": "2026-05-28T10:26:00",
            "to": "2026-05-28T11:26:00",
        }
        seen = outline(text).seen
        chosen = [a["value"] for tag, a in seen if tag == "option" and "selected" in a]
        assert chosen == ["en", "system", "gas-room"], "language and theme of the menu, then ours"
        assert [a["value"] for tag, a in seen if "checked" in a] == ["exclude"]

    def test_looking_changes_nothing(self, client, world):
        client.get(f"/label?detector=gas-room&room=R1&{RANGE}")
        assert world.records.labels() == []

    def test_the_form_is_saved_without_a_script_and_leads_back(self, client, world):
        span = {"from": "2026-05-28T10:26:00", "to": "2026-05-28T11:26:00"}
        said = {"detector": "gas-room", "tag.room": "R1", "kind": "normal", "note": "quiet", **span}
        answer = client.post("/label", data={**said, "csrf_token": token(client)})
        assert answer.status_code == 303
        (label,) = world.records.labels()
        assert (label.kind, label.tags, label.note) == (LabelKind.NORMAL, {"room": "R1"}, "quiet")
        assert label.source == "page"
        assert f"Saved as label {label.id}" in client.get(answer.headers["Location"]).text

    def test_without_the_secret_of_the_page_nothing_is_saved(self, client, world):
        said = {"detector": "gas-room", "kind": "normal", "from": "2026-05-28T10:26:00"}
        assert client.post("/label", data={**said, "to": "2026-05-28T11:26"}).status_code == 400
        assert world.records.labels() == []

    def test_a_form_that_lacks_something_comes_back_as_it_was(self, client, world):
        said = {"detector": "gas-room", "kind": "normal", "note": "typed", "to": "2026-05-28T11:26"}
        answer = client.post("/label", data={**said, "csrf_token": token(client)})
        assert answer.status_code == 422
        assert "Nothing was saved" in answer.text
        assert "typed" in answer.text
        assert world.records.labels() == []

    def test_a_label_is_taken_back_once_that_was_confirmed(self, client, world):
        label = add_label(world)
        place, secret = f"/label/{label.id}/take-back", token(client)
        asked = client.post(place, data={"csrf_token": secret, "next": "/label"})
        assert "Yes, do it" in asked.text
        assert world.records.labels() == [label]
        sure = {"csrf_token": secret, "next": "/label", "sure": "yes"}
        assert client.post(place, data=sure).headers["Location"] == "/label"
        assert world.records.labels() == []

    def test_known_values_are_offered(self, client):
        seen = outline(client.get("/label?detector=gas-room").text).seen
        assert {"R1", "R2"} <= {a["value"] for tag, a in seen if tag == "option"}

    def test_labels_that_overlap_are_listed(self, client, world):
        add_label(world, note="quiet")
        add_label(world, tags={"room": "R2"}, note="of the other room")
        text = client.get(f"/label?detector=gas-room&room=R1&{RANGE}").text
        assert "quiet" in text
        assert "of the other room" not in text
        whole = client.get(f"/label?detector=gas-room&{RANGE}").text
        assert "of the other room" in whole
        later = f"from={(START + 60 * MINUTE) // 10**6}&to={NOW // 10**6}"
        assert "None yet." in client.get(f"/label?detector=gas-room&{later}").text

    def test_it_says_what_comes_next(self, client):
        text = client.get("/label?detector=gas-room").text
        assert "gas-room is trained anew once nothing has been said for 2m" in text

    def test_without_a_detector_it_says_so(self):
        world = make_world()
        world.detectors._configured.clear()
        assert "No detector is defined yet" in world.client().get("/label").text

    def test_a_store_that_is_down_only_takes_the_suggestions(self, world, monkeypatch):
        def down(_):
            raise StoreUnavailable("InfluxDB does not answer.")

        monkeypatch.setattr(world.queries, "series_keys", down)
        assert world.client().get("/label?detector=gas-room").status_code == 200

    @pytest.mark.parametrize("name", NAMES)
    def test_hostile_words_are_words(self, client, name):
        asked = {"detector": "gas-room", "room": name, "note": name, "from": name, "kind": name}
        answer = client.get("/label", query_string=asked)
        assert answer.status_code == 200
        parsed = outline(answer.text)
        usual = outline(client.get("/label?detector=gas-room").text)
        assert scripts(parsed) == scripts(usual)
        assert client.get("/label", query_string={"detector": name}).status_code == 200

    def test_nothing_of_it_is_inline(self, client):
        parsed = outline(client.get(f"/label?detector=gas-room&{RANGE}").text)
        for tag, attributes in parsed.seen:
            assert "style" not in attributes
            assert not any(name.startswith("on") for name in attributes)
            if tag == "script":
                is_data = attributes.get("type") == "application/json"
                assert is_data or attributes["src"].startswith("/static/")
        with client.get("/static/label.js") as script:
            assert script.status_code == 200

    def test_every_field_has_a_name_for_readers(self, client):
        seen = outline(client.get(f"/label?detector=gas-room&{RANGE}").text).seen
        labelled = {a["for"] for tag, a in seen if tag == "label" and "for" in a}
        named = {a["id"] for tag, a in seen if tag in ("input", "select", "textarea") and "id" in a}
        assert named
        assert named <= labelled


class TestSaid:
    @pytest.fixture
    def world(self):
        """Closed by a token, with one alert that fires and one that is over."""
        made = make_world(TOKEN)
        key = {"X-Api-Key": TOKEN}
        made.client().post("/hooks/grafana/alerts", json=GRAFANA_9_3_2, headers=key)
        return made

    def link(self, world, kind=LabelKind.NORMAL, row=0):
        number = world.alerting.listed()[row].alert.id
        address = world.links.to_say(Statement(number, kind), world.clock.now())
        return address.removeprefix("http://localhost:8087")

    @pytest.mark.parametrize("kind", list(LabelKind))
    def test_it_asks_without_a_token_and_says_nothing(self, world, kind):
        client = world.client()
        for _ in range(3):
            page = client.get(self.link(world, kind))
            assert page.status_code == 200
            assert client.head(self.link(world, kind)).status_code == 200
        assert "room=R1" in page.text
        assert "2026-05-28 19:57:00 UTC" in page.text
        assert set(fields(page.text)) == {"to", "name"}
        assert world.records.labels() == []

    def test_confirming_adds_the_label(self, world):
        form = {"name": "Ann", "note": "door open", "to": "2026-05-28T20:10:00"}
        page = world.client().post(self.link(world), data=form)
        assert page.status_code == 200
        assert "Thank you" in page.text
        assert "trained anew" in page.text
        (label,) = world.records.labels()
        assert (label.kind, label.created_by, label.note) == (LabelKind.NORMAL, "Ann", "door open")
        assert (label.detector, label.tags) == ("gas-room", {"room": "R1"})
        assert label.stop == 1_779_999_000_000_000_000

    def test_a_second_time_tells_who_said_what_and_adds_nothing(self, world):
        client, link = world.client(), self.link(world)
        client.post(link, data={"name": "Ann"})
        for answer in (
            client.get(link),
            client.post(link, data={"name": "Bob"}),
            client.post(self.link(world, LabelKind.ANOMALY), data={"name": "Bob"}),
        ):
            assert answer.status_code == 200
            assert "said already" in answer.text
            assert "said by Ann at 2026-05-28 20:26:00 UTC" in answer.text
            assert "<form" not in answer.text
        assert [label.created_by for label in world.records.labels()] == ["Ann"]

    def test_one_that_is_over_has_no_end_to_choose(self, world):
        link = self.link(world, row=1)
        assert set(fields(world.client().get(link).text)) == {"name"}
        world.client().post(link, data={"to": "2026-05-28T18:00:00"})
        (label,) = world.records.labels()
        assert label.stop == 1_779_996_000_123_456_000

    @pytest.mark.parametrize(
        "end", ["2026-05-28T23:00:00", "2026-05-28T10:00:00", "soon", "9" * 99]
    )
    def test_an_impossible_end_is_told_and_what_was_typed_stays(self, world, end):
        form = {"to": end, "name": "Ann", "note": "my words"}
        page = world.client().post(self.link(world), data=form)
        assert page.status_code == 422
        assert 'role="alert"' in page.text
        assert "my words" in page.text
        assert world.records.labels() == []

    def test_a_false_link_and_an_old_one_are_refused(self, world):
        client, link = world.client(), self.link(world)
        for call in (client.get, client.post):
            answer = call(link[:-4])
            assert answer.status_code == 403
            assert "damaged" in answer.text
        world.clock.time = NOW + 8 * 24 * 60 * MINUTE
        for call in (client.get, client.post):
            answer = call(link)
            assert answer.status_code == 410
            assert "expired" in answer.text
        assert world.records.labels() == []

    def test_it_is_the_right_to_this_one_thing(self, world):
        client, token = world.client(), self.link(world).rpartition("/")[2]
        for path in (
            "/",
            "/label",
            "/alerts",
            "/said",
            "/said/",
            f"/said/{token}/x",
            "/said/a/b/c",
        ):
            answer = client.get(path)
            asked_to_sign_in = (answer.headers.get("Location") or "").startswith("/sign-in")
            assert answer.status_code == 401 or asked_to_sign_in, path
        assert client.put(f"/said/{token}").status_code in (303, 401)
        headers = {"Authorization": f"Bearer {token}"}
        assert client.get("/api/v1/labels", headers=headers).status_code == 401

    def test_its_looks_are_open_and_nothing_else_is(self, world):
        client = world.client()
        seen = outline(client.get(self.link(world)).text).seen
        needed = {a["href"] for tag, a in seen if tag == "link"}
        needed |= {a["src"] for tag, a in seen if "src" in a}
        assert len(needed) == 3
        for path in needed:
            with client.get(path) as answer:
                assert answer.status_code == 200, path
        assert client.get("/said/assets/label.js").status_code == 404
        assert client.get("/said/assets/..%2fpages.py").status_code in (303, 401, 404)

    def test_it_answers_under_any_name_also_without_a_token(self):
        world = make_world()
        world.client().post("/hooks/grafana/alerts", json=GRAFANA_9_3_2)
        headers = {"Host": "normalcy.plant.example"}
        assert world.client().get(self.link(world), headers=headers).status_code == 200
        assert world.client().get("/label", headers=headers).status_code == 403

    def test_a_long_story_is_refused(self, world):
        page = world.client().post(self.link(world), data={"note": "x" * LARGEST_STATEMENT})
        assert page.status_code == 413
        assert "fewer words" in page.text
        assert world.records.labels() == []

    def test_what_people_write_is_words(self, world):
        evil = "<script>alert(1)</script>\0\x1b"
        page = world.client().post(self.link(world), data={"name": evil, "note": evil})
        assert "<script" not in page.text
        (label,) = world.records.labels()
        assert label.created_by.isprintable()
        assert "\0" not in label.note

    def test_the_opposite_of_the_very_same_range_is_refused(self, world):
        view = world.alerting.listed()[1]
        start, stop = view.label_range
        tags = {"room": "R2"}
        other = Label(0, "gas-room", LabelKind.NORMAL, start, stop, tags, created_by="eve")
        world.records.add_labels([other])
        page = world.client().post(self.link(world, LabelKind.ANOMALY, row=1), data={})
        assert page.status_code == 422
        assert "labelled normal already" in page.text
        assert len(world.records.labels()) == 1

    def test_an_alert_that_is_gone_is_told(self, world):
        link = self.link(world)
        world.records.forget_alerts(before=NOW + 1)
        page = world.client().get(link)
        assert page.status_code == 404
        assert "not on record" in page.text
