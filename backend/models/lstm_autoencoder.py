"""LSTM autoencoder: the window becomes a vector, the vector becomes the window again.

Source: Srivastava, Mansimov and Salakhutdinov, Unsupervised learning of video representations
using LSTMs, 2015; for sensors Malhotra et al., LSTM-based encoder-decoder for multi-sensor anomaly
detection, 2016.
"""

from collections.abc import Sequence
from typing import Literal

from backend.exceptions import ConfigurationError
from backend.models.layers import FleetDense, FleetLSTM, Layer, Repeat, SwapSteps
from backend.models.network import Network
from backend.models.stack import Stack
from backend.specs import LstmAutoencoderSpec

Kind = Literal["lstm", "dense"]
Unit = tuple[Kind, int]


class LstmAutoencoder(Network):
    """Encoder, bottleneck, repeat vector, decoder, one linear dense layer a step.

    The encoder's last LSTM layer gives its last state only: from there on the window is one
    vector. Dense layers before it work on every step, those after it on the vector, and whatever
    layer comes last is the bottleneck. The decoder mirrors all of the encoder, bottleneck included
    ([32, 4] is 32, 4, 4, 32), unless the spec names its own layers; its first LSTM layer gets the
    vector repeated for every step, and dense layers before that work on the vector.
    """

    def __init__(self, spec: LstmAutoencoderSpec, series: int, channels: int) -> None:
        super().__init__(spec, _stack(spec, channels), series)


def _stack(spec: LstmAutoencoderSpec, channels: int) -> Stack:
    encoder = _units(spec.units, "units")
    decoder = encoder[::-1] if spec.decoder is None else _units(spec.decoder, "decoder")
    layers: list[Layer] = [
        SwapSteps(),
        *_encode(encoder, channels, spec.activation),
        *_decode(decoder, encoder[-1][1], spec),
        FleetDense("output", decoder[-1][1], channels, "linear"),
        SwapSteps(),
    ]
    return Stack(spec.window, channels, tuple(layers))


def _units(entries: Sequence[int | dict[Kind, int]], name: str) -> list[Unit]:
    """Layers as the spec writes them, as pairs.

    Raises:
        ConfigurationError: none of them is an LSTM layer.
    """
    units: list[Unit] = [
        ("lstm", entry) if isinstance(entry, int) else next(iter(entry.items()))
        for entry in entries
    ]
    if all(kind != "lstm" for kind, _ in units):
        raise ConfigurationError(
            f"model.{name} of an lstm_autoencoder has no LSTM layer: expected at least one plain"
            " number, such as [32, 8]; without any, choose dense_autoencoder"
        )
    return units


def _encode(units: Sequence[Unit], channels: int, activation: str) -> list[Layer]:
    last = max(place for place, (kind, _) in enumerate(units) if kind == "lstm")
    layers: list[Layer] = []
    inputs = channels
    for place, (kind, count) in enumerate(units):
        name = f"encoder_{place}"
        if kind == "lstm":
            layers.append(FleetLSTM(name, inputs, count, activation, sequence=place < last))
        else:
            layers.append(FleetDense(name, inputs, count, activation))
        inputs = count
    return layers


def _decode(units: Sequence[Unit], inputs: int, spec: LstmAutoencoderSpec) -> list[Layer]:
    first = min(place for place, (kind, _) in enumerate(units) if kind == "lstm")
    layers: list[Layer] = []
    for place, (kind, count) in enumerate(units):
        name = f"decoder_{place}"
        if place == first:
            layers.append(Repeat(spec.window))
        if kind == "lstm":
            layers.append(FleetLSTM(name, inputs, count, spec.activation, sequence=True))
        else:
            layers.append(FleetDense(name, inputs, count, spec.activation))
        inputs = count
    return layers
