"""Convolutional autoencoder along time.

Source: Masci et al., Stacked convolutional auto-encoders for hierarchical feature extraction, 2011;
upsampling in place of transposed convolution after Odena, Dumoulin and Olah, Deconvolution and
checkerboard artifacts, 2016.
"""

from backend.models.convolution import FleetConv, Stretch, shortened
from backend.models.layers import FleetDense, Layer, SwapSteps
from backend.models.network import Network
from backend.models.stack import Stack
from backend.specs import ConvAutoencoderSpec


class ConvAutoencoder(Network):
    """Convolutions that shorten the window by `stride` each, mirrored up, one dense layer a step.

    Windows of any length work: a length that the stride does not divide is rounded up on the way
    down and cut to size on the way up. With a window of one row only the middle tap of a filter
    sees anything, and what is left is a dense autoencoder of the row.

    Works where short patterns repeat anywhere in the window (strokes, cycles, spikes), and trains
    several times faster than a recurrent kind. Does not where the order over the whole window
    matters, unless the layers together reach over it.
    """

    def __init__(self, spec: ConvAutoencoderSpec, series: int, channels: int) -> None:
        super().__init__(spec, _stack(spec, channels), series)


def _stack(spec: ConvAutoencoderSpec, channels: int) -> Stack:
    lengths = [spec.window]
    down: list[Layer] = []
    inputs = channels
    for place, units in enumerate(spec.units):
        down.append(
            FleetConv(
                f"encoder_{place}", inputs, units, spec.kernel, spec.activation, stride=spec.stride
            )
        )
        lengths.append(shortened(lengths[-1], spec.stride))
        inputs = units
    up: list[Layer] = []
    for place, units in enumerate(reversed(spec.units)):
        up.append(Stretch(spec.stride, lengths[-2 - place]))
        up.append(FleetConv(f"decoder_{place}", inputs, units, spec.kernel, spec.activation))
        inputs = units
    output = FleetDense("output", inputs, channels, "linear")
    layers: tuple[Layer, ...] = (SwapSteps(), *down, *up, output, SwapSteps())
    return Stack(spec.window, channels, layers, bottleneck=1 + len(down))
