"""Local outlier factor against scikit-learn's."""

import numpy as np
import pytest
from sklearn.neighbors import LocalOutlierFactor as Reference

from backend.models.local_outlier_factor import LocalOutlierFactor
from backend.specs import LocalOutlierFactorSpec

NO_TIMES = np.empty(0, dtype=np.int64)


@pytest.mark.parametrize("neighbors", [1, 20])
@pytest.mark.parametrize("count", [15, 400])
def test_it_is_the_factor_of_scikit_learn(neighbors: int, count: int) -> None:
    rng = np.random.default_rng(0)
    normal = rng.normal(size=(count, 3)) * np.where(np.arange(count) % 2, 0.3, 1.0)[:, None]
    seen = np.concatenate([normal[:10], 3 * rng.normal(size=(50, 3))])
    reference = Reference(n_neighbors=min(neighbors, count - 1), novelty=True).fit(normal)
    model = LocalOutlierFactor(LocalOutlierFactorSpec(neighbors=neighbors), 1, 3)
    raw = model.say(model.learn(normal, NO_TIMES, 0), seen, NO_TIMES).raw
    least = 0.01 if neighbors == 1 else 0.0  # of one neighbor, a reach may be next to nothing
    above = raw > least
    assert above.sum() > 40
    np.testing.assert_allclose(raw[above], -reference.score_samples(seen)[above], rtol=1e-6)


def test_windows_alike_to_the_last_digit_do_not_make_others_infinitely_far() -> None:
    rng = np.random.default_rng(0)
    normal = np.concatenate([np.zeros((200, 2)), rng.normal(size=(200, 2))])
    model = LocalOutlierFactor(LocalOutlierFactorSpec(), 1, 2)
    known = model.learn(normal, NO_TIMES, 0)
    raw = model.say(known, np.array([[0.0, 0.0], [0.01, 0.0]]), NO_TIMES).raw
    reference = Reference(novelty=True).fit(normal)
    np.testing.assert_allclose(raw[0], 1.0)
    assert raw[1] < 10
    assert -reference.score_samples(np.array([[0.01, 0.0]]))[0] > 1e6
