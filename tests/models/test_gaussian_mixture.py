"""Gaussian mixture against scikit-learn's, and where there is too little to learn from."""

from typing import Any

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture as Reference

from backend.models.gaussian import independent
from backend.models.gaussian_mixture import GaussianMixture, bic, choose
from backend.ports import Floats
from backend.specs import GaussianMixtureSpec

NO_TIMES = np.empty(0, dtype=np.int64)


def model_of(channels: int, **settings: Any) -> GaussianMixture:
    return GaussianMixture(GaussianMixtureSpec(**settings), 1, channels)


def clouds(centers: list[list[float]], rows: int, seed: int = 0) -> Floats:
    """Shuffled: neighbors are of any cloud."""
    rng = np.random.default_rng(seed)
    picked = np.asarray(centers)[rng.integers(len(centers), size=rows)]
    return np.asarray(picked + rng.normal(size=picked.shape))


THREE = [[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]]


@pytest.mark.parametrize("centers", [THREE[:1], THREE[:2], THREE])
def test_there_are_as_many_components_as_clouds(centers: list[list[float]]) -> None:
    found = choose(clouds(centers, 3000), most=6, ridge=0.0, seed=0)
    assert len(found.mean) == len(centers)
    nearest = np.linalg.norm(found.mean[:, None] - np.asarray(centers), axis=2).argmin(axis=0)
    np.testing.assert_allclose(found.mean[nearest], centers, atol=0.2)


def test_the_likelihood_is_that_of_scikit_learn() -> None:
    normal, seen = clouds(THREE, 20_000), clouds(THREE, 100, seed=1)
    model = model_of(2, ridge=0.0)
    raw = model.say(model.learn(normal, NO_TIMES, 0), seen, NO_TIMES).raw
    likelihood = Reference(3, random_state=0).fit(normal).score_samples(seen)
    # The raw value is the root of twice what is lacking of the highest density.
    np.testing.assert_allclose(
        -np.square(raw) / 2 - (-np.square(raw) / 2).max(), likelihood - likelihood.max(), atol=0.05
    )


def test_the_criterion_is_that_of_scikit_learn() -> None:
    normal = clouds(THREE, 500)
    reference = Reference(3, random_state=0).fit(normal)
    likelihood = float(reference.score_samples(normal).sum())
    assert bic(likelihood, 500, 3, 2) == pytest.approx(reference.bic(normal))


def test_of_one_component_it_is_the_mahalanobis_distance() -> None:
    normal = clouds(THREE[:1], 20_000)
    model = model_of(2, components=1, ridge=0.0)
    known = model.learn(normal, NO_TIMES, 0)
    opinion = model.say(known, np.array([[3.0, 4.0]]), NO_TIMES)
    assert opinion.parts is not None
    assert opinion.raw[0] == pytest.approx(5.0, rel=0.02)
    np.testing.assert_allclose(opinion.parts[0], [9 / 5, 16 / 5], rtol=0.05)


def test_between_two_kinds_of_normal_it_is_unusual() -> None:
    model = model_of(2)
    known = model.learn(clouds(THREE[:2], 2000), NO_TIMES, 0)
    between, within = model.say(known, np.array([[5.0, 0.0], [10.0, 0.0]]), NO_TIMES).raw
    assert between > 4
    assert within < 1.5


def test_expected_is_the_mean_given_the_other_channel_in_the_nearest_cloud() -> None:
    model = model_of(2)
    known = model.learn(clouds(THREE, 20_000), NO_TIMES, 0)
    expected = model.say(known, np.array([[10.5, 2.0]]), NO_TIMES).expected
    assert expected is not None
    np.testing.assert_allclose(expected[0], [10.0, 0.0], atol=0.2)


@pytest.mark.parametrize("ridge", [0.0, 0.1])
@pytest.mark.parametrize(
    "normal",
    [
        pytest.param(np.zeros((40, 30)), id="constant"),
        pytest.param(np.ones((2, 30)), id="two windows"),
        pytest.param(np.repeat(np.arange(40.0)[:, None], 30, axis=1), id="one direction"),
        pytest.param(np.random.default_rng(0).normal(size=(35, 30)), id="fewer than parameters"),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_poor_lessons_give_numbers(normal: Floats, ridge: float) -> None:
    model = model_of(30, ridge=ridge)
    known = model.learn(normal, NO_TIMES, 0)
    seen = np.vstack([np.full(30, 1e100), np.arange(30.0)])
    opinion = model.say(known, seen, NO_TIMES)
    for array in (opinion.raw, opinion.parts, opinion.expected):
        assert array is not None
        assert np.isfinite(array).all()


def test_with_few_wide_windows_normal_ones_of_another_time_stay_usual() -> None:
    rng = np.random.default_rng(0)
    model = model_of(50)
    known = model.learn(rng.normal(size=(60, 50)), NO_TIMES, 0)
    normal, broken = rng.normal(size=(200, 50)), rng.normal(size=(200, 50))
    broken[:, 7] += 8.0
    raws = [model.say(known, rows, NO_TIMES).raw for rows in (normal, broken)]
    assert np.quantile(raws[0], 0.95) < np.quantile(raws[1], 0.05)


def test_windows_count_as_often_as_they_differ_from_their_neighbors() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(20_000, 3))
    slow = np.zeros_like(noise)
    for t in range(1, len(noise)):
        slow[t] = 0.9 * slow[t - 1] + noise[t]
    assert independent(noise) == pytest.approx(20_000, rel=0.05)
    assert independent(slow) == pytest.approx(20_000 * 0.1 / 1.9, rel=0.15)
    assert independent(np.ones((50, 3))) == 1.0
