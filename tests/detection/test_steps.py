"""Scaling, windows, errors, smoothing, contributions, folds, trimming."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from backend.detection.contributions import shares, top_channels
from backend.detection.errors import (
    normalise,
    reduce_channels,
    resolution,
    spread_of,
    window_error,
)
from backend.detection.folds import cross_fit, split_stopping
from backend.detection.runs import run_lengths, spans
from backend.detection.scaling import fit_scaler
from backend.detection.smoothing import ewma_kernel, smooth
from backend.detection.trimming import impure_rows
from backend.detection.windows import full_windows, gather, windows_ending_at
from backend.specs import ErrorSpec

FINITE = st.floats(-1e6, 1e6)
GAPPY = st.one_of(st.floats(0, 100), st.just(np.nan))


def test_runs_are_counted_up_to_each_point():
    mask = np.array([[True, True, False, True]])
    np.testing.assert_array_equal(run_lengths(mask), [[1, 2, 0, 1]])
    np.testing.assert_array_equal(
        run_lengths(np.stack([mask, ~mask], axis=2))[0, :, 1], [0, 0, 1, 0]
    )


@given(st.lists(st.booleans(), max_size=40), st.integers(0, 4))
def test_spans_cover_exactly_the_true_points_and_the_gaps_they_merge(bits, merge):
    mask = np.array(bits, dtype=bool)
    found = spans(mask, merge)
    covered = np.zeros(len(mask), dtype=bool)
    for start, stop in found:
        assert mask[start]
        assert mask[stop - 1]
        covered[start:stop] = True
    assert not (mask & ~covered).any()
    gaps = [b[0] - a[1] for a, b in itertools.pairwise(found)]
    assert all(gap > merge for gap in gaps)


@pytest.mark.parametrize("scaling", ["minmax", "standard", "robust", "none"])
@given(values=hnp.arrays(np.float64, (2, 12, 3), elements=FINITE))
def test_scaling_back_gives_the_value(scaling, values):
    scaler = fit_scaler(values, np.ones((2, 12), dtype=bool), scaling)
    back = scaler.inverse(scaler.transform(values))
    np.testing.assert_allclose(back, values, rtol=1e-9, atol=1e-6)


def test_a_scaler_sees_normal_rows_only():
    values = np.array([[[0.0], [1.0], [2.0], [1e9]]])
    scaler = fit_scaler(values, np.array([[True, True, True, False]]), "minmax")
    np.testing.assert_array_equal(scaler.transform(values)[0, :3, 0], [0, 0.5, 1])


def test_a_constant_or_absent_channel_is_not_divided_by_zero():
    values = np.stack([np.full(5, 7.0), np.full(5, np.nan)], axis=1)[None]
    scaler = fit_scaler(values, np.ones((1, 5), dtype=bool), "robust")
    np.testing.assert_array_equal(scaler.scale, [[1, 1]])


@pytest.mark.parametrize("pause", [3, 10, 50])
def test_a_channel_that_mostly_rests_keeps_its_other_state_within_reach(pause):
    column = np.zeros(1000)
    column[::pause] = 1.0
    scaler = fit_scaler(column[None, :, None], np.ones((1, 1000), dtype=bool), "robust")
    assert 1 < 1.0 / scaler.scale[0, 0] < 5


def test_a_channel_that_hardly_ever_moves_is_scaled_by_its_deviation():
    column = np.zeros(1000)
    column[:5] = 1.0
    scaler = fit_scaler(column[None, :, None], np.ones((1, 1000), dtype=bool), "robust")
    assert scaler.scale[0, 0] == pytest.approx(column.std())


def test_windows_never_straddle_an_unusable_row():
    usable = np.array([[1, 1, 1, 0, 1, 1, 1, 1]], dtype=bool)
    np.testing.assert_array_equal(full_windows(usable, 3)[0], [0, 0, 1, 0, 0, 0, 1, 1])


@given(st.integers(1, 5), st.integers(5, 15))
def test_both_ways_of_cutting_windows_agree(window, length):
    values = np.arange(2 * length * 2, dtype=float).reshape(2, length, 2)
    view = windows_ending_at(values, window - 1, length, window)
    ends = np.broadcast_to(np.arange(window - 1, length), (2, length - window + 1))
    np.testing.assert_array_equal(view, gather(values, ends, window))
    np.testing.assert_array_equal(view[:, :, -1], values[:, window - 1 :])


def test_the_window_is_reduced_by_the_stated_rule():
    residual = np.array([[[[1.0], [-3.0]]]])
    assert window_error(residual, ErrorSpec(window="last"))[0, 0, 0] == 3
    assert window_error(residual, ErrorSpec(window="mean"))[0, 0, 0] == 2
    assert window_error(residual, ErrorSpec(window="mean", metric="squared"))[0, 0, 0] == 5


def test_an_error_is_measured_in_the_channels_own_spread():
    residual = np.random.default_rng(0).normal(size=(1, 20_000, 2)) * [1.0, 50.0]
    rows = np.ones((1, 20_000), dtype=bool)
    spread = spread_of(residual, rows, np.full((1, 2), 1e-9))
    np.testing.assert_allclose(spread, [[1, 50]], rtol=0.02)
    for metric in ("absolute", "squared"):
        spec = ErrorSpec(metric=metric)
        size = window_error(residual[:, :, None, :], spec)
        mean = normalise(size, spread, spec).mean(axis=1)
        assert mean[0, 0] == pytest.approx(mean[0, 1], rel=0.03)


def test_the_spread_is_never_finer_than_the_sensor():
    values = np.round(np.random.default_rng(0).normal(size=(1, 100, 1)) * 4) / 2
    rows = np.ones((1, 100), dtype=bool)
    floor = resolution(values, rows)
    assert floor[0, 0] == pytest.approx(0.5 / np.sqrt(12))
    assert spread_of(np.zeros((1, 100, 1)), rows, floor)[0, 0] == floor[0, 0]


def test_context_and_constant_channels_do_not_count():
    error = np.array([[[1.0, 3.0, 100.0]]])
    counted = np.array([[True, True, False]])
    assert reduce_channels(error, counted, ErrorSpec())[0, 0] == 2
    half = reduce_channels(error, counted, ErrorSpec(channels="mean_top", top=1))[0, 0]
    assert half == (2 + 3) / 2


def test_more_top_channels_than_there_are_is_the_mean():
    error = np.array([[[1.0, 3.0]]])
    counted = np.ones((1, 2), dtype=bool)
    assert reduce_channels(error, counted, ErrorSpec(channels="mean_top", top=9))[0, 0] == 2


def test_the_kernel_is_an_ewma_that_sums_to_one():
    kernel = ewma_kernel(6)
    assert kernel.sum() == pytest.approx(1)
    np.testing.assert_allclose(kernel[1:] / kernel[:-1], 5 / 7)
    np.testing.assert_array_equal(ewma_kernel(1), [1.0])


@given(hnp.arrays(np.float64, (1, 30), elements=GAPPY), st.integers(1, 29))
def test_smoothing_is_causal_and_bounded_by_what_it_averages(values, cut):
    kernel = ewma_kernel(4)
    whole = smooth(values, kernel)
    np.testing.assert_array_equal(whole[:, :cut], smooth(values[:, :cut], kernel))
    known = np.isfinite(whole)
    assert not (known & np.isnan(values)).any()
    if known.any():
        assert np.nanmax(whole) <= np.nanmax(values) * (1 + 1e-12)


def test_nothing_is_known_until_half_the_kernel_is_there():
    kernel = np.array([0.4, 0.3, 0.2, 0.1])
    values = np.array([[1.0, 1, np.nan, np.nan, np.nan, np.nan, 1, 1]])
    np.testing.assert_array_equal(np.isfinite(smooth(values, kernel))[0], [0, 1, 0, 0, 0, 0, 0, 1])


@given(hnp.arrays(np.float64, (1, 4, 5), elements=st.floats(0, 1e6)))
def test_shares_sum_to_one_or_to_nothing(error):
    counted = np.array([[True, True, False, True, True]])
    share = shares(error, counted)
    total = share.sum(axis=2)
    assert np.all(np.isclose(total, 1) | (total == 0))
    assert (share[:, :, 2] == 0).all()


def test_the_top_channels_come_largest_first_and_absent_ones_are_marked():
    place, share = top_channels(np.array([[[0.2, 0.0, 0.8]]]))
    np.testing.assert_array_equal(place[0, 0], [2, 0, -1])
    np.testing.assert_array_equal(share[0, 0], [0.8, 0.2, 0.0])
    place, share = top_channels(np.array([[[1.0]]]))
    np.testing.assert_array_equal(place[0, 0], [0, -1, -1])


@given(st.integers(2, 6), st.integers(0, 20), st.integers(60, 200))
def test_no_fold_learns_from_rows_near_those_held_out(folds, reach, count):
    ends = np.delete(np.arange(5, 5 + count), slice(20, 25))
    parts = cross_fit(ends, folds, reach, 0.2, 3)
    assert np.concatenate([p.held_out for p in parts]).tolist() == ends.tolist()
    for part in parts:
        seen = np.concatenate((part.train, part.stop))
        if seen.size:
            assert np.abs(seen[:, None] - part.held_out).min() > reach


def test_early_stopping_looks_at_the_end_of_each_block_and_shares_no_row_with_training():
    ends = np.concatenate((np.arange(10, 60), np.arange(100, 140)))
    train, stop = split_stopping(ends, 0.2, 4)
    np.testing.assert_array_equal(stop, np.r_[50:60, 132:140])
    assert min(s - t for s in stop for t in train if t < s) >= 4


def test_a_block_too_short_to_spare_rows_only_trains():
    train, stop = split_stopping(np.arange(5), 0.2, 4)
    assert train.size == 5
    assert stop.size == 0


def test_only_what_is_out_of_all_proportion_is_trimmed():
    error = np.random.default_rng(1).lognormal(sigma=0.3, size=(2, 1000))
    assert not impure_rows(error, 0.01).any()
    error[1, 400:405] = 200
    np.testing.assert_array_equal(
        np.argwhere(impure_rows(error, 0.01)), [[1, t] for t in range(400, 405)]
    )
    assert impure_rows(error, 0.002).sum() == 2
    assert not impure_rows(error, 0.0).any()
