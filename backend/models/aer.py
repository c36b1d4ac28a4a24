"""Autoencoder with regression: reconstruct rows, and forecast the row before and the row after.

Source: Wong et al., AER: auto-encoder with regression for time series anomaly detection, 2022
(arXiv 2212.13558).
"""

from dataclasses import dataclass

from backend.models.layers import FleetDense, Layer, Repeat, Steps, SwapSteps
from backend.models.network import Network
from backend.models.objectives import Batch, Objective, distance
from backend.models.readable import readable
from backend.models.recurrent_layers import BothWays
from backend.models.runtime import Tensor, Weights, tf
from backend.models.stack import Stack
from backend.ports import Floats, Times, Voice
from backend.specs import AerSpec


class Aer(Network):
    """LSTM layers in both directions: W - 2 rows to those, the one before and the one after.

    The paper scores a row by windows around it, also later ones. Here only rows up to it count: the
    network looks at the window twice, without its last row to forecast it, and without its first
    rows to reconstruct it. These are two voices, which are brought to one scale and averaged as the
    paper's sum of both errors does.

    Works where either of its halves does: reconstruction sees unusual shapes, regression unusual
    changes. Does not earn its time (two passes, twice the layers) where one of them is enough.

    Attributes:
        voices: 2, reconstruction and forecast of the last row.
    """

    voices = 2

    def __init__(self, spec: AerSpec, series: int, channels: int) -> None:
        objective = Regression(spec.loss, spec.regression)
        super().__init__(spec, _stack(spec, channels), series, objective)

    def assess(self, windows: Floats, times: Times) -> tuple[Voice, ...]:
        """Two voices: the window with its last row reconstructed, and with it forecast."""
        reconstructed, forecast = self._view(_last_row, windows)
        return tuple(Voice(expected=_ending(windows, row)) for row in (reconstructed, forecast))

    def reconstruct(self, windows: Floats) -> Floats:
        """(S, N, W, F) scaled windows with the reconstruction of their last row, always finite.

        Raises:
            InputError: windows of another shape.
        """
        return _ending(windows, self._view(_last_row, windows)[0])


@dataclass(frozen=True)
class Regression(Objective):
    """Distance over the rows inside, and `regression` times that of the first and the last row.

    Attributes:
        loss: name of the distance.
        regression: share of the loss that the first and the last row have together.
    """

    loss: str
    regression: float

    def __call__(self, stack: Stack, weights: Weights, batch: Batch) -> Tensor:
        """The mean of either part; both counted as the values of the window."""
        residual = stack(weights, batch.seen) - batch.windows
        ends = tf.reshape([1.0, *[0.0] * (stack.window - 2), 1.0], (1, 1, -1, 1))
        outside = distance(self.loss, residual, batch.present * ends)
        inside = distance(self.loss, residual, batch.present * (1.0 - ends))
        count = outside[:, 1] + inside[:, 1]
        mean = self.regression * tf.math.divide_no_nan(outside[:, 0], outside[:, 1])
        mean += (1.0 - self.regression) * tf.math.divide_no_nan(inside[:, 0], inside[:, 1])
        return tf.stack([mean * count, count], axis=1)


@dataclass(frozen=True)
class Regressor(Stack):
    """Layers that make all W rows of a window of those inside, rows 1 to W - 2."""

    def code(self, weights: Weights, windows: Tensor) -> Tensor:
        """(S, B, W, F) to (S, B, E), made of the last W - 2 rows."""
        return super().code(weights, _later(windows))

    def hidden(self, weights: Weights, windows: Tensor) -> tuple[Tensor, ...]:
        """(S, B, W, F) to (S, B, H) of each layer, made of the last W - 2 rows."""
        return super().hidden(weights, _later(windows))


def _stack(spec: AerSpec, channels: int) -> Stack:
    down: list[Layer] = []
    inputs = channels
    for place, units in enumerate(spec.units):
        sequence = place < len(spec.units) - 1
        down.append(BothWays(f"encoder_{place}", inputs, units, spec.activation, sequence))
        inputs = 2 * units
    up: list[Layer] = []
    for place, units in enumerate(reversed(spec.units)):
        up.append(BothWays(f"decoder_{place}", inputs, units, spec.activation, True))
        inputs = 2 * units
    layers: tuple[Layer, ...] = (
        SwapSteps(),
        Steps(1, spec.window - 1),
        *down,
        Repeat(spec.window),
        *up,
        FleetDense("output", inputs, channels, "linear"),
        SwapSteps(),
    )
    return Regressor(spec.window, channels, layers, bottleneck=2 + len(down))


def _last_row(stack: Stack, weights: Weights, windows: Tensor) -> tuple[Tensor, Tensor]:
    """Reconstruction and forecast of the last row, (S, B, F) each."""
    reconstructed = stack(weights, _later(windows))[:, :, -2]
    return reconstructed, stack(weights, windows)[:, :, -1]


def _later(windows: Tensor) -> Tensor:
    """Windows one row later, as far as they are known: the last row stands where it is inside."""
    return tf.concat([windows[:, :, 1:], windows[:, :, -1:]], axis=2)


def _ending(windows: Floats, row: Floats) -> Floats:
    """Windows (S, N, W, F) with another last row (S, N, F)."""
    ending = readable(windows)
    ending[:, :, -1] = row
    return ending
