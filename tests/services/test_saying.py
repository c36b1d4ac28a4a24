"""Whoever holds a link says what an alert was, once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from backend.exceptions import LabelError, LinkError, LinkExpired, NotFound
from backend.records import LabelKind
from backend.services.saying import NOBODY
from tests.services.alerted import HOUR, MINUTE, NOW, SPEC, START, Alerted, firing, resolved

FROM = START - 3 * MINUTE


@pytest.fixture
def plant() -> Alerted:
    made = Alerted()
    made.tell(firing())
    return made


@pytest.mark.parametrize("kind", list(LabelKind))
def test_looking_at_a_link_says_nothing(plant: Alerted, kind: LabelKind) -> None:
    asked = plant.saying.question(plant.token(kind))
    assert (asked.kind, asked.start, asked.stop) == (kind, FROM, NOW)
    assert (asked.is_open, asked.said, asked.is_new) == (True, None, False)
    assert plant.records.labels() == []


def test_what_is_said_is_a_label_on_the_alert(plant: Alerted) -> None:
    plant.tell(resolved())
    token = plant.token(LabelKind.ANOMALY)
    said = plant.saying.say(token, by="Ann", note="fan broke", stop=None)
    (label,) = plant.records.labels()
    assert (said.said, said.is_new) == (label, True)
    assert (label.detector, label.kind, label.tags) == (
        SPEC.name,
        LabelKind.ANOMALY,
        {"room": "R1"},
    )
    assert (label.start, label.stop) == (FROM, NOW - 10 * MINUTE)
    assert (label.created_by, label.note, label.created_at) == ("Ann", "fan broke", NOW)


def test_without_a_name_the_link_said_it(plant: Alerted) -> None:
    plant.saying.say(plant.token(), by="", note="", stop=None)
    assert plant.records.labels()[0].created_by == NOBODY


@pytest.mark.parametrize("again", list(LabelKind))
def test_a_second_time_adds_nothing_whichever_link_it_is(plant: Alerted, again: LabelKind) -> None:
    first = plant.saying.say(plant.token(), by="Ann", note="", stop=None)
    plant.wait(5 * MINUTE)
    plant.tell(resolved(stop=NOW + MINUTE))
    second = plant.saying.say(plant.token(again), by="Bob", note="no", stop=None)
    assert (second.said, second.is_new) == (first.said, False)
    assert plant.saying.question(plant.token(again)).said == first.said
    assert plant.records.labels() == [first.said]


def test_said_at_once_by_many_it_is_said_once(plant: Alerted) -> None:
    token, gate = plant.token(), Barrier(6)

    def say(number: int) -> bool:
        gate.wait()
        said = plant.saying.say(token, by=str(number), note="", stop=None)
        assert said.said is not None
        return said.is_new

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(say, range(6))) == 1
    assert len(plant.records.labels()) == 1


def test_a_link_works_once_also_after_what_it_said_was_taken_back(plant: Alerted) -> None:
    token = plant.token()
    first = plant.saying.say(token, by="Ann", note="", stop=None).said
    assert first is not None
    plant.labelling.remove([first.id], by="Ann")
    for use in (
        lambda: plant.saying.question(token),
        lambda: plant.saying.say(token, by="Eve", note="", stop=None),
    ):
        with pytest.raises(LinkExpired, match="used already"):
            use()
    assert plant.records.labels() == []


def test_a_link_that_came_to_nothing_is_not_used_up(plant: Alerted) -> None:
    token = plant.token()
    with pytest.raises(LabelError):
        plant.saying.say(token, by="Ann", note="", stop=START - HOUR)
    assert plant.saying.say(token, by="Ann", note="", stop=None).is_new


def test_taken_back_it_may_be_said_otherwise(plant: Alerted) -> None:
    first = plant.saying.say(plant.token(), by="Ann", note="", stop=None).said
    assert first is not None
    plant.labelling.remove([first.id], by="Ann")
    second = plant.saying.say(plant.token(LabelKind.EXCLUDE), by="Ann", note="", stop=None)
    assert second.is_new
    assert [label.kind for label in plant.records.labels()] == [LabelKind.EXCLUDE]


def test_while_it_fires_the_end_may_be_chosen(plant: Alerted) -> None:
    said = plant.saying.say(plant.token(), by="", note="", stop=NOW - 30 * MINUTE)
    assert said.said is not None
    assert said.said.stop == NOW - 30 * MINUTE


def test_the_end_of_one_that_is_over_is_not_to_be_chosen(plant: Alerted) -> None:
    plant.tell(resolved())
    said = plant.saying.say(plant.token(), by="", note="", stop=NOW - 30 * MINUTE)
    assert said.said is not None
    assert said.said.stop == NOW - 10 * MINUTE


@pytest.mark.parametrize(
    ("stop", "words"), [(NOW + 1, "ahead"), (FROM, "not after"), (FROM - HOUR, "not after")]
)
def test_an_impossible_end_is_refused_and_nothing_said(
    plant: Alerted, stop: int, words: str
) -> None:
    with pytest.raises(LabelError, match=words):
        plant.saying.say(plant.token(), by="", note="", stop=stop)
    assert plant.records.labels() == []


def test_another_alert_of_the_same_series_is_another_question(plant: Alerted) -> None:
    plant.tell(resolved())
    plant.saying.say(plant.token(), by="", note="", stop=None)
    plant.tell(firing(start=NOW - 2 * MINUTE))
    said = plant.saying.say(plant.token(LabelKind.ANOMALY), by="", note="", stop=None)
    assert said.is_new
    assert len(plant.records.labels()) == 2


def test_a_link_ends_and_a_false_one_never_began(plant: Alerted) -> None:
    token = plant.token()
    with pytest.raises(LinkError):
        plant.saying.say(token[:-3], by="", note="", stop=None)
    plant.wait(7 * 24 * HOUR)
    for call in (
        lambda: plant.saying.question(token),
        lambda: plant.saying.say(token, by="", note="", stop=None),
    ):
        with pytest.raises(LinkExpired):
            call()
    assert plant.records.labels() == []


def test_what_is_gone_is_told(plant: Alerted) -> None:
    token = plant.token()
    plant.configured.clear()
    plant.start()
    with pytest.raises(NotFound, match="no detector 'gas-room' any more"):
        plant.saying.question(token)
    plant.records.forget_alerts(before=NOW + 1)
    with pytest.raises(NotFound, match="not on record"):
        plant.saying.question(token)
