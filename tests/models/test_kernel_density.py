"""Kernel density against scikit-learn's, and how its bandwidth is found."""

import numpy as np
import pytest
from sklearn.neighbors import KernelDensity as Reference

from backend.models.kernel_density import KernelDensity
from backend.specs import KernelDensitySpec

NO_TIMES = np.empty(0, dtype=np.int64)


@pytest.mark.parametrize("bandwidth", [None, 0.3])
def test_it_is_the_density_of_scikit_learn(bandwidth: float | None) -> None:
    rng = np.random.default_rng(0)
    normal, seen = rng.normal(size=(400, 2)), 3 * rng.normal(size=(300, 2))
    model = KernelDensity(KernelDensitySpec(bandwidth=bandwidth), 1, 2)
    known = model.learn(normal, NO_TIMES, 0)
    reference = Reference(bandwidth=float(known["bandwidth"]), leaf_size=1000).fit(normal)
    lacking = reference.score_samples(normal).max() - reference.score_samples(seen)
    raw = model.say(known, seen, NO_TIMES).raw
    np.testing.assert_allclose(np.square(raw) / 2, np.maximum(lacking, 0.0), atol=1e-9)


def test_of_one_kernel_it_is_the_distance_in_bandwidths() -> None:
    model = KernelDensity(KernelDensitySpec(bandwidth=0.5), 1, 2)
    known = model.learn(np.array([[1.0, 1.0]]), NO_TIMES, 0)
    opinion = model.say(known, np.array([[1.0, 3.0], [1e90, 1.0]]), NO_TIMES)
    np.testing.assert_allclose(opinion.raw, [4.0, 2e90])
    assert opinion.parts is not None
    np.testing.assert_allclose(opinion.parts, [[0.0, 4.0], [2e90, 0.0]])


def test_parts_and_expected_are_weighted_by_the_kernels() -> None:
    rng = np.random.default_rng(0)
    normal, seen = rng.normal(size=(50, 2)), rng.normal(size=(40, 2))
    model = KernelDensity(KernelDensitySpec(bandwidth=0.7), 1, 2)
    opinion = model.say(model.learn(normal, NO_TIMES, 0), seen, NO_TIMES)
    off = seen[:, None] - normal
    weight = np.exp(-np.square(off).sum(axis=2) / (2 * 0.7**2))
    weight /= weight.sum(axis=1, keepdims=True)
    squares = (weight[:, :, None] * np.square(off)).sum(axis=1) / 0.7**2
    parts = squares / np.sqrt(squares.sum(axis=1, keepdims=True))
    assert opinion.parts is not None
    assert opinion.expected is not None
    np.testing.assert_allclose(opinion.parts, parts)
    np.testing.assert_allclose(opinion.expected, weight @ normal)


def test_several_clouds_have_a_narrower_bandwidth_than_one() -> None:
    rng = np.random.default_rng(0)
    one = rng.normal(size=(1000, 2))
    several = (rng.integers(2, size=(1000, 2)) * 20 + one) / 10
    model = KernelDensity(KernelDensitySpec(), 1, 2)
    widths = [
        model.learn(rows, NO_TIMES, 0)["bandwidth"] / np.sqrt(rows.var(axis=0).mean())
        for rows in (one, several)
    ]
    assert widths[1] < widths[0] / 3
