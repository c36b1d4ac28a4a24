import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from backend.detection.grid import (
    Rows,
    bridge,
    bucket_means,
    ceil_to,
    floor_to,
    inside,
    join,
    last_closed,
    sparse_means,
    to_rows,
    touching,
)
from backend.ports import Points


def test_a_bucket_holds_the_mean_of_its_rows_and_is_stamped_at_its_start():
    times = np.array([9, 10, 14, 19, 20, 31], dtype=np.int64)
    means = bucket_means(times, np.array([[1.0], [2], [4], [6], [8], [9]]), 10, 2, 10)
    np.testing.assert_array_equal(means, [[4.0], [8.0]])


def test_what_is_not_finite_or_absent_leaves_its_bucket_to_the_others():
    times = np.array([0, 1, 2, 10], dtype=np.int64)
    means = bucket_means(times, np.array([[np.nan], [np.inf], [3.0], [np.nan]]), 0, 2, 10)
    np.testing.assert_array_equal(means, [[3.0], [np.nan]])


@given(st.lists(st.integers(-50, 150), max_size=40), st.integers(1, 30))
def test_every_row_in_range_counts_exactly_once(stamps, step):
    times = np.array(stamps, dtype=np.int64)
    start, buckets = 0, 5
    ones = bucket_means(times, np.ones((len(times), 1)), start, buckets, step)
    hit = {t // step for t in stamps if 0 <= t < buckets * step}
    assert set(np.flatnonzero(np.isfinite(ones[:, 0])).tolist()) == hit


def test_buckets_far_apart_take_no_more_room_than_those_that_hold_something():
    times = np.array([2**62, -(2**62), 3, 1], dtype=np.int64)
    starts, means = sparse_means(times, np.array([[1.0], [2], [4], [8]]), 4)
    np.testing.assert_array_equal(starts, [-(2**62), 0, 2**62])
    np.testing.assert_array_equal(means, [[2.0], [6.0], [1.0]])


def test_buckets_before_1970_are_stamped_at_their_starts():
    times = np.array([-1, -10, -11, 0], dtype=np.int64)
    starts, means = sparse_means(times, np.array([[1.0], [3], [5], [7]]), 10)
    np.testing.assert_array_equal(starts, [-20, -10, 0])
    np.testing.assert_array_equal(means, [[5.0], [2.0], [7.0]])


def test_a_bucket_with_nothing_in_any_column_is_left_out():
    values = np.array([[np.nan, np.inf], [np.nan, 2.0], [1.0, np.nan]])
    starts, means = sparse_means(np.array([0, 10, 20], dtype=np.int64), values, 10)
    np.testing.assert_array_equal(starts, [10, 20])
    np.testing.assert_array_equal(means, [[np.nan, 2.0], [1.0, np.nan]])


def test_no_rows_have_no_means():
    starts, means = sparse_means(np.empty(0, dtype=np.int64), np.empty((0, 2)), 10)
    assert (starts.shape, means.shape) == ((0,), (0, 2))
    assert starts.dtype == np.int64


@given(
    st.lists(st.tuples(st.integers(-40, 40), st.floats(-1e9, 1e9) | st.just(np.nan)), max_size=40),
    st.integers(1, 30),
)
def test_sparse_means_are_those_of_all_buckets_without_the_empty_ones(rows, step):
    times = np.array([time for time, _ in rows], dtype=np.int64)
    values = np.array([[value] for _, value in rows]).reshape(-1, 1)
    start, stop = floor_to(-40, step), ceil_to(41, step)
    every = bucket_means(times, values, start, (stop - start) // step, step)[:, 0]
    starts, means = sparse_means(times, values, step)
    filled = np.isfinite(every)
    np.testing.assert_array_equal(starts, np.arange(start, stop, step)[filled])
    np.testing.assert_array_equal(means[:, 0], every[filled])


@given(st.integers(-(10**18), 10**18), st.integers(1, 10**12))
def test_floor_and_ceiling_enclose_a_time_on_the_grid(time, step):
    low, high = floor_to(time, step), ceil_to(time, step)
    assert low <= time <= high
    assert low % step == 0
    assert high - low in (0, step)


@pytest.mark.parametrize(("now", "closed"), [(100, 100), (109, 100), (110, 110)])
def test_a_bucket_is_closed_when_its_end_has_passed(now, closed):
    assert last_closed(now, 10, 0) == closed
    assert last_closed(now + 7, 10, 7) == closed


def test_short_gaps_are_bridged_by_the_last_value_and_long_ones_only_at_their_start():
    values = np.array([[[1.0], [np.nan], [np.nan], [4.0], [np.nan], [np.nan], [np.nan]]])
    bridged, filled = bridge(values, 2)
    np.testing.assert_array_equal(bridged[0, :, 0], [1, 1, 1, 4, 4, 4, np.nan])
    np.testing.assert_array_equal(filled[0, :, 0], [0, 1, 1, 0, 1, 1, 0])


@given(
    hnp.arrays(np.float64, (1, 20, 1), elements=st.sampled_from([1.0, 2.0, np.nan])),
    st.integers(0, 5),
    st.integers(1, 19),
)
def test_bridging_never_looks_ahead(values, max_gap, cut):
    whole, _ = bridge(values, max_gap)
    before, _ = bridge(values[:, :cut], max_gap)
    np.testing.assert_array_equal(whole[:, :cut], before)


def test_points_of_several_series_share_one_grid():
    points = [
        Points({"room": "a"}, np.array([0, 5, 10], dtype=np.int64), {"x": np.array([1.0, 3, 5])}),
        Points(
            {"room": "b"},
            np.array([10], dtype=np.int64),
            {"x": np.array([7.0]), "y": np.array(["text"], dtype=object)},
        ),
    ]
    rows = to_rows(points, ["x", "y"], 0, 20, 10)
    assert rows.keys == ("room=a", "room=b")
    np.testing.assert_array_equal(rows.times, [0, 10])
    np.testing.assert_array_equal(rows.values[:, :, 0], [[2, 5], [np.nan, 7]])
    assert np.isnan(rows.values[:, :, 1]).all()


def test_joined_ranges_stand_apart():
    part = Rows(("a",), np.array([0, 10]), 10, np.ones((1, 2, 1)))
    later = Rows(("a",), np.array([100]), 10, np.ones((1, 1, 1)))
    both = join([part, later], apart=3)
    np.testing.assert_array_equal(np.isfinite(both.values[0, :, 0]), [1, 1, 0, 0, 0, 1])
    assert both.times[-1] == 100


def test_a_bucket_is_inside_a_range_only_whole_and_touched_by_any_part():
    times = np.array([0, 10, 20, 30], dtype=np.int64)
    np.testing.assert_array_equal(inside(times, 10, [(5, 30)]), [0, 1, 1, 0])
    np.testing.assert_array_equal(touching(times, 10, [(5, 30)]), [1, 1, 1, 0])
    np.testing.assert_array_equal(touching(times, 10, [(10, 20)]), [0, 1, 0, 0])
