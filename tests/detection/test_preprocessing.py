import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from backend.detection.bases import base_of, learn_profile
from backend.detection.curves import LOG, POWER, STRAIGHT, learn_curves
from backend.detection.pipeline import Fitted, score
from backend.detection.preprocessing import impute, learn_preprocessing, lookback
from backend.detection.window_scaling import WindowScaler, fit_window_scaler
from backend.services.versions import from_files, to_files
from backend.specs import PreprocessingSpec
from tests.detection.fleets import STEP, fitted, rows_of, spec, train, waves
from tests.fakes.models import LinearModel

DAY = 144
OFF = {"flatline": 0, "range": 0, "rate": 0}
OPTIONS = {
    "log": {"transform": {"x": "log"}},
    "power": {"transform": {"x": "power", "y": "power"}},
    "auto": {"transform": "auto"},
    "difference": {"difference": "10m"},
    "season": {"difference": "5h"},
    "detrend": {"detrend": "3h"},
    "day": {"profile": "day"},
    "week": {"profile": "week"},
    "impute": {"impute": "1h"},
    "weights": {"weights": {"x": 3}},
    "by place": {"order": "window_then_scale"},
    "each window": {"order": "each_window"},
    "much": {
        "transform": {"x": "power"},
        "profile": "day",
        "detrend": "2h",
        "difference": "10m",
        "impute": "1h",
        "order": "each_window",
    },
}


@pytest.fixture(scope="module", params=OPTIONS.values(), ids=list(OPTIONS))
def model(request: pytest.FixtureRequest) -> Fitted:
    return fitted(waves(700, series=2), slice(0, 600), preprocessing=request.param)


def broken(length: int = 400) -> np.ndarray:
    """Gaps, missing channels, values far outside, and zeros."""
    values = waves(length, series=2, seed=4)
    values[np.random.default_rng(0).random(values.shape) < 0.02] = np.nan
    values[0, 150:170] = np.nan
    values[1, 200:205, 0] = np.nan
    values[0, 300], values[1, 310, 0] = 0.0, 1e6
    values[1, 320, 0] = -1e30
    return values


@pytest.mark.parametrize("length", [1, 37, 211])
def test_a_range_scored_in_pieces_gives_the_same_numbers(model: Fitted, length: int) -> None:
    values = broken()
    whole = score(model, rows_of(values))
    first = 140 if length == 1 else 0  # point by point where values are broken, before and after
    last = 340 if length == 1 else values.shape[1]
    for start in range(first, last, length):
        stop = min(start + length, values.shape[1])
        begin = max(0, start - model.lookback)
        piece = score(model, rows_of(values[:, begin:stop], begin), first=start - begin)
        for name in ("score", "judged", "reason", "contributions", "expected", "bridged"):
            expected = getattr(whole, name)[:, start:stop]
            np.testing.assert_array_equal(getattr(piece, name), expected, err_msg=name)


def test_later_rows_change_nothing(model: Fitted) -> None:
    values = broken()
    changed = values.copy()
    changed[:, 250:] = 50 - changed[:, 250:]
    before, after = score(model, rows_of(values)), score(model, rows_of(changed))
    for name in ("score", "judged", "reason", "contributions", "expected"):
        np.testing.assert_array_equal(
            getattr(after, name)[:, :250], getattr(before, name)[:, :250], err_msg=name
        )


def test_nothing_is_nan_and_gaps_stay_gaps(model: Fitted) -> None:
    scored = score(model, rows_of(broken()))
    for name in ("error", "smoothed", "threshold", "score", "contributions", "expected"):
        assert np.isfinite(getattr(scored, name)).all(), name
    assert scored.judged.any()
    assert not scored.judged[0, 153:170].any()
    assert (scored.reason[0, 153:170] == "gap").all()


def test_what_is_expected_is_in_sensor_units(model: Fitted) -> None:
    offset, scale = np.array([300.0, 20.0]), np.array([10.0, 2.0])
    values = waves(700, noise=0.02) * scale + offset
    own = fitted(values, preprocessing=dict(model.spec.preprocessing))
    scored = score(own, rows_of(values))
    off = np.abs(scored.expected - values)[0, scored.judged[0]]
    assert (np.median(off, axis=0) < scale).all()


