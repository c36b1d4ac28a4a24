import numpy as np
import pytest

from backend.detection.profile.advice import advise
from backend.detection.profile.channels import look_at_channel
from backend.detection.profile.grid import proposed_grid
from backend.detection.profile.likeness import alike
from backend.detection.profile.look import Look, look_at
from backend.detection.profile.spectrum import spectrum
from backend.detection.profile.stationarity import stationarity
from backend.specs import DetectorSpec

SECOND = 10**9
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND


def times_of(count: int, step: int = MINUTE) -> np.ndarray:
    return np.arange(count, dtype=np.int64) * step


def seen(values: np.ndarray, step: int = MINUTE) -> Look:
    names = [f"c{f}" for f in range(values.shape[1])]
    return look_at(times_of(len(values), step), values, names)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def settings_of(look: Look) -> DetectorSpec:
    """The proposal as a detector: it has to be one."""
    settings = advise(look).settings()
    return DetectorSpec.model_validate({"name": "p", "measurement": "m", **settings})


# -- periods ---------------------------------------------------------------------------------------


def test_a_period_is_found_with_its_channels() -> None:
    rows = np.arange(3000)
    values = noise(3000, 3)
    values[:, 0] += 2 * np.sin(2 * np.pi * rows / 60)
    (period,) = spectrum(values, MINUTE).dominant
    assert period.length == HOUR
    assert period.channels == (0,)


def test_a_harmonic_is_no_period_of_its_own() -> None:
    pulses = (np.arange(4000) % 100 < 10).astype(float)
    found = spectrum(pulses[:, None] + 0.05 * noise(4000, 1), SECOND).dominant
    assert [period.length for period in found] == [100 * SECOND]


@pytest.mark.parametrize("kind", ["white", "wandering"])
def test_noise_has_no_period(kind: str) -> None:
    for seed in range(20):
        values = noise(3000, 2, seed=seed)
        values = np.cumsum(values, axis=0) if kind == "wandering" else values
        assert not spectrum(values, MINUTE).dominant


def test_gaps_do_not_hide_a_period() -> None:
    values = np.sin(2 * np.pi * np.arange(3000) / 50)[:, None] + 0.1 * noise(3000, 1)
    values[np.random.default_rng(0).random(3000) < 0.3] = np.nan
    values[1000:1100] = np.nan
    assert spectrum(values, SECOND).dominant[0].length == 50 * SECOND


def test_a_day_is_found_in_weeks_of_seconds() -> None:
    times = times_of(700_000, 5 * SECOND)
    values = np.sin(2 * np.pi * times / DAY)[:, None] + 0.2 * noise(700_000, 1)
    look = look_at(times, values, ["c"])
    assert look.slow is not None
    assert DAY in [period.length for period in look.periods]


# -- channels --------------------------------------------------------------------------------------


def test_a_stuck_channel_is_told_from_one_that_rests() -> None:
    stuck = noise(1000)
    stuck[300:500] = stuck[300]
    rests = np.repeat(np.arange(10.0), 100)
    assert look_at_channel("a", stuck).stuck
    assert look_at_channel("a", stuck).flat == 200
    assert not look_at_channel("a", rests).stuck
    assert not look_at_channel("a", noise(1000)).stuck


def test_a_constant_channel_is_neither_stuck_nor_skewed() -> None:
    found = look_at_channel("a", np.full(500, 7.0))
    assert found.constant
    assert (found.stuck, found.skewness, found.drift, found.stationarity) == (False, 0, 0, None)


def test_a_channel_without_values() -> None:
    found = look_at_channel("a", np.full(50, np.nan))
    assert found.missing == 1
    assert np.isnan(found.middle)


def test_what_a_channel_is_like() -> None:
    coarse = np.round(noise(2000) * 2) / 4
    skewed = look_at_channel("b", np.exp(noise(2000)))
    found = look_at_channel("a", coarse)
    assert found.resolution == 0.25
    assert found.levels == len(np.unique(coarse))
    assert skewed.skewness > 2
    assert skewed.bends
    assert not found.bends
    assert look_at_channel("c", noise(2000) + np.linspace(0, 10, 2000)).drift > 2
    assert look_at_channel("c", noise(2000)).drift < 0.5


def test_levels_that_stay_and_levels_that_wander() -> None:
    assert stationarity(noise(3000)).verdict == "steady"
    assert stationarity(np.cumsum(noise(3000))).verdict == "wandering"
    assert stationarity(noise(20)) is None


def test_channels_that_say_the_same() -> None:
    values = noise(500, 4)
    values[:, 1] = 1.8 * values[:, 0] + 32
    values[:, 2] = -values[:, 0] + 0.1 * noise(500, seed=1)
    values[3, 1] = np.nan
    pairs = {(p.one, p.other): p for p in alike(values)}
    assert set(pairs) == {(0, 1), (0, 2), (1, 2)}
    assert not any(pair.same for pair in pairs.values())
    assert pairs[0, 2].correlation < -0.99
    values[3, 1] = 1.8 * values[3, 0] + 32
    assert alike(values)[0].same


