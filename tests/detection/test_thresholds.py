import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import genpareto

from backend.detection.alarms import AlarmState, raise_alarms
from backend.detection.runs import spans
from backend.detection.thresholds import Calibration, Limits, learn_limits
from backend.detection.thresholds.budget import lasting_level
from backend.detection.thresholds.dynamic import anomalous, choose_epsilon, limit_beside
from backend.detection.thresholds.pot import beside_mean, beyond, fit_tail
from backend.exceptions import InputError
from backend.specs import (
    AlarmSpec,
    BudgetThreshold,
    ConformalThreshold,
    DynamicThreshold,
    F1MaxThreshold,
    FixedThreshold,
    PotThreshold,
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
    errors = np.convolve(np.random.default_rng(0).lognormal(size=2000), np.ones(12) / 12)[None]
    one = learn_limits(BudgetThreshold(alarms="1/day"), calibration(errors)).values[0]
    ten = learn_limits(BudgetThreshold(alarms="1/day"), calibration(np.repeat(errors, 10, axis=0)))
    assert (ten.values > one).all()


def test_a_rate_never_seen_is_extrapolated_within_bounds_and_said():
    errors = np.convolve(np.random.default_rng(0).lognormal(size=100), np.ones(4) / 4, mode="same")
    limits = learn_limits(BudgetThreshold(alarms="1/month"), calibration(errors))
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


def test_a_low_line_with_one_alarm_without_end_is_not_within_the_budget():
    rng = np.random.default_rng(0)
    errors = np.convolve(rng.lognormal(sigma=0.1, size=2000), np.ones(6) / 6, mode="valid")
    assert alarms_at(errors, 0.1) == 1
    limit = learn_limits(BudgetThreshold(alarms="1/month"), calibration(errors)).values[0]
    assert np.mean(errors > limit) <= 0.01
    assert alarms_at(errors, limit) <= 2


def test_a_budget_is_silent_until_enough_hours_back_it():
    errors = np.random.default_rng(0).lognormal(size=1000)
    budget = BudgetThreshold(alarms="1/week")
    few = learn_limits(budget, calibration(errors, step_hours=0.01))
    assert few.silent.tolist() == [True]
    assert (few.hours[0], few.wanted_hours[0]) == pytest.approx((10, 16.8))
    assert "alarms are silent until there are 16.8 h" in few.basis[0]
    assert np.mean(errors > few.values[0]) == pytest.approx(0.01, abs=0.002)
    enough = learn_limits(budget, calibration(errors, step_hours=0.02))
    assert enough.silent.tolist() == [False]


# -- conformal


@pytest.mark.parametrize(
    ("points", "confidence", "rank"), [(19, 0.95, 19), (99, 0.95, 95), (100, 0.95, 96), (9, 0.5, 5)]
)
def test_a_conformal_limit_is_the_error_of_its_rank(points, confidence, rank):
    errors = np.random.default_rng(0).permutation(np.arange(1.0, points + 1))
    limits = learn_limits(ConformalThreshold(confidence=confidence), calibration(errors))
    assert limits.values[0] == rank


def test_too_few_points_for_a_confidence_are_said():
    limits = learn_limits(ConformalThreshold(confidence=0.95), calibration(np.arange(1.0, 19)))
    assert limits.values[0] == 18
    assert "backs a confidence of 0.947; 0.95 takes 19 points" in limits.basis[0]


def test_new_points_stay_below_a_conformal_limit_as_often_as_stated():
    errors = np.random.default_rng(0).lognormal(size=(2000, 51))
    limits = learn_limits(ConformalThreshold(confidence=0.9), calibration(errors[:, :50]))
    assert np.mean(errors[:, 50] <= limits.values) == pytest.approx(0.9, abs=0.03)


# -- f1_max


def parted(normal: list[float], bad: list[float]) -> Limits:
    rows = len(normal) + len(bad)
    held_out, found = np.full((1, rows), np.nan), np.full((1, rows), np.nan)
    held_out[0, : len(normal)], found[0, len(normal) :] = normal, bad
    return learn_limits(F1MaxThreshold(), Calibration(held_out, 1.0, ALARM, anomalous=found))


def test_f1_max_lies_in_the_middle_of_the_gap_between_both():
    limits = parted([1, 2, 3], [5, 6])
    assert limits.values[0] == 4
    assert "highest F1 (1.00) between 3 held-out normal points and 2 " in limits.basis[0]


def test_f1_max_weighs_what_it_misses_against_false_flags():
    # above 2: 3 of 4 found, none wrong, F1 = 6/7; above 1: all found, one wrong, 8/9
    assert parted([1, 1, 1, 1.8], [1.6, 2.5, 3, 3.5]).values[0] == pytest.approx(1.3)
    # above 2 there are 2 of 3 and none wrong, F1 = 4/5; above 0.5 all, and three wrong, 2/3
    assert parted([0.5, 1, 1.5, 2], [0.6, 3, 4]).values[0] == pytest.approx(2.5)


def test_f1_max_is_refused_without_labelled_anomalies():
    with pytest.raises(InputError, match=r"^The threshold f1_max needs labelled anomalies"):
        learn_limits(F1MaxThreshold(), calibration(np.ones(5)))


# -- dynamic


def test_epsilon_of_one_peak_by_hand():
    # mean 2, deviation 3. Without the 11: mean 1, deviation 0. One point in one run:
    # (1/2 + 3/3) / (1 + 1) for z = 2 and 2.5; nothing is above mean + 3 deviations.
    errors = np.array([1.0] * 9 + [11.0])
    assert choose_epsilon(errors) == pytest.approx(2 + 2 * 3)
    assert limit_beside(errors, 0.13) == pytest.approx(8)


def test_epsilon_prefers_few_runs_by_hand():
    # Mean 2, deviation 5. Up to z = 3.5 both are above, in two runs; without them mean 1 and
    # deviation 0: (1/2 + 5/5) / (2 + 4) = 0.25. From z = 4 on the 31 alone; without it mean 1.408
    # and deviation 2.828: (0.592/2 + 2.172/5) / (1 + 1) = 0.365.
    errors = np.array([1.0] * 20 + [21.0] + [1.0] * 20 + [31.0] + [1.0] * 8)
    assert choose_epsilon(errors) == pytest.approx(2 + 4 * 5)


def paper_z(errors: np.ndarray) -> float:
    """The best z by the formula of the paper, in plain sums."""

    def moments(values: list[float]) -> tuple[float, float]:
        mean = sum(values) / len(values)
        return mean, (sum((v - mean) ** 2 for v in values) / len(values)) ** 0.5

    mean, deviation = moments(list(errors))
    best = (-1.0, 0.0)
    for z in np.arange(2, 10.5, 0.5):
        above = [e > mean + z * deviation for e in errors]
        if not any(above):
            continue
        low_mean, low_deviation = moments([e for e, a in zip(errors, above, strict=True) if not a])
        runs = sum(1 for a, _ in itertools.groupby(above) if a)
        gained = (mean - low_mean) / mean + (deviation - low_deviation) / deviation
        best = max(best, (gained / (sum(above) + runs**2), -z))
    return -best[1]


@given(st.integers(0, 10_000))
@settings(max_examples=50)
def test_epsilon_is_that_of_the_paper(seed):
    rng = np.random.default_rng(seed)
    errors = rng.lognormal(sigma=0.3, size=100)
    errors[rng.integers(0, 90, 3) + np.arange(3)] *= rng.uniform(2, 9, 3)
    if z := paper_z(errors):
        assert choose_epsilon(errors) == pytest.approx(errors.mean() + z * errors.std())


def test_pruning_by_hand():
    # peaks 10, 9, 5, then 4.5 of no run: drops of 10 %, 44 % and 10 %
    errors = np.array([1, 10, 8, 1, 9, 4.5, 1, 5, 1])
    kept = anomalous(errors, 4.8, 0.13)
    assert errors[kept].tolist() == [10, 8, 9]
    assert anomalous(errors, 4.8, 0.05).sum() == 4
    assert not anomalous(errors, 4.8, 0.5).any()


def test_what_was_pruned_is_normal_to_the_points_to_come():
    errors = np.array([1.0] * 50 + [2.0] + [1.0] * 50 + [2.1] + [1.0] * 5)
    assert limit_beside(errors, 0.13) < 2
    assert limit_beside(errors, 0.6) == pytest.approx(2.1 / 0.4)


def test_what_is_lacking_of_the_history_is_taken_from_the_calibration():
    errors = np.random.default_rng(0).lognormal(size=500)
    limits = learn_limits(DynamicThreshold(history=200), calibration(errors))
    assert limits.values[0] == pytest.approx(limit_beside(errors[-200:], 0.13))
    np.testing.assert_array_equal(limits.kept["tail"], errors[None, -200:])


# -- pot


@pytest.mark.parametrize("shape", [-0.3, 0.0, 0.2, 0.6])
def test_a_tail_is_fitted_as_well_as_by_a_general_search(shape):
    peaks = genpareto.rvs(shape, scale=3.0, size=400, random_state=1)
    found = fit_tail(peaks)
    searched = genpareto.fit(peaks, floc=0)
    ours = genpareto.logpdf(peaks, found[0], scale=found[1]).sum()
    assert ours >= genpareto.logpdf(peaks, searched[0], scale=searched[2]).sum() - 1e-3
    assert found == pytest.approx((shape, 3.0), abs=0.4)


def test_few_or_equal_peaks_are_taken_as_exponential():
    assert fit_tail(np.array([1.0, 3.0])) == (0.0, 2.0)
    assert fit_tail(np.full(50, 0.5)) == (0.0, 0.5)


def test_the_level_of_a_risk_by_hand():
    # Two peaks of mean 2 among 100 points: 2 * log(2 / (100 * 0.001))
    assert beyond(np.array([1.0, 3.0]), 100, 0.001) == pytest.approx(2 * np.log(20))
    assert beyond(np.empty(0), 100, 0.001) == 0


def test_peaks_over_threshold_find_a_level_hardly_ever_passed():
    errors = np.random.default_rng(0).exponential(size=20_000)
    limits = learn_limits(PotThreshold(risk=1e-4), calibration(errors))
    assert limits.values[0] == pytest.approx(-np.log(1e-4), rel=0.2)
    assert "400 peaks among 20000" in limits.basis[0]


def test_the_local_mean_is_that_of_the_errors_before():
    np.testing.assert_allclose(beside_mean(np.array([1.0, 3, 5, 10]), 2), [3, 6])
    assert beside_mean(np.array([1.0, 3]), 2).size == 0
    np.testing.assert_array_equal(beside_mean(np.array([1.0, 3]), 0), [1, 3])