def test_a_version_is_read_back_as_it_was(model: Fitted) -> None:
    values = waves(700, series=2)
    outcome = train(values, slice(0, 600), preprocessing=dict(model.spec.preprocessing))
    assert outcome.fitted is not None
    assert outcome.training is not None
    files = to_files(outcome.fitted, outcome.training, rows_of(values))
    again = score(from_files(files, LinearModel), rows_of(broken()))
    np.testing.assert_array_equal(again.score, score(outcome.fitted, rows_of(broken())).score)


# -- curves ----------------------------------------------------------------------------------------

NUMBERS = st.lists(st.floats(-1e6, 1e6), min_size=5, max_size=60)


@given(column=NUMBERS, kind=st.sampled_from(["log", "power"]))
@settings(max_examples=200, deadline=None)
def test_a_curve_rises_and_leads_back(column: list[float], kind) -> None:
    values = np.sort(np.array(column))[None, :, None]
    curves = learn_curves(values, np.ones(values.shape[:2], dtype=bool), [kind])
    bent = curves.bend(values)
    assert np.isfinite(bent).all()
    assert (np.diff(bent[0, :, 0]) >= 0).all()
    inside = np.abs(values - curves.center) < 1e6 * curves.width
    back = curves.unbend(bent)
    span = max(1.0, float(np.ptp(values)))
    np.testing.assert_allclose(back[inside], values[inside], rtol=1e-5, atol=1e-6 * span)


@pytest.mark.parametrize("kind", ["log", "power"])
def test_whatever_a_model_expects_has_a_value(kind) -> None:
    column = np.random.default_rng(0).lognormal(size=500)
    curves = learn_curves(column[None, :, None], np.ones((1, 500), dtype=bool), [kind])
    wild = np.array([-1e300, -1e9, -1.0, 0.0, 1e9, 1e300])[None, :, None]
    assert np.isfinite(curves.unbend(wild)).all()
    assert np.isfinite(curves.bend(wild)).all()


def test_a_curved_unit_is_the_sensors_own_at_the_usual_value() -> None:
    column = np.random.default_rng(0).lognormal(size=2000) * 40
    for kind in ("log", "power"):
        curves = learn_curves(column[None, :, None], np.ones((1, 2000), dtype=bool), [kind])
        middle = float(np.median(column))
        low, high = curves.bend(np.array([middle - 0.01, middle + 0.01])[None, :, None])[0, :, 0]
        assert high - low == pytest.approx(0.02, rel=0.01)


def test_auto_bends_only_what_is_skewed() -> None:
    rng = np.random.default_rng(0)
    columns = [rng.normal(size=1000), rng.lognormal(size=1000), np.full(1000, 3.0)]
    values = np.stack(columns, axis=1)[None]
    found = learn_curves(values, np.ones((1, 1000), dtype=bool), ["auto"] * 3)
    assert found.kind[0].tolist() == [STRAIGHT, POWER, STRAIGHT]


def test_a_logarithm_needs_a_positive_value() -> None:
    values = np.stack([np.full(50, -2.0), np.linspace(1, 9, 50), np.full(50, np.nan)], axis=1)
    found = learn_curves(values[None], np.ones((1, 50), dtype=bool), ["log"] * 3)
    assert found.kind[0].tolist() == [STRAIGHT, LOG, STRAIGHT]


