"""One member of a fleet as an ordinary Keras model: made of Keras' own layers and nothing of ours.

What it is made of has to be known to whoever loads the file, so that slices are croppings and a
shortcut is an addition, and no function of ours is stored. Keras has windows before steps: what is
(S, W, B, C) in `layers` is (B, W, C) here.

Shapes: B windows, W steps, C channels in, U units.
"""

from collections.abc import Mapping, Sequence
from functools import singledispatch
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from numpy.typing import NDArray

from backend.models.aer import Regressor
from backend.models.convolution import FleetConv, Stretch, TemporalBlock
from backend.models.forecaster import Forecast
from backend.models.layers import (
    FirstHalf,
    FleetDense,
    LastStep,
    Layer,
    Repeat,
    Reshape,
    Steps,
    SwapSteps,
)
from backend.models.players import Players
from backend.models.recurrent_layers import BothWays, FleetGRU, FleetLSTM, FleetRNN, Recurrent
from backend.models.runtime import Tensor, keras
from backend.models.stack import Stack
from backend.ports import Edges, Units

Member = Mapping[str, NDArray[Any]]
"""Weights of one member by name, without a series axis."""

RECONSTRUCTION, FORECAST = "reconstruction", "forecast"

_RECURRENT = {
    FleetLSTM: keras.layers.LSTM,
    FleetGRU: keras.layers.GRU,
    FleetRNN: keras.layers.SimpleRNN,
}
_PARTS = ("kernel", "recurrent_kernel", "bias")


def plain_keras(stack: Stack, member: Member, edges: Edges | None) -> Any:
    """A `keras.Model` of windows (B, W, C) to what a network makes of them.

    Args:
        stack: the architecture.
        member: the weights.
        edges: what stands around the network; without any it takes and gives scaled windows.

    Returns:
        A model with one output, or with a dictionary of them where the network gives several.
    """
    windows = keras.Input((stack.window, stack.channels), name="windows")
    seen = windows if edges is None else _rescaled(edges.before, stack, "scaled")(windows)
    made = outputs(stack, seen, member)
    if edges is not None:
        after = edges.after
        made = {name: _rescaled(after, stack, f"{name}_units")(y) for name, y in made.items()}
    return keras.Model(windows, made if len(made) > 1 else made[RECONSTRUCTION], name="network")


