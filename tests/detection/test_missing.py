"""Judging without some channels: hidden in front of the model, calibrated, repeatable."""

from dataclasses import replace

import numpy as np
import pytest

from backend import schema
from backend.detection.explaining import look
from backend.detection.grid import Rows
from backend.detection.members import members_of
from backend.detection.missing import UNKNOWN, WHOLE, MissingSets, learn_substitutes
from backend.detection.pipeline import Carried, Fitted, Scored, go_on, score
from backend.detection.training import Outcome, fit
from backend.models.registry import build
from backend.ports import Floats, Times, Voice
from tests.detection.fleets import fitted, rows_of, spec, waves
from tests.fakes.models import LinearModel

CHANNELS = ("a", "b", "c", "d")
TRAINED = 1500


def sensors(length: int, series: int = 1, seed: int = 0) -> np.ndarray:
    """(S, T, 4) four sensors of one process of two slow causes, with noise of their own."""
    rng = np.random.default_rng(seed)
    causes = rng.standard_normal((series, length + 50, 2))
    kernel = 0.8 ** np.arange(30)
    slow = np.apply_along_axis(lambda row: np.convolve(row, kernel, "same"), 1, causes)
    mixed = slow[:, 25 : 25 + length] @ np.array([[1.0, 0.8, 0.3, -0.5], [0.2, -0.6, 1.0, 0.9]])
    return mixed + 0.3 * rng.standard_normal((series, length, 4))


def learn(kind: str, series: int = 1, **changes: object) -> Outcome:
    values = sensors(TRAINED, series)
    made = spec(
        channels=CHANNELS,
        model={"kind": kind, **({"window": 3} if kind in ("mahalanobis", "pca") else {})},
        threshold={"kind": "quantile", "q": 0.99, "follow": None},
        checks={"flatline": 0, "rate": 0},
        **changes,
    )
    mask = np.ones(values.shape[:2], dtype=bool)
    return fit(made, rows_of(values), mask, build)


def model_of(kind: str, series: int = 1, **changes: object) -> Fitted:
    outcome = learn(kind, series, **changes)
    assert outcome.fitted is not None, outcome.rejected
    return outcome.fitted


@pytest.fixture(scope="module")
def model() -> Fitted:
    return model_of("mahalanobis", 2)


def without(values: np.ndarray, *channels: int) -> np.ndarray:
    values = values.copy()
    values[:, 60:, list(channels)] = np.nan
    return values


@pytest.mark.parametrize("kind", ["mahalanobis", "pca", "robust_z", "isolation_forest"])
def test_false_alarms_with_two_channels_missing_stay_within_twice_those_of_all(kind):
    model, live = model_of(kind), sensors(6000, seed=5)
    whole = score(model, rows_of(live))
    alarms = whole.flag[0, 100:].mean()
    for gone in ((0,), (2,), (0, 1), (2, 3), (0, 3)):
        scored = score(model, rows_of(without(live, *gone)))
        assert scored.judged[0, 100:].all(), gone
        assert scored.flag[0, 100:].mean() <= max(2 * alarms, 0.02), gone
        assert (scored.channels_used[0, 100:] == 4 - len(gone)).all()


def test_a_fault_is_still_found_by_the_other_channels(model):
    live = sensors(1200, 2, seed=6)
    live[:, 800:830, 1] += 6.0
    scored = score(model, rows_of(without(live, 3)))
    assert scored.flag[:, 803:830].all()
    assert (scored.contributions[:, 803:830].argmax(axis=2) == 1).all()


def test_a_missing_channel_is_said_and_has_no_share_and_a_reconstruction(model):
    live = sensors(600, 2, seed=7)
    scored = score(model, rows_of(without(live, 2)))
    late = slice(100, None)
    calm = ~scored.flag[:, late]
    assert (scored.reason[:, late][calm] == schema.REASON_DEGRADED).all()
    assert (scored.reason[:, late][~calm] == schema.REASON_MODEL).all()
    assert (scored.contributions[:, late, 2] == 0).all()
    np.testing.assert_allclose(scored.contributions[:, late].sum(axis=2), 1)
    assert np.isfinite(scored.expected).all()
    # what stands for it is what the others let expect: nearer to the truth than its mean is
    off = np.abs(scored.expected[:, late, 2] - live[:, late, 2]).mean()
    assert off < 0.6 * np.abs(live[:, late, 2] - live[:, late, 2].mean()).mean()


