import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from backend.exceptions import InputError, NoData, NotFound
from backend.ports import Query
from backend.records import LabelKind, Promotion, State
from backend.schema import SCORES
from backend.services.comparison_request import COMPARE, Pair, opponent
from backend.services.comparison_results import Comparison
from backend.services.requests import Requests
from backend.specs import DetectorSpec
from tests.services.plant import STEP, Plant, at, same_rows

BROKEN = (800, 830)
"""When room a is broken: see `plant.sensor`."""
A = {"room": "a"}
NO_CHECKS = {"flatline": 0, "range": 0, "rate": 0}


@pytest.fixture
def plant() -> Plant:
    """Two versions at point 1000: the second one, which waits, learned from a part of the first."""
    plant = Plant(promote="review")
    plant.measure(0, 1000)
    plant.label(0, 600)
    plant.train()
    plant.label(600, 650)
    plant.train()
    plant.now(1000)
    return plant


def compared(plant: Plant, champion: int | None = 1, weeks: int = 4) -> Comparison:
    return plant.comparing().run(Pair("rooms", 2, champion, weeks))


def compared_with_deaf(plant: Plant) -> Comparison:
    """The first version against one that no error is high enough for."""
    deaf = {"threshold": {"kind": "fixed", "value": 1e6}, "checks": NO_CHECKS}
    plant.spec = DetectorSpec.model_validate({**plant.spec.plain(), **deaf})
    plant.wire()
    return plant.comparing().run(Pair("rooms", plant.train().number, 1))


def test_equal_versions_raise_the_same_alerts(plant: Plant) -> None:
    found = compared(plant)

    assert (list(found.gone), list(found.new)) == ([], [])
    assert len(found.kept) >= 1
    assert found.champion is not None
    assert found.challenger.alerts == found.champion.alerts >= 1
    assert (found.start, found.stop) == (at(0), at(1000))


def test_alerts_are_those_that_the_service_writes(plant: Plant) -> None:
    plant.scoring.backfill("rooms", at(0), at(1000))
    written = plant.scores("alarm")

    found = compared(plant, champion=None)
    after = plant.comparing().run(Pair("rooms", 1))

    assert found.champion is None
    for room, points in written.items():
        on = np.asarray(points.fields["alarm"], dtype=float) > 0
        told = np.zeros(len(points), dtype=bool)
        for met in after.new:
            if met.series == f"room={room}":
                told |= (points.times >= met.alert.start) & (points.times < met.alert.stop)
        np.testing.assert_array_equal(told, on)
    assert {met.series for met in after.new} == {"room=a"}


def test_an_alert_that_only_the_champion_raises_is_gone(plant: Plant) -> None:
    found = compared_with_deaf(plant)

    assert found.challenger.alerts == 0
    assert list(found.new) == list(found.kept) == []
    assert {met.series for met in found.gone} == {"room=a"}
    (first, *_) = found.gone
    assert at(BROKEN[0]) <= first.alert.start < at(BROKEN[1])
    assert first.alert.channels[0] == "y"
    assert found.looks[-1].why == "gone"


def test_anomalies_are_caught_by_whom_an_alert_of_meets_them(plant: Plant) -> None:
    plant.label(*BROKEN, LabelKind.ANOMALY, A)
    plant.label(900, 910, LabelKind.ANOMALY, {"room": "b"})
    found = compared_with_deaf(plant)

    assert found.champion is not None
    assert (found.champion.anomalies, found.champion.caught) == (2, 1)
    assert (found.challenger.anomalies, found.challenger.caught) == (2, 0)
    assert found.champion.delay_seconds is not None
    assert found.champion.delay_seconds < 10 * STEP / 1e9
    assert [one.watched for one in found.anomalies] == [True, True]
    assert all(met.label == "anomaly" for met in found.gone if met.alert.start < at(BROKEN[1]))


def test_an_alert_before_an_anomaly_forewarns_of_it(plant: Plant) -> None:
    plant.label(BROKEN[1] + 20, BROKEN[1] + 30, LabelKind.ANOMALY, A)

    side = compared(plant).challenger

    assert side.forewarned == 1
    assert side.forewarning_seconds is not None
    assert side.forewarning_seconds >= 20 * STEP / 1e9


def test_excluded_time_is_judged_by_neither(plant: Plant) -> None:
    before = compared(plant)
    plant.label(BROKEN[0] - 5, BROKEN[1] + 40, LabelKind.EXCLUDE, A)

    found = compared(plant)

    assert before.challenger.alerts >= 1
    assert found.challenger.alerts == 0
    assert found.challenger.judged_hours < before.challenger.judged_hours


def test_alerts_in_labelled_normal_time_are_false(plant: Plant) -> None:
    plant.label(780, 860)

    side = compared(plant).challenger

    assert side.false_share is not None
    assert side.false_share > 0
    assert side.false_alerts == side.alerts


def test_the_share_of_training_time_is_told(plant: Plant) -> None:
    found = compared(plant)

    assert 0.6 < found.challenger.trained_share < 0.7
    assert any("seen in training" in note and "Version 2" in note for note in found.notes)
    plant.measure(1000, 2000)
    plant.now(2000)
    assert compared(plant, weeks=1).challenger.trained_share == 0


def test_the_alarms_of_a_version_without_labels_are_counted_as_silent() -> None:
    plant = Plant(learn_from="4d")
    plant.measure(0, 1000)
    plant.train()
    plant.now(1000)

    found = plant.comparing().run(Pair("rooms", 1))

    assert found.challenger.provisional
    assert found.challenger.alerts == 0
    assert found.challenger.silent_alerts >= 1
    assert any("learned without labels" in note for note in found.notes)


