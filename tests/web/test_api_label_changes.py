"""Labels of a detector by REST: change, history, difference, revert, suggestions, files."""

import pytest

from tests.web.worlds import MINUTE, NOW, START, add_version

MS = 1_000_000
LABELS = "/api/v1/detectors/gas-room/labels"


@pytest.fixture
def client(world):
    return world.client()


def body(start=0, stop=60, kind="normal", **more):
    return {
        "kind": kind,
        "from": (START + start * MINUTE) // MS,
        "to": (START + stop * MINUTE) // MS,
        **more,
    }


def change(client, add=(), remove=()):
    return client.post(f"{LABELS}/change", json={"add": list(add), "remove": list(remove)})


def test_labels_take_the_place_of_others(client, world):
    first = change(client, [body(tags={"room": "R1"}, note="calm")]).json["added"][0]
    assert (first["series"], first["note"], first["removed_at"]) == ("room=R1", "calm", None)
    done = change(client, [body(0, 30), body(30, 60)], [first["id"]])
    assert done.status_code == 200
    assert [row["time_end"] - row["time"] for row in done.json["added"]] == [30 * 60_000] * 2
    assert done.json["removed"][0]["id"] == first["id"]
    late = change(client, [body(0, 50)], [first["id"]])
    assert late.status_code == 409
    assert f"Label {first['id']} was changed or taken back" in late.json["message"]
    assert len(world.labelling.list("gas-room")) == 2


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"add": [], "remove": []}, 422),
        ({"add": [body(60, 0)]}, 422),
        ({"add": [body(kind="fine")]}, 422),
        ({"add": [body(detector="pump")]}, 422),
        ({"remove": [77]}, 404),
        ({"remove": ["x"]}, 422),
    ],
)
def test_a_change_that_cannot_be(client, world, sent, status):
    answer = client.post(f"{LABELS}/change", json=sent)
    assert answer.status_code == status
    assert answer.json["message"]
    assert world.labelling.list() == []


def test_history_difference_and_revert(client, world):
    label = change(client, [body()]).json["added"][0]
    world.clock.time = NOW + MINUTE
    change(client, [body(10, 60, "anomaly")], [label["id"]])
    world.clock.time = NOW + 2 * MINUTE
    newest, first = client.get(f"{LABELS}/history").json
    assert (newest["time"], newest["by"]) == ((NOW + MINUTE) // MS, "api")
    assert (len(newest["added"]), len(newest["removed"]), len(first["removed"])) == (1, 1, 0)

    asked = {"from": newest["before"], "to": newest["after"]}
    difference = client.get(f"{LABELS}/difference", query_string=asked).json
    assert [row["kind"] for row in difference["added"]] == ["anomaly"]
    assert [row["kind"] for row in difference["removed"]] == ["normal"]

    sent = {"to": newest["before"]}
    dry = client.post(f"{LABELS}/revert?dry=true", json=sent).json
    assert (dry["done"], len(dry["added"]), len(dry["removed"])) == (False, 1, 1)
    assert [str(x.kind) for x in world.labelling.list()] == ["anomaly"]
    done = client.post(f"{LABELS}/revert", json=sent).json
    assert (done["done"], done["added"][0]["kind"], done["notice"]) == (True, "normal", "")
    assert [str(x.kind) for x in world.labelling.list()] == ["normal"]
    assert len(client.get(f"{LABELS}/history?limit=2").json) == 2


def test_since_a_version(client, world):
    add_version(world)
    change(client, [body()])
    answer = client.get(f"{LABELS}/difference?version=1").json
    assert (len(answer["added"]), answer["removed"]) == (1, [])
    assert client.get(f"{LABELS}/difference?version=9").status_code == 404
    for wrong in ("", "?version=1&from=0", "?from=2&to=1"):
        assert client.get(f"{LABELS}/difference{wrong}").status_code == 422


def test_suggestions_are_no_labels(client, world):
    rows = client.get(f"{LABELS}/suggestions?series=room=R1").json
    assert [(row["kind"], row["series"]) for row in rows] == [
        ("anomaly", "room=R1"),
        ("normal", "room=R1"),
        ("normal", "room=R1"),
    ]
    assert (rows[0]["time"], rows[0]["tags"]) == ((START + 300 * MINUTE) // MS, {"room": "R1"})
    assert world.labelling.list() == []


@pytest.mark.parametrize(
    ("form", "kind"),
    [("csv", "text/csv"), ("ics", "text/calendar"), ("grafana", "application/json")],
)
def test_files_go_out_and_come_in(client, form, kind):
    change(client, [body(note='a "b"')])
    answer = client.get(f"{LABELS}/export?format={form}")
    assert answer.mimetype == kind
    assert "gas-room-labels." in answer.headers["Content-Disposition"]
    sent = {"content": answer.text, "name": "mine"}
    again = client.post(f"{LABELS}/import", json=sent)
    assert (again.status_code, again.json) == (201, {"added": [], "there": 1})


def test_a_file_with_mistakes_adds_nothing(client, world):
    sent = {"content": "start,stop,kind\nx,y,normal\n", "name": "mine.csv"}
    answer = client.post(f"{LABELS}/import", json=sent)
    assert answer.status_code == 422
    assert "line 2: expected a time such as" in answer.json["message"]
    for wrong in ({"content": "", "format": "xls"}, {"content": "", "series": "room"}, {}):
        assert client.post(f"{LABELS}/import", json=wrong).status_code == 422
    assert world.labelling.list() == []


def test_an_unknown_detector(client):
    for path in ("history", "suggestions", "export"):
        answer = client.get(f"/api/v1/detectors/nope/labels/{path}")
        assert (answer.status_code, "gas-room" in answer.json["message"]) == (404, True)
