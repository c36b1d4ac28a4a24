"""Synthetic faults: what each does to its channel, and how a set of them is drawn."""

from collections import Counter

import numpy as np
import pytest

from backend.detection.faults import KINDS, Fault, draw, inject
from tests.detection.fleets import waves

SCALE = np.array([2.0, 0.5])


def put(kind, size=3.0, channel=0, start=100, length=40, values=None):
    values = waves(300)[0] if values is None else values
    return values, inject(values, Fault(kind, channel, size, start, length), SCALE)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_changes_its_channel_in_its_rows_and_nothing_else(kind):
    before, after = put(kind)
    changed = before != after
    assert changed[100:140, 0].any()
    changed[100:140, 0] = False
    assert not changed.any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_is_the_same_each_time_and_absent_values_stay_absent(kind):
    values = waves(300)[0]
    values[110:115, 0] = np.nan
    _, once = put(kind, values=values)
    _, again = put(kind, values=values)
    assert np.array_equal(once, again, equal_nan=True)
    assert np.array_equal(np.isnan(once), np.isnan(values))


def test_sizes_are_in_spreads_of_the_channel():
    before, after = put("bias", size=3.0)
    assert np.allclose((after - before)[100:140, 0], 6.0)
    before, after = put("bias", size=3.0, channel=1)
    assert np.allclose((after - before)[100:140, 1], 1.5)


def test_a_drift_and_a_leak_grow_to_their_size():
    before, after = put("drift", size=3.0)
    assert np.allclose((after - before)[100:140, 0], 6.0 * np.arange(1, 41) / 40)
    before, after = put("leak", size=3.0)
    rise = (after - before)[100:140, 0]
    assert (np.diff(rise) > 0).all()
    assert rise[-1] == pytest.approx(6.0 * (1 - np.exp(-3)))


def test_a_stuck_sensor_shows_the_value_it_had():
    before, after = put("stuck")
    assert (after[100:140, 0] == before[100, 0]).all()


def test_noise_has_the_size_as_its_deviation():
    before, after = put("noise", size=3.0, start=0, length=3000, values=waves(3000)[0])
    assert (after - before)[:, 0].std() == pytest.approx(6.0, rel=0.1)


def test_a_spike_is_in_one_row_of_eight():
    before, after = put("spike", size=3.0)
    assert (np.flatnonzero((after - before)[:, 0]) == [100, 108, 116, 124, 132]).all()


def test_a_gain_of_size_one_halves_what_the_channel_moves():
    before, after = put("gain", size=1.0)
    middle = np.median(before[:, 0])
    assert np.allclose(after[100:140, 0] - middle, (before[100:140, 0] - middle) / 2)


def test_a_break_shows_values_that_the_channel_really_had_elsewhere():
    before, after = put("break")
    elsewhere = np.delete(before[:, 0], np.s_[100:140])
    assert np.isclose(after[100:140, 0, None], elsewhere).any(axis=1).all()


def test_a_drawn_set_is_balanced_lies_in_normal_rows_and_repeats():
    normal = np.ones(1000, dtype=bool)
    normal[400:450] = False
    channels = np.array([True, False, True])

    def drawn():
        return draw(np.random.default_rng(5), normal, channels, count=24, length=30)

    faults = drawn()
    assert set(Counter(f.kind for f in faults).values()) == {3}
    assert set(Counter(f.size for f in faults).values()) == {8}
    assert Counter(f.channel for f in faults) == {0: 12, 2: 12}
    assert all(normal[f.start : f.stop].all() for f in faults)
    assert len({f.start for f in faults}) == 24
    assert faults == drawn()


def test_short_runs_give_shorter_faults_and_no_run_gives_none():
    rng, channel = np.random.default_rng(0), np.array([True])
    short = np.zeros(50, dtype=bool)
    short[10:16] = True
    assert {(f.start, f.length) for f in draw(rng, short, channel, count=3, length=30)} == {(10, 6)}
    assert draw(rng, np.zeros(50, dtype=bool), channel, count=3, length=30) == ()
    assert draw(rng, short, np.array([False]), count=3, length=30) == ()
