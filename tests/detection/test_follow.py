"""The level of few series, walked one after the other, is that of many at once."""

import numpy as np
import pytest

from backend.detection.thresholds import follow
from backend.specs import FollowSpec


@pytest.mark.parametrize("spec", [FollowSpec(span=20), FollowSpec(span=5, creep=0.2, least=0.5)])
def test_few_series_are_walked_as_many_are(
    spec: FollowSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = np.random.default_rng(0)
    ratio = np.exp(draw.normal(0, 1, (3, 500)))
    ratio[draw.random(ratio.shape) < 0.1] = np.nan
    line = np.broadcast_to(np.array([[1.5], [2.0], [3.0]]), ratio.shape)
    start = np.array([1.0, 1.2, 0.9])

    one_by_one = follow.walk(spec, line, ratio, start)
    monkeypatch.setattr(follow, "_ONE_BY_ONE", 0)
    at_once = follow.walk(spec, line, ratio, start)

    np.testing.assert_array_equal(one_by_one[0], at_once[0])
    np.testing.assert_array_equal(one_by_one[1], at_once[1])
    assert len(np.unique(at_once[0])) > 100
