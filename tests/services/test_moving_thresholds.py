"""Thresholds that move, over what is stored: from run to run as in one go."""

import itertools

import numpy as np
import pytest

from backend.exceptions import InputError, NotEnoughNormalData
from backend.ports import Query
from backend.records import LabelKind
from backend.schema import COVERAGE, REASON_MODEL
from backend.services.drawing import Span
from backend.services.results import read_scores, rows_before
from backend.services.what_if import Question
from backend.specs import F1MaxThreshold
from tests.services.plant import Plant, at

FOLLOW = {"span": 20, "most": 2}
KINDS = [
    {"kind": "quantile", "q": 1, "margin": 1.3, "follow": FOLLOW},
    {"kind": "dynamic", "history": 60, "block": 7},
    {"kind": "dynamic", "history": 60, "block": 7, "follow": FOLLOW},
    {"kind": "pot", "history": 80, "block": 11, "risk": 0.001},
    {"kind": "pot", "history": 80, "block": 11, "risk": 0.001, "drift": 20, "follow": FOLLOW},
]
NAMES = ["follow", "dynamic", "dynamic-follow", "pot", "pot-drift-follow"]
every_kind = pytest.mark.parametrize("threshold", KINDS, ids=NAMES)
ALL = Span(at(0), at(1000), 5000)
FIELDS = ("smoothed", "threshold", "score", "flag", "alarm")


def scored(threshold: dict[str, object], *stops: int) -> Plant:
    """Trained at point 700, room a broken from 800 to 830, scored up to each of the points."""
    plant = Plant(threshold=threshold, schedule={"catch_up": "50h"}).ready()
    for stop in (701, *stops):
        plant.now(stop)
        plant.scoring.tick("rooms")
    return plant


def numbers(plant: Plant, field: str) -> np.ndarray:
    found = plant.scores(*FIELDS)
    return np.stack([found[room].fields[field] for room in "ab"])


@every_kind
def test_run_by_run_gives_what_one_go_gives(threshold: dict[str, object]) -> None:
    at_once = scored(threshold, 1000)
    piece_by_piece = scored(threshold, 703, 720, 790, 806, 807, 815, 931, 1000)
    for field in FIELDS:
        np.testing.assert_allclose(
            numbers(piece_by_piece, field), numbers(at_once, field), rtol=1e-6, err_msg=field
        )
    assert len(np.unique(numbers(at_once, "threshold"))) > 10
    assert numbers(at_once, "flag")[0, -200:-170].any()


@every_kind
def test_scoring_again_changes_nothing(threshold: dict[str, object]) -> None:
    plant = scored(threshold, 1000)
    first = {field: numbers(plant, field) for field in FIELDS}
    for start, stop in itertools.pairwise([700, 750, 801, 900, 1000]):
        plant.scoring.backfill("rooms", at(start), at(stop))
    for field in FIELDS:
        np.testing.assert_allclose(numbers(plant, field), first[field], rtol=1e-6, err_msg=field)


@every_kind
def test_asked_again_the_threshold_that_serves_is_what_was_given(
    threshold: dict[str, object],
) -> None:
    plant = scored(threshold, 1000)
    ask = plant.what_if().ask
    answer = ask("rooms", ALL, Question(plant.spec.threshold))
    for table in answer.tables:
        stored = plant.scores(*FIELDS)[table.tags["room"]]
        line = table.columns["what_if_threshold"]
        assert stored.times[0] > at(0)
        np.testing.assert_allclose(line, stored.fields["threshold"], rtol=1e-6)
        np.testing.assert_array_equal(table.columns["what_if_alarm"], stored.fields["alarm"])
    assert answer.notices == []
    for one in answer.alerts:
        assert (one.alerts_then, one.flagged_then) == (one.alerts_now, one.flagged_now)


def test_another_threshold_that_moves_is_asked_over_what_a_plain_one_left() -> None:
    plain, moving = scored({"kind": "quantile"}, 1000), scored(KINDS[0], 1000)
    records = plain.what_if()
    span = ALL
    answer = records.ask("rooms", span, Question(moving.spec.threshold))
    for table in answer.tables:
        wanted = moving.scores(*FIELDS)[table.tags["room"]]
        np.testing.assert_allclose(
            table.columns["what_if_threshold"], wanted.fields["threshold"], rtol=1e-6
        )


