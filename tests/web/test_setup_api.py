"""Setting up and the verdict over HTTP; the pages without a script."""

import re

import numpy as np
import pytest
from markupsafe import escape

from backend.ports import Points
from backend.records import LabelDraft, LabelKind, State
from tests import hostile
from tests.web.worlds import MINUTE, NOW, START, make_world

API = "/api/v1"


class TestPropose:
    def test_a_proposal(self, client):
        found = client.post(f"{API}/detectors/propose", json={"measurement": "air"}).json
        assert found["spec"]["channels"] == ["NH3", "temp"]
        assert found["spec"]["group_by"] == ["room"]
        assert {one["name"]: one["use"] for one in found["fields"]}["load"] == "left out"
        assert (found["name"], found["series"]) == ("air", 2)
        assert found["last"] == (NOW - MINUTE) // 10**6

    @pytest.mark.parametrize("name", hostile.NAMES)
    def test_of_what_is_not_there(self, client, name):
        answer = client.post(f"{API}/detectors/propose", json={"measurement": name})
        assert answer.status_code == 404


class TestCheck:
    def test_right_and_wrong(self, client, world):
        good = {"measurement": "air", "channels": ["temp"], "every": "10m"}
        found = client.post(f"{API}/detectors/check", json={"name": "a", "spec": good}).json
        assert (found["ok"], found["problems"]) == (True, [])
        assert found["spec"]["alarm"]["for"] == 3
        bad = {**good, "every": "x", "context": "load"}
        found = client.post(f"{API}/detectors/check", json={"name": "a b", "spec": bad}).json
        assert not found["ok"]
        assert {one["where"] for one in found["problems"]} == {"name", "every", "context"}
        assert world.records.detectors() == []