def test_a_burst_of_a_skewed_channel_is_normal_once_it_is_bent() -> None:
    def bursts(seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        levels = np.exp(1.5 * np.sin(np.arange(900) / 40) + 0.25 * rng.normal(size=(1, 900)))
        return np.stack([levels, rng.normal(size=(1, 900))], axis=2)

    def strongest_channel_error(**preprocessing: object) -> float:
        own = fitted(bursts(0), preprocessing=preprocessing)
        usual = score(own, rows_of(bursts(1)))
        sunk = bursts(1)
        sunk[0, 700:710, 0] = 0.02
        found = score(own, rows_of(sunk))
        return float(found.error[0, 705] / np.median(usual.error[0, usual.judged[0]]))

    # a value far too low is close by in sensor units, and far away on the curve
    assert strongest_channel_error(transform={"x": "log"}) > 2 * strongest_channel_error()


# -- bases -----------------------------------------------------------------------------------------


def test_only_the_profile_makes_a_seasonal_fault_stand_out() -> None:
    def days(count: int, seed: int, late: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        clock = np.arange(count * DAY) - late
        work = 10.0 * np.maximum(np.sin(2 * np.pi * (clock - 36) / DAY), 0.0)
        values = np.stack([work, -work], axis=1) + 0.3 * rng.normal(size=(count * DAY, 2))
        return values[None]

    at_night = days(4, 7, late=DAY // 2)

    def highest(**preprocessing: object) -> float:
        own = fitted(
            days(10, 0),
            preprocessing=preprocessing,
            threshold={"kind": "quantile", "q": 1.0},
            checks=OFF,
        )
        return float(score(own, rows_of(at_night)).score.max())

    assert highest() < 1.5
    assert highest(profile="day") > 5


def test_a_profile_is_learned_from_its_rows_alone_and_closed_around_the_clock() -> None:
    clock = np.arange(3 * DAY) % DAY
    values = np.cos(2 * np.pi * clock / DAY)[None, :, None]
    rows = np.zeros((1, 3 * DAY), dtype=bool)
    rows[0, : DAY - 20] = True
    spoiled = values.copy()
    spoiled[:, DAY - 20 :] = 1e9
    times = np.arange(3 * DAY, dtype=np.int64) * STEP
    profile = learn_profile(spoiled, rows, times, STEP, "day")
    np.testing.assert_allclose(profile.at(times), values, atol=0.15)


def test_bases_worked_out_by_hand() -> None:
    values = np.array([1.0, 5.0, 2.0, np.nan, 4.0, 8.0])[None, :, None]
    times = np.array([0, 1, 2, 3, 4, 9], dtype=np.int64) * STEP
    none = learn_profile(values, np.ones((1, 6), dtype=bool), times, STEP, "none")

    def base(**asked: str) -> list[float]:
        return base_of(PreprocessingSpec(**asked), none, values, times, STEP)[0, :, 0].tolist()

    nan = np.nan
    np.testing.assert_equal(base(difference="10m"), [nan, 1, 5, 2, nan, nan])
    np.testing.assert_equal(base(difference="20m"), [nan, nan, 1, 5, 2, nan])
    np.testing.assert_equal(base(detrend="30m"), [nan, 1, 3, 2, 3.5, nan])


def test_a_base_is_not_taken_across_a_seam_between_two_ranges() -> None:
    values = np.arange(8.0)[None, :, None]
    times = np.array([0, 1, 2, 3, 20, 21, 22, 23], dtype=np.int64) * STEP
    none = learn_profile(values, np.ones((1, 8), dtype=bool), times, STEP, "none")
    for asked in ({"difference": "20m"}, {"detrend": "40m"}):
        base = base_of(PreprocessingSpec(**asked), none, values, times, STEP)[0, :, 0]
        assert np.isnan(base[4:6]).all()
        assert (base[6:] >= 4).all()


def test_a_value_is_kept_as_long_as_was_asked_and_only_while_others_report() -> None:
    values = np.zeros((1, 8, 2))
    values[0, 1:, 0] = np.nan
    values[0, 2] = np.nan
    times = np.arange(8, dtype=np.int64) * STEP
    kept, filled = impute(spec(preprocessing={"impute": "40m"}), values, times)
    assert filled[0, :, 0].tolist() == [False, True, False, True, True, False, False, False]
    assert not filled[0, :, 1].any()
    assert np.isnan(kept[0, 2]).all()


def test_the_lookback_reaches_as_far_as_the_bases() -> None:
    asked = spec(preprocessing={"detrend": "25m", "difference": "20m", "impute": "1h"})
    assert lookback(asked) == 3 + 2 + 6
    assert lookback(spec()) == 0


def test_a_fold_learns_only_from_its_own_rows() -> None:
    values = waves(400)
    rows = np.zeros((1, 400), dtype=bool)
    rows[0, :200] = True
    other = values.copy()
    other[:, 200:] *= 100
    asked = spec(preprocessing={"transform": "auto", "profile": "day"})
    times = np.arange(400, dtype=np.int64) * STEP
    one, two = (learn_preprocessing(asked, v, rows, times) for v in (values, other))
    np.testing.assert_array_equal(one.profile.usual, two.profile.usual)
    for name, learned in vars(one.curves).items():
        np.testing.assert_array_equal(learned, getattr(two.curves, name))


# -- orders ----------------------------------------------------------------------------------------


def test_each_place_of_a_window_has_its_own_scale() -> None:
    values = np.tile([0.0, 10.0, 100.0], 40)[None, :, None] + np.random.default_rng(0).normal(
        size=(1, 120, 1)
    )
    asked = spec(
        channels=["x"],
        model={"kind": "dense_autoencoder", "window": 3},
        preprocessing={"order": "window_then_scale"},
    )
    ends = np.zeros((1, 120), dtype=bool)
    ends[0, 2::3] = True
    scaler = fit_window_scaler(asked, values, np.ones((1, 120), dtype=bool), ends)
    np.testing.assert_allclose(scaler.center[0, :, 0], [0, 10, 100], atol=0.5)


def test_a_window_scaled_by_itself_shows_its_shape_alone() -> None:
    scaler = WindowScaler(np.zeros((1, 1, 1)), np.full((1, 1, 1), 0.5), itself=True)
    shape = np.array([0.0, 1.0, 3.0])[None, None, :, None]
    seen, raised = scaler.see(shape), scaler.see(40 * shape + 7)
    np.testing.assert_allclose(seen.windows, raised.windows)
    np.testing.assert_allclose(raised.back(raised.windows), 40 * shape + 7)
    flat = scaler.see(np.array([5.0, 5.01, 5.0])[None, None, :, None])
    assert np.abs(flat.windows).max() < 0.1


# -- weights ---------------------------------------------------------------------------------------


def test_a_weight_of_nothing_makes_a_channel_context() -> None:
    values = waves(700)
    fault = waves(700, seed=3)
    fault[0, 400:420, 1] += 50
    light = fitted(values, preprocessing={"weights": {"y": 0}}, checks=OFF)
    context = fitted(values, channels=["x"], context=["y"], checks=OFF)
    np.testing.assert_array_equal(
        score(light, rows_of(fault)).score, score(context, rows_of(fault)).score
    )


def test_weights_shift_the_error_and_equal_ones_change_nothing() -> None:
    values = waves(700)
    fault = waves(700, seed=3)
    fault[0, 400:420, 1] += 3
    plain = {"smoothing": {"span": 1}, "trim": 0, "checks": OFF}
    asked = {"none": {}, "equal": {"x": 2.0, "y": 2.0}, "heavy": {"y": 9.0}}
    found = {
        name: score(fitted(values, preprocessing={"weights": weights}, **plain), rows_of(fault))
        for name, weights in asked.items()
    }
    np.testing.assert_array_equal(found["none"].error, found["equal"].error)
    by_channel = found["none"].error[..., None] * found["none"].contributions
    weighted = (by_channel * [0.2, 1.8]).sum(axis=2)
    judged = found["none"].judged
    np.testing.assert_allclose(found["heavy"].error[judged], weighted[judged], rtol=1e-9)
    assert found["heavy"].contributions[0, 410, 1] > found["none"].contributions[0, 410, 1]


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"transform": {"z": "log"}}, "'z'"),
        ({"weights": {"z": 1}}, "'z'"),
        ({"weights": {"x": 0, "y": 0}}, "one at least"),
        ({"difference": "15m"}, "multiple of 10m"),
        ({"detrend": "10m"}, "20m or more"),
        ({"transform": "sqrt"}, "auto"),
        ({"weights": {"x": -1}}, "greater than or equal to 0"),
    ],
)
def test_what_does_not_fit_is_refused(asked: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        spec(preprocessing=asked)


def test_a_window_of_one_row_has_no_shape() -> None:
    with pytest.raises(ValidationError, match=r"model\.window of 2"):
        spec(
            preprocessing={"order": "each_window"},
            model={"kind": "dense_autoencoder", "window": 1},
        )


def test_too_short_a_range_for_its_base_is_said() -> None:
    outcome = train(waves(300), preprocessing={"difference": "2d"})
    assert "too little normal data" in outcome.rejected["room=a"]
