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
