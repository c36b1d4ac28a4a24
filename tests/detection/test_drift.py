import numpy as np
import pytest
from river.drift import PageHinkley

from backend.detection.drift import (
    Followed,
    Reference,
    accepted,
    block_points,
    follow,
    learn_reference,
    medians,
)

KERNEL = 18
HOUR = 3_600_000_000_000


def errors(rng: np.random.Generator, points: int, series: int = 1) -> np.ndarray:
    """(S, T) smoothed errors of a steady machine: neighbours resemble each other."""
    noise = np.abs(rng.standard_normal((series, points + 200)))
    kernel = 0.7 ** np.arange(KERNEL)
    rows = [np.convolve(own, kernel / kernel.sum(), "valid")[-points:] for own in noise]
    return np.array(rows)


def watch(calibration: np.ndarray, live: np.ndarray) -> tuple[Reference, list[Followed]]:
    """The reference, and the state after each block."""
    points = block_points(calibration.shape[1], KERNEL)
    reference = learn_reference(calibration, points)
    found = medians(live[:, : live.shape[1] // points * points], points)
    states = [Followed.nothing(len(live))]
    for b in range(found.shape[1]):
        time = np.array([(b + 1) * HOUR])
        states.append(follow(states[-1], reference, found[:, b : b + 1], time))
    return reference, states


def first_drift(states: list[Followed]) -> int | None:
    return next((n for n, state in enumerate(states) if state.drifted[0]), None)


def test_errors_of_a_steady_machine_hardly_ever_drift():
    drifted = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        _, states = watch(errors(rng, 1000), errors(rng, 8000))
        drifted += first_drift(states) is not None
    assert drifted <= 2


def test_a_step_is_found_within_a_few_blocks_and_told_from_when_and_by_how_much():
    rng = np.random.default_rng(0)
    live = errors(rng, 8000)
    live[:, 4000:] *= 1.6
    _, states = watch(errors(rng, 1000), live)
    points = block_points(1000, KERNEL)
    begun = 4000 // points
    found = first_drift(states)
    assert found is not None
    assert begun < found <= begun + 12
    assert begun <= states[found].since[0] // HOUR - 1 <= begun + 2
    assert states[-1].times[0] == pytest.approx(1.6, rel=0.1)


def test_a_slow_ramp_is_found():
    rng = np.random.default_rng(1)
    live = errors(rng, 12_000) * np.linspace(1.0, 2.0, 12_000)
    _, states = watch(errors(rng, 1000), live)
    found = first_drift(states)
    assert found is not None
    assert found < len(states) * 0.8


def test_spikes_and_short_bursts_do_not_count():
    rng = np.random.default_rng(2)
    live = errors(rng, 8000)
    points = block_points(1000, KERNEL)
    for start in range(0, 8000 - points, 3 * points):
        live[:, start : start + points // 4] *= 50.0
    live[:, 5000 : 5000 + points] *= 1e6
    _, states = watch(errors(rng, 1000), live)
    assert first_drift(states) is None


def test_errors_that_fall_are_no_drift_and_a_rise_that_ends_is_forgotten():
    rng = np.random.default_rng(3)
    falling = errors(rng, 6000) * np.linspace(1.0, 0.2, 6000)
    assert first_drift(watch(errors(rng, 1000), falling)[1]) is None
    back = errors(rng, 12_000)
    back[:, 2000:4000] *= 2.0
    _, states = watch(errors(rng, 1000), back)
    assert first_drift(states) is not None
    assert not states[-1].drifted[0]
    assert states[-1].total[0] < 10


def test_a_rise_too_small_to_matter_is_none_however_sure_it_is():
    points = block_points(1000, KERNEL)
    steady = np.exp(0.001 * np.random.default_rng(4).standard_normal((1, 1000)))
    live = np.full((1, 60 * points), 1.2)
    assert first_drift(watch(steady, live)[1]) is None
    assert first_drift(watch(steady, live * 1.2)[1]) is not None


def test_blocks_of_which_little_is_known_change_nothing():
    rng = np.random.default_rng(5)
    reference, states = watch(errors(rng, 1000), errors(rng, 4000) * 3.0)
    points = reference.points
    gap = np.full((1, 5 * points), np.nan)
    gap[0, ::points] = 100.0
    after = follow(states[-1], reference, medians(gap, points), np.arange(5) * HOUR)
    np.testing.assert_equal(vars(after), vars(states[-1]))


def test_any_pieces_give_the_same_and_one_series_does_not_touch_another():
    rng = np.random.default_rng(6)
    calibration, live = errors(rng, 1000, 3), errors(rng, 6000, 3)
    live[1] *= 1.7
    reference, states = watch(calibration, live)
    found = medians(
        live[:, : live.shape[1] // reference.points * reference.points], reference.points
    )
    times = np.arange(1, found.shape[1] + 1) * HOUR
    whole = follow(Followed.nothing(3), reference, found, times)
    np.testing.assert_equal(vars(whole), vars(states[-1]))
    assert whole.drifted.tolist() == [False, True, False]
    alone = watch(calibration[1:2], live[1:2])[1][-1]
    assert alone.total[0] == whole.total[1]


def test_a_level_that_a_person_takes_for_usual_is_usual_from_then_on():
    rng = np.random.default_rng(7)
    reference, states = watch(errors(rng, 1000), errors(rng, 4000) * 2.0)
    assert states[-1].drifted[0]
    reference, state = accepted(reference, states[-1], np.array([True]))
    found = medians(
        (errors(rng, 4000) * 2.0)[:, : 4000 // reference.points * reference.points],
        reference.points,
    )
    times = np.arange(found.shape[1]) * HOUR
    assert not follow(state, reference, found, times).drifted[0]
    worse = follow(state, reference, found + np.log(1.8), times)
    assert worse.drifted[0]


def test_too_little_normal_time_follows_nothing():
    assert block_points(5 * 2 * KERNEL, KERNEL) == 0
    reference = learn_reference(np.full((1, 60), np.nan), 36)
    assert np.isnan(reference.deviation[0])
    state = follow(Followed.nothing(1), reference, np.array([[50.0]]), np.array([HOUR]))
    assert state.total[0] == 0


def test_it_is_as_quick_as_the_test_of_another_hand_and_calmer():
    """River's Page-Hinkley on the same medians finds the same step; it also starts at spikes."""
    rng = np.random.default_rng(8)
    live = errors(rng, 8000)
    live[:, 4000:] *= 1.6
    reference, states = watch(errors(rng, 1000), live)
    points = reference.points
    found = medians(live[:, : 8000 // points * points], points)[0]
    standard = (found - reference.middle[0]) / reference.deviation[0]
    other = PageHinkley(min_instances=10, delta=1.5, threshold=10.0, alpha=1.0, mode="up")
    theirs = None
    for number, value in enumerate(standard.tolist(), start=1):
        other.update(value)
        if other.drift_detected and theirs is None:
            theirs = number
    ours = first_drift(states)
    assert ours is not None
    assert theirs is not None
    assert abs(ours - theirs) <= 8
