"""One-class support vector machine against scikit-learn's."""

import numpy as np
import pytest
from sklearn.svm import OneClassSVM

from backend.models.one_class_svm import OneClassSvm
from backend.specs import OneClassSvmSpec

NO_TIMES = np.empty(0, dtype=np.int64)


@pytest.mark.parametrize("gamma", [None, 0.05])
def test_it_is_the_decision_of_scikit_learn_below_its_largest(gamma: float | None) -> None:
    rng = np.random.default_rng(0)
    normal, seen = rng.normal(size=(500, 3)), 2 * rng.normal(size=(400, 3))
    model = OneClassSvm(OneClassSvmSpec(nu=0.1, gamma=gamma), 1, 3)
    raw = model.say(model.learn(normal, NO_TIMES, 0), seen, NO_TIMES).raw
    reference = OneClassSVM(nu=0.1, gamma=gamma or "scale").fit(normal)
    below = reference.decision_function(normal).max() - reference.decision_function(seen)
    np.testing.assert_allclose(raw, np.maximum(below, 0.0), atol=1e-9)
    assert (raw > 1).any()


def test_far_out_all_is_the_same() -> None:
    normal = np.random.default_rng(0).normal(size=(100, 2))
    model = OneClassSvm(OneClassSvmSpec(), 1, 2)
    known = model.learn(normal, NO_TIMES, 0)
    raw = model.say(known, np.array([[0.0, 0.0], [3.0, 3.0], [1e3, 0.0], [1e6, 0.0]]), NO_TIMES).raw
    assert raw[0] < raw[1] < raw[2] == raw[3]
