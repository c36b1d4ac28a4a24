"""Convolution along time for S networks side by side, and what goes with it.

A convolution is a product of matrices over shifted copies of the sequence, which serves all members
at once. Shapes: S members, W steps, B windows, C channels in, U units, K taps.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from backend.models.layers import FleetDense, Shapes, project
from backend.models.runtime import Tensor, Weights, keras, tf
from backend.ports import Floats


@dataclass(frozen=True)
class FleetConv:
    """Convolution along time with zeros around the sequence; `keras.layers.Conv1D`.

    Attributes:
        name: prefix of its weights.
        inputs: C.
        units: U, how many filters.
        taps: K, how many steps a filter sees.
        activation: a name Keras knows.
        stride: steps from one output to the next.
        dilation: steps from one tap to the next.
        padding: zeros on both sides, or only before, so that no output looks ahead.
    """

    name: str
    inputs: int
    units: int
    taps: int
    activation: str
    stride: int = 1
    dilation: int = 1
    padding: Literal["same", "causal"] = "same"

    @property
    def shapes(self) -> Shapes:
        """Kernel (K, C, U) and bias (U,)."""
        return {
            f"{self.name}.kernel": (self.taps, self.inputs, self.units),
            f"{self.name}.bias": (self.units,),
        }

    def initial(self, rng: np.random.Generator) -> dict[str, Floats]:
        """Glorot-uniform kernel, zero bias."""
        limit = np.sqrt(6.0 / (self.taps * (self.inputs + self.units)))
        return {
            f"{self.name}.kernel": rng.uniform(-limit, limit, (self.taps, self.inputs, self.units)),
            f"{self.name}.bias": np.zeros(self.units),
        }

    def __call__(self, weights: Weights, x: Tensor) -> Tensor:
        """(S, W, B, C) to (S, ceil(W / stride), B, U)."""
        kernel = weights[f"{self.name}.kernel"]
        flat = tf.reshape(kernel, (-1, self.taps * self.inputs, self.units))
        activate = keras.activations.get(self.activation)
        return activate(project(self._shifted(x), flat, weights[f"{self.name}.bias"]))

    def _shifted(self, x: Tensor) -> Tensor:
        """(S, W, B, C) to (S, ceil(W / stride), B, K * C): what each filter sees."""
        steps = x.shape[1]
        outputs = shortened(steps, self.stride)
        reach = self.dilation * (self.taps - 1)
        missing = max((outputs - 1) * self.stride + reach + 1 - steps, 0)
        before = reach if self.padding == "causal" else missing // 2
        after = max(missing - before, 0)
        padded = tf.pad(x, ((0, 0), (before, after), (0, 0), (0, 0)))
        last = (outputs - 1) * self.stride + 1
        starts = [tap * self.dilation for tap in range(self.taps)]
        return tf.concat([padded[:, s : s + last : self.stride] for s in starts], axis=-1)


@dataclass(frozen=True)
class Stretch:
    """Hand each step on `times` times, up to a length: the way back from a stride."""

    times: int
    length: int

    @property
    def shapes(self) -> Shapes:
        """None."""
        return {}

    def initial(self, rng: np.random.Generator) -> dict[str, Floats]:
        """None."""
        return {}

    def __call__(self, weights: Weights, x: Tensor) -> Tensor:
        """(S, W, B, C) to (S, length, B, C)."""
        return tf.repeat(x, self.times, axis=1)[:, : self.length]


@dataclass(frozen=True)
class TemporalBlock:
    """Two causal dilated convolutions beside a shortcut, which is a dense layer if widths differ.

    Source: Bai, Kolter and Koltun, An empirical evaluation of generic convolutional and recurrent
    networks for sequence modeling, 2018; without its weight normalization.

    Attributes:
        name: prefix of its weights.
        inputs: C.
        units: U.
        taps: K.
        activation: a name Keras knows.
        dilation: steps from one tap to the next.
    """

    name: str
    inputs: int
    units: int
    taps: int
    activation: str
    dilation: int

    @property
    def shapes(self) -> Shapes:
        """Those of both convolutions and of the shortcut."""
        return {name: shape for part in self._parts() for name, shape in part.shapes.items()}

    def initial(self, rng: np.random.Generator) -> dict[str, Floats]:
        """As those of its parts."""
        return {name: w for part in self._parts() for name, w in part.initial(rng).items()}

    def __call__(self, weights: Weights, x: Tensor) -> Tensor:
        """(S, W, B, C) to (S, W, B, U)."""
        first, second, *shortcut = self._parts()
        beside = shortcut[0](weights, x) if shortcut else x
        return keras.activations.get(self.activation)(second(weights, first(weights, x)) + beside)

    def _parts(self) -> list[FleetConv | FleetDense]:
        parts: list[FleetConv | FleetDense] = [
            FleetConv(
                f"{self.name}_{place}",
                inputs,
                self.units,
                self.taps,
                self.activation,
                dilation=self.dilation,
                padding="causal",
            )
            for place, inputs in enumerate((self.inputs, self.units))
        ]
        if self.inputs != self.units:
            parts.append(FleetDense(f"{self.name}_shortcut", self.inputs, self.units, "linear"))
        return parts


def shortened(steps: int, stride: int) -> int:
    """How many steps a stride leaves."""
    return -(-steps // stride)
