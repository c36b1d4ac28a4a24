"""Isolation forest against scikit-learn's."""

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest as Reference

from backend.models.isolation_forest import IsolationForest, scores
from backend.specs import IsolationForestSpec

NO_TIMES = np.empty(0, dtype=np.int64)
RNG = np.random.default_rng(0)
SEEN = (3 * RNG.normal(size=(300, 4))).astype(np.float32)


@pytest.mark.parametrize("samples", [2, 7, 256])
@pytest.mark.parametrize("count", [5, 1000])
def test_scores_are_those_of_scikit_learn(samples: int, count: int) -> None:
    normal = np.random.default_rng(1).normal(size=(count, 4))
    model = IsolationForest(IsolationForestSpec(trees=30, samples=samples), 1, 4)
    known = model.learn(normal, NO_TIMES, 5)
    reference = Reference(n_estimators=30, max_samples=min(samples, count), random_state=5).fit(
        normal
    )
    np.testing.assert_allclose(scores(known, SEEN), -reference.score_samples(SEEN), rtol=1e-12)


def test_the_raw_value_is_the_odds_above_those_of_the_most_usual_window() -> None:
    normal = np.random.default_rng(1).normal(size=(500, 4))
    model = IsolationForest(IsolationForestSpec(), 1, 4)
    known = model.learn(normal, NO_TIMES, 0)
    of_seen, of_normal = scores(known, SEEN), scores(known, normal.astype(np.float32))
    least = (of_normal / (1 - of_normal)).min()
    raw = model.say(known, SEEN.astype(np.float64), NO_TIMES).raw
    np.testing.assert_allclose(raw, np.maximum(of_seen / (1 - of_seen) - least, 0.0))
    assert model.say(known, normal, NO_TIMES).raw.min() == 0
