"""Layers of S networks side by side: the mathematics of Keras with a leading series axis.

A layer is a frozen description; its weights are handed to it with the input. So one compiled
program serves every fleet of the same architecture, whatever its weights and its size. Keras' own
layers hold one network's weights inside and cannot be stacked that way.

Sequences travel as (S, W, B, C), steps before windows, so that one step is one block of memory.
Shapes: S members, W steps, B windows, C channels in, U units.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from backend.models.runtime import Tensor, Weights, keras, tf
from backend.ports import Floats

Shapes = dict[str, tuple[int, ...]]


class Layer(Protocol):
    """A step of a network. Weights are named `<layer>.<weight>`; their shapes are one member's."""

    @property
    def shapes(self) -> Shapes:
        """Shape of each weight without the series axis; empty for a layer that only reshapes."""
        ...

    def initial(self, rng: np.random.Generator) -> dict[str, Floats]:
        """First weights of one member."""
        ...

    def __call__(self, weights: Weights, x: Tensor) -> Tensor:
        """Apply the layer; `weights` may hold those of other layers too."""
        ...


@dataclass(frozen=True)
class FleetDense:
    """`activation(x @ kernel + bias)` on the last axis; time-distributed where steps are there.

    Attributes:
        name: prefix of its weights.
        inputs: C.
        units: U.
        activation: a name Keras knows.
    """

    name: str
    inputs: int
    units: int
    activation: str

    @property
    def shapes(self) -> Shapes:
        """Kernel (C, U) and bias (U,)."""
        return {
            f"{self.name}.kernel": (self.inputs, self.units),
            f"{self.name}.bias": (self.units,),
        }

    def initial(self, rng: np.random.Generator) -> dict[str, Floats]:
        """Glorot-uniform kernel, zero bias."""
        return {
            f"{self.name}.kernel": glorot_uniform(rng, self.inputs, self.units),
            f"{self.name}.bias": np.zeros(self.units),
        }

    def __call__(self, weights: Weights, x: Tensor) -> Tensor:
        """(S, ..., C) to (S, ..., U)."""
        activate = keras.activations.get(self.activation)
        return activate(project(x, weights[f"{self.name}.kernel"], weights[f"{self.name}.bias"]))


class _Reshaping:
    """A layer without weights."""

    @property
    def shapes(self) -> Shapes:
        """None."""
        return {}

    def initial(self, rng: np.random.Generator) -> dict[str, Floats]:
        """None."""
        return {}


@dataclass(frozen=True)
class FirstHalf(_Reshaping):
    """Of the values of a vector, the first half."""

    def __call__(self, weights: Weights, x: Tensor) -> Tensor:
        """(S, B, 2C) to (S, B, C)."""
        return tf.split(x, 2, axis=-1)[0]


@dataclass(frozen=True)
class Steps(_Reshaping):
    """Of the steps of a sequence, those from `start` up to, not including, `stop`."""

    start: int
    stop: int

    def __call__(self, weights: Weights, x: Tensor) -> Tensor:
        """(S, W, B, C) to (S, stop - start, B, C)."""
        return x[:, self.start : self.stop]


@dataclass(frozen=True)
class LastStep(_Reshaping):
    """The last step of a sequence."""

    def __call__(self, weights: Weights, x: Tensor) -> Tensor:
        """(S, W, B, C) to (S, B, C)."""
        return x[:, -1]


@dataclass(frozen=True)
class Repeat(_Reshaping):
    """Repeat vector: hand the same vector to each of W steps."""

    window: int

    def __call__(self, weights: Weights, x: Tensor) -> Tensor:
        """(S, B, C) to (S, W, B, C)."""
        return tf.repeat(x[:, None], self.window, axis=1)


@dataclass(frozen=True)
class SwapSteps(_Reshaping):
    """Change between windows first and steps first."""

    def __call__(self, weights: Weights, x: Tensor) -> Tensor:
        """(S, B, W, C) to (S, W, B, C), or back."""
        return tf.transpose(x, (0, 2, 1, 3))


@dataclass(frozen=True)
class Reshape(_Reshaping):
    """Give each window another shape of the same size, as flattening it does."""

    shape: tuple[int, ...]

    def __call__(self, weights: Weights, x: Tensor) -> Tensor:
        """(S, B, ...) to (S, B, *shape)."""
        return tf.reshape(x, tf.concat([tf.shape(x)[:2], self.shape], axis=0))


def dense_chain(
    name: str, sizes: Sequence[int], activation: str, last: str = "linear"
) -> list[Layer]:
    """Dense layers from each size to the next, the last one with an activation of its own."""
    steps = list(pairwise(sizes))
    kinds = [*[activation] * (len(steps) - 1), last]
    return [
        FleetDense(f"{name}_{number}", inputs, units, kind)
        for number, ((inputs, units), kind) in enumerate(zip(steps, kinds, strict=True))
    ]


def project(x: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """(S, ..., C) times (S, C, U) plus (S, U), a member at a time: (S, ..., U)."""
    shape = tf.shape(x)
    flat = tf.matmul(tf.reshape(x, (shape[0], -1, x.shape[-1])), kernel) + bias[:, None]
    y = tf.reshape(flat, tf.concat([shape[:-1], [kernel.shape[-1]]], axis=0))
    y.set_shape((*x.shape[:-1], kernel.shape[-1]))
    return y


def glorot_uniform(rng: np.random.Generator, inputs: int, units: int) -> Floats:
    """Uniform (inputs, units) within sqrt(6 / (inputs + units)).

    Source: Glorot and Bengio, Understanding the difficulty of training deep feedforward neural
    networks, 2010.
    """
    limit = np.sqrt(6.0 / (inputs + units))
    return rng.uniform(-limit, limit, (inputs, units))


def orthogonal(rng: np.random.Generator, inputs: int, units: int) -> Floats:
    """Random (inputs, units) with orthonormal rows, or columns where there are fewer of them.

    Source: Saxe, McClelland and Ganguli, Exact solutions to the nonlinear dynamics of learning in
    deep linear neural networks, 2013.
    """
    tall = rng.normal(size=(max(inputs, units), min(inputs, units)))
    q, r = np.linalg.qr(tall)
    q = q * np.sign(np.diag(r))  # without it the distribution is not uniform
    return q if inputs >= units else q.T
