"""The three networks of a GAN in one architecture: encoder, generator and discriminator.

Shapes: S members, B windows, W rows, F channels, Q numbers a window is generated from.
"""

from dataclasses import dataclass

from backend.models.runtime import Tensor, Weights, tf
from backend.models.stack import Stack


@dataclass(frozen=True)
class Players(Stack):
    """Layers of the encoder, then as many of the generator, then as many of the discriminator.

    As a network it is encoder and generator in a row. `bottleneck` is the length of each.
    """

    def names(self, player: str) -> frozenset[str]:
        """Names of a player's weights."""
        return frozenset(name for name in self.shapes if name.startswith(f"{player}_"))

    def __call__(self, weights: Weights, windows: Tensor) -> Tensor:
        """(S, B, W, F) encoded and generated again."""
        return self.generate(weights, self.code(weights, windows))

    def generate(self, weights: Weights, codes: Tensor) -> Tensor:
        """(S, B, Q) to windows (S, B, W, F)."""
        return self.through(weights, codes, self.bottleneck, 2 * self.bottleneck)

    def judge(self, weights: Weights, windows: Tensor) -> Tensor:
        """(S, B, W, F) to (S, B): how real they look, as a logit."""
        return self.through(weights, windows, 2 * self.bottleneck, 3 * self.bottleneck)[:, :, 0]

    def features(self, weights: Weights, windows: Tensor) -> Tensor:
        """(S, B, W, F) to (S, B, U): the discriminator's last hidden layer."""
        return self.through(weights, windows, 2 * self.bottleneck, 3 * self.bottleneck - 1)


def apart(players: Players, weights: Weights, windows: Tensor, made: Tensor) -> Tensor:
    """(S, B) mean squared distance of two windows in the discriminator's features."""
    first, second = (players.features(weights, each) for each in (windows, made))
    return tf.reduce_mean(tf.square(first - second), axis=2)
