"""Deep support vector data description: normal windows mapped close to one point."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from backend.models import looking_back
from backend.models.layers import Layer, Reshape, Shapes, glorot_uniform
from backend.models.network import Network
from backend.models.objectives import Batch, FleetWeights, Objective
from backend.models.one_window import present_windows, summed
from backend.models.runtime import Tensor, Weights, keras, tf
from backend.models.stack import Stack
from backend.ports import Floats, Lesson, Times, Voice
from backend.specs import DeepSvddSpec

AWAY = 0.1
"""Coordinates of the center are at least so far from zero: zero weights would reach a zero one."""

WINDOWS = 4096
"""Windows of a member that its center is the mean of, at most."""

_CENTER = "center.center"


@dataclass(frozen=True)
class Biasless:
    """`activation(x @ kernel)`: with a bias, a network can map everything to the center.

    Attributes:
        name: prefix of its weight.
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
        """Kernel (C, U)."""
        return {f"{self.name}.kernel": (self.inputs, self.units)}

    def initial(self, rng: np.random.Generator) -> dict[str, Floats]:
        """Glorot-uniform kernel."""
        return {f"{self.name}.kernel": glorot_uniform(rng, self.inputs, self.units)}

    def __call__(self, weights: Weights, x: Tensor) -> Tensor:
        """(S, B, C) to (S, B, U)."""
        return keras.activations.get(self.activation)(tf.matmul(x, weights[f"{self.name}.kernel"]))


@dataclass(frozen=True)
class FromCenter:
    """How far a point lies from the center, coordinate by coordinate."""

    units: int

    @property
    def shapes(self) -> Shapes:
        """The center (U,)."""
        return {_CENTER: (self.units,)}

    def initial(self, rng: np.random.Generator) -> dict[str, Floats]:
        """A place that the first lesson replaces."""
        return {_CENTER: np.full(self.units, AWAY)}

    def __call__(self, weights: Weights, x: Tensor) -> Tensor:
        """(S, B, U) to (S, B, U)."""
        return x - weights[_CENTER][:, None]


@dataclass(frozen=True)
class OneClass(Objective):
    """Mean squared distance from the center, which is where a window lands before training."""

    frozen: frozenset[str] = frozenset({_CENTER})

    def __call__(self, stack: Stack, weights: Weights, batch: Batch) -> Tensor:
        """Each window is a term."""
        return summed(_squared(stack, weights, batch.seen)[0], present_windows(batch.present))

    def prepare(
        self, stack: Stack, weights: FleetWeights, lessons: Sequence[Lesson]
    ) -> FleetWeights:
        """Put each member's center where its untrained network sends its windows in the mean."""
        ready = {name: tf.constant(weight) for name, weight in weights.items()}
        total, count = np.zeros(1), np.zeros(1)
        ends = [looking_back.last_rows(lesson, WINDOWS) for lesson in lessons]
        for windows, there in looking_back.pieces(lessons, stack.window, ends):
            seen = tf.constant(np.nan_to_num(windows, nan=0.0), tf.float32)
            points = stack.through(ready, seen, 0, stack.bottleneck).numpy().astype(np.float64)
            total = total + (points * there[:, :, None]).sum(axis=1)
            count = count + there.sum(axis=1)
        center = total / count[:, None]
        kept = np.where(np.abs(center) < AWAY, np.where(center < 0, -AWAY, AWAY), center)
        return {**weights, _CENTER: kept.astype(np.float32)}


class DeepSvdd(Network):
    """Layers without biases, and the squared distance from a center that does not move.

    What keeps the network from mapping everything to the center: no biases, activations that do
    not saturate (a saturated unit is a bias), a center away from zero.

    Works where normal windows are of one kind and many values must be looked at together; it has
    no notion of an expected value, and what training flattens is no longer seen.

    Source: Ruff et al., Deep one-class classification, 2018; one-class objective, section 3.
    """

    # the center is that of an untrained network, and what is flattened on and on no longer sees
    begins_anew = True

    def __init__(self, spec: DeepSvddSpec, series: int, channels: int) -> None:
        super().__init__(spec, _stack(spec, channels), series, OneClass())

    def assess(self, windows: Floats, times: Times) -> tuple[Voice, ...]:
        """One voice: the squared distance.

        Raises:
            InputError: windows of another shape.
        """
        return (Voice(raw=self._view(_squared, windows)[0]),)


def _stack(spec: DeepSvddSpec, channels: int) -> Stack:
    values = spec.window * channels
    layers: list[Layer] = [Reshape((values,))]
    for number, (inputs, units) in enumerate(pairwise([values, *spec.units])):
        last = number == len(spec.units) - 1
        activation = "linear" if last else spec.activation
        layers.append(Biasless(f"hidden_{number}", inputs, units, activation))
    return Stack(
        spec.window, channels, (*layers, FromCenter(spec.units[-1])), bottleneck=len(layers)
    )


def _squared(stack: Stack, weights: Weights, windows: Tensor) -> tuple[Tensor]:
    return (tf.reduce_sum(tf.square(stack(weights, windows)), axis=2),)
