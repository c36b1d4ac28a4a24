"""Variational autoencoder: the bottleneck is a distribution, held near the standard normal one.

Source: Kingma and Welling, Auto-encoding variational Bayes, 2014; weight of the divergence after
Higgins et al., beta-VAE, 2017.
"""

from dataclasses import dataclass

from backend.models.encoder_decoder import decode, encode
from backend.models.layers import FirstHalf, FleetDense, Layer, Reshape, SwapSteps, dense_chain
from backend.models.network import Network
from backend.models.objectives import Batch, Objective, distance
from backend.models.one_window import present_windows, summed
from backend.models.runtime import Tensor, Weights, tf
from backend.models.stack import Stack
from backend.specs import VariationalAutoencoderSpec


class VariationalAutoencoder(Network):
    """Encoder to mean and log-variance of a code, decoder of a code drawn from them.

    While training codes are drawn with the member's own random numbers; scored is the
    reconstruction of the mean, so that a score is the same whenever it is computed.

    Works where an autoencoder learns to copy: what the code may tell has a price, and a bottleneck
    that is too wide stays unused. Does not with a large `beta`: then every window is reconstructed
    as the mean of all (the posterior collapses).
    """

    def __init__(self, spec: VariationalAutoencoderSpec, series: int, channels: int) -> None:
        stack = _dense(spec, channels) if spec.layers == "dense" else _recurrent(spec, channels)
        objective = Evidence(spec.loss, spec.beta, spec.units[-1])
        super().__init__(spec, stack, series, objective)


@dataclass(frozen=True)
class Evidence(Objective):
    """Distance of windows and reconstruction, plus `beta` times the divergence of the code.

    With squared distance this is the negative evidence lower bound, up to a constant, for channels
    whose noise has the variance `beta`, times twice that variance.

    Attributes:
        loss: name of the distance.
        beta: weight of the divergence.
        noise: size of the code.
    """

    loss: str
    beta: float
    noise: int

    def __call__(self, stack: Stack, weights: Weights, batch: Batch) -> Tensor:
        """Each present value is a term; a window's divergence is spread over them."""
        both = stack.through(weights, batch.seen, 0, stack.bottleneck - 1)
        mean, log_variance = tf.split(both, 2, axis=-1)
        code = mean + tf.exp(0.5 * log_variance) * batch.noise
        made = stack.through(weights, code, stack.bottleneck, len(stack.layers))
        apart = distance(self.loss, made - batch.windows, batch.present)
        divergence = summed(_divergence(mean, log_variance), present_windows(batch.present))
        return apart + tf.stack([self.beta * divergence[:, 0], tf.zeros_like(apart[:, 1])], axis=1)


def _divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Twice the Kullback-Leibler divergence of N(mean, variance) from N(0, 1), (S, B, E) to (S, B).

    Appendix B of the paper.
    """
    each = tf.square(mean) + tf.exp(log_variance) - 1.0 - log_variance
    return tf.reduce_sum(each, axis=-1)


def _dense(spec: VariationalAutoencoderSpec, channels: int) -> Stack:
    values = spec.window * channels
    *hidden, size = spec.units
    act = spec.activation
    down = dense_chain("encoder", [values, *hidden], act, act)
    up = dense_chain("decoder", [size, *reversed(hidden)], act, act)
    layers: tuple[Layer, ...] = (
        Reshape((values,)),
        *down,
        FleetDense("code", hidden[-1], 2 * size, "linear"),
        FirstHalf(),
        *up,
        FleetDense("output", hidden[0], values, "linear"),
        Reshape((spec.window, channels)),
    )
    return Stack(spec.window, channels, layers, bottleneck=3 + len(down))


def _recurrent(spec: VariationalAutoencoderSpec, channels: int) -> Stack:
    *hidden, size = spec.units
    units = [(spec.layers, count) for count in hidden]
    layers: tuple[Layer, ...] = (
        SwapSteps(),
        *encode(units, channels, spec.activation),
        FleetDense("code", hidden[-1], 2 * size, "linear"),
        FirstHalf(),
        *decode(units[::-1], size, spec.activation, spec.window),
        FleetDense("output", hidden[0], channels, "linear"),
        SwapSteps(),
    )
    return Stack(spec.window, channels, layers, bottleneck=3 + len(hidden))
