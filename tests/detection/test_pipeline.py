import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend import schema
from backend.detection.events import find_events
from backend.detection.pipeline import Fitted, Scored, score
from tests.detection.fleets import fitted, rows_of, spec, train, waves

SETTINGS = [
    {},
    {"error": {"metric": "squared", "channels": "mean_top", "window": "mean"}},
    {"judge_when": "x > -0.9", "settle": "20m", "max_gap": 1},
]


@pytest.fixture(scope="module", params=range(len(SETTINGS)), ids=["plain", "squared", "judge_when"])
def model(request) -> Fitted:
    return fitted(waves(700, series=2), slice(0, 600), **SETTINGS[request.param])


def broken(seed: int, length: int = 400) -> np.ndarray:
    """Data with gaps, missing channels, a stuck sensor and jumps."""
    values = waves(length, series=2, seed=seed)
    rng = np.random.default_rng(seed)
    values[rng.random(values.shape) < 0.02] = np.nan
    values[0, 50:60] = np.nan
    values[1, 100:140, 0] = values[1, 100, 0]
    values[0, 200:215, 1] += 3
    values[1, 300, 0] = 1e6
    return values


def parts(model: Fitted, values: np.ndarray, length: int) -> list[Scored]:
    pieces = []
    for start in range(0, values.shape[1], length):
        stop = min(start + length, values.shape[1])
        begin = max(0, start - model.lookback)
        piece = rows_of(values[:, begin:stop], begin)
        pieces.append(score(model, piece, first=start - begin))
    return pieces


@given(seed=st.integers(0, 5), length=st.sampled_from([1, 7, 31, 97, 211]))
@settings(max_examples=15, deadline=None)
def test_a_range_scored_in_pieces_gives_the_same_numbers(model, seed, length):
    values = broken(seed)
    whole = score(model, rows_of(values))
    pieces = parts(model, values, length)
    for name in ("error", "smoothed", "score", "judged", "reason", "contributions", "expected"):
        joined = np.concatenate([getattr(piece, name) for piece in pieces], axis=1)
        np.testing.assert_array_equal(joined, getattr(whole, name), err_msg=name)


@given(seed=st.integers(0, 5), cut=st.integers(20, 399))
@settings(max_examples=15, deadline=None)
def test_a_score_never_changes_when_later_data_comes(model, seed, cut):
    values = broken(seed)
    whole = score(model, rows_of(values))
    before = score(model, rows_of(values[:, :cut]))
    for name in ("score", "flag", "alarm", "judged"):
        np.testing.assert_array_equal(getattr(before, name), getattr(whole, name)[:, :cut])


def test_nothing_that_is_written_is_nan_and_the_contract_of_the_numbers_holds(model):
    scored = score(model, rows_of(broken(3)))
    numbers = (
        "error",
        "smoothed",
        "threshold",
        "score",
        "channels_used",
        "contributions",
        "expected",
    )
    for name in numbers:
        assert np.isfinite(getattr(scored, name)).all(), name
    np.testing.assert_allclose(scored.score, scored.smoothed / scored.threshold, rtol=1e-12)
    np.testing.assert_array_equal(scored.flag, scored.score > 1.0)
    assert not scored.flag[~scored.judged].any()
    assert not scored.alarm[~scored.judged].any()
    assert (scored.score[~scored.judged] == 0).all()
    total = scored.contributions.sum(axis=2)
    np.testing.assert_allclose(total[scored.judged], 1)
    assert (total[~scored.judged] == 0).all()
    assert (scored.reason[~scored.judged] != "").all()
    assert set(scored.reason[scored.flag]) <= {"model", "flatline", "range", "rate", "constant"}


def test_one_series_does_not_touch_another():
    model, values = fitted(waves(700, series=2), slice(0, 600)), waves(300, series=2, seed=4)
    alone = score(model, rows_of(values))
    values[1] = np.nan
    poisoned = score(model, rows_of(values))
    np.testing.assert_array_equal(alone.score[0], poisoned.score[0])
    assert not poisoned.judged[1].any()


