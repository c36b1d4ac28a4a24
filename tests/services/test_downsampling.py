import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.ports import Points
from backend.services.downsampling import LEAST, Table, join, mark_gaps, table, thin, usual_step

STEP = 60_000_000_000


def rows(**columns: object) -> Table:
    arrays = {
        name: np.asarray(values, dtype=object if name == "model" else np.float64)
        for name, values in columns.items()
    }
    count = len(next(iter(arrays.values())))
    return Table({"room": "R1"}, STEP * np.arange(count, dtype=np.int64), arrays)


def wave(count: int) -> np.ndarray:
    return np.sin(np.arange(count) / 300)


def test_few_rows_are_left_alone():
    series = rows(score=[1.0, 2.0, 3.0])
    assert thin(series, 10, ["score"]) is series


def test_a_single_peak_survives_in_every_column():
    score, error = wave(50_000), wave(50_000)
    score[12_345], error[43_210] = 9.0, -9.0
    thinned = thin(rows(score=score, error=error), 500, ["score", "error"])
    assert thinned.columns["score"].max() == 9.0
    assert thinned.columns["error"].min() == -9.0
    assert len(thinned) <= 500


def test_rows_are_rows_that_were_stored():
    error = np.abs(wave(20_000)) + 0.1
    threshold = np.where(np.arange(20_000) < 9_000, 0.4, 0.8)
    score = error / threshold
    flag = (score > 1).astype(float)
    series = rows(error=error, threshold=threshold, score=score, flag=flag)
    thinned = thin(series, 200, ["score", "error", "flag"])
    columns = thinned.columns
    np.testing.assert_array_equal(columns["score"], columns["error"] / columns["threshold"])
    np.testing.assert_array_equal(columns["flag"], columns["score"] > 1)


def test_a_step_of_a_flag_keeps_both_of_its_rows():
    flag = np.zeros(10_000)
    flag[4_000:4_002] = 1.0
    thinned = thin(rows(score=wave(10_000), flag=flag), 100, ["score", "flag"])
    kept = (thinned.times // STEP).tolist()
    assert {3_999, 4_000, 4_001, 4_002} <= set(kept)


@pytest.mark.parametrize("value", [0.0, 1.0, 7.0])
def test_a_column_that_never_changes_keeps_its_ends(value):
    thinned = thin(rows(score=np.full(10_000, value)), 50, ["score"])
    assert (thinned.times[0], thinned.times[-1]) == (0, 9_999 * STEP)


def test_of_too_many_flags_every_bucket_with_both_values_shows_both():
    flag = (np.arange(40_000) % 7 == 0).astype(float)
    thinned = thin(rows(score=wave(40_000), flag=flag), 200, ["score", "flag"])
    flagged = thinned.times[thinned.columns["flag"] == 1.0] // STEP
    assert np.diff(flagged).max() < 40_000 / 25
    assert 0.0 in thinned.columns["flag"]


def test_gaps_survive_as_rows_of_nan_with_their_neighbors():
    score = wave(10_000)
    score[5_000:6_000] = np.nan
    thinned = thin(rows(score=score, error=score), 120, ["score", "error"])
    kept = (thinned.times // STEP).tolist()
    assert {4_999, 5_000, 6_000} <= set(kept)
    assert np.isnan(thinned.columns["score"]).sum() == 1


def test_of_many_gaps_the_longest_survive():
    score = wave(10_000)
    score[::5] = np.nan
    score[7_000:7_500] = np.nan
    thinned = thin(rows(score=score), 100, ["score"])
    assert 6_999 + 1 in (thinned.times // STEP).tolist()
    assert np.isnan(thinned.columns["score"]).sum() <= 100 // 12
    assert len(thinned) <= 100


def test_a_column_of_nothing_but_nan_does_no_harm():
    empty = np.full(1_000, np.nan)
    thinned = thin(rows(score=wave(1_000), error=empty), 50, ["score", "error"])
    assert np.isnan(thinned.columns["error"]).all()
    assert not np.isnan(thinned.columns["score"]).any()


def test_strings_come_along():
    model = ["gas-room/1"] * 500 + ["gas-room/2"] * 500
    thinned = thin(rows(score=wave(1_000), model=model), 20, ["score"])
    for time, name in zip(thinned.times // STEP, thinned.columns["model"], strict=True):
        assert name == model[time]


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 3_000),
    wanted=st.integers(1, 400),
    missing=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
)
def test_thinning_never_fails_and_keeps_extremes(count, wanted, missing, seed):
    random = np.random.default_rng(seed)
    score = np.where(random.random(count) < missing, np.nan, random.normal(size=count))
    thinned = thin(rows(score=score), wanted, ["score"])
    assert (np.diff(thinned.times) > 0).all()
    assert len(thinned) <= max(wanted, LEAST)
    if not np.isnan(score).all():
        assert np.nanmax(thinned.columns["score"]) == np.nanmax(score)
        assert np.nanmin(thinned.columns["score"]) == np.nanmin(score)


def test_a_pause_is_marked_by_a_row_of_nothing():
    series = rows(score=wave(10), model=["m"] * 10).take(np.array([0, 1, 2, 8, 9]))
    marked = mark_gaps(series, STEP)
    assert (marked.times // STEP).tolist() == [0, 1, 2, 3, 8, 9]
    assert np.isnan(marked.columns["score"][3])
    assert marked.columns["model"].tolist() == ["m", "m", "m", None, "m", "m"]


def test_a_pause_before_the_first_row_is_marked_too():
    series = rows(score=wave(10)).take(np.array([8, 9]))
    assert (mark_gaps(series, STEP, after=0).times // STEP).tolist() == [1, 8, 9]


@pytest.mark.parametrize("pause", [1, 3])
def test_a_short_pause_is_not_a_gap(pause):
    series = rows(score=wave(10)).take(np.array([0, pause]))
    assert mark_gaps(series, STEP) is series


def test_of_rows_at_equal_times_the_last_one_stays():
    points = Points({}, np.array([0, 5, 5, 9]), {"temp": np.array([1.0, 2.0, 3.0, 4.0])})
    assert table(points).columns["temp"].tolist() == [1.0, 3.0, 4.0]


def test_an_empty_series_is_an_empty_table():
    points = Points({}, np.array([], dtype=np.int64), {"temp": np.array([])})
    assert len(table(points)) == 0


def test_parts_join_in_order():
    series = rows(score=wave(10), model=["m"] * 10)
    parts = [series.take(np.arange(0, 4)), series.take(np.arange(4, 10))]
    joined = join(parts)
    np.testing.assert_array_equal(joined.times, series.times)
    assert joined.columns["model"].tolist() == ["m"] * 10


def test_the_usual_step_is_not_fooled_by_gaps():
    times = np.array([0, 10, 20, 30, 5_000, 5_010])
    assert usual_step(times, 1) == 10
    assert usual_step(times, 60) == 60
    assert usual_step(times[:1], 7) == 7