def as_file(model: Any) -> bytes:
    """What `keras.models.load_model` reads."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "network.keras"
        model.save(path)
        return path.read_bytes()


def _rescaled(units: Units, stack: Stack, name: str) -> Any:
    """`x * factor + offset`, by channel or by place of the window and channel."""
    places = slice(None) if len(units.factor) == 1 else slice(-stack.window, None)
    factor, offset = units.factor[places], units.offset[places]
    if len(factor) == 1:
        factor, offset = factor[0], offset[0]
    return keras.layers.Rescaling(factor.tolist(), offset.tolist(), name=name)


# -- what a network gives --------------------------------------------------------------------------


@singledispatch
def outputs(stack: Stack, x: Tensor, member: Member) -> dict[str, Tensor]:
    """By name, each (B, W, C), of scaled windows; most networks only reconstruct."""
    return {RECONSTRUCTION: _through(stack.layers, x, member)}


@outputs.register
def _of_forecaster(stack: Forecast, x: Tensor, member: Member) -> dict[str, Tensor]:
    """The window with its last rows forecast."""
    forecast = _through(stack.layers, x, member)
    return {RECONSTRUCTION: _ending(x, forecast)}


@outputs.register
def _of_regressor(stack: Regressor, x: Tensor, member: Member) -> dict[str, Tensor]:
    """The window with its last row reconstructed, and with it forecast: the voices of `Aer`."""
    inside = keras.Input((stack.window, stack.channels), name="rows")
    network = keras.Model(inside, _through(stack.layers, inside, member), name="regressor")
    later = keras.layers.Concatenate(axis=1)([_cut(x, 1, 0), _cut(x, stack.window - 1, 0)])
    reconstructed = _cut(network(later), stack.window - 2, 1)
    forecast = _cut(network(x), stack.window - 1, 0)
    return {RECONSTRUCTION: _ending(x, reconstructed), FORECAST: _ending(x, forecast)}


@outputs.register
def _of_players(stack: Players, x: Tensor, member: Member) -> dict[str, Tensor]:
    """The window encoded and generated again; the discriminator is left out."""
    return {RECONSTRUCTION: _through(stack.layers[: 2 * stack.bottleneck], x, member)}


def _ending(x: Tensor, rows: Tensor) -> Tensor:
    """(B, W, C) with its last rows replaced."""
    return keras.layers.Concatenate(axis=1)([_cut(x, 0, rows.shape[1]), rows])


# -- layers ----------------------------------------------------------------------------------------


def _through(layers: Sequence[Layer], x: Tensor, member: Member) -> Tensor:
    for layer in layers:
        x = applied(layer, x, member)
    return x


@singledispatch
def applied(layer: Layer, x: Tensor, member: Member) -> Tensor:
    """What a layer makes of a tensor, by layers of Keras with the same weights.

    Raises:
        NotImplementedError: a layer that nobody has said in Keras yet.
    """
    raise NotImplementedError(f"{type(layer).__name__} has no counterpart in Keras yet")


@applied.register
def _dense(layer: FleetDense, x: Tensor, member: Member) -> Tensor:
    own = keras.layers.Dense(layer.units, activation=layer.activation, name=layer.name)
    return _weighted(own, x, _of(member, layer.name, "kernel", "bias"))


@applied.register
def _recurrent(layer: Recurrent, x: Tensor, member: Member) -> Tensor:
    own = _RECURRENT[type(layer)](
        layer.units, activation=layer.activation, return_sequences=layer.sequence, name=layer.name
    )
    return _weighted(own, x, _of(member, layer.name, *_PARTS))


@applied.register
def _both_ways(layer: BothWays, x: Tensor, member: Member) -> Tensor:
    one = keras.layers.LSTM(
        layer.units, activation=layer.activation, return_sequences=layer.sequence
    )
    weights = [
        array
        for way in ("forward", "backward")
        for array in _of(member, f"{layer.name}_{way}", *_PARTS)
    ]
    return _weighted(keras.layers.Bidirectional(one, name=layer.name), x, weights)


@applied.register
def _convolution(layer: FleetConv, x: Tensor, member: Member) -> Tensor:
    own = keras.layers.Conv1D(
        layer.units,
        layer.taps,
        strides=layer.stride,
        dilation_rate=layer.dilation,
        padding=layer.padding,
        activation=layer.activation,
        name=layer.name,
    )
    return _weighted(own, x, _of(member, layer.name, "kernel", "bias"))


@applied.register
def _temporal_block(layer: TemporalBlock, x: Tensor, member: Member) -> Tensor:
    inside = x
    for place in range(2):
        name = f"{layer.name}_{place}"
        own = keras.layers.Conv1D(
            layer.units,
            layer.taps,
            dilation_rate=layer.dilation,
            padding="causal",
            activation=layer.activation,
            name=name,
        )
        inside = _weighted(own, inside, _of(member, name, "kernel", "bias"))
    beside = x
    if layer.inputs != layer.units:
        name = f"{layer.name}_shortcut"
        own = keras.layers.Dense(layer.units, name=name)
        beside = _weighted(own, x, _of(member, name, "kernel", "bias"))
    both = keras.layers.Add(name=f"{layer.name}_sum")([inside, beside])
    return keras.layers.Activation(layer.activation, name=f"{layer.name}_output")(both)


@applied.register
def _stretch(layer: Stretch, x: Tensor, member: Member) -> Tensor:
    longer = keras.layers.UpSampling1D(layer.times)(x)
    return _cut(longer, 0, longer.shape[1] - layer.length)


@applied.register
def _reshape(layer: Reshape, x: Tensor, member: Member) -> Tensor:
    return keras.layers.Reshape(layer.shape)(x)


@applied.register
def _swap_steps(layer: SwapSteps, x: Tensor, member: Member) -> Tensor:
    return x  # windows come first all along


@applied.register
def _repeat(layer: Repeat, x: Tensor, member: Member) -> Tensor:
    return keras.layers.RepeatVector(layer.window)(x)


@applied.register
def _steps(layer: Steps, x: Tensor, member: Member) -> Tensor:
    return _cut(x, layer.start, x.shape[1] - layer.stop)


@applied.register
def _last_step(layer: LastStep, x: Tensor, member: Member) -> Tensor:
    return keras.layers.Flatten()(_cut(x, x.shape[1] - 1, 0))


@applied.register
def _first_half(layer: FirstHalf, x: Tensor, member: Member) -> Tensor:
    values = x.shape[1]
    column = keras.layers.Reshape((values, 1))(x)
    return keras.layers.Flatten()(_cut(column, 0, values // 2))


def _cut(x: Tensor, before: int, behind: int) -> Tensor:
    """(B, W, C) without its first and last steps."""
    return keras.layers.Cropping1D((before, behind))(x) if before or behind else x


def _of(member: Member, layer: str, *parts: str) -> list[NDArray[Any]]:
    return [member[f"{layer}.{part}"] for part in parts]


def _weighted(layer: Any, x: Tensor, weights: list[NDArray[Any]]) -> Tensor:
    """Apply a layer of Keras and give it its weights."""
    y = layer(x)
    layer.set_weights(weights)
    return y