def test_a_fault_is_found_where_it_is_and_named_by_its_channel():
    values = waves(900, noise=0.05)
    values[0, 700:730, 1] += np.where(np.arange(30) % 2, 1.0, -1.0)
    model = fitted(values, slice(0, 600), threshold={"kind": "quantile", "q": 1, "margin": 1.5})
    scored = score(model, rows_of(values))
    events = find_events(scored.score[0], scored.judged[0], model.spec.alarm)
    assert len(events) == 1
    assert 700 <= events[0].start <= 710
    assert scored.contributions[0, events[0].peak].argmax() == 1


def test_gaps_missing_channels_and_warm_up_are_told_apart():
    values = waves(900)
    values[0, 700:720] = np.nan
    values[0, 800:820, 0] = np.nan
    model = fitted(values, slice(0, 600), missing={"judge": False})
    reason = score(model, rows_of(values)).reason[0]
    assert reason[710] == schema.REASON_GAP
    assert reason[722] == schema.REASON_WARM_UP
    assert reason[810] == schema.REASON_MISSING_CHANNEL
    assert reason[701] == ""  # bridged by the last value
    bridged = score(model, rows_of(values)).bridged[0]
    assert bridged[699:704].tolist() == [0, 2, 2, 2, 0]
    assert bridged[800:804].tolist() == [1, 1, 1, 0]


def test_a_machine_that_is_off_or_settling_is_not_judged():
    values = waves(900)
    values[0, 700:750, 0] = -5.0
    model = fitted(values, slice(0, 600), judge_when="x > -3", settle="30m")
    reason = score(model, rows_of(values)).reason[0]
    assert set(reason[700:750]) == {schema.REASON_OFF}
    assert reason[750:753].tolist() == [schema.REASON_SETTLING] * 3
    assert reason[753] == schema.REASON_WARM_UP


def test_excluded_time_is_not_judged():
    values = waves(900)
    model = fitted(values, slice(0, 600))
    mask = np.zeros((1, 900), dtype=bool)
    mask[0, 700:710] = True
    scored = score(model, rows_of(values), excluded=mask)
    assert set(scored.reason[0, 700:710]) == {schema.REASON_EXCLUDED}
    assert not scored.judged[0, 700:710].any()


def test_context_feeds_the_model_but_is_never_to_blame():
    values = waves(900)
    values[0, 700:730, 1] += 5.0
    scored = score(
        fitted(values, slice(0, 600), channels=["x"], context=["y"], checks={"rate": 0}),
        rows_of(values),
    )
    assert (scored.contributions[0, :, 1] == 0).all()
    assert (scored.channels_used[0, 100:] == 1).all()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (lambda v: v.__setitem__((0, slice(700, 760), 0), v[0, 700, 0]), schema.REASON_FLATLINE),
        (lambda v: v.__setitem__((0, slice(700, 720), 0), 40.0), schema.REASON_RANGE),
        (lambda v: v.__setitem__((0, slice(700, 720), 2), 8.0), schema.REASON_CONSTANT),
    ],
)
def test_a_plain_check_gives_its_reason_and_its_channel(fault, reason):
    values = np.concatenate([waves(900), np.full((1, 900, 1), 7.0)], axis=2)
    outcome = train(
        values.copy(),
        slice(0, 600),
        channels=["x", "y", "z"],
        checks={"rate": 0, "range": 1},
    )
    assert outcome.fitted is not None
    assert "z" in outcome.training.warnings[0]
    fault(values)
    scored = score(outcome.fitted, rows_of(values))
    where = scored.reason[0] == reason
    assert where[700:].any()
    assert not where[:700].any()
    channel = {"flatline": 0, "range": 0, "constant": 2}[reason]
    assert (scored.contributions[0, where].argmax(axis=1) == channel).all()


def test_a_jump_is_told_from_the_model():
    values = waves(900, noise=0.02)
    values[0, 700, 0] += 30
    model = fitted(waves(900, noise=0.02), slice(0, 600), checks={"range": 0, "flatline": 0})
    assert schema.REASON_RATE in set(score(model, rows_of(values)).reason[0, 700:702])


def test_the_lookback_is_long_enough_and_finite():
    model = fitted(waves(700), slice(0, 600), settle="50m")
    assert spec().model.window < model.lookback < 100
