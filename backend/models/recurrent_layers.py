"""Recurrent layers of S networks side by side; weights, gate order and start as those of Keras.

Shapes: S members, W steps, B windows, C channels in, U units.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from backend.models.layers import Layer, Shapes, glorot_uniform, orthogonal, project
from backend.models.recurrence import gru, lstm, simple
from backend.models.runtime import Tensor, Weights, tf
from backend.ports import Floats

Cell = Callable[[str, int, int, str, bool], Layer]
"""(name, inputs, units, activation, sequence) to a recurrent layer."""


@dataclass(frozen=True)
class Recurrent(ABC):
    """What recurrent layers share.

    Attributes:
        name: prefix of its weights.
        inputs: C.
        units: U.
        activation: of candidate and output; a name Keras knows.
        sequence: give all hidden states rather than the last.
        gates: G, how many numbers each unit computes in a step.
    """

    name: str
    inputs: int
    units: int
    activation: str
    sequence: bool
    gates: ClassVar[int]

    @property
    def shapes(self) -> Shapes:
        """Kernel (C, GU), recurrent kernel (U, GU) and bias."""
        width = self.gates * self.units
        return {
            f"{self.name}.kernel": (self.inputs, width),
            f"{self.name}.recurrent_kernel": (self.units, width),
            f"{self.name}.bias": self._bias().shape,
        }

    def initial(self, rng: np.random.Generator) -> dict[str, Floats]:
        """Glorot-uniform kernel, orthogonal recurrent kernel, and the bias of Keras."""
        width = self.gates * self.units
        return {
            f"{self.name}.kernel": glorot_uniform(rng, self.inputs, width),
            f"{self.name}.recurrent_kernel": orthogonal(rng, self.units, width),
            f"{self.name}.bias": self._bias(),
        }

    def __call__(self, weights: Weights, x: Tensor) -> Tensor:
        """(S, W, B, C) to (S, W, B, U), or to (S, B, U) when `sequence` is off."""
        own = (weights[f"{self.name}.{part}"] for part in ("kernel", "recurrent_kernel", "bias"))
        hidden = self._states(x, *own)
        return hidden if self.sequence else hidden[:, -1]

    def _bias(self) -> Floats:
        """First bias (GU,), zero."""
        return np.zeros(self.gates * self.units)

    @abstractmethod
    def _states(self, x: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor) -> Tensor:
        """(S, W, B, C) to all hidden states (S, W, B, U)."""


class FleetLSTM(Recurrent):
    """LSTM with sigmoid gates; weights, gate order and start as `keras.layers.LSTM`."""

    gates = 4

    def _bias(self) -> Floats:
        """1 for the forget gate."""
        return np.repeat([0.0, 1.0, 0.0, 0.0], self.units)

    def _states(self, x: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor) -> Tensor:
        return lstm.run(x, kernel, recurrent, bias, self.activation)


class FleetGRU(Recurrent):
    """GRU with sigmoid gates and the reset gate after the recurrent kernel, `keras.layers.GRU`."""

    gates = 3

    def _bias(self) -> Floats:
        """(2, 3U): one for either kernel."""
        return np.zeros((2, 3 * self.units))

    def _states(self, x: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor) -> Tensor:
        projected = project(x, kernel, bias[:, 0])
        return gru.run(projected, recurrent, bias[:, 1], self.activation)


class FleetRNN(Recurrent):
    """The recurrent layer without gates, `keras.layers.SimpleRNN`."""

    gates = 1

    def _states(self, x: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor) -> Tensor:
        return simple.run(project(x, kernel, bias), recurrent, self.activation)


@dataclass(frozen=True)
class BothWays:
    """Two LSTMs side by side, one from the last step to the first; `keras.layers.Bidirectional`.

    Source: Schuster and Paliwal, Bidirectional recurrent neural networks, 1997.

    Attributes:
        name: prefix of its weights.
        inputs: C.
        units: U of each direction.
        activation: of candidate and output; a name Keras knows.
        sequence: give all hidden states rather than the last that each direction reaches.
    """

    name: str
    inputs: int
    units: int
    activation: str
    sequence: bool

    @property
    def shapes(self) -> Shapes:
        """Those of both directions."""
        return {name: shape for way in self._ways() for name, shape in way.shapes.items()}

    def initial(self, rng: np.random.Generator) -> dict[str, Floats]:
        """As an LSTM's, one direction after the other."""
        return {name: w for way in self._ways() for name, w in way.initial(rng).items()}

    def __call__(self, weights: Weights, x: Tensor) -> Tensor:
        """(S, W, B, C) to (S, W, B, 2U), or to (S, B, 2U) when `sequence` is off."""
        forward, backward = self._ways()
        back = backward(weights, tf.reverse(x, [1]))
        back = tf.reverse(back, [1]) if self.sequence else back
        return tf.concat([forward(weights, x), back], axis=-1)

    def _ways(self) -> tuple[FleetLSTM, FleetLSTM]:
        shape = (self.inputs, self.units, self.activation, self.sequence)
        return FleetLSTM(f"{self.name}_forward", *shape), FleetLSTM(f"{self.name}_backward", *shape)


CELLS: dict[str, Cell] = {"gru": FleetGRU, "lstm": FleetLSTM, "rnn": FleetRNN}
