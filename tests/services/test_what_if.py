"""Another threshold over what a plant has stored; the errors are those of real trainings."""

import json

import numpy as np
import pytest

from backend.detection.thresholds import Calibration, learn_limits
from backend.exceptions import InputError, NotFound
from backend.ports import Points
from backend.records import LabelKind
from backend.schema import SCORES
from backend.services.drawing import Span
from backend.services.versions import read_archive, read_calibration
from backend.services.what_if import Answer, Question, read_question
from backend.specs import AlarmSpec, BudgetThreshold, FixedThreshold, QuantileThreshold
from tests.services.plant import STEP, Plant, at

ALL = Span(at(0), at(1000), 2000)
LOW = Question(QuantileThreshold(q=0.9))


@pytest.fixture
def plant() -> Plant:
    """Trained at point 700, scored to 1000; room a is broken from 800 to 830."""
    made = Plant().ready()
    made.now(1000)
    made.scoring.tick("rooms")
    return made


def ask(plant: Plant, question: Question, span: Span = ALL, **more: object) -> Answer:
    return plant.what_if().ask("rooms", span, question, **more)


def columns(answer: Answer, room: str) -> dict[str, np.ndarray]:
    (table,) = [one for one in answer.tables if one.tags["room"] == room]
    return {**table.columns, "times": table.times}


def alerts(answer: Answer) -> dict[str, tuple[int, int, int, int]]:
    return {
        one.tags["room"]: (one.alerts_now, one.alerts_then, one.flagged_now, one.flagged_then)
        for one in answer.alerts
    }


def test_the_threshold_that_serves_gives_what_was_given(plant: Plant) -> None:
    answer = ask(plant, Question(plant.spec.threshold))
    for room, stored in plant.scores().items():
        found = columns(answer, room)
        same = np.isin(stored.times, found["times"])
        np.testing.assert_allclose(found["what_if_threshold"], stored.fields["threshold"][same])
        np.testing.assert_allclose(found["what_if_score"], stored.fields["score"][same])
        np.testing.assert_array_equal(found["what_if_flag"], stored.fields["flag"][same])
        np.testing.assert_array_equal(found["what_if_alarm"], stored.fields["alarm"][same])
    for now, then, flagged_now, flagged_then in alerts(answer).values():
        assert (now, flagged_now) == (then, flagged_then)
    assert alerts(answer)["a"][0] >= 1
    assert answer.notices == []


def test_a_lower_line_is_learned_from_the_calibration_errors_of_the_version(plant: Plant) -> None:
    answer = ask(plant, LOW)
    version = plant.records.versions("rooms")[0]
    held_out = read_archive(plant.artifacts.load(version.artifact))["held_out_smoothed"]
    wanted = [np.nanquantile(row, 0.9) for row in held_out]
    for room, limit in zip("ab", wanted, strict=True):
        np.testing.assert_allclose(columns(answer, room)["what_if_threshold"], limit)
    for _, _, now, then in alerts(answer).values():
        assert then > now


def test_the_line_moves_with_the_version_that_scored(plant: Plant) -> None:
    plant.label(600, 700)
    plant.train()
    plant.now(1100)
    plant.scoring.tick("rooms")
    models = plant.scores("model")["a"]
    assert set(models.fields["model"]) == {"rooms/1", "rooms/2"}

    found = columns(ask(plant, LOW, Span(at(0), at(1100), 2000)), "a")

    limits = {}
    for number in (1, 2):
        kept = read_calibration(plant.artifacts.load(f"rooms/{number}"))
        calibration = Calibration(kept.smoothed, kept.step_hours, plant.spec.alarm)
        limits[f"rooms/{number}"] = learn_limits(LOW.threshold, calibration).values[0]
    assert limits["rooms/1"] != limits["rooms/2"]
    wanted = np.array([limits[name] for name in models.fields["model"]])
    np.testing.assert_allclose(found["what_if_threshold"], wanted[models.times >= at(0)])


def test_calibration_that_is_lost_is_told_and_nothing_is_guessed(plant: Plant) -> None:
    plant.artifacts._artifacts.clear()
    answer = ask(plant, LOW)
    assert np.isnan(columns(answer, "a")["what_if_threshold"]).all()
    assert alerts(answer)["a"] == (0, 0, 0, 0)
    assert answer.notices == [
        "Some of the range is left out: the calibration errors of rooms/1 are lost."
    ]
    stated = ask(plant, Question(FixedThreshold(value=1e-6)))
    assert stated.notices == []
    assert alerts(stated)["a"][3] > 100


def test_files_that_cannot_be_read_are_lost_too(plant: Plant) -> None:
    files = plant.artifacts._artifacts["rooms/1"]
    files["version.json"] = json.dumps({"format": 1}).encode()
    assert "rooms/1 are lost" in ask(plant, LOW).notices[0]


def test_points_of_nobody_and_of_unknown_series_are_told(plant: Plant) -> None:
    def add(room: str, model: str | None) -> None:
        numbers = {name: np.array([1.0]) for name in ("smoothed", "score", "judged")}
        names = {} if model is None else {"model": np.array([model], dtype=object)}
        tags = {"detector": "rooms", "room": room}
        plant.results.write(SCORES, [Points(tags, np.array([at(999) + 1]), {**numbers, **names})])

    add("z", "rooms/1")
    add("y", None)
    add("x", "of another age")
    (notice,) = ask(plant, LOW).notices
    assert "rooms/1 keeps no calibration errors of room=z" in notice
    assert "do not name the version" in notice
    assert "of another age are lost" in notice
    assert ask(plant, Question(FixedThreshold(value=0.5))).notices == []
    assert alerts(ask(plant, Question(FixedThreshold(value=0.5))))["y"][3] == 1


