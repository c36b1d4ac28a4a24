"""Mahalanobis distance against scikit-learn's."""

from typing import Any

import numpy as np
import pytest
from sklearn.covariance import EmpiricalCovariance, LedoitWolf, MinCovDet

from backend.models.mahalanobis import Mahalanobis
from backend.ports import Floats
from backend.specs import MahalanobisSpec

NO_TIMES = np.empty(0, dtype=np.int64)
REFERENCES = {
    "empirical": EmpiricalCovariance(),
    "ledoit_wolf": LedoitWolf(),
    "robust": MinCovDet(random_state=0),
}


def model_of(channels: int, **settings: Any) -> Mahalanobis:
    return Mahalanobis(MahalanobisSpec(**settings), 1, channels)


def cloud(rows: int, seed: int = 0) -> Floats:
    rng = np.random.default_rng(seed)
    mixing = np.array([[1.0, 0.8, 0.0], [0.0, 0.6, 0.3], [0.0, 0.0, 0.5]])
    return np.asarray(rng.normal(size=(rows, 3)) @ mixing + [1.0, 2.0, 3.0])


@pytest.mark.parametrize("covariance", REFERENCES)
def test_it_is_the_distance_of_scikit_learn(covariance: str) -> None:
    normal, seen = cloud(200), cloud(50, seed=1)
    model = model_of(3, covariance=covariance, ridge=0.0)
    raw = model.say(model.learn(normal, NO_TIMES, 0), seen, NO_TIMES).raw
    expected = REFERENCES[covariance].fit(normal).mahalanobis(seen)
    np.testing.assert_allclose(np.square(raw), expected, rtol=1e-6)


def test_by_hand_with_a_ridge() -> None:
    normal = np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    model = model_of(2, covariance="empirical", ridge=0.5)
    opinion = model.say(model.learn(normal, NO_TIMES, 0), np.array([[3.0, 2.0]]), NO_TIMES)
    # Variances 2 and 0.5, each plus 0.5.
    total = np.sqrt(9 / 2.5 + 4 / 1.0)
    assert opinion.parts is not None
    np.testing.assert_allclose(opinion.raw, [total])
    np.testing.assert_allclose(opinion.parts, [[9 / 2.5 / total, 4 / 1.0 / total]])


def test_what_is_expected_of_a_channel_follows_from_the_others() -> None:
    normal = cloud(5000)
    model = model_of(3, covariance="empirical", ridge=0.0)
    seen = cloud(20, seed=1)
    expected = model.say(model.learn(normal, NO_TIMES, 0), seen, NO_TIMES).expected
    assert expected is not None
    others = np.column_stack([np.ones(5000), normal[:, [0, 2]]])
    factors = np.linalg.lstsq(others, normal[:, 1], rcond=None)[0]
    regressed = np.column_stack([np.ones(20), seen[:, [0, 2]]]) @ factors
    np.testing.assert_allclose(expected[:, 1], regressed, rtol=1e-6)


def test_a_robust_covariance_does_not_learn_from_the_few_that_are_far() -> None:
    normal = cloud(200)
    normal[::10] += [0.0, 30.0, 0.0]
    far = np.array([[1.0, 32.0, 3.0]])
    raws = {}
    for covariance in ("empirical", "robust"):
        model = model_of(3, covariance=covariance, ridge=0.0)
        raws[covariance] = model.say(model.learn(normal, NO_TIMES, 0), far, NO_TIMES).raw[0]
    assert raws["robust"] > 5 * raws["empirical"]


@pytest.mark.parametrize("covariance", REFERENCES)
@pytest.mark.parametrize(
    "normal",
    [
        pytest.param(np.zeros((40, 3)), id="constant"),
        pytest.param(np.ones((2, 3)), id="two windows"),
        pytest.param(np.repeat(np.arange(40.0)[:, None], 3, axis=1), id="one direction"),
        pytest.param(np.random.default_rng(0).normal(size=(2, 3)), id="fewer than channels"),
    ],
)
@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_poor_lessons_give_numbers(covariance: str, normal: Floats, ridge: float) -> None:
    model = model_of(3, covariance=covariance, ridge=ridge)
    known = model.learn(normal, NO_TIMES, 0)
    opinion = model.say(known, np.array([[1e100, -1e100, 0.0], [1.0, 2.0, 3.0]]), NO_TIMES)
    for array in (opinion.raw, opinion.parts, opinion.expected):
        assert array is not None
        assert np.isfinite(array).all()