class TestPreview:
    def test_data_and_gaps(self, client):
        spec = {
            "measurement": "air",
            "channels": ["temp"],
            "group_by": ["room"],
            "every": "1m",
        }
        asked = {"spec": spec, "from": START // 10**6, "to": NOW // 10**6, "series": ["room=R1"]}
        found = client.post(f"{API}/detectors/preview", json={**asked, "maxDataPoints": 100}).json
        (table,) = found["tables"]
        assert table["series"] == "room=R1"
        assert len(table["time"]) == len(table["columns"]["temp"]) <= 110
        assert found["gaps"] == []

    def test_a_wrong_definition_is_refused(self, client):
        asked = {"spec": {"measurement": "air"}, "from": 0, "to": 1}
        assert client.post(f"{API}/detectors/preview", json=asked).status_code == 422


def test_export_of_one(client):
    answer = client.get(f"{API}/detectors/pump/export")
    assert answer.text.startswith("detectors:\n  pump:\n    measurement: pump\n")
    assert 'filename="pump.yaml"' in answer.headers["Content-Disposition"]
    assert client.get(f"{API}/detectors/none/export").status_code == 404


def test_a_dry_run_is_asked_for(client, world):
    spec = {"measurement": "air", "channels": ["temp"], "every": "1m"}
    span = {"from": START // 10**6, "to": NOW // 10**6}
    body = {"kind": "dry_run", "detector": "office", "spec": spec, "ranges": [span]}
    answer = client.post(f"{API}/requests", json=body)
    assert answer.status_code == 202
    (asked,) = world.records.requests()
    assert (asked.kind, asked.detector) == ("dry_run", "office")
    assert asked.payload["ranges"] == [[START, NOW]]
    assert asked.payload["spec"]["smoothing"]["span"] == 6
    bad = {**body, "spec": {**spec, "every": "x"}}
    assert client.post(f"{API}/requests", json=bad).status_code == 422


class TestVerdict:
    @pytest.fixture(autouse=True)
    def _labelled(self, world):
        draft = LabelDraft("gas-room", LabelKind.NORMAL, START, START + 300 * MINUTE)
        world.labelling.add(draft, source="api", by="ann")

    def test_of_all_series(self, client):
        rows = client.get(f"{API}/detectors/gas-room/sufficiency").json
        assert [(row["series"], row["hours"]) for row in rows] == [
            ("room=R1", 5.0),
            ("room=R2", 5.0),
        ]
        assert rows[0]["sentence"].startswith(rows[0]["verdict"].capitalize())

    def test_of_one(self, client):
        place = f"{API}/detectors/gas-room/sufficiency/series"
        found = client.get(place, query_string={"series": "room=R1"}).json
        assert (found["series"], found["hours"]) == ("room=R1", 5.0)
        assert [len(day) for day in found["normal_week"]] == [24] * 7
        assert sum(map(sum, found["live_week"])) == pytest.approx(10)
        assert {row["channel"] for row in found["levels"]} == {"temp", "NH3", "load"}
        assert client.get(place, query_string={"series": "hall=1"}).status_code == 404
        assert client.get(place, query_string={"series": "room=R9"}).status_code == 404
        assert client.get(place, query_string={"days": 0}).status_code == 422

    def test_the_page(self, client):
        text = client.get("/detectors/gas-room/sufficiency?series=room%3DR2").text
        assert "5.0 h of normal" in text
        assert 'class="week"' in text
        assert "room=R1" in text
        assert client.get("/detectors/none/sufficiency").status_code == 404

    @pytest.mark.parametrize("name", hostile.NAMES)
    def test_series_that_are_none_are_told_on_the_page(self, client, name):
        answer = client.get("/detectors/gas-room/sufficiency", query_string={"series": name})
        assert answer.status_code in (200, 404)
        assert f"<script>{name}" not in answer.text


def form_of(client, place):
    """The fields of the set-up form with their values."""
    text = client.get(place).text
    fields = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', text))
    fields |= {
        name: value
        for name, options in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', text)
        for value in [
            (re.search(r'<option(?: value="([^"]*)")? selected>([^<]*)', options) or [0, "", ""])
        ]
        for value in [value[1] or value[2]]
    }
    return {name: value.replace("&#34;", '"') for name, value in fields.items()}


class TestPages:
    def test_a_new_detector_with_its_label(self, client, world):
        form = form_of(client, "/detectors/new?measurement=air")
        assert (form["name"], form["every"]) == ("air", "1m")
        form |= {"act": "save", "group_by": "room", "label": "yes"}
        form |= {"normal_from": str(START // 10**6), "normal_to": str((NOW - MINUTE) // 10**6)}
        answer = client.post("/detectors/new", data=form)
        assert (answer.status_code, answer.location) == (303, "/detectors/air")
        assert world.detectors.get("air").group_by == ("room",)
        (label,) = world.labelling.list("air")
        assert (label.kind, label.start, label.source) == ("normal", START, "page")

    def test_a_label_that_cannot_be_keeps_the_detector_from_being_saved(self, client, world):
        form = form_of(client, "/detectors/new?measurement=air")
        form |= {"act": "save", "label": "yes", "normal_from": str(NOW // 10**6)}
        form |= {"normal_to": str((NOW + 600 * MINUTE) // 10**6)}
        answer = client.post("/detectors/new", data=form)
        assert answer.status_code == 422
        assert "ends in the future" in answer.text
        assert world.records.detectors() == []

    def test_a_dry_run_and_its_end(self, client, world):
        form = form_of(client, "/detectors/new?measurement=air")
        form |= {"act": "try", "group_by": "room", "normal_from": "", "normal_to": ""}
        assert "Choose a range that was normal" in client.post("/detectors/new", data=form).text
        form |= {"normal_from": str(START // 10**6), "normal_to": str(NOW // 10**6)}
        text = client.post("/detectors/new", data=form).text
        assert "Asked for. A worker takes it up" in text
        (asked,) = world.records.requests()
        assert asked.payload["ranges"] == [[START, NOW]]
        world.records.claim_request(worker="w", at=NOW, deadline=NOW + MINUTE)
        world.records.finish_request(
            asked.id, State.FAILED, at=NOW, result={}, message="<b>too little</b>"
        )
        form |= {"act": "look", "tried": str(asked.id)}
        assert "&lt;b&gt;too little&lt;/b&gt;" in client.post("/detectors/new", data=form).text

    def test_those_of_the_file_are_shown_with_the_reason(self, client):
        text = client.get("/detectors/pump/edit").text
        assert "stands in normalcy.yaml" in text
        assert "measurement: pump" in text
        assert 'name="act"' not in text

    def test_a_stored_one_is_changed_removed_and_put_back(self, client, world):
        body = {"measurement": "air", "channels": ["temp"], "every": "10m", "trim": 0.1}
        world.setting_up.save("mine", body, by="ann")
        form = form_of(client, "/detectors/mine/edit")
        form |= {"act": "save", "every": "20m"}
        assert client.post("/detectors/mine/edit", data=form).status_code == 303
        spec = world.detectors.get("mine")
        assert (spec.every.seconds, spec.trim, spec.channels) == (1200, 0.1, ("temp",))

        mark = form["csrf_token"]
        asked = client.post("/detectors/mine/remove", data={"csrf_token": mark})
        assert "Remove mine?" in asked.text
        gone = client.post("/detectors/mine/remove", data={"csrf_token": mark, "sure": "yes"})
        assert world.records.detectors() == []
        kept = re.search(r'name="body" value="([^"]*)"', gone.text)[1].replace("&#34;", '"')
        client.post("/detectors/mine/restore", data={"csrf_token": mark, "body": kept})
        assert world.detectors.get("mine") == spec

    def test_a_measurement_that_is_gone_does_not_keep_from_editing(self, client, world):
        body = {"measurement": "gone", "channels": ["x"], "context": ["y"], "every": "10m"}
        world.setting_up.save("mine", body, by="ann", seen=False)
        text = client.get("/detectors/mine/edit").text
        assert ">x</td>" in text
        assert ">y</td>" in text

    def test_what_was_sent_by_others_is_refused(self, client):
        form = form_of(client, "/detectors/new?measurement=air")
        assert client.post("/detectors/new", data={**form, "kept": "[]"}).status_code == 422
        assert client.post("/detectors/new", data={**form, "csrf_token": "x"}).status_code == 400

    def test_nothing_is_stored_yet(self):
        text = make_world().client().get("/detectors/new").text
        assert "normalcy import" in text

    @pytest.mark.parametrize("name", hostile.HOLDABLE)
    def test_names_are_text(self, world, name):
        times = START + MINUTE * np.arange(50, dtype=np.int64)
        points = Points({"room": "a"}, times, {name: np.arange(50.0)})
        world.source.write("strange", [points])
        text = world.client().get("/detectors/new?measurement=strange").text
        assert escape(name) in text
        assert "<script>alert" not in text