def test_with_all_channels_there_nothing_is_other_than_without_the_sets(model):
    live = rows_of(sensors(500, 2, seed=8))
    bare = replace(model, missing=MissingSets.none(2, 4))
    a, b = score(model, live), score(bare, live)
    for name in vars(a):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def broken(seed: int) -> np.ndarray:
    """Channels that come and go, one by one and together, and gaps."""
    values, rng = sensors(500, 2, seed=seed), np.random.default_rng(seed)
    for channel in range(4):
        for start in rng.integers(0, 480, 3):
            values[rng.integers(2), start : start + rng.integers(1, 60), channel] = np.nan
    values[0, 200:230] = np.nan
    return values


def parts(model: Fitted, values: np.ndarray, length: int) -> list[Scored]:
    """Scored piece by piece as a service does, with the errors carried on."""
    pieces, errors = [], None
    for start in range(0, values.shape[1], length):
        stop = min(start + length, values.shape[1])
        begin = max(0, start - model.lookback)
        rows = rows_of(values[:, begin:stop], begin)
        scored, errors = go_on(model, rows, start - begin, Carried(errors=errors))
        pieces.append(scored)
    return pieces


@pytest.mark.parametrize("length", [1, 13, 101])
def test_any_pieces_give_the_same_to_the_last_digit(model, length):
    values = broken(length)
    whole = score(model, rows_of(values))
    assert {"", schema.REASON_DEGRADED, schema.REASON_GAP} <= set(whole.reason.ravel())
    pieces = parts(model, values, length)
    for name in ("error", "score", "judged", "reason", "contributions", "expected", "outside"):
        joined = np.concatenate([getattr(piece, name) for piece in pieces], axis=1)
        np.testing.assert_array_equal(joined, getattr(whole, name), err_msg=name)


def test_a_score_does_not_change_when_later_rows_come(model):
    values = broken(3)
    whole = score(model, rows_of(values))
    for cut in (77, 205, 260, 444):
        before = score(model, rows_of(values[:, :cut]))
        np.testing.assert_array_equal(before.score, whole.score[:, :cut])
        np.testing.assert_array_equal(before.judged, whole.judged[:, :cut])


def test_a_set_without_a_calibration_is_not_judged(model):
    live = sensors(300, 2, seed=9)
    scored = score(model, rows_of(without(live, 0, 1, 2)))
    late = slice(90, None)
    assert not scored.judged[:, late].any()
    assert not scored.flag[:, late].any()
    assert (scored.reason[:, late] == schema.REASON_MISSING_CHANNEL).all()
    assert (scored.score[:, late] == 0).all()


def test_channels_that_go_together_are_calibrated_where_they_are_named():
    named = model_of("pca", missing={"together": [["a", "b", "c"]]})
    scored = score(named, rows_of(without(sensors(300, seed=9), 0, 1, 2)))
    assert scored.judged[0, 90:].all()


def test_a_set_that_was_missing_in_training_is_calibrated_too():
    values = sensors(TRAINED, 1)
    values[0, 700:760, :3] = np.nan
    made = spec(channels=CHANNELS, model={"kind": "pca"}, threshold={"kind": "quantile"})
    outcome = fit(made, rows_of(values), np.ones(values.shape[:2], dtype=bool), build)
    assert outcome.fitted is not None
    found = outcome.fitted.missing
    assert [True, True, True, False] in found.absent[0].tolist()
    scored = score(outcome.fitted, rows_of(without(sensors(300, seed=9), 0, 1, 2)))
    assert scored.judged[0, 90:].all()


def test_switched_off_nothing_is_judged_without_a_channel():
    plain = model_of("pca", missing={"judge": False})
    assert plain.missing.factor.shape == (1, 0)
    scored = score(plain, rows_of(without(sensors(300, seed=9), 1)))
    assert not scored.judged[0, 90:].any()
    assert (scored.reason[0, 90:] == schema.REASON_MISSING_CHANNEL).all()


def test_one_series_lacks_a_channel_and_its_neighbor_does_not_notice(model):
    live = sensors(400, 2, seed=10)
    whole = score(model, rows_of(live))
    live[1, 100:, 0] = np.nan
    scored = score(model, rows_of(live))
    np.testing.assert_array_equal(scored.score[0], whole.score[0])
    assert (scored.channels_used[0] == 4).all()
    assert scored.judged[1, 150:].all()


