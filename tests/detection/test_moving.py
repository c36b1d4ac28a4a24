"""Thresholds over time: the same in any pieces, causal, and bounded."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.detection.thresholds import Before, Calibration, Limits, learn_limits, memory, move
from backend.specs import (
    AlarmSpec,
    BudgetThreshold,
    ConformalThreshold,
    DynamicThreshold,
    F1MaxThreshold,
    FixedThreshold,
    FollowSpec,
    PotThreshold,
    QuantileThreshold,
    SigmaThreshold,
    ThresholdSpec,
)

FOLLOW = FollowSpec(span=10, most=3, least=0.8)
RENEWED = {"history": 40, "block": 7}
EVERY_KIND: list[ThresholdSpec] = [
    FixedThreshold(value=2.0),
    QuantileThreshold(),
    SigmaThreshold(),
    ConformalThreshold(),
    F1MaxThreshold(),
    BudgetThreshold(follow=None),
    DynamicThreshold(**RENEWED),
    PotThreshold(**RENEWED),
    PotThreshold(drift=12, **RENEWED),
]
MOVING = [spec.model_copy(update={"follow": FOLLOW}) for spec in EVERY_KIND] + EVERY_KIND[-3:]


def named(spec: object) -> str:
    return "-".join(
        [
            spec.kind,
            *(["follow"] if spec.follow else []),
            *(["drift"] if "drift=12" in str(spec) else []),
        ]
    )


def learned(spec: ThresholdSpec, errors: np.ndarray | None = None) -> Limits:
    held_out = (
        np.random.default_rng(1).lognormal(sigma=0.4, size=(2, 300)) if errors is None else errors
    )
    return learn_limits(
        spec, Calibration(held_out, 1.0, AlarmSpec(), anomalous=np.full(held_out.shape, 9.0))
    )


def live(seed: int, length: int = 130) -> np.ndarray:
    """(2, T) errors with a drift, a fault, and rows that are not judged."""
    rng = np.random.default_rng(seed)
    errors = rng.lognormal(sigma=0.4, size=(2, length)) * np.linspace(1, 2, length)
    errors[0, 50:70] *= 8
    errors[rng.random(errors.shape) < 0.1] = np.nan
    return errors


def in_one_go(spec: ThresholdSpec, errors: np.ndarray, place: int = 1003) -> np.ndarray:
    return move(spec, learned(spec), errors, place, Before.nothing(2)).threshold


@pytest.mark.parametrize("spec", MOVING, ids=named)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 99), cuts=st.lists(st.integers(1, 129), max_size=8))
def test_any_pieces_give_the_same_thresholds(
    spec: ThresholdSpec, seed: int, cuts: list[int]
) -> None:
    errors, limits = live(seed), learned(spec)
    whole = move(spec, limits, errors, 1003, Before.nothing(2))
    before, found, drift = Before.nothing(2), [], []
    for start, stop in itertools.pairwise(sorted({0, 130, *cuts})):
        moved = move(spec, limits, errors[:, start:stop], 1003 + start, before)
        found.append(moved.threshold)
        drift.append(moved.drift)
        before = moved.after
        assert before.smoothed.shape[1] <= memory(spec)
    np.testing.assert_allclose(np.hstack(found), whole.threshold, rtol=1e-9)
    np.testing.assert_array_equal(np.hstack(drift), whole.drift)


@pytest.mark.parametrize("spec", MOVING, ids=named)
def test_what_comes_later_changes_nothing(spec: ThresholdSpec) -> None:
    errors = live(3)
    other = errors.copy()
    other[:, 80:] = 50.0
    np.testing.assert_array_equal(in_one_go(spec, errors)[:, :81], in_one_go(spec, other)[:, :81])


@pytest.mark.parametrize("spec", MOVING, ids=named)
def test_only_so_many_rows_are_remembered(spec: ThresholdSpec) -> None:
    errors, limits = live(5), learned(spec)
    first = move(spec, limits, errors[:, :100], 1003, Before.nothing(2)).after
    longer = Before(
        np.hstack([np.full((2, 30), 7.0), first.smoothed]),
        np.hstack([np.full((2, 30), 5.0), first.threshold]),
        first.mode,
    )
    np.testing.assert_allclose(
        move(spec, limits, errors[:, 100:], 1103, longer).threshold,
        move(spec, limits, errors[:, 100:], 1103, first).threshold,
    )


def test_a_limit_that_does_not_move_needs_no_memory() -> None:
    spec = QuantileThreshold()
    moved = move(spec, learned(spec), live(0), 0, Before.nothing(2))
    assert memory(spec) == 0
    assert moved.after.smoothed.shape == (2, 0)
    assert not moved.drift.any()
    np.testing.assert_array_equal(moved.threshold, np.repeat(learned(spec).table, 130, axis=1))


@pytest.mark.parametrize("spec", EVERY_KIND + MOVING[:9], ids=named)
@pytest.mark.parametrize(
    "held_out",
    [
        np.full((2, 50), 0.5),
        np.zeros((2, 50)),
        np.array([[1.0], [2.0]]),
        np.full((2, 50), np.nan),
        np.array([[np.nan] * 20 + [1.0], [np.nan] * 21]),
        np.full((2, 50), 1e300) * np.linspace(0.1, 1, 50),
        np.full((2, 50), 1e-300),
    ],
    ids=["constant", "zero", "one point", "nothing", "hardly anything", "huge", "tiny"],
)
def test_a_threshold_is_always_a_number_above_zero(
    spec: ThresholdSpec, held_out: np.ndarray
) -> None:
    limits = learned(spec, held_out)
    values = [0.0, 1.0, np.nan, 1e300, 0.3]
    errors = np.tile(np.repeat(values, 20), (2, 1))
    threshold = move(spec, limits, errors, 0, Before.nothing(2)).threshold
    assert np.isfinite(threshold).all()
    assert (threshold > 0).all()
    assert all(basis for basis in limits.basis)


# -- the level -------------------------------------------------------------------------------------


def followed(errors: list[float], **follow: float) -> np.ndarray:
    """Levels beside a limit of 2 and a held-out level of 1."""
    spec = FixedThreshold(value=2.0, follow=FollowSpec.model_validate({"span": 3, **follow}))
    limits = learned(spec, np.array([[0.5, 1.5]]))
    return move(spec, limits, np.array([errors]), 0, Before.nothing(1)).threshold[0] / 2


def test_the_level_is_an_average_of_what_came_before() -> None:
    np.testing.assert_allclose(followed([1.0, 1.8, 1.8, 1.0]), [1.0, 1.0, 1.4, 1.6])


def test_points_flagged_or_not_judged_leave_the_level_as_it_is() -> None:
    errors = [1.8, 50.0, 50.0, np.nan, 1.0]
    np.testing.assert_allclose(followed(errors, creep=0), [1, 1.4, 1.4, 1.4, 1.4])


def test_a_flagged_point_counts_as_if_it_lay_on_the_line() -> None:
    np.testing.assert_allclose(followed([50.0, 50.0], most=9), [1, 1.5])
    np.testing.assert_allclose(followed([50.0, 50.0], most=9, creep=0.5), [1, 1.25])
    assert followed([50.0] * 500, most=9).max() == pytest.approx(9)


def test_the_level_does_not_fall_below_its_least() -> None:
    np.testing.assert_allclose(followed([0.0] * 4), 1.0)
    np.testing.assert_allclose(followed([0.0] * 4, least=0.3), [1.0, 0.5, 0.3, 0.3])


def test_a_fault_does_not_take_the_line_along() -> None:
    assert followed([1.0] * 20 + [100.0] * 500, creep=0).max() == 1.0


def test_a_fault_that_creeps_in_is_stopped_at_the_bound_and_said() -> None:
    spec = FixedThreshold(value=2.0, follow=FollowSpec(span=20, most=2.5))
    limits = learned(spec, np.array([[0.5, 1.5]]))
    errors = np.linspace(1, 20, 2000)[None]
    moved = move(spec, limits, errors, 0, Before.nothing(1))
    assert moved.threshold.max() == pytest.approx(5.0)
    assert not moved.drift[0, 0]
    assert moved.drift[0, -1]
    assert (errors > moved.threshold)[0, -500:].all()


def test_a_pause_in_the_rows_forgets_what_is_too_far_away() -> None:
    rows = Before(np.ones((1, 5)), np.full((1, 5), 2.0), np.array([0]))
    paused = rows.paused(2)
    np.testing.assert_array_equal(paused.smoothed, [[1, 1, 1, np.nan, np.nan]])
    assert np.isnan(rows.paused(99).threshold).all()


# -- modes -----------------------------------------------------------------------------------------


def test_each_mode_has_its_limit_and_an_unknown_one_the_common() -> None:
    errors = np.concatenate([np.full(200, 1.0), np.full(200, 5.0), np.full(9, 3.0)])[None]
    modes = np.concatenate([np.zeros(200), np.ones(200), np.full(9, 2)]).astype(np.int64)[None]
    spec = QuantileThreshold(q=1.0, per_mode=True)
    limits = learn_limits(spec, Calibration(errors, 1.0, AlarmSpec(), modes))
    asked = np.array([[0, 1, 2, -1, 7]])
    moved = move(spec, limits, np.ones((1, 5)), 0, Before.nothing(1), asked)
    np.testing.assert_array_equal(moved.threshold, [[1, 5, 5, 5, 5]])
    plain = spec.model_copy(update={"per_mode": False})
    common = learn_limits(plain, Calibration(errors, 1.0, AlarmSpec(), modes))
    np.testing.assert_array_equal(common.table, [[5]])


def test_the_level_is_measured_in_the_level_of_each_mode() -> None:
    errors = np.concatenate([np.full(200, 1.0), np.full(200, 5.0)])[None]
    modes = np.repeat([0, 1], 200)[None]
    follow = FollowSpec(span=3, least=0.1)
    spec = QuantileThreshold(q=1.0, margin=2, per_mode=True, follow=follow)
    limits = learn_limits(spec, Calibration(errors, 1.0, AlarmSpec(), modes))
    asked = np.array([[0, 1, 0, 1]])
    now = np.array([[1.0, 5.0, 1.0, 5.0]])
    whole = move(spec, limits, now, 0, Before.nothing(1), asked).threshold
    np.testing.assert_allclose(whole, [[2, 10, 2, 10]])
    left = move(spec, limits, now[:, :2] * 1.5, 0, Before.nothing(1), asked[:, :2])
    right = move(spec, limits, now[:, 2:] * 1.5, 2, left.after, asked[:, 2:])
    whole = move(spec, limits, now * 1.5, 0, Before.nothing(1), asked)
    np.testing.assert_allclose(
        np.hstack([left.threshold, right.threshold]), whole.threshold, rtol=1e-12
    )


# -- renewed by the clock --------------------------------------------------------------------------


@pytest.mark.parametrize("spec", EVERY_KIND[-3:], ids=named)
def test_the_line_changes_only_where_a_block_begins(spec: ThresholdSpec) -> None:
    threshold = in_one_go(spec, live(1), place=1003)
    changes = 1003 + 1 + np.flatnonzero((np.diff(threshold, axis=1) != 0).any(axis=0))
    assert len(changes) > 5
    assert (changes % 7 == 0).all()


@pytest.mark.parametrize("spec", EVERY_KIND[-3:], ids=named)
@pytest.mark.parametrize("scale", [1e-3, 1.8, 1e6])
def test_the_unit_of_the_error_does_not_matter(spec: ThresholdSpec, scale: float) -> None:
    held_out = np.random.default_rng(1).lognormal(sigma=0.4, size=(2, 300))
    plain = move(spec, learned(spec, held_out), live(4), 50, Before.nothing(2))
    scaled = move(spec, learned(spec, held_out * scale), live(4) * scale, 50, Before.nothing(2))
    np.testing.assert_allclose(scaled.threshold, plain.threshold * scale, rtol=1e-6)


@pytest.mark.parametrize("spec", EVERY_KIND[-3:], ids=named)
def test_whole_blocks_later_it_is_the_same(spec: ThresholdSpec) -> None:
    np.testing.assert_array_equal(
        in_one_go(spec, live(4), place=1003), in_one_go(spec, live(4), place=1003 + 7 * 999)
    )
