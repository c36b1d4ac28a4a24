from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from backend.demo import gas_room, sine_tangent
from backend.demo.faults import inject
from backend.demo.gas_room import GasRoom
from backend.demo.scenario import Fault, FaultKind
from backend.demo.sine_tangent import SineTangent

# A busy machine is slow without anything being wrong.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

DAY = 86_400_000_000_000
NOW = 1_790_000_000_000_000_000
MAKERS = {
    "gas-room": lambda seed=0: GasRoom(gas_room.latest_start(NOW), seed),
    "sine-tangent": lambda seed=0: SineTangent(sine_tangent.latest_start(NOW), seed),
}


@pytest.fixture(params=MAKERS)
def story(request):
    return MAKERS[request.param]()


# -- every story -----------------------------------------------------------------------------------


def test_history_ends_before_now(story):
    assert story.start < story.trained < story.stop <= NOW
    assert NOW - story.stop < 8 * DAY


def test_rows_lie_on_the_grid_of_the_detector_and_carry_its_channels(story):
    rows = story.rows(story.start, story.trained)
    assert tuple(rows.fields) == story.spec.channels
    assert set(rows.tags) == set(story.spec.group_by)
    assert (rows.times % story.spec.step == 0).all()
    assert (np.diff(rows.times) > 0).all()
    assert rows.times[0] >= story.start
    assert rows.times[-1] < story.trained


@given(cut=st.floats(0, 1), seed=st.integers(0, 3), name=st.sampled_from(sorted(MAKERS)))
@settings(PATIENT, max_examples=15)
def test_a_story_is_the_same_however_time_is_cut(cut, seed, name):
    story = MAKERS[name](seed)
    start, stop = story.trained - DAY, story.stop + DAY
    middle = start + int((stop - start) * cut)
    whole = story.rows(start, stop)
    parts = [story.rows(start, middle), story.rows(middle, stop)]
    assert_array_equal(np.concatenate([part.times for part in parts]), whole.times)
    for channel in whole.fields:
        column = np.concatenate([part.fields[channel] for part in parts])
        np.testing.assert_allclose(column, whole.fields[channel], atol=1e-9)


@pytest.mark.parametrize("name", MAKERS)
def test_the_seed_decides_the_story(name):
    one, same, other = MAKERS[name](1), MAKERS[name](1), MAKERS[name](2)
    channel = one.spec.channels[0]
    rows = one.rows(one.start, one.trained).fields[channel]
    assert_array_equal(rows, same.rows(one.start, one.trained).fields[channel])
    others = other.rows(one.start, one.trained).fields[channel]
    assert len(rows) != len(others) or not np.array_equal(rows, others)


def test_the_normal_range_holds_no_fault_and_history_does(story):
    assert story.faults(story.start, story.trained) == []
    assert story.faults(story.trained, story.stop)


def test_faults_are_those_that_overlap(story):
    first = story.faults(story.trained, story.stop)[0]
    assert story.faults(first.start - 1, first.start) == []
    assert first in story.faults(first.start, first.start + 1)
    assert first in story.faults(first.stop - 1, first.stop)
    assert first not in story.faults(first.stop, first.stop + 1)


def test_faults_go_on_after_history(story):
    assert story.faults(story.stop, story.stop + 3 * DAY)


# -- the gas room ----------------------------------------------------------------------------------


@given(st.integers(0, 14 * DAY))
@PATIENT
def test_history_of_the_gas_room_ends_one_to_eight_days_ago(later):
    room = GasRoom(gas_room.latest_start(NOW + later))
    assert DAY <= NOW + later - room.stop < 8 * DAY


def test_the_gas_room_tells_the_same_story_every_week():
    now, week = NOW, 7 * DAY
    assert gas_room.latest_start(now + week) == gas_room.latest_start(now) + week
    monday = np.datetime64(gas_room.latest_start(now), "ns")
    assert monday == monday.astype("datetime64[D]")
    assert (monday.astype("datetime64[D]").view("int64") + 3) % 7 == 0


def test_every_kind_of_fault_is_injected_once_more_for_the_spike():
    room = MAKERS["gas-room"]()
    kinds = [fault.kind for fault in room.faults(room.trained, room.stop)]
    assert sorted(kinds) == sorted(
        [
            FaultKind.SPIKE,
            FaultKind.SPIKE,
            FaultKind.DRIFT,
            FaultKind.STUCK,
            FaultKind.DECOUPLED,
            FaultKind.LEAK,
        ]
    )


