"""An architecture: layers in a row, with everything a fleet's weights must look like."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.models.layers import Layer, Shapes
from backend.models.runtime import Tensor, Weights, tf
from backend.ports import Floats


@dataclass(frozen=True)
class Stack:
    """Layers that turn windows (S, B, W, F) into their reconstruction, or into something else.

    Equal stacks share one compiled program, so it holds nothing but descriptions.

    Attributes:
        window: W.
        channels: F.
        layers: in the order they are applied.
        bottleneck: how many of them make the code of a window.
    """

    window: int
    channels: int
    layers: tuple[Layer, ...]
    bottleneck: int

    @property
    def shapes(self) -> Shapes:
        """Shape of every weight of one member."""
        return {name: shape for layer in self.layers for name, shape in layer.shapes.items()}

    @property
    def parameters(self) -> int:
        """How many numbers one member learns."""
        return sum(int(np.prod(shape)) for shape in self.shapes.values())

    @property
    def width(self) -> int:
        """Most numbers a window turns into on its way: what memory has to hold."""
        kernels = [shape for name, shape in self.shapes.items() if name.endswith("kernel")]
        # a convolution lays K * C values side by side before it makes U of them
        widest = max(max(shape[-1], int(np.prod(shape[:-1])) // self.window) for shape in kernels)
        return self.window * max(widest, self.channels)

    def initial(self, rngs: Sequence[np.random.Generator]) -> dict[str, Floats]:
        """First weights, each member's drawn from its own generator."""
        members = [
            {name: weight for layer in self.layers for name, weight in layer.initial(rng).items()}
            for rng in rngs
        ]
        return {name: np.stack([member[name] for member in members]) for name in self.shapes}

    def __call__(self, weights: Weights, windows: Tensor) -> Tensor:
        """(S, B, W, F) through all layers, in the precision of what is handed in."""
        return self.through(weights, windows, 0, len(self.layers))

    def through(self, weights: Weights, x: Tensor, start: int, stop: int) -> Tensor:
        """Apply the layers from `start` up to, not including, `stop`."""
        for layer in self.layers[start:stop]:
            x = layer(weights, x)
        return x

    def code(self, weights: Weights, windows: Tensor) -> Tensor:
        """(S, B, W, F) to (S, B, E): what the bottleneck holds."""
        return _flat(self.through(weights, windows, 0, self.bottleneck))

    def hidden(self, weights: Weights, windows: Tensor) -> tuple[Tensor, ...]:
        """(S, B, W, F) to (S, B, H) of each layer with weights up to the bottleneck."""
        x, found = windows, []
        for layer in self.layers[: self.bottleneck]:
            x = layer(weights, x)
            if layer.shapes:
                found.append(_flat(x))
        return tuple(found)


def _flat(x: Tensor) -> Tensor:
    """One vector a window: (S, B, C) as it is, sequences (S, W, B, C) as (S, B, W * C)."""
    if x.shape.rank == 3:
        return x
    _, steps, _, width = x.shape
    x = tf.transpose(x, (0, 2, 1, 3))
    return tf.reshape(x, tf.concat([tf.shape(x)[:2], [steps * width]], axis=0))
