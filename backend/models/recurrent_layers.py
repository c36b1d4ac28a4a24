"""Recurrent layers of S networks side by side; weights, gate order and start as those of Keras.

Shapes: S members, W steps, B windows, C channels in, U units.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from backend.models.layers import Layer, Shapes, glorot_uniform, orthogonal, project
from backend.models.recurrence import gru, lstm, simple
from backend.models.runtime import Tensor, Weights, tf
from backend.ports import Floats

Cell = Callable[[str, int, int, str, bool], Layer]
"""(name, inputs, units, activation, sequence) to a recurrent layer."""


@dataclass(frozen=True)
class FleetLSTM:
    """LSTM with sigmoid gates; weights, gate order and start as `keras.layers.LSTM`.

    Attributes:
        name: prefix of its weights.
        inputs: C.
        units: U.
        activation: of candidate and output; a name Keras knows.
        sequence: give all hidden states rather than the last.
    """

    name: str
    inputs: int
    units: int
    activation: str
    sequence: bool

    @property
    def shapes(self) -> Shapes:
        """Kernel (C, 4U), recurrent kernel (U, 4U) and bias (4U,)."""
        return {
            f"{self.name}.kernel": (self.inputs, 4 * self.units),
            f"{self.name}.recurrent_kernel": (self.units, 4 * self.units),
            f"{self.name}.bias": (4 * self.units,),
        }

    def initial(self, rng: np.random.Generator) -> dict[str, Floats]:
        """Glorot-uniform kernel, orthogonal recurrent kernel, bias 1 for the forget gate."""
        bias = np.zeros(4 * self.units)
        bias[self.units : 2 * self.units] = 1.0
        return {
            f"{self.name}.kernel": glorot_uniform(rng, self.inputs, 4 * self.units),
            f"{self.name}.recurrent_kernel": orthogonal(rng, self.units, 4 * self.units),
            f"{self.name}.bias": bias,
        }

    def __call__(self, weights: Weights, x: Tensor) -> Tensor:
        """(S, W, B, C) to (S, W, B, U), or to (S, B, U) when `sequence` is off."""
        projected = project(x, weights[f"{self.name}.kernel"], weights[f"{self.name}.bias"])
        hidden = lstm.run(projected, weights[f"{self.name}.recurrent_kernel"], self.activation)
        return hidden if self.sequence else hidden[:, -1]


@dataclass(frozen=True)
class FleetGRU:
    """GRU with sigmoid gates and the reset gate after the recurrent kernel, `keras.layers.GRU`.

    Attributes:
        name: prefix of its weights.
        inputs: C.
        units: U.
        activation: of the candidate; a name Keras knows.
        sequence: give all hidden states rather than the last.
    """

    name: str
    inputs: int
    units: int
    activation: str
    sequence: bool

    @property
    def shapes(self) -> Shapes:
        """Kernel (C, 3U), recurrent kernel (U, 3U), and a bias (2, 3U) for either of them."""
        return {
            f"{self.name}.kernel": (self.inputs, 3 * self.units),
            f"{self.name}.recurrent_kernel": (self.units, 3 * self.units),
            f"{self.name}.bias": (2, 3 * self.units),
        }

    def initial(self, rng: np.random.Generator) -> dict[str, Floats]:
        """Glorot-uniform kernel, orthogonal recurrent kernel, zero bias."""
        return {
            f"{self.name}.kernel": glorot_uniform(rng, self.inputs, 3 * self.units),
            f"{self.name}.recurrent_kernel": orthogonal(rng, self.units, 3 * self.units),
            f"{self.name}.bias": np.zeros((2, 3 * self.units)),
        }

    def __call__(self, weights: Weights, x: Tensor) -> Tensor:
        """(S, W, B, C) to (S, W, B, U), or to (S, B, U) when `sequence` is off."""
        bias = weights[f"{self.name}.bias"]
        projected = project(x, weights[f"{self.name}.kernel"], bias[:, 0])
        recurrent = weights[f"{self.name}.recurrent_kernel"]
        hidden = gru.run(projected, recurrent, bias[:, 1], self.activation)
        return hidden if self.sequence else hidden[:, -1]


@dataclass(frozen=True)
class FleetRNN:
    """The recurrent layer without gates, `keras.layers.SimpleRNN`.

    Attributes:
        name: prefix of its weights.
        inputs: C.
        units: U.
        activation: a name Keras knows.
        sequence: give all hidden states rather than the last.
    """

    name: str
    inputs: int
    units: int
    activation: str
    sequence: bool

    @property
    def shapes(self) -> Shapes:
        """Kernel (C, U), recurrent kernel (U, U) and bias (U,)."""
        return {
            f"{self.name}.kernel": (self.inputs, self.units),
            f"{self.name}.recurrent_kernel": (self.units, self.units),
            f"{self.name}.bias": (self.units,),
        }

    def initial(self, rng: np.random.Generator) -> dict[str, Floats]:
        """Glorot-uniform kernel, orthogonal recurrent kernel, zero bias."""
        return {
            f"{self.name}.kernel": glorot_uniform(rng, self.inputs, self.units),
            f"{self.name}.recurrent_kernel": orthogonal(rng, self.units, self.units),
            f"{self.name}.bias": np.zeros(self.units),
        }

    def __call__(self, weights: Weights, x: Tensor) -> Tensor:
        """(S, W, B, C) to (S, W, B, U), or to (S, B, U) when `sequence` is off."""
        projected = project(x, weights[f"{self.name}.kernel"], weights[f"{self.name}.bias"])
        hidden = simple.run(projected, weights[f"{self.name}.recurrent_kernel"], self.activation)
        return hidden if self.sequence else hidden[:, -1]


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