@given(st.integers(0, 200))
@settings(PATIENT, max_examples=25)
def test_faults_of_history_stay_apart_and_inside(seed):
    room = MAKERS["gas-room"](seed)
    faults = sorted(room.faults(room.trained, room.stop), key=lambda fault: fault.start)
    assert room.trained < faults[0].start
    assert faults[-1].stop < room.stop
    gaps = [b.start - a.stop for a, b in pairwise(faults)]
    assert min(gaps) > DAY // 4


def test_sensors_lose_values_and_fall_silent():
    room = MAKERS["gas-room"]()
    rows = room.rows(room.start, room.stop)
    due = (room.stop - room.start) // room.spec.step
    assert 0.9 * due < len(rows) < due
    lost = np.isnan(np.column_stack(list(rows.fields.values()))).mean()
    assert 0.001 < lost < 0.01


def test_the_air_hangs_together():
    room = MAKERS["gas-room"]()
    rows = room.rows(room.start, room.trained).fields
    table = np.column_stack([rows[name] for name in ("temp", "moist", "H2S", "NH3")])
    table = table[np.isfinite(table).all(axis=1)]
    correlation = np.corrcoef(table.T)
    assert correlation[0, 1] < -0.8
    assert correlation[2, 3] > 0.8


def test_work_stops_at_the_weekend():
    room = MAKERS["gas-room"]()
    noon = room.start + DAY // 2
    gas = [
        np.nanmean(room.rows(noon + day * DAY - DAY // 8, noon + day * DAY).fields["H2S"])
        for day in range(7)
    ]
    assert max(gas[5:]) < min(gas[:5])


# -- kinds of faults -------------------------------------------------------------------------------

STEP = 600_000_000_000


def _times(count):
    return np.arange(count, dtype=np.int64) * STEP


def _injected(kind, strength=4.0):
    times = _times(100)
    fault = Fault(20 * STEP, 60 * STEP, "x", kind, strength)
    clean = np.sin(times / STEP / 20)
    return clean, inject(
        fault, times, clean, lambda start, stop: np.arange(start, stop, STEP) / DAY
    )


@pytest.mark.parametrize("kind", [kind for kind in FaultKind if kind is not FaultKind.TANGENT])
def test_a_fault_changes_its_range_and_nothing_else(kind):
    clean, values = _injected(kind)
    assert_array_equal(values[:20], clean[:20])
    assert_array_equal(values[60:], clean[60:])
    assert not np.allclose(values[20:60], clean[20:60])


def test_a_drift_grows_evenly_and_a_leak_ever_faster():
    clean, drifted = _injected(FaultKind.DRIFT)
    _, leaked = _injected(FaultKind.LEAK)
    drift, leak = (drifted - clean)[20:60], (leaked - clean)[20:60]
    assert np.ptp(np.diff(drift)) == pytest.approx(0, abs=1e-9)
    assert (np.diff(leak, n=2) > 0).all()
    assert drift[-1] == pytest.approx(4 * 39 / 40)
    assert leak[0] == 0
    assert leak[-1] < 4


def test_a_stuck_sensor_repeats_the_value_at_which_it_got_stuck():
    _, values = _injected(FaultKind.STUCK)
    assert (values[20:60] == 20 * STEP / DAY).all()


def test_a_broken_correlation_is_what_was_half_a_day_before():
    _, values = _injected(FaultKind.DECOUPLED)
    assert values[20] == pytest.approx(20 * STEP / DAY - 0.5)


# -- the sine --------------------------------------------------------------------------------------


def test_the_tangent_begins_as_the_sine_would_have_gone_on():
    wave = MAKERS["sine-tangent"]()
    (fault,) = wave.faults(wave.trained, wave.stop)
    step = wave.spec.step
    rows = wave.rows(fault.start - 5 * step, fault.start + 5 * step)
    assert np.abs(np.diff(rows.fields["signal"])).max() < 0.3
    whole = wave.rows(fault.start, fault.stop).fields["signal"]
    assert np.abs(whole).max() > 5


def test_before_the_tangent_the_wave_stays_a_sine():
    wave = MAKERS["sine-tangent"]()
    (fault,) = wave.faults(wave.trained, wave.stop)
    assert np.abs(wave.rows(wave.start, fault.start).fields["signal"]).max() < 1.2
