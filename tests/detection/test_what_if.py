"""Another threshold over stored errors: the same rule as in service, in any pieces."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.detection.alarms import AlarmState, raise_alarms
from backend.detection.thresholds import Calibration, learn_limits
from backend.detection.what_if import (
    Before,
    Otherwise,
    Stored,
    count_alerts,
    judge_again,
)
from backend.specs import (
    AlarmSpec,
    BudgetThreshold,
    FixedThreshold,
    QuantileThreshold,
    SigmaThreshold,
)

STEP = 60


def stored(smoothed: list[float], *, old: float = 1.0, **more: object) -> Stored:
    values = np.array(smoothed)
    times = STEP * np.arange(len(values), dtype=np.int64)
    yes, no = np.ones(len(values), dtype=bool), np.zeros(len(values), dtype=bool)
    columns = {"times": times, "judged": yes, "checked": no, **more}
    return Stored(smoothed=values, score=values / old, **columns)


def otherwise(rows: Stored, limit: float, alarm: AlarmSpec | None = None) -> Otherwise:
    rule = alarm or AlarmSpec(points=2, clear_below=0.5)
    return judge_again(rows, np.full(len(rows), limit), rule, STEP, Before())[0]


def calibration(held_out: np.ndarray, alarm: AlarmSpec | None = None) -> Calibration:
    return Calibration(held_out, 0.1, alarm or AlarmSpec())


def test_a_lower_line_flags_more_and_the_alarm_follows_its_rule() -> None:
    found = otherwise(stored([0.1, 0.6, 0.9, 0.3, 0.26, 0.1]), 0.5)
    np.testing.assert_allclose(found.score, [0.2, 1.2, 1.8, 0.6, 0.52, 0.2])
    assert found.flag.tolist() == [False, True, True, False, False, False]
    assert found.alarm.tolist() == [False, False, True, True, True, False]


def test_on_the_line_is_not_over_it() -> None:
    assert not otherwise(stored([0.5, 0.5, 0.5]), 0.5).flag.any()


def test_rows_not_judged_are_zero_and_end_an_alarm() -> None:
    judged = np.array([True, True, False, True, True, True])
    found = otherwise(stored([2.0] * 6, judged=judged), 1.0)
    assert found.score.tolist() == [2.0, 2.0, 0.0, 2.0, 2.0, 2.0]
    assert found.alarm.tolist() == [False, True, False, False, True, True]


def test_a_pause_ends_an_alarm() -> None:
    times = STEP * np.array([0, 1, 2, 9, 10, 11], dtype=np.int64)
    rows = stored([2.0] * 6, times=times)
    found = otherwise(rows, 1.0)
    assert found.alarm.tolist() == [False, True, True, False, True, True]
    assert count_alerts(found.alarm, times, STEP, Before()) == 2


def test_what_a_check_found_is_flagged_whatever_the_threshold() -> None:
    checked = np.array([False, True, True])
    rows = stored([3.0, 3.0, 3.0], old=1.5, checked=checked)
    assert otherwise(rows, 1000.0).score.tolist() == [0.003, 2.0, 2.0]
    assert otherwise(rows, 1000.0).flag.tolist() == [False, True, True]


def test_where_the_threshold_is_not_known_nothing_is_said() -> None:
    rows = stored([2.0] * 5)
    limit = np.array([1.0, 1.0, np.nan, 1.0, 1.0])
    found, _ = judge_again(rows, limit, AlarmSpec(points=2), STEP, Before())
    assert np.isnan(found.score).tolist() == [False, False, True, False, False]
    assert found.alarm.tolist() == [False, True, False, False, True]
    assert found.flag.tolist() == [True, True, False, True, True]


def test_alerts_are_counted_once_each_over_pieces() -> None:
    alarm = np.array([False, True, True, False, True])
    times = STEP * np.arange(5, dtype=np.int64)
    assert count_alerts(alarm, times, STEP, Before()) == 2
    assert count_alerts(alarm[1:], times[1:], STEP, Before(time=0, on=True)) == 1
    assert count_alerts(alarm[1:], times[1:], STEP, Before(time=-STEP, on=True)) == 2


@settings(max_examples=300)
@given(
    score=st.lists(st.sampled_from([0.0, 0.4, 0.8, 0.9, 1.0, 1.1, 3.0]), min_size=1, max_size=60),
    judged=st.lists(st.booleans(), min_size=60, max_size=60),
    paused=st.lists(st.integers(0, 9), min_size=60, max_size=60),
    points=st.integers(1, 5),
    clear=st.sampled_from([0.5, 0.8, 1.0]),
    cuts=st.lists(st.integers(0, 60), max_size=6),
)
def test_the_alarm_is_that_of_the_service_in_any_pieces(
    score: list[float],
    judged: list[bool],
    paused: list[int],
    points: int,
    clear: float,
    cuts: list[int],
) -> None:
    count = len(score)
    mask = np.array(judged[:count])
    gaps = np.array([1 + (gap == 0) for gap in paused[:count]])
    places = np.cumsum(gaps)
    rows = stored(score, judged=mask, times=STEP * places.astype(np.int64))
    rule = AlarmSpec(points=points, clear_below=clear)
    # the service writes a row that is not judged where rows are missing here
    on_grid, there = np.zeros((1, places[-1] + 1)), np.zeros((1, places[-1] + 1), dtype=bool)
    on_grid[0, places], there[0, places] = score, mask
    expected = raise_alarms(on_grid, there, rule, AlarmState.off(1))[0, places]

    before, found, alerts = Before(), [], 0
    edges = sorted({0, count, *(cut for cut in cuts if cut < count)})
    for start, stop in itertools.pairwise(edges):
        part = slice(start, stop)
        piece = rows.part(part)
        said, after = judge_again(piece, np.ones(stop - start), rule, STEP, before)
        alerts += count_alerts(said.alarm, piece.times, STEP, before)
        found += said.alarm.tolist()
        before = after

    assert found == expected.tolist()
    whole = np.concatenate([[False], raise_alarms(on_grid, there, rule, AlarmState.off(1))[0]])
    assert alerts == int((whole[1:] & ~whole[:-1])[places].sum())


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (FixedThreshold(value=7), [7.0, 7.0]),
        (QuantileThreshold(q=0.5, margin=2), [4.0, 10.0]),
        (SigmaThreshold(k=1e-12), [2.0, 5.0]),
    ],
    ids=lambda one: getattr(one, "kind", ""),
)
def test_limits_come_from_the_calibration_errors(spec: object, expected: list[float]) -> None:
    held_out = np.array([[1.0, 2.0, 3.0, np.nan], [5.0, np.nan, np.nan, 5.0]])
    np.testing.assert_allclose(learn_limits(spec, calibration(held_out)).values, expected)


def test_a_budget_counts_alarms_by_the_rule_that_is_asked_for() -> None:
    held_out = np.random.default_rng(0).exponential(size=(1, 400))
    budget = BudgetThreshold(alarms="1/day")
    strict = learn_limits(budget, calibration(held_out, AlarmSpec(points=1))).values
    patient = learn_limits(budget, calibration(held_out, AlarmSpec(points=2))).values
    assert patient[0] < strict[0]
