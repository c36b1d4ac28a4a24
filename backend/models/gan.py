"""Generative adversarial network: a window is normal if it can be generated."""

from dataclasses import dataclass

import numpy as np

from backend.models.latent_search import Found, Search
from backend.models.layers import Layer, Reshape, dense_chain
from backend.models.network import Network
from backend.models.objectives import Batch, Objective
from backend.models.one_window import present_windows, summed
from backend.models.players import Players, apart
from backend.models.readable import LARGEST, readable
from backend.models.runtime import Tensor, Weights, tf
from backend.models.stack import Stack
from backend.ports import Floats, Times, Voice
from backend.specs import GanSpec

SMOOTHNESS = 0.1
"""Weight of the discriminator's squared slope at real windows (gamma; R1 in Mescheder et al.)."""


@dataclass(frozen=True)
class Adversarial(Objective):
    """Generator and discriminator move at once, each against the other as it was.

    Losses that do not saturate, and a penalty on the discriminator's slope at real windows, with
    which moving at once converges (Mescheder, Geiger and Nowozin, Which training methods for GANs
    do actually converge?, 2018).

    Attributes:
        noise: numbers that a window is generated from.
        frozen: names of the encoder's weights.
    """

    noise: int
    frozen: frozenset[str]
    falls = False

    def __call__(self, stack: Stack, weights: Weights, batch: Batch) -> Tensor:
        """Each window is a term: the losses of both players, and the penalty."""
        assert isinstance(stack, Players)
        still = {name: tf.stop_gradient(weight) for name, weight in weights.items()}
        made = stack.generate(weights, batch.noise)
        with tf.GradientTape() as tape:
            tape.watch(batch.windows)
            real = stack.judge(weights, batch.windows)
        slope = tf.reduce_sum(tf.square(tape.gradient(real, batch.windows)), axis=(2, 3))
        discriminator = tf.nn.softplus(-real) + tf.nn.softplus(
            stack.judge(weights, tf.stop_gradient(made))
        )
        generator = tf.nn.softplus(-stack.judge(still, made))
        losses = discriminator + generator + 0.5 * SMOOTHNESS * slope
        return summed(losses, present_windows(batch.present))


@dataclass(frozen=True)
class Inversion(Objective):
    """What the encoder learns afterwards: windows and features regained (izi_f of f-AnoGAN).

    Attributes:
        kappa: weight of the features.
        frozen: names of the weights of both players.
    """

    kappa: float
    frozen: frozenset[str]

    def __call__(self, stack: Stack, weights: Weights, batch: Batch) -> Tensor:
        """Each window is a term; absent values have no say in how well it is regained."""
        assert isinstance(stack, Players)
        made = stack(weights, batch.seen)
        values = tf.math.divide_no_nan(
            tf.reduce_sum(tf.square(made - batch.windows) * batch.present, axis=(2, 3)),
            tf.reduce_sum(batch.present, axis=(2, 3)),
        )
        losses = values + self.kappa * apart(stack, weights, batch.windows, made)
        return summed(losses, present_windows(batch.present))


@dataclass(frozen=True)
class Guess:
    """A window as it is generated from the encoder's code."""

    def __call__(self, stack: Stack, weights: Weights, windows: Tensor) -> tuple[Tensor, Tensor]:
        """(S, B, W, F) to the same, and the distance of features (S, B)."""
        assert isinstance(stack, Players)
        made = stack(weights, windows)
        return made, apart(stack, weights, windows, made)


class Gan(Network):
    """Dense generator and discriminator of windows.

    With `search: latent` (AnoGAN) scoring looks for numbers that a window can be generated from,
    in `steps` steps from the middle on; with `search: encoder` (f-AnoGAN) an encoder that is
    trained afterwards gives them at once. Raw is the mean squared residual plus `kappa` times the
    mean squared distance in the discriminator's last hidden layer.

    Works where normal windows vary in few ways and there is much normal time; training is less
    certain than an autoencoder's, as no loss says when it is done: all `epochs` are run, by an
    optimiser without momentum, which sends two players round in circles.

    Sources: Schlegl et al., Unsupervised anomaly detection with generative adversarial networks,
    2017, and f-AnoGAN, 2019.
    """

    # no loss says whether a start is any good, and all epochs are run from any
    begins_anew = True

    def __init__(self, spec: GanSpec, series: int, channels: int) -> None:
        players = _players(spec, channels)
        objectives: list[Objective] = [Adversarial(spec.latent, players.names("encoder"))]
        self._kappa = spec.kappa
        self._look: Guess | Search = Search(spec.latent, spec.steps, spec.kappa)
        if spec.search == "encoder":
            others = players.names("generator") | players.names("discriminator")
            objectives.append(Inversion(spec.kappa, others))
            self._look = Guess()
        super().__init__(spec, players, series, *objectives)

    def assess(self, windows: Floats, times: Times) -> tuple[Voice, ...]:
        """One voice: raw, the generated window, and each channel's residual.

        Raises:
            InputError: windows of another shape.
        """
        made, features = self._view(self._look, windows)
        parts = np.square(readable(windows) - np.clip(made, -LARGEST, LARGEST)).mean(axis=2)
        raw = parts.mean(axis=2) + self._kappa * features
        return (Voice(expected=made, raw=raw, parts=parts),)

    def reconstruct(self, windows: Floats) -> Floats:
        """(S, N, W, F) scaled windows to what is generated in their place.

        Raises:
            InputError: windows of another shape.
        """
        return self._view(self._look, windows)[0]

    def embed(self, windows: Floats) -> Floats:
        """(S, N, W, F) scaled windows to (S, N, E): the numbers they are generated from.

        Raises:
            InputError: windows of another shape.
        """
        if isinstance(self._look, Search):
            return self._view(Found(self._look), windows)[0]
        return super().embed(windows)


def _players(spec: GanSpec, channels: int) -> Players:
    values = spec.window * channels
    shape = (spec.window, channels)
    return Players(
        spec.window,
        channels,
        (
            *_dense("encoder", (values, *spec.units, spec.latent), spec.activation),
            *_dense("generator", (spec.latent, *spec.units[::-1], values), spec.activation, shape),
            *_dense("discriminator", (values, *spec.units, 1), spec.activation),
        ),
        bottleneck=2 + len(spec.units),
    )


def _dense(
    name: str, sizes: tuple[int, ...], activation: str, shape: tuple[int, ...] = ()
) -> list[Layer]:
    """Flat values through dense layers, the last one linear."""
    chain = dense_chain(name, sizes, activation)
    return [*chain, Reshape(shape)] if shape else [Reshape((sizes[0],)), *chain]
