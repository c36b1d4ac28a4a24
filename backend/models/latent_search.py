"""The search of AnoGAN: what could a window have been generated from?"""

from dataclasses import dataclass

from backend.models.optimizers import RULES
from backend.models.players import Players, apart
from backend.models.runtime import Tensor, Weights, tf
from backend.models.stack import Stack

RATE = 0.1
"""Length of a step, by the rule of Adam, where numbers are standard normal."""


@dataclass(frozen=True)
class Search:
    """A window as well as it can be generated, looked for by its gradient.

    Each window is searched for by itself, from the middle of the latent space on.

    Attributes:
        latent: numbers that a window is generated from.
        steps: how many are taken.
        kappa: weight of the features beside the residual.
    """

    latent: int
    steps: int
    kappa: float

    def __call__(self, stack: Stack, weights: Weights, windows: Tensor) -> tuple[Tensor, Tensor]:
        """(S, B, W, F) to the same, and the distance of features (S, B)."""
        assert isinstance(stack, Players)
        made = stack.generate(weights, self.find(stack, weights, windows))
        return made, apart(stack, weights, windows, made)

    def find(self, players: Players, weights: Weights, windows: Tensor) -> Tensor:
        """(S, B, Q)."""
        rule = RULES["adam"]
        start = tf.zeros(tf.concat([tf.shape(windows)[:2], [self.latent]], axis=0), windows.dtype)

        def step(k: Tensor, codes: Tensor, *slots: Tensor) -> tuple[Tensor, ...]:
            with tf.GradientTape() as tape:
                tape.watch(codes)
                made = players.generate(weights, codes)
                residual = tf.reduce_mean(tf.square(windows - made), axis=(2, 3))
                far = residual + self.kappa * apart(players, weights, windows, made)
            change, after = rule.update(
                tape.gradient(far, codes), slots, tf.cast(k + 1, codes.dtype)
            )
            return k + 1, codes - RATE * change, *after

        moving = (tf.constant(0), start, *(tf.zeros_like(start) for _ in rule.slots))
        return tf.while_loop(lambda k, *_: k < self.steps, step, moving, parallel_iterations=1)[1]


@dataclass(frozen=True)
class Found:
    """The numbers that a search ends with.

    Attributes:
        search: how it is done.
    """

    search: Search

    def __call__(self, stack: Stack, weights: Weights, windows: Tensor) -> tuple[Tensor]:
        """(S, B, W, F) to (S, B, Q)."""
        assert isinstance(stack, Players)
        return (self.search.find(stack, weights, windows),)
