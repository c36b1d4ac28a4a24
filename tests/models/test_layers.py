"""The layers and update rules against those of Keras, member by member."""

from typing import Any

import numpy as np
import pytest

from backend.ports import Floats

pytestmark = pytest.mark.slow

S, B, W, C, U = 3, 7, 5, 4, 6


@pytest.fixture(scope="module")
def keras() -> Any:
    from backend.models.runtime import keras  # noqa: PLC0415 - TensorFlow only if this file runs

    return keras


def draw(*shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=shape)


def initial(layer: Any) -> dict[str, Any]:
    from backend.models.runtime import tf  # noqa: PLC0415

    members = [layer.initial(np.random.default_rng(member)) for member in range(S)]
    weights = {name: np.stack([m[name] for m in members]) for name in layer.shapes}
    moved = {
        n: w + draw(*w.shape, seed=9) * 0.1 if n.endswith("bias") else w for n, w in weights.items()
    }
    return {name: tf.constant(weight, tf.float32) for name, weight in moved.items()}


@pytest.mark.parametrize("activation", ["linear", "relu", "gelu", "tanh", "selu"])
@pytest.mark.parametrize("shape", [(S, B, C), (S, W, B, C)])
def test_dense_is_that_of_keras(keras: Any, activation: str, shape: tuple[int, ...]) -> None:
    from backend.models.layers import FleetDense  # noqa: PLC0415

    layer = FleetDense("a", C, U, activation)
    weights, x = initial(layer), draw(*shape).astype(np.float32)
    result = layer(weights, x).numpy()
    for member in range(S):
        own = keras.layers.Dense(U, activation=activation)
        own.build((None, C))
        own.set_weights([weights["a.kernel"][member], weights["a.bias"][member]])
        np.testing.assert_allclose(result[member], own(x[member]).numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("sequence", [True, False])
@pytest.mark.parametrize(
    "activation", ["linear", "relu", "elu", "selu", "gelu", "tanh", "sigmoid", "swish", "softplus"]
)
def test_lstm_and_its_gradients_are_those_of_keras(
    keras: Any, activation: str, sequence: bool
) -> None:
    from backend.models.layers import FleetLSTM  # noqa: PLC0415
    from backend.models.runtime import tf  # noqa: PLC0415

    layer = FleetLSTM("a", C, U, activation, sequence)
    weights = initial(layer)
    x = tf.constant(draw(S, W, B, C), tf.float32)
    order = ("kernel", "recurrent_kernel", "bias")
    with tf.GradientTape() as tape:
        tape.watch([weights, x])
        result = layer(weights, x)
        loss = tf.reduce_sum(tf.sin(result))
    gradients, by_input = tape.gradient(loss, [weights, x])
    for member in range(S):
        own = keras.layers.LSTM(U, activation=activation, return_sequences=sequence)
        own.build((None, W, C))
        own.set_weights([weights[f"a.{name}"][member] for name in order])
        windows = tf.transpose(x[member], (1, 0, 2))
        with tf.GradientTape() as tape:
            tape.watch(windows)
            y = own(windows)
            loss = tf.reduce_sum(tf.sin(y))
        *expected, expected_by_input = tape.gradient(
            loss, [*(v.value for v in own.trainable_variables), windows]
        )
        mine = result[member]
        mine = tf.transpose(mine, (1, 0, 2)) if sequence else mine
        np.testing.assert_allclose(mine, y, rtol=1e-4, atol=1e-5)
        for name, gradient in zip(order, expected, strict=True):
            np.testing.assert_allclose(
                gradients[f"a.{name}"][member], gradient, rtol=1e-3, atol=1e-4
            )
        np.testing.assert_allclose(
            tf.transpose(by_input[member], (1, 0, 2)), expected_by_input, rtol=1e-3, atol=1e-4
        )


def test_lstm_starts_like_that_of_keras(keras: Any) -> None:
    from backend.models.layers import FleetLSTM  # noqa: PLC0415

    mine = FleetLSTM("a", C, U, "tanh", True).initial(np.random.default_rng(0))
    own = keras.layers.LSTM(U)
    own.build((None, W, C))
    kernel, recurrent, bias = own.get_weights()
    assert np.abs(mine["a.kernel"]).max() <= np.sqrt(6 / (C + 4 * U))
    assert np.std(mine["a.kernel"]) == pytest.approx(np.std(kernel), rel=0.3)
    np.testing.assert_allclose(
        mine["a.recurrent_kernel"] @ mine["a.recurrent_kernel"].T, np.eye(U), atol=1e-12
    )
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(U), atol=1e-5)
    np.testing.assert_array_equal(mine["a.bias"], bias)


@pytest.mark.parametrize("kind", ["adam", "nadam", "rmsprop", "sgd", "adagrad"])
def test_update_rules_are_those_of_keras(keras: Any, kind: str) -> None:
    from backend.models.optimizers import RULES  # noqa: PLC0415
    from backend.models.runtime import tf  # noqa: PLC0415

    start = draw(C, U).astype(np.float32)
    variable = keras.Variable(start)
    optimizer = keras.optimizers.get({"class_name": kind, "config": {"learning_rate": 0.01}})
    rule, weight = RULES[kind], tf.constant(start)
    slots = tuple(tf.fill(start.shape, first) for first in rule.slots)
    for step in range(1, 8):
        gradient = tf.constant(draw(C, U, seed=step), tf.float32)
        optimizer.apply([gradient], [variable])
        change, slots = rule.update(gradient, slots, tf.constant(float(step)))
        weight = weight - 0.01 * change
        np.testing.assert_allclose(weight, variable.numpy(), rtol=1e-5, atol=1e-6)
