"""Self-supervised: which of several random maps did a window go through?"""

from dataclasses import dataclass

import numpy as np

from backend.models.layers import Layer, Reshape, Shapes, dense_chain
from backend.models.network import Network
from backend.models.objectives import Batch, Objective
from backend.models.one_window import present_windows, summed
from backend.models.runtime import Tensor, Weights, tf
from backend.models.stack import Stack
from backend.ports import Floats, Times, Voice
from backend.specs import TransformationSpec

SHIFT = 0.1
"""Size of the maps' shifts: enough to tell apart what they make of the middle of the scale, and too
little to give the answer away elsewhere."""

NEAR = 0.3
"""Size of the first centers: the nearer they lie to each other, the more there is to learn."""

UNSURE = 1e-6
"""Added to the likelihood of each map: far from all that training showed, all are equally likely,
and a window there is not mistaken for one that was recognised."""


@dataclass(frozen=True)
class Maps:
    """M random affine maps of C values to R each; drawn once, never trained.

    Attributes:
        inputs: C.
        count: M.
        values: R.
    """

    inputs: int
    count: int
    values: int

    @property
    def shapes(self) -> Shapes:
        """Factors (M, C, R) and shifts (M, R)."""
        return {
            "maps.factors": (self.count, self.inputs, self.values),
            "maps.shifts": (self.count, self.values),
        }

    def initial(self, rng: np.random.Generator) -> dict[str, Floats]:
        """Normal numbers such that values of size 1 stay so, and small shifts."""
        factors = rng.normal(size=(self.count, self.inputs, self.values))
        return {
            "maps.factors": factors / np.sqrt(self.inputs),
            "maps.shifts": SHIFT * rng.normal(size=(self.count, self.values)),
        }

    def __call__(self, weights: Weights, x: Tensor) -> Tensor:
        """(S, B, C) to (S, B, M, R)."""
        factors = tf.transpose(weights["maps.factors"], (0, 2, 1, 3))
        flat = tf.reshape(factors, (-1, self.inputs, self.count * self.values))
        mapped = tf.matmul(x, flat)
        shape = tf.concat([tf.shape(mapped)[:2], [self.count, self.values]], axis=0)
        return tf.reshape(mapped, shape) + weights["maps.shifts"][:, None]


@dataclass(frozen=True)
class FromCenters:
    """Squared distance of each mapped window from the center of each map."""

    units: int
    count: int

    @property
    def shapes(self) -> Shapes:
        """Centers (M, U)."""
        return {"centers.centers": (self.count, self.units)}

    def initial(self, rng: np.random.Generator) -> dict[str, Floats]:
        """Normal numbers around zero."""
        return {"centers.centers": NEAR * rng.normal(size=(self.count, self.units))}

    def __call__(self, weights: Weights, x: Tensor) -> Tensor:
        """(S, B, M, U) to (S, B, M, M): which window from which center."""
        apart = x[:, :, :, None] - weights["centers.centers"][:, None, None]
        return tf.reduce_sum(tf.square(apart), axis=4)


@dataclass(frozen=True)
class _Recogniser(Stack):
    """M mapped windows for each window."""

    @property
    def width(self) -> int:
        """Distances of all mapped windows, and what they are made of."""
        count, units = self.shapes["centers.centers"]
        widest = max(shape[-1] for shape in self.shapes.values())
        return count * max(count * units, widest, self.window * self.channels)


@dataclass(frozen=True)
class Recognition(Objective):
    """Cross entropy of the map that was applied, over all maps of a window."""

    frozen: frozenset[str] = frozenset({"maps.factors", "maps.shifts"})

    def __call__(self, stack: Stack, weights: Weights, batch: Batch) -> Tensor:
        """Each window is a term."""
        likely = tf.nn.log_softmax(-stack(weights, batch.seen), axis=3)
        losses = -tf.reduce_mean(tf.linalg.diag_part(likely), axis=2)
        return summed(losses, present_windows(batch.present))


class Transformation(Network):
    """Recognises maps of normal windows, and fails on others.

    The maps are random and affine, over all values of a window at once. Turned pictures have no
    counterpart among sensors: channels have no order, and the same process may run in reverse.
    Affine maps need no such order, have exchanged channels and reversed time among their special
    cases, and mix channels with each other and over time, so that a broken relation shows in every
    map.

    Works where channels depend on each other, on tables (window 1) too; has no notion of an
    expected value. Sources: Golan and El-Yaniv, Deep anomaly detection using geometric
    transformations, 2018; Bergman and Hoshen, Classification-based anomaly detection for general
    data (GOAD), 2020.
    """

    def __init__(self, spec: TransformationSpec, series: int, channels: int) -> None:
        super().__init__(spec, _stack(spec, channels), series, Recognition())

    def assess(self, windows: Floats, times: Times) -> tuple[Voice, ...]:
        """One voice: minus the summed log-probability of the maps that were applied.

        Raises:
            InputError: windows of another shape.
        """
        return (Voice(raw=self._view(_surprise, windows)[0]),)

    def embed(self, windows: Floats) -> Floats:
        """(S, N, W, F) scaled windows to (S, N, E): where all their maps end.

        Raises:
            InputError: windows of another shape.
        """
        return self._view(_codes, windows)[0]


def _stack(spec: TransformationSpec, channels: int) -> Stack:
    values = spec.window * channels
    count, mapped = spec.transformations, spec.values
    layers: tuple[Layer, ...] = (
        Reshape((values,)),
        Maps(values, count, mapped),
        *dense_chain("hidden", [mapped, *spec.units], spec.activation),
        FromCenters(spec.units[-1], count),
    )
    return _Recogniser(spec.window, channels, layers, bottleneck=len(layers) - 1)


def _codes(stack: Stack, weights: Weights, windows: Tensor) -> tuple[Tensor]:
    """(S, B, M * U): where the maps of a window end."""
    ends = stack.through(weights, windows, 0, stack.bottleneck)
    width = ends.shape[2] * ends.shape[3]
    return (tf.reshape(ends, tf.concat([tf.shape(ends)[:2], [width]], axis=0)),)


def _surprise(stack: Stack, weights: Weights, windows: Tensor) -> tuple[Tensor]:
    """(S, B), with `UNSURE` as in GOAD, equation 5."""
    near = -stack(weights, windows)
    little = tf.cast(np.log(UNSURE), near.dtype)
    own = _log_sum(tf.linalg.diag_part(near), little)
    every = _log_sum(tf.reduce_logsumexp(near, axis=3), little + np.log(near.shape[3]))
    return (tf.reduce_sum(every - own, axis=2),)


def _log_sum(a: Tensor, b: Tensor) -> Tensor:
    """`log(exp(a) + exp(b))`, whatever their size."""
    return tf.maximum(a, b) + tf.math.log1p(tf.exp(-tf.abs(a - b)))
