"""Forecaster: the last rows of a window from the rows before them.

Source: Malhotra et al., Long short term memory networks for anomaly detection in time series, 2015;
Hundman et al., Detecting spacecraft anomalies using LSTMs and nonparametric dynamic thresholding,
2018; the temporal convolution is that of Bai, Kolter and Koltun, 2018.
"""

from dataclasses import dataclass

from backend.exceptions import ConfigurationError
from backend.models.convolution import TemporalBlock
from backend.models.encoder_decoder import encode
from backend.models.layers import FleetDense, LastStep, Layer, Reshape, Steps, SwapSteps
from backend.models.network import Network
from backend.models.objectives import Batch, Objective, distance
from backend.models.runtime import Tensor, Weights, tf
from backend.models.stack import Stack
from backend.specs import ForecasterSpec


class Forecaster(Network):
    """Recurrent or causal convolutional layers over the rows before, one dense layer to the rest.

    Its reconstruction of a window is the window itself with the last `horizon` rows replaced by
    their forecast, so that `error.window: last` measures the forecast.

    Works where the near future follows from the near past: regular cycles, smooth process values.
    Does not where steps come from outside (an operator, a batch), which no past announces; nor for
    slow faults, as a drifting past forecasts a drifting next row.
    """

    def __init__(self, spec: ForecasterSpec, series: int, channels: int) -> None:
        super().__init__(spec, _stack(spec, channels), series, LastRows(spec.loss, spec.horizon))


@dataclass(frozen=True)
class LastRows(Objective):
    """Distance of the last rows of windows and their forecast, over the values present.

    Attributes:
        loss: name of the distance.
        rows: how many.
    """

    loss: str
    rows: int

    def __call__(self, stack: Stack, weights: Weights, batch: Batch) -> Tensor:
        """Each present value of the last rows is a term."""
        residual = stack(weights, batch.seen) - batch.windows
        last = slice(-self.rows, None)
        return distance(self.loss, residual[:, :, last], batch.present[:, :, last])


@dataclass(frozen=True)
class Forecast(Stack):
    """Layers that make the last rows of a window of those before; the others are handed through."""

    def __call__(self, weights: Weights, windows: Tensor) -> Tensor:
        """(S, B, W, F) to (S, B, W, F)."""
        forecast = super().__call__(weights, windows)
        return tf.concat([windows[:, :, : -forecast.shape[2]], forecast], axis=2)


def _stack(spec: ForecasterSpec, channels: int) -> Stack:
    past = spec.window - spec.horizon
    if past < 1:
        raise ConfigurationError(
            f"model.window of a forecaster is {spec.window} and its horizon {spec.horizon}:"
            " expected a longer window, as the forecast is made from the rows before"
        )
    inside = _temporal(spec, channels) if spec.core == "tcn" else _recurrent(spec, channels)
    output = FleetDense("output", spec.units[-1], spec.horizon * channels, "linear")
    shape = Reshape((spec.horizon, channels))
    layers: tuple[Layer, ...] = (SwapSteps(), Steps(0, past), *inside, output, shape)
    return Forecast(spec.window, channels, layers, bottleneck=2 + len(inside))


def _recurrent(spec: ForecasterSpec, channels: int) -> list[Layer]:
    return encode([(spec.core, count) for count in spec.units], channels, spec.activation)


def _temporal(spec: ForecasterSpec, channels: int) -> list[Layer]:
    layers: list[Layer] = []
    inputs = channels
    for place, units in enumerate(spec.units):
        dilation = 2**place
        layers.append(
            TemporalBlock(f"block_{place}", inputs, units, spec.kernel, spec.activation, dilation)
        )
        inputs = units
    return [*layers, LastStep()]
