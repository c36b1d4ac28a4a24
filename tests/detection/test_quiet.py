import numpy as np

from backend.detection.quiet import (
    LEAST_LIMIT,
    MOST_LIMIT,
    USUAL_LIMIT,
    quiet_limit,
    quiet_runs,
)


def test_what_labelled_time_stays_below_is_quiet():
    worst = np.concatenate([np.linspace(0.4, 0.8, 100), np.full(100, 3.0)])
    normal = np.arange(200) < 100
    limit = quiet_limit(worst, normal)
    assert 0.78 < limit < 0.8
    assert quiet_limit(worst * 0.1, normal) == LEAST_LIMIT
    assert quiet_limit(worst * 9, normal) == MOST_LIMIT


def test_without_enough_labelled_time_a_usual_limit_serves():
    worst = np.full(100, 0.1)
    assert quiet_limit(worst, np.arange(100) < 19) == USUAL_LIMIT
    assert quiet_limit(np.full(100, np.nan), np.ones(100, dtype=bool)) == USUAL_LIMIT


def test_runs_end_where_it_is_not_quiet_and_where_buckets_are_absent():
    times = np.array([0, 10, 20, 40, 50, 60, 70, 80], dtype=np.int64)
    quiet = np.array([True, True, False, True, True, True, False, True])
    assert quiet_runs(times, 10, quiet, 10) == [(40, 70), (0, 20), (80, 90)]
    assert quiet_runs(times, 10, quiet, 20) == [(40, 70), (0, 20)]
    quiet[2] = True
    assert quiet_runs(times, 10, quiet, 20) == [(0, 30), (40, 70)]


def test_nothing_quiet():
    times = np.array([0, 10], dtype=np.int64)
    assert quiet_runs(times, 10, np.zeros(2, dtype=bool), 1) == []
    assert quiet_runs(times[:0], 10, np.zeros(0, dtype=bool), 1) == []