# -- the grid --------------------------------------------------------------------------------------


def test_a_grid_follows_the_rows() -> None:
    jitter = np.random.default_rng(0).integers(-3, 4, 500) * 10**6
    assert proposed_grid(times_of(500, 10 * SECOND) + jitter) == 10 * SECOND
    assert proposed_grid(times_of(500, 7 * SECOND)) == 7 * SECOND
    uneven = np.cumsum(np.random.default_rng(0).integers(5, 40, 500)) * SECOND
    assert proposed_grid(uneven) == MINUTE
    assert proposed_grid(times_of(1)) == MINUTE
    assert proposed_grid(times_of(500, 100)) == 10**6


# -- what follows ----------------------------------------------------------------------------------


def test_a_daily_profile_is_proposed_for_days_that_repeat() -> None:
    rows = np.arange(10 * 144)
    day = 3 * np.sin(2 * np.pi * rows / 144)[:, None] + noise(1440, 2)
    assert settings_of(seen(day, 10 * MINUTE)).preprocessing.profile == "day"
    assert settings_of(seen(day[:500], 10 * MINUTE)).preprocessing.profile == "none"
    assert settings_of(seen(noise(1440, 2), 10 * MINUTE)).preprocessing.profile == "none"


def test_a_weekly_profile_is_proposed_for_weeks_that_repeat() -> None:
    rows = np.arange(60 * 24)
    week = np.where((rows // 24) % 7 < 5, 8.0, 0.0)[:, None] + noise(1440, 1)
    assert settings_of(seen(week, HOUR)).preprocessing.profile == "week"


def test_a_curve_is_proposed_for_skewed_channels() -> None:
    values = noise(2000, 3)
    values[:, 1] = np.exp(values[:, 1])
    assert settings_of(seen(values)).preprocessing.transform == {"c1": "power"}
    assert settings_of(seen(np.exp(noise(2000, 12)))).preprocessing.transform == "auto"


def test_keeping_the_last_value_is_proposed_for_channels_read_rarely() -> None:
    values = noise(3000, 2)
    values[np.arange(3000) % 10 != 0, 1] = np.nan
    assert advise(seen(values)).preprocessing["impute"] == "15m"


def test_wandering_levels_are_taken_off_and_told() -> None:
    values = np.cumsum(noise(4000, 2) + 0.05, axis=0)
    advice = advise(seen(values, 10 * MINUTE))
    assert advice.preprocessing["detrend"] == "1d"
    assert any("far from the beginning: c0, c1" in text for text in advice.warnings)


def test_nothing_is_proposed_where_nothing_is_special() -> None:
    advice = advise(seen(noise(30_000, 3)))
    assert not advice.preprocessing
    assert not advice.warnings


def test_what_should_be_known_is_told() -> None:
    values = noise(1000, 5)
    values[:, 1], values[:, 2] = 4.0, np.nan
    values[:, 3] = 2 * values[:, 0]
    values[200:500, 4] = values[200, 4]
    told = " ".join(advise(seen(values)).warnings)
    for words in (
        "1000 rows for about",
        "Constant, and left out; a change of it would be told by the plain checks: c1.",
        "Without any value, and left out: c2.",
        "c0 and c3 say the same",
        "c4 (300 rows)",
    ):
        assert words in told
    assert settings_of(seen(values)).channels == ("c0", "c3", "c4")


def test_a_column_of_labels_is_pointed_out() -> None:
    look = look_at(times_of(500), noise(500, 2), ["x", "Label"])
    assert any(
        "By their names labels" in text and "Label" in text for text in advise(look).warnings
    )


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (noise(10, 2), "10 rows: too few"),
        (noise(1, 2), "1 rows: too few"),
        (noise(2, 1), "one channel"),
        (noise(5000, 1), "one channel"),
        (noise(400, 500), "500 channels"),
        (np.full((400, 3), 5.0), "No channel varies"),
        (np.full((400, 2), np.nan), "No channel varies"),
        (np.where(noise(400, 2) > 0, 1e300, -1e300), "400 rows for about"),
        (1e-320 * noise(400, 2), "No channel varies"),
        (np.repeat(noise(2, 2), 200, axis=0), "400 rows for about"),
    ],
)
def test_hardly_anything_and_far_too_much(values: np.ndarray, words: str) -> None:
    look = seen(values)
    assert any(words in text for text in advise(look).warnings)
    settings_of(look)


def test_gaps_are_told() -> None:
    times = np.concatenate((times_of(500), times_of(500) + DAY))
    advice = advise(look_at(times, noise(1000, 2), ["a", "b"]))
    assert any("1 gap, together 15h40m" in text for text in advice.warnings)
