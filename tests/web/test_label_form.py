"""What links to the label page may bring."""

import pytest

from backend.records import LabelKind
from backend.specs import DetectorSpec
from backend.web.label_form import read_form
from backend.web.times import field_time
from tests.web.worlds import GAS_ROOM, MINUTE, NOW, PUMP, START

MS = 1_000_000
FROM, TO = str(START // MS), str((START + 60 * MINUTE) // MS)
SPECS = [GAS_ROOM, PUMP]


def read(**asked: str):
    return read_form({name.rstrip("_"): value for name, value in asked.items()}, SPECS, NOW)


def test_a_whole_link_fills_the_form():
    form = read(detector="gas-room", series="room=R1", from_=FROM, to=TO, kind="anomaly", note="x")
    assert form.spec == GAS_ROOM
    assert (form.tags, form.series) == ({"room": "R1"}, "room=R1")
    assert (form.start, form.stop) == (START, START + 60 * MINUTE)
    assert (form.kind, form.note, form.notices) == (LabelKind.ANOMALY, "x", ())


def test_nothing_is_needed():
    form = read()
    assert (form.spec, form.tags, form.start, form.stop) == (None, {}, None, None)
    assert (form.kind, form.notices) == (LabelKind.NORMAL, ())


def test_the_only_detector_need_not_be_named():
    assert read_form({}, [PUMP], NOW).spec == PUMP


@pytest.mark.parametrize("name", ["room", "tag.room"])
def test_tags_may_come_one_by_one(name):
    form = read_form({"detector": "gas-room", name: "R 1/é"}, SPECS, NOW)
    assert (form.tags, form.notices) == ({"room": "R 1/é"}, ())


def test_a_tag_named_as_a_field_comes_in_the_series_only():
    spec = DetectorSpec(
        name="d", measurement="m", channels=("a",), every="1m", group_by=("kind", "from")
    )
    form = read_form({"kind": "anomaly", "series": "from=Rome,kind=a", "from": FROM}, [spec], NOW)
    assert form.tags == {"from": "Rome", "kind": "a"}
    assert (form.kind, form.start) == (LabelKind.ANOMALY, START)


@pytest.mark.parametrize("time", [FROM, "2026-05-28T10:26:00Z", "2026-05-28T12:26:00+02:00"])
def test_times_are_epoch_milliseconds_or_iso(time):
    assert read(from_=time).start == START


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"detector": "nothing"}, "no detector 'nothing'"),
        ({"kind": "good"}, "'good' cannot be said"),
        ({"from": "yesterday", "to": TO}, "from='yesterday' cannot be read"),
        ({"from": FROM, "to": "9" * 300}, "to='9999"),
        ({"from": TO, "to": FROM}, "exchanged"),
        ({"from": FROM, "to": FROM}, "empty"),
        ({"from": FROM, "to": str(NOW // MS + 1)}, "ends now"),
        ({"from": str(NOW // MS + 5), "to": str(NOW // MS + 9)}, "lies ahead"),
        ({"detector": "gas-room", "series": "R1"}, "'R1' cannot be read"),
        ({"detector": "gas-room", "series": "hall=R1"}, "'hall': left out"),
        ({"detector": "${__field.labels.detector}"}, "detector unfilled"),
        ({"detector": "gas-room", "room": "$__all"}, "room unfilled"),
        ({"from": "${__from}", "to": TO}, "from unfilled"),
        ({"kind": "${kind}"}, "kind unfilled"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(asked, words):
    (notice,) = read_form(asked, SPECS, NOW).notices
    assert words in notice
    assert notice.endswith(".")


def test_swapped_ends_are_put_right():
    form = read(from_=TO, to=FROM)
    assert (form.start, form.stop) == (START, START + 60 * MINUTE)


def test_what_lies_ahead_is_cut_but_for_maintenance():
    ahead = str(NOW // MS + 3_600_000)
    assert read(from_=FROM, to=ahead).stop == NOW
    form = read(from_=FROM, to=ahead, kind="exclude")
    assert (form.stop, form.notices) == (NOW + 60 * MINUTE, ())


def test_a_kind_that_is_wrong_is_not_taken_for_normal():
    assert read(kind="good").kind is None
    assert read(kind="${x}").kind is None
    assert read(kind="").kind is LabelKind.NORMAL


@pytest.mark.parametrize(
    ("time", "up", "text"),
    [
        (None, False, ""),
        (START, False, "2026-05-28T10:26:00"),
        (START + 1, False, "2026-05-28T10:26:00"),
        (START + 1, True, "2026-05-28T10:26:01"),
        (START, True, "2026-05-28T10:26:00"),
        (0, False, "1970-01-01T00:00:00"),
    ],
)
def test_fields_hold_seconds_and_lose_nothing_of_the_range(time, up, text):
    assert field_time(time, up=up) == text