def test_a_series_on_its_own_judges_without_a_channel_as_in_its_fleet(model):
    rows = rows_of(without(sensors(400, 2, seed=10), 1))
    whole = score(model, rows)
    alone = score(members_of(model, [1], build), rows.select([1]))
    assert whole.judged[1, 100:].all()
    for name in ("error", "score", "judged", "reason", "contributions", "expected"):
        np.testing.assert_array_equal(getattr(alone, name)[0], getattr(whole, name)[1], name)


def test_without_a_channel_input_is_outside_no_more_than_with_it():
    values = sensors(TRAINED) + 50.0  # a value that is not there is not one of 0
    made = spec(channels=CHANNELS, model={"kind": "pca"}, threshold={"kind": "quantile"})
    outcome = fit(made, rows_of(values), np.ones(values.shape[:2], dtype=bool), build)
    assert outcome.fitted is not None
    live = sensors(400, seed=12) + 50.0
    whole, lacking = score(outcome.fitted, rows_of(live)), without(live, 1)
    scored = score(outcome.fitted, rows_of(lacking))
    assert scored.judged[0, 100:].all()
    assert scored.outside.sum() <= whole.outside.sum()
    lacking[0, 300, 0] = 500.0
    assert score(outcome.fitted, rows_of(lacking)).outside[0, 300]


def test_what_a_channel_adds_is_found_with_what_the_model_saw_of_a_missing_one():
    """A kind that tells no parts is asked by hiding channels, in windows that are filled."""
    mute = model_of("isolation_forest")
    live = sensors(400, seed=13)
    live[0, 300:, :2] += 40.0
    scored = score(mute, rows_of(without(live, 3)))
    assert scored.flag[0, 310]
    shares = scored.contributions[0, 310]
    assert shares[3] == 0
    np.testing.assert_allclose(shares.sum(), 1)
    # of what is filled in by the mean, the same comes out as if that were measured
    filled = score(mute, rows_of(_with(without(live, 3), scored.expected, 3)))
    np.testing.assert_allclose(shares[:3], _shares(filled.contributions[0, 310, :3]), atol=0.02)
    calm = look(mute, rows_of(without(sensors(400, seed=14), 3)))
    assert calm.contribution[3] == 0


def _with(values: np.ndarray, expected: np.ndarray, channel: int) -> np.ndarray:
    """The values with what stands for a channel in its place."""
    values[..., channel] = expected[..., channel]
    return values


def _shares(parts: np.ndarray) -> np.ndarray:
    return parts / parts.sum()


def test_an_operating_mode_is_known_by_the_channels_that_are_there():
    rng = np.random.default_rng(3)
    state = np.arange(1500) // 50 % 2
    values = rng.standard_normal((1, 1500, 4)) * np.where(state, 3.0, 1.0)[None, :, None]
    values += np.outer(state, [40.0, -20.0, 30.0, 0.0])[None]
    made = spec(
        channels=CHANNELS,
        model={"kind": "robust_z"},
        modes="found",
        threshold={"kind": "quantile", "q": 0.99, "per_mode": True, "follow": None},
        checks={"flatline": 0, "rate": 0},
    )
    outcome = fit(made, rows_of(values), np.ones(values.shape[:2], dtype=bool), build)
    assert outcome.fitted is not None
    whole = score(outcome.fitted, rows_of(values))
    scored = score(outcome.fitted, rows_of(without(values, 1)))
    assert len(np.unique(whole.threshold)) > 1
    assert scored.judged[0, 100:].all()
    np.testing.assert_array_equal(scored.threshold, whole.threshold)


class Counting(LinearModel):
    """Counts the windows that a series has to look at."""

    looked_at = 0

    def assess(self, windows: Floats, times: Times) -> tuple[Voice, ...]:
        Counting.looked_at += windows.shape[1]
        return super().assess(windows, times)


def gappy(series: int) -> np.ndarray:
    """A fleet in which each series lacked three channels of its own for a while."""
    values = sensors(TRAINED, series)
    for s in range(series):
        values[s, 700:760, [c for c in range(4) if c != s % 4]] = np.nan
    return values


def learned_counting(values: np.ndarray) -> tuple[Fitted, int]:
    made = spec(channels=CHANNELS, threshold={"kind": "quantile"})
    Counting.looked_at = 0
    outcome = fit(made, rows_of(values), np.ones(values.shape[:2], dtype=bool), Counting)
    assert outcome.fitted is not None
    return outcome.fitted, Counting.looked_at


