"""Dense autoencoder over the flattened window."""

from backend.models.layers import FleetDense, Layer, Reshape, dense_chain
from backend.models.network import Network
from backend.models.stack import Stack
from backend.specs import DenseAutoencoderSpec


class DenseAutoencoder(Network):
    """W * F values, `units` down to the bottleneck, mirrored up, W * F values.

    With units (32, 16) and 52 values a window: 52, 32, 16, 32, 52. Hidden layers have the spec's
    activation, the last layer is linear.
    """

    def __init__(self, spec: DenseAutoencoderSpec, series: int, channels: int) -> None:
        super().__init__(spec, _stack(spec, channels), series)


def _stack(spec: DenseAutoencoderSpec, channels: int) -> Stack:
    values = spec.window * channels
    hidden = [*spec.units, *spec.units[-2::-1]]
    layers: tuple[Layer, ...] = (
        Reshape((values,)),
        *dense_chain("hidden", [values, *hidden], spec.activation, spec.activation),
        FleetDense("output", hidden[-1], values, "linear"),
        Reshape((spec.window, channels)),
    )
    return Stack(spec.window, channels, layers, bottleneck=1 + len(spec.units))
