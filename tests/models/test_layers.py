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


ORDER = ("kernel", "recurrent_kernel", "bias")


@pytest.mark.parametrize("steps", [5, 20], ids=["unrolled", "looped"])
@pytest.mark.parametrize("sequence", [True, False])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_recurrent_layers_and_their_gradients_are_those_of_keras(
    keras: Any, cell: str, sequence: bool, steps: int
) -> None:
    _compare_recurrent(keras, cell, "tanh", sequence, steps)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize(
    "activation", ["linear", "relu", "elu", "selu", "gelu", "sigmoid", "swish", "softplus"]
)
def test_recurrent_layers_take_every_activation(keras: Any, cell: str, activation: str) -> None:
    _compare_recurrent(keras, cell, activation, True, W)


def _compare_recurrent(keras: Any, cell: str, activation: str, sequence: bool, steps: int) -> None:
    from backend.models.recurrent_layers import CELLS  # noqa: PLC0415
    from backend.models.runtime import tf  # noqa: PLC0415

    layer = CELLS[cell]("a", C, U, activation, sequence)
    weights = initial(layer)
    x = tf.constant(draw(S, steps, B, C), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch([weights, x])
        result = layer(weights, x)
        loss = tf.reduce_sum(tf.sin(result))
    gradients, by_input = tape.gradient(loss, [weights, x])
    kinds = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "rnn": keras.layers.SimpleRNN}
    for member in range(S):
        own = kinds[cell](U, activation=activation, return_sequences=sequence)
        own.build((None, steps, C))
        own.set_weights([weights[f"a.{name}"][member] for name in ORDER])
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
        for name, gradient in zip(ORDER, expected, strict=True):
            np.testing.assert_allclose(
                gradients[f"a.{name}"][member], gradient, rtol=1e-3, atol=2e-4
            )
        np.testing.assert_allclose(
            tf.transpose(by_input[member], (1, 0, 2)), expected_by_input, rtol=1e-3, atol=2e-4
        )


@pytest.mark.parametrize("sequence", [True, False])
def test_both_ways_is_bidirectional_of_keras(keras: Any, sequence: bool) -> None:
    from backend.models.recurrent_layers import BothWays  # noqa: PLC0415

    layer = BothWays("a", C, U, "tanh", sequence)
    weights, x = initial(layer), draw(S, W, B, C).astype(np.float32)
    result = layer(weights, x).numpy()
    for member in range(S):
        own = keras.layers.Bidirectional(keras.layers.LSTM(U, return_sequences=sequence))
        own.build((None, W, C))
        own.set_weights(
            [weights[f"a_{way}.{n}"][member] for way in ("forward", "backward") for n in ORDER]
        )
        mine = result[member].swapaxes(0, 1) if sequence else result[member]
        np.testing.assert_allclose(
            mine, own(x[member].swapaxes(0, 1)).numpy(), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("steps", [1, 2, 5, 8])
@pytest.mark.parametrize(
    ("taps", "stride", "dilation", "padding"),
    [
        (3, 1, 1, "same"),
        (3, 2, 1, "same"),
        (4, 3, 1, "same"),
        (2, 1, 1, "causal"),
        (3, 1, 2, "causal"),
        (1, 1, 1, "same"),
    ],
)
def test_convolution_is_that_of_keras(
    keras: Any, taps: int, stride: int, dilation: int, padding: Any, steps: int
) -> None:
    from backend.models.convolution import FleetConv, shortened  # noqa: PLC0415

    layer = FleetConv("a", C, U, taps, "tanh", stride, dilation, padding)
    weights, x = initial(layer), draw(S, steps, B, C).astype(np.float32)
    result = layer(weights, x).numpy()
    assert result.shape == (S, shortened(steps, stride), B, U)
    for member in range(S):
        own = keras.layers.Conv1D(
            U, taps, strides=stride, dilation_rate=dilation, padding=padding, activation="tanh"
        )
        own.build((None, steps, C))
        own.set_weights([weights["a.kernel"][member], weights["a.bias"][member]])
        np.testing.assert_allclose(
            result[member].swapaxes(0, 1),
            own(x[member].swapaxes(0, 1)).numpy(),
            rtol=1e-4,
            atol=1e-5,
        )


def test_convolution_starts_like_that_of_keras(keras: Any) -> None:
    from backend.models.convolution import FleetConv  # noqa: PLC0415

    mine = FleetConv("a", 8, 16, 5, "tanh").initial(np.random.default_rng(0))
    own = keras.layers.Conv1D(16, 5)
    own.build((None, W, 8))
    kernel, bias = own.get_weights()
    assert mine["a.kernel"].shape == kernel.shape
    assert np.std(mine["a.kernel"]) == pytest.approx(np.std(kernel), rel=0.1)
    np.testing.assert_array_equal(mine["a.bias"], bias)


@pytest.mark.parametrize("inputs", [C, U])
def test_a_temporal_block_is_two_convolutions_and_a_shortcut(keras: Any, inputs: int) -> None:
    from backend.models.convolution import TemporalBlock  # noqa: PLC0415

    layer = TemporalBlock("a", inputs, U, 2, "relu", 2)
    weights, x = initial(layer), draw(S, W, B, inputs).astype(np.float32)
    result = layer(weights, x).numpy()
    settings = {"dilation_rate": 2, "padding": "causal", "activation": "relu"}
    for member in range(S):
        given = keras.Input((W, inputs))
        inside = keras.layers.Conv1D(U, 2, **settings)(given)
        inside = keras.layers.Conv1D(U, 2, **settings)(inside)
        beside = given if inputs == U else keras.layers.Dense(U)(given)
        own = keras.Model(given, keras.layers.ReLU()(keras.layers.Add()([inside, beside])))
        own.set_weights([weight[member] for weight in weights.values()])
        np.testing.assert_allclose(
            result[member].swapaxes(0, 1),
            own(x[member].swapaxes(0, 1)).numpy(),
            rtol=1e-4,
            atol=1e-5,
        )


@pytest.mark.parametrize("steps", [5, 20], ids=["written out", "looped"])
def test_a_walk_leaves_what_each_step_left(keras: Any, steps: int) -> None:
    from backend.models.recurrence.steps import walk  # noqa: PLC0415
    from backend.models.runtime import tf  # noqa: PLC0415

    numbers = tf.range(1.0, steps + 1)[None, :, None, None]

    def add(states: Any, number: Any) -> Any:
        return (states[0] + number,), (states[0] + number,)

    start = (tf.zeros((1, 1, 1)),)
    (sums,) = walk(add, (numbers,), start)
    (back,) = walk(add, (numbers,), start, back=True)
    expected = np.arange(1, steps + 1)
    np.testing.assert_array_equal(np.ravel(sums), np.cumsum(expected))
    np.testing.assert_array_equal(np.ravel(back), np.cumsum(expected[::-1])[::-1])


def test_lstm_starts_like_that_of_keras(keras: Any) -> None:
    from backend.models.recurrent_layers import FleetLSTM  # noqa: PLC0415

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
