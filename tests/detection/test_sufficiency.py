import numpy as np
import pytest

from backend.detection.sufficiency import (
    CONTRADICTORY,
    ENOUGH,
    NOT_ENOUGH,
    THIN,
    Figures,
    absent,
    days,
    learn_known,
    levels,
    verdict_of,
    week,
)

HOUR = 3_600_000_000_000
MONDAY = 1_767_571_200_000_000_000
"""2026-01-05, midnight UTC."""


class TestHours:
    def test_rows_count_in_the_zone_of_the_detector(self):
        times = MONDAY + HOUR * np.arange(3)
        table = week(times, HOUR, "Asia/Seoul")
        assert table[0, 9:12].tolist() == [1, 1, 1]
        assert table.sum() == 3

    def test_an_hour_that_a_clock_repeats_counts_twice(self):
        # 2026-10-25 in Berlin: 02:00 comes two times
        begin = 1_792_886_400_000_000_000
        table = week(begin + HOUR * np.arange(4), HOUR, "Europe/Berlin")
        assert table[6, 2] == 2

    def test_days_are_those_of_the_zone(self):
        times = MONDAY + HOUR * np.array([0, 14, 16])
        assert days(times, "UTC") == 1
        assert days(times, "Asia/Seoul") == 2

    @pytest.mark.parametrize(
        ("gone", "runs"),
        [
            ([22, 23, 0, 1, 2, 3, 4, 5], [(22, 6)]),
            ([0, 1], [(0, 2)]),
            ([23], [(23, 24)]),
            ([3, 7], [(3, 4), (7, 8)]),
            (list(range(24)), [(0, 24)]),
            ([], []),
        ],
    )
    def test_absent_hours_go_on_over_midnight(self, gone, runs):
        normal = np.ones(24)
        normal[gone] = 0
        assert absent(normal, np.ones(24)) == runs

    def test_hours_without_live_data_are_not_missed(self):
        assert absent(np.zeros(24), np.zeros(24)) == []


class TestLevels:
    def test_a_level_that_no_label_covers_is_found(self):
        live = np.linspace(0, 10, 1001)
        found = levels(live, live[live < 7])
        assert found.live == pytest.approx([0.1] * 10, abs=0.01)
        assert found.uncovered.tolist() == [False] * 7 + [True] * 3
        assert found.uncovered_share == pytest.approx(0.3, abs=0.01)

    def test_each_of_a_few_values_is_a_level(self):
        found = levels(np.array([0.0, 0, 0, 1, 1, 5]), np.array([0.0, 1.0]))
        assert found.live == pytest.approx([3 / 6, 2 / 6, 1 / 6])
        assert found.uncovered.tolist() == [False, False, True]

    @pytest.mark.parametrize("value", [0.0, -3.0, 1e9])
    def test_a_constant_has_one_level(self, value):
        found = levels(np.full(5, value), np.array([value]))
        assert found.edges[0] < value < found.edges[1]
        assert not found.uncovered.any()

    def test_without_labelled_values_nothing_is_covered(self):
        assert levels(np.arange(50.0), np.full(3, np.nan)).uncovered.all()

    def test_without_live_values_there_are_none(self):
        assert levels(np.full(4, np.nan), np.ones(4)) is None


def wave(count: int, seed: int) -> np.ndarray:
    """(count, 2) two channels that move together."""
    random = np.random.default_rng(seed)
    t = np.arange(count) / 20
    return np.stack([np.sin(t), np.cos(t)], axis=1) + 0.05 * random.normal(size=(count, 2))


class TestRegimes:
    @pytest.mark.parametrize("seed", range(5))
    def test_more_of_the_same_is_known(self, seed):
        known = learn_known(wave(1000, seed), wave(1000, seed + 50), 10)
        outside, _ = known.outside(wave(1000, seed + 50))
        assert outside.mean() < 0.005

    def test_a_joint_regime_is_outside_though_each_channel_is_usual(self):
        live = wave(400, 1)
        live[100:150] = 0.02 * np.random.default_rng(0).normal(size=(50, 2))
        known = learn_known(wave(1000, 2), live, 10)
        outside, _ = known.outside(live)
        assert outside[100:150].all()
        assert outside[:100].mean() < 0.02

    def test_the_channel_that_is_farthest_off_is_named(self):
        live = wave(400, 1)
        live[100, 1] = 9
        outside, channel = learn_known(wave(1000, 2), live, 10).outside(live)
        assert outside[100]
        assert channel[100] == 1

    def test_a_mode_that_was_labelled_once_does_not_make_everything_near(self):
        idle = 5 + 0.05 * np.random.default_rng(3).normal(size=(200, 2))
        normal = np.vstack((wave(1000, 2), idle))
        live = np.vstack((wave(200, 5), idle + 1.5))
        outside, _ = learn_known(normal, live, 10).outside(live)
        assert outside[200:].all()
        assert outside[:200].mean() < 0.02

    def test_a_channel_that_was_constant_and_moves_is_outside(self):
        normal = np.column_stack((wave(500, 0)[:, 0], np.full(500, 7.0)))
        live = normal.copy()
        live[200:, 1] = 7 + np.random.default_rng(0).normal(size=300)
        outside, _ = learn_known(normal, live, 10).outside(live)
        assert not outside[:200].any()
        assert outside[200:].mean() > 0.5

    def test_of_few_rows_nothing_is_said(self):
        assert learn_known(wave(10, 0), wave(100, 1), 10) is None
        assert learn_known(wave(100, 0), np.empty((0, 2)), 10) is None


@pytest.mark.parametrize(
    ("figures", "verdict"),
    [
        (Figures(100, outside_share=0.0), ENOUGH),
        (Figures(100, wanted_hours=200), THIN),
        (Figures(100, outside_share=0.06), THIN),
        (Figures(100, outside_share=None), ENOUGH),
        (Figures(0, lacking="nothing is marked"), NOT_ENOUGH),
        (Figures(100, contradicted_hours=4), ENOUGH),
        (Figures(100, contradicted_hours=6), CONTRADICTORY),
        (Figures(10, lacking="too little", denied=True), CONTRADICTORY),
    ],
)
def test_the_verdict_follows_from_the_figures(figures, verdict):
    assert verdict_of(figures) == verdict
