"""Update rules of the optimisers for fleets: each member counts its own steps.

Keras' optimisers count steps once for all weights. Members with fewer windows take fewer steps, so
that a shared count would let companions change a member's bias correction. The rules and defaults
are those of Keras; every operation is elementwise, so members never mix.
"""

from collections.abc import Callable
from dataclasses import dataclass

from backend.models.runtime import Tensor, tf

EPSILON = 1e-7

Slots = tuple[Tensor, ...]
Update = Callable[[Tensor, Slots, Tensor], tuple[Tensor, Slots]]


@dataclass(frozen=True)
class Rule:
    """How a gradient becomes a change of its weight.

    Attributes:
        slots: what an optimiser remembers for each weight, as first values.
        update: (gradient, slots, step from 1) to (change for learning rate 1, new slots).
    """

    slots: tuple[float, ...]
    update: Update


def _sgd(gradient: Tensor, slots: Slots, step: Tensor) -> tuple[Tensor, Slots]:
    return gradient, slots


def _adagrad(gradient: Tensor, slots: Slots, step: Tensor) -> tuple[Tensor, Slots]:
    """Duchi, Hazan and Singer, 2011."""
    total = slots[0] + gradient * gradient
    return gradient * tf.math.rsqrt(total + EPSILON), (total,)


def _rmsprop(gradient: Tensor, slots: Slots, step: Tensor) -> tuple[Tensor, Slots]:
    """Tieleman and Hinton, 2012; decay 0.9."""
    square = 0.9 * slots[0] + 0.1 * gradient * gradient
    return gradient * tf.math.rsqrt(square + EPSILON), (square,)


def _moments(gradient: Tensor, mean: Tensor, square: Tensor) -> tuple[Tensor, Tensor]:
    """Decaying means of the gradient (0.9) and of its square (0.999)."""
    return mean + (gradient - mean) * 0.1, square + (gradient * gradient - square) * 0.001


def _adam(gradient: Tensor, slots: Slots, step: Tensor) -> tuple[Tensor, Slots]:
    """Kingma and Ba, 2014."""
    mean, square = _moments(gradient, *slots)
    scale = tf.sqrt(1 - 0.999**step) / (1 - 0.9**step)
    return scale * mean / (tf.sqrt(square) + EPSILON), (mean, square)


def _nadam(gradient: Tensor, slots: Slots, step: Tensor) -> tuple[Tensor, Slots]:
    """Dozat, Incorporating Nesterov momentum into Adam, 2016."""
    mean, square = _moments(gradient, *slots[:2])
    now, then = (0.9 * (1 - 0.5 * 0.96**t) for t in (step, step + 1))
    product = slots[2] * now
    ahead = then * mean / (1 - product * then) + (1 - now) * gradient / (1 - product)
    return ahead / (tf.sqrt(square / (1 - 0.999**step)) + EPSILON), (mean, square, product)


RULES: dict[str, Rule] = {
    "adagrad": Rule((0.1,), _adagrad),
    "adam": Rule((0.0, 0.0), _adam),
    "nadam": Rule((0.0, 0.0, 1.0), _nadam),
    "rmsprop": Rule((0.0,), _rmsprop),
    "sgd": Rule((), _sgd),
}