def test_a_new_version_begins_from_its_calibration() -> None:
    plant = scored(KINDS[0], 900)
    plant.label(600, 700)
    plant.train()
    start = at(900)
    plant.now(960)
    plant.scoring.tick("rooms")
    span = (start, at(901))
    rows = read_scores(plant.results, plant.spec, ("threshold", "model"), span)
    for key, points in rows.items():
        assert points.fields["model"][0] == "rooms/2"
        record = plant.records.version("rooms", 2).training["series"][key]
        assert points.fields["threshold"][0] == pytest.approx(record["threshold"])


def test_what_a_check_raised_is_not_remembered_as_the_models_error() -> None:
    plant = scored(KINDS[0], 1000)
    plant.now(1001)
    keys = tuple(read_scores(plant.results, plant.spec, ("score",), (at(0), at(1000))))
    seen = 0
    for point in range(800, 830):
        (stored,) = read_scores(
            plant.results, plant.spec, ("reason", "smoothed"), (at(point), at(point + 1)), keys[0]
        ).values()
        before = rows_before(plant.results, plant.spec, keys, at(point + 1), "rooms/1")
        if stored.fields["reason"][0] in ("", REASON_MODEL):
            assert before.smoothed[0, -1] == stored.fields["smoothed"][0]
        else:
            seen += 1
            assert np.isnan(before.smoothed[0, -1])
    assert seen


def test_rows_of_another_version_are_not_remembered() -> None:
    plant = scored(KINDS[0], 800)
    keys = ("room=a", "room=b")
    own = rows_before(plant.results, plant.spec, keys, at(800), "rooms/1")
    assert np.isfinite(own.threshold).all()
    other = rows_before(plant.results, plant.spec, keys, at(800), "rooms/7")
    assert np.isnan(other.threshold).all()


def test_drift_beyond_the_bound_shows_in_the_coverage() -> None:
    threshold = {"kind": "fixed", "value": 1e6, "follow": {"span": 5, "most": 1.01}}
    plant = scored(threshold, 820, 1000)
    (rows,) = plant.results.read(Query(COVERAGE, ("drifting",), at(0), at(1000)))
    drifting = dict(zip(rows.times.tolist(), rows.fields["drifting"].tolist(), strict=True))
    assert drifting[at(819)] >= 1


def test_too_little_normal_time_for_a_budget_keeps_alarms_silent() -> None:
    plant = scored({"kind": "budget", "alarms": "1/year"}, 1000)
    assert numbers(plant, "flag")[0, -200:-170].any()
    assert not numbers(plant, "alarm").any()
    training = plant.records.versions("rooms")[0].training
    told = training["series"]["room=a"]
    assert told["silent"]
    assert told["backing_hours"] < told["wanted_hours"] == 876.6
    assert any("alarms are silent" in warning for warning in training["warnings"])
    plain = scored({"kind": "quantile"}, 1000)
    ask = plain.what_if().ask
    answer = ask("rooms", ALL, Question(plant.spec.threshold))
    assert [one.alerts_then for one in answer.alerts] == [0, 0]
    assert answer.alerts[0].flagged_then > 0
    assert "Too little normal time" in answer.notices[0]


def test_f1_max_learns_from_labelled_anomalies() -> None:
    plant = Plant(threshold={"kind": "f1_max"})
    plant.measure()
    plant.label(0, 600)
    with pytest.raises(NotEnoughNormalData, match="needs labelled anomalies"):
        plant.train()
    plant.now(1000)
    plant.label(805, 825, LabelKind.ANOMALY)
    training = plant.train().training
    assert set(training["series"]) == {"room=a", "room=b"}
    assert "labelled anomalous ones" in training["series"]["room=a"]["basis"]
    plant.scoring.backfill("rooms", at(700), at(1000))
    flags = numbers(plant, "flag")[0]
    assert flags[105:125].mean() > 0.9
    assert flags[200:].mean() < 0.05


def test_f1_max_sets_aside_a_series_without_anomalies() -> None:
    plant = Plant(threshold={"kind": "f1_max"})
    plant.measure()
    plant.label(0, 600)
    plant.now(1000)
    plant.label(805, 825, LabelKind.ANOMALY, {"room": "a"})
    training = plant.train().training
    assert set(training["series"]) == {"room=a"}
    assert "label some" in training["set_aside"]["room=b"]


def test_f1_max_can_be_asked_only_of_versions_that_know_anomalies() -> None:
    plant = scored({"kind": "quantile"}, 1000)
    ask = plant.what_if().ask
    with pytest.raises(InputError, match="needs labelled anomalies, and there is none"):
        ask("rooms", ALL, Question(F1MaxThreshold()))