def test_input_and_what_was_expected_are_shown_where_it_is_worst(plant: Plant) -> None:
    looks = compared_with_deaf(plant).looks

    assert [look.why for look in looks] == ["held_out", "newest", "gone"]
    assert looks[1].mark == at(999)
    assert len(looks[1].channels[0].input) == (at(999) - looks[1].start) // STEP + 1
    broken = looks[-1]
    assert broken.channels[0].channel == "y"
    (shown, *_) = broken.channels
    assert shown.challenger is not None
    assert shown.champion is not None
    assert len(shown.input) == len(shown.challenger) == len(shown.champion) <= 160
    index = (broken.mark - broken.start) // STEP
    measured = [value for value in shown.input[index : index + 5] if value is not None]
    expected = [value for value in shown.challenger[index : index + 5] if value is not None]
    assert np.abs(np.subtract(measured, expected)).max() > 0.5


def test_what_the_source_has_lost_is_shown_from_the_archive(plant: Plant) -> None:
    for room in ("a", "b"):
        plant.source.expire("air", {"room": room, "site": "1"}, at(0), at(700))

    held_out, *_ = compared(plant).looks

    assert any(value is not None for value in held_out.channels[0].input)


def test_versions_of_other_channels_each_read_their_own(plant: Plant) -> None:
    plant.spec = plant.spec.model_copy(update={"channels": ("y",)})
    plant.wire()
    plant.train()

    found = plant.comparing().run(Pair("rooms", 3, 1))

    assert found.champion is not None
    assert found.champion.alerts >= 1
    assert any("different channels" in note for note in found.notes)
    assert all(one.champion is None for look in found.looks for one in look.channels)


def test_parts_of_any_length_come_to_the_same(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = compared(plant).plain()
    monkeypatch.setattr("backend.services.comparison_course._PART", 50)
    told: list[float] = []

    parts = plant.comparing().run(Pair("rooms", 2, 1), lambda share, words: told.append(share))

    assert _rounded(parts.plain()) == _rounded(whole)
    assert len(told) > 10
    assert told == sorted(told)
    assert told[-1] == 1.0


def _rounded(found: Mapping[str, Any]) -> Any:
    return json.loads(json.dumps(found), parse_float=lambda text: round(float(text), 4))


def test_comparing_writes_nothing(plant: Plant) -> None:
    plant.scoring.backfill("rooms", at(700), at(800))
    before = plant.scores()

    compared(plant)

    assert same_rows(before, plant.scores())
    assert len(plant.results.read(Query(SCORES, ("score",), 0, at(5000)))) >= 1


def test_time_without_data_is_told(plant: Plant) -> None:
    plant.now(20_000)
    with pytest.raises(NoData, match="last 1 weeks hold no data"):
        compared(plant, weeks=1)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"challenger": 2, "champion": 2}, "with itself"),
        ({"challenger": 2, "weeks": 0}, "1 to 52 weeks"),
        ({"challenger": 2, "weeks": 53}, "1 to 52 weeks"),
        ({"challenger": "2"}, "number of a version"),
        ({}, "number of a version"),
    ],
)
def test_what_cannot_be_compared_is_refused(payload: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Pair.of("rooms", payload)


def test_a_version_is_held_against_the_one_that_serves_or_served_before() -> None:
    made = [Promotion("rooms", number, 0, 0, "") for number in (1, 2, 3, 2)]

    assert opponent(made, 5) == 2
    assert opponent(made, 2) == 3
    assert opponent(made[:1], 1) is None


class TestAsking:
    def served(self, plant: Plant) -> Requests:
        return Requests(
            plant.records,
            plant.detectors,
            plant.retraining,
            plant.scoring,
            plant.clock,
            comparing=plant.comparing(),
        )

    def test_a_challenger_that_is_to_be_reviewed_is_compared_by_itself(self, plant: Plant) -> None:
        (asked,) = plant.records.requests(kind=COMPARE, detector="rooms")
        assert asked.payload == {"challenger": 2, "champion": 1, "weeks": 4}

        done = self.served(plant).serve_one("w", [COMPARE])

        assert done is not None
        assert done.state is State.DONE, done.message
        newest, found = plant.comparing().newest(Pair("rooms", 2, 1))
        assert newest == found == done
        assert found.result["counts"]["kept"] >= 1
        assert done.result["challenger"]["number"] == 2

    def test_where_versions_promote_themselves_nothing_is_asked_for(self) -> None:
        plant = Plant().ready()
        plant.label(600, 650)
        plant.train()
        assert plant.records.requests(kind=COMPARE) == []

    def test_a_newer_request_is_told_beside_the_older_result(self, plant: Plant) -> None:
        requests = self.served(plant)
        done = requests.serve_one("w", [COMPARE])
        again = requests.ask(COMPARE, "rooms", {"challenger": 2, "champion": 1}, by="ada")

        assert plant.comparing().newest(Pair("rooms", 2, 1)) == (again, done)
        assert plant.comparing().newest(Pair("rooms", 2, 1, weeks=8)) == (None, None)

    def test_a_version_that_is_not_there_is_refused(self, plant: Plant) -> None:
        with pytest.raises(NotFound, match="9"):
            self.served(plant).ask(COMPARE, "rooms", {"challenger": 9}, by="ada")

    def test_who_is_not_named_is_found(self, plant: Plant) -> None:
        assert plant.comparing().pair("rooms", 2) == Pair("rooms", 2, 1)
        assert plant.comparing().pair("rooms", 1) == Pair("rooms", 1, None)
        with pytest.raises(NotFound):
            plant.comparing().pair("rooms", 2, 7)