def test_another_alarm_rule_counts_alerts_differently(plant: Plant) -> None:
    at_once = ask(plant, Question(LOW.threshold, AlarmSpec(points=1, clear_below=1)))
    patient = ask(plant, Question(LOW.threshold, AlarmSpec(points=20, clear_below=0.1)))
    assert alerts(at_once)["a"][1] > alerts(patient)["a"][1]
    assert alerts(at_once)["a"][3] == alerts(patient)["a"][3]


def test_alarms_of_a_version_without_labels_stay_silent(plant: Plant) -> None:
    unlabelled = Plant()
    unlabelled.measure()
    unlabelled.train()
    unlabelled.now(1000)
    unlabelled.scoring.tick("rooms")
    answer = ask(unlabelled, Question(FixedThreshold(value=1e-6)))
    assert alerts(answer)["a"][1] == 0
    assert alerts(answer)["a"][3] > 0
    assert "rooms/1 learned without labels" in answer.notices[0]


def test_time_that_was_not_judged_is_not_judged_again(plant: Plant) -> None:
    plant.label(900, 950, LabelKind.EXCLUDE)
    plant.scoring.backfill("rooms", at(850), at(1000))
    found = columns(ask(plant, Question(FixedThreshold(value=1e-9))), "a")
    excluded = (found["times"] >= at(900)) & (found["times"] < at(950))
    assert excluded.sum() == 50
    assert not found["what_if_flag"][excluded].any()
    assert not found["what_if_alarm"][excluded].any()


def test_an_alarm_that_began_before_the_range_is_on_from_its_first_point(plant: Plant) -> None:
    question = Question(FixedThreshold(value=1e-9), AlarmSpec(points=50))
    found = columns(ask(plant, question, Span(at(850), at(950), 2000)), "a")
    assert found["times"][0] == at(850)
    assert found["what_if_alarm"].all()
    counted = ask(plant, question, Span(at(850), at(950), 2000)).alerts[0]
    assert (counted.alerts_then, counted.flagged_then, counted.judged) == (1, 100, 100)


def test_pieces_of_a_stream_leave_no_seam(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ask(plant, LOW)
    monkeypatch.setattr("backend.services.what_if._ROWS", 7)
    pieces = ask(plant, LOW)
    assert alerts(pieces) == alerts(whole)
    for room in "ab":
        for name, values in columns(whole, room).items():
            np.testing.assert_array_equal(columns(pieces, room)[name], values)


def test_a_long_range_is_thinned_and_counted_whole(plant: Plant) -> None:
    thinned = ask(plant, LOW, Span(at(0), at(1000), 60))
    assert max(map(len, thinned.tables)) <= 60
    assert alerts(thinned) == alerts(ask(plant, LOW))
    assert columns(thinned, "a")["what_if_flag"].max() == 1.0


def test_rows_that_were_never_written_are_a_gap(plant: Plant) -> None:
    plant.results.delete(SCORES, {"room": "b"}, at(750), at(800))
    found = columns(ask(plant, LOW), "b")
    assert (found["times"][np.isnan(found["what_if_score"])] - at(0)).tolist() == [750 * STEP]


def test_only_the_chosen_series_are_judged(plant: Plant) -> None:
    answer = ask(plant, LOW, series=["room=b"])
    assert [one.tags for one in answer.alerts] == [{"room": "b"}]
    assert [one.tags for one in answer.tables] == [{"room": "b"}]


def test_a_budget_is_learned_for_the_whole_fleet(plant: Plant) -> None:
    generous = ask(plant, Question(BudgetThreshold(alarms="24/day")))
    strict = ask(plant, Question(BudgetThreshold(alarms="1/year")))
    assert (
        columns(generous, "a")["what_if_threshold"][0]
        < columns(strict, "a")["what_if_threshold"][0]
    )


def test_what_is_wrong_is_refused(plant: Plant) -> None:
    with pytest.raises(NotFound, match="rooms"):
        plant.what_if().ask("nope", ALL, LOW)
    with pytest.raises(NotFound, match="room=…"):
        ask(plant, LOW, series=["a"])
    with pytest.raises(InputError, match="empty"):
        ask(plant, LOW, Span(5, 5))
    assert ask(plant, LOW, Span(at(5000), at(6000))) == Answer([], [], [])


def test_a_question_is_read_as_it_would_stand_in_the_configuration() -> None:
    found = read_question(
        {"threshold": {"kind": "quantile", "q": 0.999}, "alarm": {"for": 3, "clear_below": 0.8}}
    )
    assert found == Question(
        QuantileThreshold(q=0.999), AlarmSpec.model_validate({"for": 3, "clear_below": 0.8})
    )
    assert read_question({"threshold": {"kind": "fixed", "value": 2}, "alarm": None}).alarm is None


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "takes threshold"),
        ({"limit": {}}, "not limit"),
        ({"threshold": None}, r"what_if\.threshold"),
        ({"threshold": {"kind": "quantile", "q": 2}}, r"what_if\.threshold\.quantile\.q.*1"),
        ({"threshold": {"kind": "magic"}}, "fixed.*quantile"),
        ({"threshold": {"kind": "fixed"}}, "value"),
        ({"threshold": {"kind": "fixed", "value": float("nan")}}, "finite"),
        ({"threshold": {"kind": "budget", "alarms": "often"}}, "5/week"),
        ({"threshold": {"kind": "fixed", "value": 1}, "alarm": {"for": 0}}, r"what_if\.alarm\.for"),
        ({"threshold": {"kind": "fixed", "value": 1, "q": 1}}, "Extra"),
    ],
    ids=repr,
)
def test_a_question_that_is_none_is_explained(asked: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_question(asked)
