"""Principal components against scikit-learn's, and against numbers worked out by hand."""

from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA

from backend.models.dpca import DynamicPca
from backend.models.pca import Pca
from backend.ports import Floats
from backend.specs import DpcaSpec, PcaSpec

NO_TIMES = np.empty(0, dtype=np.int64)


def pca(channels: int, **settings: Any) -> Pca:
    return Pca(PcaSpec(**settings), 1, channels)


def correlated(rows: int = 300, channels: int = 5, seed: int = 0) -> Floats:
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(9).normal(size=(2, channels))
    mixed: Floats = rng.normal(size=(rows, 2)) @ mixing
    return mixed + 0.1 * rng.normal(size=(rows, channels)) + 3.0


@pytest.mark.parametrize("statistic", ["t2", "spe"])
def test_the_statistics_are_those_of_scikit_learn(statistic: str) -> None:
    normal, seen = correlated(), correlated(seed=1)
    model = pca(5, statistic=statistic, components=2)
    opinion = model.say(model.learn(normal, NO_TIMES, 0), seen, NO_TIMES)

    reference = PCA(2).fit(normal)

    def statistics(rows: Floats) -> Floats:
        at = reference.transform(rows)
        if statistic == "t2":
            return np.asarray(np.square(at / at_deviation).sum(axis=1))
        return np.asarray(np.square(rows - reference.inverse_transform(at)).sum(axis=1))

    at_deviation = reference.transform(normal).std(axis=0)
    np.testing.assert_allclose(
        np.square(opinion.raw), statistics(seen) / statistics(normal).mean(), rtol=1e-8
    )
    assert opinion.expected is not None
    np.testing.assert_allclose(
        opinion.expected, reference.inverse_transform(reference.transform(seen)), rtol=1e-8
    )


def test_by_hand() -> None:
    # Along (1, 1) the variance is 4, along (1, -1) it is 1.
    along, across = np.array([1.0, 1.0]) / np.sqrt(2), np.array([1.0, -1.0]) / np.sqrt(2)
    normal = np.array(
        [2 * along + across, 2 * along - across, -2 * along + across, -2 * along - across]
    )
    model = pca(2, components=1)
    known = model.learn(normal, NO_TIMES, 0)
    assert known["usual_t2"] == pytest.approx(1.0)
    assert known["usual_spe"] == pytest.approx(1.0)
    opinion = model.say(known, np.array([6 * along, 5 * across, [2.0, 0.0]]), NO_TIMES)
    np.testing.assert_allclose(np.square(opinion.raw), [9.0, 25.0, 0.5 + 2.0])


@pytest.mark.parametrize("statistic", ["t2", "spe", "combined"])
def test_what_channels_add_sums_to_the_statistic_and_is_never_negative(statistic: str) -> None:
    model = Pca(PcaSpec(statistic=statistic, window=3), 1, 5)
    windows = np.hstack([correlated(seed=seed) for seed in range(3)])
    opinion = model.say(model.learn(windows, NO_TIMES, 0), 2 * windows, NO_TIMES)
    assert opinion.parts is not None
    assert opinion.parts.shape == (300, 5)
    assert opinion.parts.min() >= 0
    np.testing.assert_allclose(opinion.parts.sum(axis=1), opinion.raw)


def test_the_channel_that_leaves_the_plane_is_blamed() -> None:
    model = pca(5, statistic="spe")
    known = model.learn(correlated(), NO_TIMES, 0)
    seen = correlated(seed=1)
    seen[:, 3] += 5.0
    parts = model.say(known, seen, NO_TIMES).parts
    assert parts is not None
    assert (parts.argmax(axis=1) == 3).mean() > 0.9


@pytest.mark.parametrize(("variance", "count"), [(0.5, 1), (0.6, 2), (0.9, 3), (1.0, 4)])
def test_as_many_components_as_the_variance_asks_for(variance: float, count: int) -> None:
    # Variances of 5, 2, 2 and 1 in four directions.
    normal = np.vstack(
        [np.diag(np.sqrt([5.0, 2.0, 2.0, 1.0])), -np.diag(np.sqrt([5.0, 2.0, 2.0, 1.0]))]
    )
    known = pca(4, variance=variance).learn(normal, NO_TIMES, 0)
    assert known["basis"].shape == (4, count)


@pytest.mark.parametrize(
    "normal",
    [
        pytest.param(np.zeros((40, 3)), id="constant"),
        pytest.param(np.ones((1, 3)), id="one window"),
        pytest.param(np.repeat(np.arange(40.0)[:, None], 3, axis=1), id="one direction"),
        pytest.param(np.random.default_rng(0).normal(size=(5, 3)), id="few"),
    ],
)
def test_poor_lessons_give_numbers(normal: Floats) -> None:
    model = pca(3)
    known = model.learn(normal, NO_TIMES, 0)
    opinion = model.say(known, np.array([[1e100, -1e100, 0.0], [1.0, 2.0, 3.0]]), NO_TIMES)
    assert opinion.parts is not None
    assert np.isfinite(opinion.raw).all()
    assert np.isfinite(opinion.parts).all()


def test_one_channel_is_judged_by_its_distance_from_the_mean() -> None:
    model = pca(1)
    known = model.learn(np.array([[1.0], [3.0]]), NO_TIMES, 0)
    raw = model.say(known, np.array([[2.0], [5.0]]), NO_TIMES).raw
    np.testing.assert_allclose(raw, [0.0, 3.0], atol=1e-12)


def test_lags_see_what_a_row_alone_does_not_show() -> None:
    rng = np.random.default_rng(0)
    values = np.zeros(500)
    for t in range(1, 500):
        values[t] = 0.95 * values[t - 1] + rng.normal()
    windows = np.lib.stride_tricks.sliding_window_view(values, 6).copy()
    model = DynamicPca(DpcaSpec(components=1), 1, 1)
    known = model.learn(windows, NO_TIMES, 0)
    jagged = windows * np.array([1, -1, 1, -1, 1, -1])
    assert np.median(model.say(known, jagged, NO_TIMES).raw) > 2 * np.median(
        model.say(known, windows, NO_TIMES).raw
    )
