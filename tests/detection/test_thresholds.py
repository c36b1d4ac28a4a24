import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.detection.alarms import AlarmState, raise_alarms
from backend.detection.runs import spans
from backend.detection.thresholds import Calibration, learn_limits
from backend.detection.thresholds.budget import lasting_level
from backend.specs import (
    AlarmSpec,
    BudgetThreshold,
    FixedThreshold,
    QuantileThreshold,
    SigmaThreshold,
)

ALARM = AlarmSpec.model_validate({"for": 3, "clear_below": 0.8})


def calibration(errors: np.ndarray, step_hours: float = 1.0) -> Calibration:
    return Calibration(np.atleast_2d(errors), step_hours, ALARM)


def alarms_at(errors: np.ndarray, limit: float) -> int:
    """How many alarms the service would raise."""
    score = np.nan_to_num(errors / limit)[None]
    on = raise_alarms(score, np.isfinite(errors)[None], ALARM, AlarmState.off(1))
    return len(spans(on[0]))


def test_a_fixed_limit_is_the_stated_one():
    limits = learn_limits(FixedThreshold(value=2.5), calibration(np.ones((3, 5))))
    np.testing.assert_array_equal(limits.values, [2.5, 2.5, 2.5])


def test_a_quantile_looks_at_each_series_alone_and_skips_gaps():
    errors = np.array([[1.0, 2, 3, np.nan], [10, 20, 30, 40]])
    limits = learn_limits(QuantileThreshold(q=1.0, margin=2.0), calibration(errors))
    np.testing.assert_array_equal(limits.values, [6, 80])


def test_sigma_is_mean_plus_deviations():
    errors = np.array([1.0, 3.0, np.nan])
    assert learn_limits(SigmaThreshold(k=2), calibration(errors)).values[0] == 4


def test_a_limit_is_greater_than_zero_even_where_nothing_ever_erred():
    for spec in (QuantileThreshold(), SigmaThreshold(), BudgetThreshold()):
        assert learn_limits(spec, calibration(np.zeros(50))).values[0] > 0


@given(st.integers(0, 1000), st.sampled_from(["1/day", "5/week", "20/week"]))
@settings(max_examples=25)
def test_a_budget_that_the_held_out_time_can_show_is_kept_and_not_wasted(seed, alarms):
    rng = np.random.default_rng(seed)
    errors = np.convolve(rng.lognormal(size=800), np.ones(4) / 4, mode="same")
    spec = BudgetThreshold(alarms=alarms)
    limit = learn_limits(spec, calibration(errors)).values[0]
    allowed = int(spec.per_hour * 800)
    assert alarms_at(errors, limit) <= allowed
    assert alarms_at(errors, limit * 0.7) >= alarms_at(errors, limit)


def test_a_budget_belongs_to_the_whole_detector():
    errors = np.random.default_rng(0).lognormal(size=(1, 2000))
    one = learn_limits(BudgetThreshold(alarms="1/day"), calibration(errors)).values[0]
    ten = learn_limits(BudgetThreshold(alarms="1/day"), calibration(np.repeat(errors, 10, axis=0)))
    assert (ten.values > one).all()


def test_a_rate_never_seen_is_extrapolated_within_bounds_and_said():
    errors = np.convolve(np.random.default_rng(0).lognormal(size=100), np.ones(4) / 4, mode="same")
    limits = learn_limits(BudgetThreshold(alarms="1/year"), calibration(errors))
    largest = lasting_level(errors, 3).max()
    assert largest <= limits.values[0] <= 1.5 * largest
    assert "extrapolated" in limits.basis[0]


def test_a_lasting_level_needs_points_in_a_row():
    errors = np.array([5.0, 4.0, 3.0, np.nan, 9.0, 9.0, 9.0])
    np.testing.assert_array_equal(
        lasting_level(errors, 3), [-np.inf, -np.inf, 3, -np.inf, -np.inf, -np.inf, 9]
    )


@pytest.mark.parametrize("text", ["0/week", "5", "five/week", "5/fortnight", "-1/day"])
def test_a_budget_that_is_no_rate_is_refused(text):
    with pytest.raises(ValueError, match="expected a rate"):
        BudgetThreshold(alarms=text)
