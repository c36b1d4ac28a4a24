import numpy as np
import pytest

from backend.models.seasonal_quantile import SeasonalQuantile
from backend.ports import Floats, Times
from backend.specs import SeasonalQuantileSpec

HOUR = 3_600_000_000_000
MONDAY = 1_767_571_200_000_000_000
"""2026-01-05 00:00 UTC."""


def hours(days: float, start: int = MONDAY) -> Times:
    return start + np.arange(round(days * 24), dtype=np.int64) * HOUR


def daily(times: Times, seed: int = 0) -> Floats:
    """One channel that is 10 from 8 to 16 o'clock and 0 else, with noise."""
    hour = times // HOUR % 24
    rng = np.random.default_rng(seed)
    return np.where((hour >= 8) & (hour < 16), 10.0, 0.0)[:, None] + 0.1 * rng.normal(
        size=(len(times), 1)
    )


def raw(normal: Floats, times: Times, seen: float, at: int, quantile: float = 0.01) -> float:
    model = SeasonalQuantile(SeasonalQuantileSpec(quantile=quantile), 1, 1)
    known = model.learn(normal, times, 0)
    return float(model.say(known, np.array([[seen]]), np.array([at])).raw[0])


def test_a_usual_value_at_an_unusual_hour_is_found() -> None:
    times = hours(14)
    night, noon = MONDAY + 30 * 24 * HOUR + 2 * HOUR, MONDAY + 30 * 24 * HOUR + 12 * HOUR
    assert raw(daily(times), times, 10.0, noon) < 1.5
    assert raw(daily(times), times, 10.0, night) > 10


def test_a_few_days_do_not_make_a_clock() -> None:
    times = hours(3)
    assert raw(daily(times), times, 10.0, MONDAY + 30 * 24 * HOUR + 2 * HOUR) < 1.5


def test_a_clock_that_tells_nothing_is_not_followed() -> None:
    times = hours(60)
    noise = np.random.default_rng(0).normal(size=(len(times), 1))
    model = SeasonalQuantile(SeasonalQuantileSpec(), 1, 1)
    for array in model.learn(noise, times, 0).values():
        np.testing.assert_array_equal(array, np.broadcast_to(array[:1], array.shape))


def test_a_quiet_weekend_is_known_after_four_weeks() -> None:
    def weekly(times: Times) -> Floats:
        day = (times - MONDAY) // (24 * HOUR) % 7
        return np.where(day < 5, daily(times)[:, 0], 0.0)[:, None]

    saturday_noon = MONDAY + (70 + 5) * 24 * HOUR + 12 * HOUR
    monday_noon = MONDAY + 70 * 24 * HOUR + 12 * HOUR
    times = hours(56)
    assert raw(weekly(times), times, 10.0, saturday_noon) > 5
    assert raw(weekly(times), times, 10.0, monday_noon) < 1.5


def test_the_band_runs_between_its_quantiles() -> None:
    values = np.arange(101.0)[:, None]
    times = MONDAY + np.arange(101, dtype=np.int64)
    # Middle 50, band from 10 to 90.
    assert raw(values, times, 90.0, MONDAY, quantile=0.1) == pytest.approx(1.0)
    assert raw(values, times, 10.0, MONDAY, quantile=0.1) == pytest.approx(1.0)
    assert raw(values, times, 130.0, MONDAY, quantile=0.1) == pytest.approx(2.0)
    assert raw(values, times, 50.0, MONDAY, quantile=0.1) == 0.0


def test_a_constant_channel_is_measured_in_the_unit_of_its_scale() -> None:
    times = hours(10)
    assert raw(np.full((240, 1), 2.0), times, 5.0, int(times[0])) == pytest.approx(3.0)


def test_channels_follow_the_clock_each_by_itself() -> None:
    times = hours(14)
    noise = np.random.default_rng(1).normal(size=(len(times), 1))
    model = SeasonalQuantile(SeasonalQuantileSpec(), 1, 2)
    middle = model.learn(np.hstack([daily(times), noise]), times, 0)["middle"]
    assert np.ptp(middle[:, 0]) > 9
    assert np.ptp(middle[:, 1]) == 0
