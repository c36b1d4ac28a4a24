"""An architecture: layers in a row, with everything a fleet's weights must look like."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.models.layers import Layer, Shapes
from backend.models.runtime import Tensor, Weights
from backend.ports import Floats


@dataclass(frozen=True)
class Stack:
    """Layers that turn windows (S, B, W, F) into their reconstruction of the same shape.

    Equal stacks share one compiled program, so it holds nothing but descriptions.

    Attributes:
        window: W.
        channels: F.
        layers: in the order they are applied.
    """

    window: int
    channels: int
    layers: tuple[Layer, ...]

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
        widest = max(shape[-1] for shape in self.shapes.values())
        return self.window * max(widest, self.channels)

    def initial(self, rngs: Sequence[np.random.Generator]) -> dict[str, Floats]:
        """First weights, each member's drawn from its own generator."""
        members = [
            {name: weight for layer in self.layers for name, weight in layer.initial(rng).items()}
            for rng in rngs
        ]
        return {name: np.stack([member[name] for member in members]) for name in self.shapes}

    def __call__(self, weights: Weights, windows: Tensor) -> Tensor:
        """(S, B, W, F) to (S, B, W, F), in the precision of what is handed in."""
        x = windows
        for layer in self.layers:
            x = layer(weights, x)
        return x