def test_what_others_lacked_neither_changes_a_series_nor_costs_it_anything():
    values = gappy(4)
    fleet, together = learned_counting(values)
    _, one = learned_counting(values[:1])
    assert together == one
    assert fleet.missing.absent.shape == (4, 4 + 6 + 1, 4)
    alone, _ = learned_counting(values[2:3])
    np.testing.assert_array_equal(fleet.missing.absent[2], alone.missing.absent[0])
    np.testing.assert_allclose(fleet.missing.factor[2], alone.missing.factor[0], rtol=1e-9)


def test_a_machine_whose_state_is_not_known_is_blind_and_not_off():
    switched = fitted(waves(700), slice(0, 600), judge_when="x > -3")
    values = waves(900)
    values[0, 800:, 0] = np.nan
    scored = score(switched, rows_of(values))
    assert set(scored.reason[0, 810:]) == {schema.REASON_MISSING_CHANNEL}
    assert schema.REASON_MISSING_CHANNEL not in schema.NOT_DUE


def test_a_channel_whose_base_is_not_known_yet_is_missing_and_the_rest_is_judged():
    differenced = model_of("robust_z", preprocessing={"difference": "2h"})
    live = sensors(400, seed=11)
    live[0, 100:150, 2] = np.nan
    scored = score(differenced, rows_of(live))
    assert scored.judged[0, 150:162].all()
    assert (scored.channels_used[0, 152:160] == 3).all()
    assert (scored.channels_used[0, 200:] == 4).all()


def test_context_may_be_missing_and_does_not_count():
    values = sensors(TRAINED)
    made = spec(
        channels=CHANNELS[:3], context=("d",), model={"kind": "pca"}, threshold={"kind": "quantile"}
    )
    outcome = fit(made, rows_of(values), np.ones(values.shape[:2], dtype=bool), build)
    assert outcome.fitted is not None
    scored = score(outcome.fitted, rows_of(without(sensors(300, seed=9), 3)))
    assert scored.judged[0, 90:].all()
    assert (scored.channels_used[0, 90:] == 3).all()
    # with the context alone there is nothing to judge by
    absent = outcome.fitted.missing.absent[0]
    assert not (absent[:, :3].all(axis=1)).any()


def test_sets_are_found_by_what_is_absent():
    sets = MissingSets(
        absent=np.array([[[True, False], [False, True]]]),
        factor=np.array([[2.0, np.nan]]),
        substitutes=learn_substitutes(np.ones((1, 3, 2)), np.ones((1, 3), dtype=bool)),
    )
    absent = np.array([[[False, False], [True, False], [False, True], [True, True]]])
    assert sets.places(absent).tolist() == [[WHOLE, 0, UNKNOWN, UNKNOWN]]
    looked = sets.look(absent[:, :2].repeat(2, axis=1), 3)
    assert looked.absent[0, :, 0].tolist() == [False, False, True, True]
    assert looked.factors().tolist() == [[1.0, 1.0, 2.0, 2.0]]


def test_a_channel_counts_as_missing_as_long_as_a_window_holds_a_row_without_it():
    none = MissingSets.none(1, 1)
    absent = np.zeros((1, 12, 1), dtype=bool)
    absent[0, 3] = True
    looked = none.look(absent, 4)
    assert looked.absent[0, :, 0].nonzero()[0].tolist() == [3, 4, 5, 6]


def test_what_stands_for_a_channel_follows_from_the_others():
    rng = np.random.default_rng(0)
    x = rng.standard_normal(2000)
    values = np.stack([x, 2 * x + 1, rng.standard_normal(2000)], axis=1)[None]
    known = learn_substitutes(values, np.ones((1, 2000), dtype=bool))
    windows = np.array([[[[3.0, np.nan, 0.0]]]])
    filled = known.put(windows, np.array([False, True, False]), slice(0, 1))
    assert filled[0, 0, 0, 1] == pytest.approx(7.0, rel=0.02)
    assert filled[0, 0, 0, [0, 2]].tolist() == [3.0, 0.0]


def test_rows_that_are_scored_stay_as_they_are():
    # a window is a view of the rows: what is hidden in it must not be written into them
    model = model_of("pca")
    values = without(sensors(200, seed=3), 1)
    rows = rows_of(values.copy())
    score(model, rows)
    assert isinstance(rows, Rows)
    np.testing.assert_array_equal(rows.values, values)
