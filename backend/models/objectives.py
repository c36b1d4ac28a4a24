"""What a network is trained for: losses that can be exchanged without touching how it is trained.

Shapes: S members, B windows a step, W rows, F channels, Q random numbers a window.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from backend.models.runtime import Tensor, Weights, tf
from backend.models.stack import Stack
from backend.ports import Lesson

FleetWeights = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Batch:
    """Windows of one step.

    Attributes:
        seen: (S, B, W, F) windows as the network gets them, some channels hidden.
        windows: (S, B, W, F) windows as they are, 0 where a value is absent.
        present: (S, B, W, F) 1.0 where a value is there and its window is this member's.
        noise: (S, B, Q) the member's own random numbers.
    """

    seen: Tensor
    windows: Tensor
    present: Tensor
    noise: Tensor


class Objective(ABC):
    """A loss. Subclasses are frozen dataclasses: equal ones share one compiled program.

    Members must not mix, as companions would change what a member learns. Where one weight takes
    the loss as another does not, `tf.stop_gradient` of weights or values says so.

    Attributes:
        noise: Q, standard normal numbers that it needs for each window.
        frozen: names of weights that are not trained.
        falls: whether a lower loss is a better network. An adversarial one's is not: then no member
            stops early and the weights of the last epoch are kept.
    """

    noise: int = 0
    frozen: frozenset[str] = frozenset()
    falls: ClassVar[bool] = True

    @abstractmethod
    def __call__(self, stack: Stack, weights: Weights, batch: Batch) -> Tensor:
        """Loss of each member on one batch.

        Args:
            stack: the architecture.
            weights: by name, (S, ...).
            batch: the windows.

        Returns:
            (S, 2) the summed loss, and how many terms it sums; what is learned is their ratio.
        """

    def judge(self, stack: Stack, weights: Weights, batch: Batch) -> Tensor:
        """What early stopping looks at; by default the loss itself."""
        return self(stack, weights, batch)

    def prepare(
        self, stack: Stack, weights: FleetWeights, lessons: Sequence[Lesson]
    ) -> FleetWeights:
        """First weights of S members, where some of them follow from the data."""
        return weights


@dataclass(frozen=True)
class Reconstruction(Objective):
    """Distance of windows and what the network makes of them, over the values present.

    Attributes:
        loss: name of the distance.
    """

    loss: str

    def __call__(self, stack: Stack, weights: Weights, batch: Batch) -> Tensor:
        """Each present value is a term."""
        return distance(self.loss, stack(weights, batch.seen) - batch.windows, batch.present)


def distance(loss: str, residual: Tensor, counted: Tensor) -> Tensor:
    """(S, 2) a loss summed over those residuals (S, ...) that are `counted` (1.0), and how many."""
    each = tf.where(counted > 0, LOSSES[loss](residual), 0.0)
    return tf.stack([_by_member(each), _by_member(counted)], axis=1)


def _by_member(x: Tensor) -> Tensor:
    """(S, ...) summed to (S,)."""
    return tf.reduce_sum(x, axis=list(range(1, len(x.shape))))


def _huber(residual: Tensor) -> Tensor:
    """Quadratic up to 1, linear beyond (Huber, 1964)."""
    size = tf.abs(residual)
    return tf.where(size <= 1.0, 0.5 * size * size, size - 0.5)


LOSSES = {"mse": tf.square, "mae": tf.abs, "huber": _huber}
