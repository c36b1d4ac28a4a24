"""Recurrent encoder, bottleneck, repeat vector, recurrent decoder, one linear dense layer a step.

The encoder's last recurrent layer gives its last state only: from there on the window is one
vector. Dense layers before it work on every step, those after it on the vector, and whatever layer
comes last is the bottleneck. The decoder mirrors all of the encoder, bottleneck included ([32, 4]
is 32, 4, 4, 32), unless the spec names its own layers; its first recurrent layer gets the vector
repeated for every step, and dense layers before that work on the vector.
"""

from collections.abc import Sequence
from typing import Any

from backend.exceptions import ConfigurationError
from backend.models.layers import FleetDense, Layer, Repeat, SwapSteps
from backend.models.recurrent_layers import CELLS
from backend.models.stack import Stack
from backend.specs import GruAutoencoderSpec, LstmAutoencoderSpec, RnnAutoencoderSpec

RecurrentSpec = LstmAutoencoderSpec | GruAutoencoderSpec | RnnAutoencoderSpec
Unit = tuple[str, int]


def encoder_decoder(spec: RecurrentSpec, cell: str, channels: int) -> Stack:
    """The architecture of a recurrent autoencoder.

    Args:
        spec: window, layers, activation.
        cell: what a plain number among the layers is: `lstm`, `gru` or `rnn`.
        channels: F.

    Raises:
        ConfigurationError: encoder or decoder has no recurrent layer.
    """
    encoder = _units(spec, spec.units, cell, "units")
    decoder = encoder[::-1]
    if spec.decoder is not None:
        decoder = _units(spec, spec.decoder, cell, "decoder")
    layers: list[Layer] = [
        SwapSteps(),
        *encode(encoder, channels, spec.activation),
        *decode(decoder, encoder[-1][1], spec.activation, spec.window),
        FleetDense("output", decoder[-1][1], channels, "linear"),
        SwapSteps(),
    ]
    return Stack(spec.window, channels, tuple(layers), bottleneck=1 + len(encoder))


def encode(units: Sequence[Unit], channels: int, activation: str) -> list[Layer]:
    """Layers from a sequence (S, W, B, F) to a vector (S, B, E)."""
    last = max(place for place, (kind, _) in enumerate(units) if kind in CELLS)
    layers: list[Layer] = []
    inputs = channels
    for place, (kind, count) in enumerate(units):
        layers.append(_layer(kind, f"encoder_{place}", inputs, count, activation, place < last))
        inputs = count
    return layers


def decode(units: Sequence[Unit], inputs: int, activation: str, steps: int) -> list[Layer]:
    """Layers from a vector (S, B, inputs) to a sequence (S, steps, B, ...)."""
    first = min(place for place, (kind, _) in enumerate(units) if kind in CELLS)
    layers: list[Layer] = []
    for place, (kind, count) in enumerate(units):
        if place == first:
            layers.append(Repeat(steps))
        layers.append(_layer(kind, f"decoder_{place}", inputs, count, activation, True))
        inputs = count
    return layers


def _layer(kind: str, name: str, inputs: int, units: int, activation: str, sequence: bool) -> Layer:
    if kind in CELLS:
        return CELLS[kind](name, inputs, units, activation, sequence)
    return FleetDense(name, inputs, units, activation)


def _units(
    spec: RecurrentSpec, entries: Sequence[int | dict[Any, int]], cell: str, name: str
) -> list[Unit]:
    """Layers as the spec writes them, as pairs.

    Raises:
        ConfigurationError: none of them is recurrent.
    """
    units: list[Unit] = [
        (cell, entry) if isinstance(entry, int) else next(iter(entry.items())) for entry in entries
    ]
    if all(kind != cell for kind, _ in units):
        raise ConfigurationError(
            f"model.{name} of {_named(spec.kind)} has no {cell.upper()} layer: expected at least"
            " one plain number, such as [32, 8]; without any, choose dense_autoencoder"
        )
    return units


def _named(kind: str) -> str:
    """A kind with its article, as it is spoken."""
    return f"an {kind}" if kind[0] in "lr" else f"a {kind}"
