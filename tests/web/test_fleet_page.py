"""The fleet page: groups as sentences, the picture's data, labels for all of a group at once."""

import json
import re

import pytest

from backend.records import LabelKind, series_key
from tests.web.forms import mark_in
from tests.web.test_pages import outline
from tests.web.worlds import MINUTE, NOW, START, World, make_world, scored_world, write_event

RANGE = f"from={START // 10**6}&to={NOW // 10**6}"


@pytest.fixture
def fleet() -> World:
    """Nine rooms of which seven deviate together."""
    rooms = [f"R{number}" for number in range(1, 10)]
    made = scored_world(*rooms)
    for room in rooms[:7]:
        write_event(made, room)
    return made


def sentences(text: str) -> list[str]:
    return re.findall(r'<p class="sentence">(.*?)</p>', text)


def test_the_sentence_follows_from_the_share(fleet):
    client = fleet.client()
    (said,) = sentences(client.get(f"/fleet?{RANGE}").text)
    assert said == (
        "7 of 9 series of gas-room deviate together: likely a common cause "
        "(weather, production, supply)."
    )
    write_event(fleet, "R9", 500)
    said = sentences(fleet.client().get(f"/fleet?{RANGE}").text)[0]
    assert said == "Only room=R9, of 9 series of gas-room: likely that machine or its sensors."


def test_members_lead_to_their_charts_at_that_range(fleet):
    text = fleet.client().get(f"/fleet?{RANGE}").text
    start = (START + 300 * MINUTE - 30 * MINUTE) // 10**6
    assert f'href="/detectors/gas-room?series=room%3DR1&amp;from={start}&amp;to=' in text
    assert "and 2 more" in text


def test_the_page_is_whole_and_says_the_picture_in_numbers(fleet):
    parsed = outline(fleet.client().get(f"/fleet?{RANGE}").text)
    assert [tag for tag, _ in parsed.seen].count("h1") == 1
    text = fleet.client().get(f"/fleet?{RANGE}").text
    data = json.loads(re.search(r'id="data">(.*?)</script>', text)[1])
    assert len(data["rows"]) == len(data["scores"]) == 9
    assert max(one or 0 for row in data["scores"] for one in row) == 400
    assert text.count('<td role="cell" data-label="Highest score" class="number">4.00</td>') == 9


def test_all_of_a_group_are_labelled_at_once(fleet):
    client = fleet.client()
    where = f"/fleet/labels?{RANGE}"
    said = {
        "csrf_token": mark_in(client.get(f"/fleet?{RANGE}").text),
        "start": START // 10**6,
        "stop": NOW // 10**6,
        "kind": "anomaly",
        "note": "storm",
        "of": ["gas-room"] * 2,
        "series": ["room=R1", "room=R2"],
    }
    answer = client.post(where, data=said)
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/fleet?{RANGE}"
    found = fleet.records.labels()
    assert [dict(one.tags) for one in found] == [{"room": "R1"}, {"room": "R2"}]
    assert {(one.kind, one.note) for one in found} == {(LabelKind.ANOMALY, "storm")}
    assert "2 labels were saved" in client.get(answer.headers["Location"]).text


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "odd"},
        {"start": "x"},
        {"stop": START // 10**6},
        {"series": []},
        {"of": ["nowhere", "gas-room"]},
        {"series": ["a", "b"]},
    ],
)
def test_a_wrong_form_saves_nothing_and_says_why(fleet, changes):
    client = fleet.client()
    said = {
        "csrf_token": mark_in(client.get(f"/fleet?{RANGE}").text),
        "start": START // 10**6,
        "stop": NOW // 10**6,
        "kind": "anomaly",
        "of": ["gas-room"] * 2,
        "series": ["room=R1", "room=R2"],
    }
    answer = client.post("/fleet/labels", data={**said, **changes})
    assert answer.status_code in (404, 422)
    assert '<p class="problem" role="alert">' in answer.text
    assert fleet.records.labels() == []


def test_an_address_hands_on_nothing_but_detector_and_range(fleet):
    text = fleet.client().get(f"/fleet?{RANGE}&_external=1&_scheme=javascript&x=1").text
    assert f'action="/fleet/labels?{RANGE.replace("&", "&amp;")}"' in text
    assert "javascript:" not in text


def test_before_anything_is_scored_it_says_so():
    assert "Nothing has been scored yet." in make_world().client().get("/fleet").text


def test_a_range_without_events_says_so(fleet):
    text = fleet.client().get(f"/fleet?from={START // 10**6}&to={(START + MINUTE) // 10**6}").text
    assert "no series deviates" in text


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", '" onload=alert(1) x="', "{{ 7 * 7 }}", "a,b=c d"]
)
def test_hostile_series_are_text(fleet, name):
    write_event(fleet, name)
    text = fleet.client().get(f"/fleet?{RANGE}").text
    parsed = outline(text)
    assert "<script>alert" not in text
    assert not any("onload" in attributes for _, attributes in parsed.seen)
    assert series_key({"room": name}) in [
        a.get("value") for tag, a in parsed.seen if tag == "input" and a.get("name") == "series"
    ]


class TestApi:
    def test_groups_with_their_sentence(self, fleet):
        (group,) = fleet.client().get(f"/api/v1/fleet/groups?{RANGE}").json
        assert (group["cause"], group["peak_score"]) == ("common", 4.0)
        assert group["sentence"].startswith("7 of 9 series of gas-room")
        assert group["shares"] == [{"detector": "gas-room", "deviating": 7, "present": 9}]
        assert group["series"][0] == {"detector": "gas-room", "series": "room=R1"}
        assert group["time"] == (START + 300 * MINUTE) // 10**6
        assert group["channels"] == ["NH3", "temp"]

    def test_an_unknown_detector_is_told(self, fleet):
        assert fleet.client().get("/api/v1/fleet/groups?detector=nowhere").status_code == 404

    def test_a_detector_of_its_own(self, fleet):
        assert fleet.client().get(f"/api/v1/fleet/groups?detector=pump&{RANGE}").json == []
