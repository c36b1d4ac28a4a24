"""Deep SVDD: where its center lies, what is not trained, and that it does not collapse."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from backend.models.registry import build
from backend.ports import Floats, Lesson
from backend.specs import DeepSvddSpec

W, F = 4, 3


def spec(**more: Any) -> DeepSvddSpec:
    return DeepSvddSpec.model_validate(
        {"window": W, "units": (12, 5), "epochs": 4, "batch": 16, **more}
    )


def rows(count: int = 200, seed: int = 0) -> Floats:
    noise = np.random.default_rng(seed).normal(size=(count, F))
    return np.sin(np.arange(count)[:, None] / 2 + np.arange(F)) + 0.1 * noise


def windows(data: Floats) -> Floats:
    return data[np.arange(W - 1, len(data))[:, None] + np.arange(1 - W, 1)]


def fitted(data: Floats, **more: Any) -> Any:
    model = build(spec(**more), 1, F)
    ends = np.arange(W - 1, len(data))
    model.fit([Lesson(data, ends[:-40], ends[-40:], 0)], lambda share, words: None)
    return model


def raw(model: Any, seen: Floats) -> Floats:
    (voice,) = model.assess(seen, np.zeros(seen.shape[:2], np.int64))
    found: Floats = voice.raw
    return found


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "elu", "selu", "softplus"])
def test_activations_that_saturate_are_refused(activation: str) -> None:
    with pytest.raises(ValidationError, match="activation"):
        spec(activation=activation)


def test_it_has_no_loss_to_choose() -> None:
    with pytest.raises(ValidationError, match="loss"):
        spec(loss="mae")


@pytest.mark.slow
class TestModel:
    def test_no_layer_has_a_bias(self) -> None:
        names = build(spec(), 1, F).weights()
        assert set(names) == {"hidden_0.kernel", "hidden_1.kernel", "center.center"}

    def test_the_center_is_the_mean_of_untrained_outputs_away_from_zero(self) -> None:
        data = rows()
        start = fitted(data, epochs=1, learning_rate=1e-9)
        center = start.weights()["center.center"][0]
        mean = start.embed(windows(data)[None])[0].mean(axis=0)
        expected = np.where(np.abs(mean) < 0.1, np.where(mean < 0, -0.1, 0.1), mean)
        np.testing.assert_allclose(center, expected, atol=1e-5)

    def test_the_center_stays_while_the_network_moves(self) -> None:
        few, many = fitted(rows(), epochs=1), fitted(rows(), epochs=5)
        first, second = few.weights(), many.weights()
        np.testing.assert_array_equal(first["center.center"], second["center.center"])
        assert np.abs(first["hidden_0.kernel"] - second["hidden_0.kernel"]).max() > 1e-3

    def test_raw_is_the_squared_distance_from_the_center(self) -> None:
        model, seen = fitted(rows()), windows(rows(60, 1))[None]
        apart = model.embed(seen) - model.weights()["center.center"][:, None].astype(np.float64)
        np.testing.assert_allclose(raw(model, seen), np.square(apart).sum(axis=2), rtol=1e-9)

    def test_a_long_training_does_not_map_everything_to_the_center(self) -> None:
        model = fitted(rows(), epochs=80, patience=0)
        normal = raw(model, windows(rows(60, 1))[None])
        nothing = raw(model, np.zeros((1, 1, W, F)))
        assert nothing[0, 0] > 5 * normal.mean()
