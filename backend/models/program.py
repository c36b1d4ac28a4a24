"""What runs inside TensorFlow: an epoch of training, the loss of held-out windows, scoring.

Each is compiled once for an architecture; members, rows, steps and windows may be of any number.
Windows are cut out of the rows as they are needed and never stored.

Shapes: S members, T rows, K steps, B windows a step, W rows a window, F channels, Q random numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from backend.models.objectives import Batch, Objective
from backend.models.optimizers import RULES
from backend.models.runtime import Tensor, Weights, tf
from backend.models.stack import Stack

MATRICES = ("kernel", "recurrent_kernel")

View = Callable[[Stack, Weights, Tensor], tuple[Tensor, ...]]
"""What is read out of a network that looks at windows (S, B, W, F); each tensor is (S, B, ...)."""


@dataclass(frozen=True)
class Teaching:
    """How a network is taught; the part of a spec that shapes the training program."""

    l2: float
    optimizer: str
    learning_rate: float


@dataclass(frozen=True)
class State:
    """What training moves.

    Attributes:
        weights: by name, (S, ...).
        slots: what the optimiser remembers for each weight.
        taken: (S,) steps each member has taken, as a float.
    """

    weights: Weights
    slots: dict[str, tuple[Tensor, ...]]
    taken: Tensor


@lru_cache(maxsize=32)
def training(stack: Stack, objective: Objective, teaching: Teaching) -> "Training":
    """The training program of an architecture."""
    return Training(stack, objective, teaching)


@lru_cache(maxsize=64)
def scoring(stack: Stack, view: View) -> Any:
    """A compiled function of float64 weights and windows (S, B, W, F) to what a view gives."""
    return tf.function(
        lambda weights, windows: view(stack, weights, windows),
        input_signature=[
            _specs(stack, tf.float64),
            tf.TensorSpec((None, None, stack.window, stack.channels), tf.float64),
        ],
        autograph=False,
    )


class Training:
    """The compiled training program of one architecture for one objective."""

    def __init__(self, stack: Stack, objective: Objective, teaching: Teaching) -> None:
        self._stack = stack
        self._objective = objective
        self._teaching = teaching
        self._rule = RULES[teaching.optimizer]

    def start(self, weights: Weights) -> State:
        """The state before the first step."""
        slots = {
            name: tuple(tf.fill(tf.shape(weight), first) for first in self._rule.slots)
            for name, weight in weights.items()
            if name not in self._objective.frozen
        }
        members = len(next(iter(weights.values())))
        return State(weights, slots, tf.zeros(members))

    def epoch(
        self, state: State, rows: Tensor, index: Tensor, *drawn: Tensor
    ) -> tuple[State, Tensor]:
        """Take the steps of an epoch.

        Args:
            state: where training stands.
            rows: (S, T, F) float32, NaN = absent.
            index: (K, S, B) last rows of windows; a member moves in steps that hold one of its own.
            drawn: (K, S, B, F) channels the network does not see, and (K, S, B, Q) random numbers
                for the objective.

        Returns:
            The new state, and (S, 2) the summed loss of each member and the terms it sums.
        """
        moving = (state.weights, state.slots, state.taken)
        *parts, totals = self._epoch(*moving, rows, index, *drawn)
        return State(*parts), totals

    def losses(self, weights: Weights, rows: Tensor, index: Tensor, noise: Tensor) -> Tensor:
        """(S, 2) what early stopping looks at, summed over windows (K, S, B), and its terms."""
        return self._losses(weights, rows, index, noise)

    @cached_property
    def _epoch(self) -> Any:
        def run(
            weights: Weights, slots: Any, taken: Tensor, rows: Tensor, *batches: Tensor
        ) -> tuple[Tensor, ...]:
            def step(k: Tensor, *moving: Tensor) -> tuple[Tensor, ...]:
                return k + 1, *self._step(*moving, rows, *(part[k] for part in batches))

            start = (0, weights, slots, taken, tf.zeros((tf.shape(rows)[0], 2)))
            return _loop(tf.shape(batches[0])[0], step, start)

        weights = _specs(self._stack, tf.float32)
        slots = {
            name: (spec,) * len(self._rule.slots)
            for name, spec in weights.items()
            if name not in self._objective.frozen
        }
        signature = [weights, slots, tf.TensorSpec((None,)), *self._data()]
        signature.append(tf.TensorSpec((None, None, None, self._stack.channels), tf.bool))
        signature.append(self._noise())
        return tf.function(run, input_signature=signature, autograph=False)

    @cached_property
    def _losses(self) -> Any:
        def run(weights: Weights, rows: Tensor, index: Tensor, noise: Tensor) -> Tensor:
            def step(k: Tensor, totals: Tensor) -> tuple[Tensor, Tensor]:
                windows, present = self._cut(rows, index[k])
                batch = Batch(windows, windows, present, noise[k])
                return k + 1, totals + self._objective.judge(self._stack, weights, batch)

            return _loop(tf.shape(index)[0], step, (0, tf.zeros((tf.shape(rows)[0], 2))))[0]

        signature = [_specs(self._stack, tf.float32), *self._data(), self._noise()]
        return tf.function(run, input_signature=signature, autograph=False)

    def _data(self) -> list[Any]:
        """Signatures of rows and index."""
        rows = tf.TensorSpec((None, None, self._stack.channels))
        return [rows, tf.TensorSpec((None, None, None), tf.int32)]

    def _noise(self) -> Any:
        """Signature of the random numbers."""
        return tf.TensorSpec((None, None, None, self._objective.noise))

    def _step(
        self,
        weights: Weights,
        slots: dict[str, tuple[Tensor, ...]],
        taken: Tensor,
        totals: Tensor,
        *batch: Tensor,
    ) -> tuple[Any, ...]:
        """One optimiser step of all members that have a window in it."""
        rows, index, hidden, noise = batch
        windows, present = self._cut(rows, index)
        seen = tf.where(hidden[:, :, None, :], tf.zeros_like(windows), windows)
        given = Batch(seen, windows, present, noise)
        trained = {name: weights[name] for name in slots}
        with tf.GradientTape() as tape:
            tape.watch(trained)
            summed = self._objective(self._stack, weights | trained, given)
            # adding members up keeps each one's gradient its own
            loss = tf.reduce_sum(tf.math.divide_no_nan(summed[:, 0], summed[:, 1]))
            loss += self._teaching.l2 * _squares(trained) if self._teaching.l2 else 0.0
        gradients = tape.gradient(loss, trained, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        moves = tf.reduce_any(index >= 0, axis=1)
        taken = taken + tf.cast(moves, taken.dtype)
        weights, slots = self._move(weights, slots, gradients, taken, moves)
        return weights, slots, taken, totals + summed

    def _move(
        self,
        weights: Weights,
        slots: dict[str, tuple[Tensor, ...]],
        gradients: Weights,
        taken: Tensor,
        moves: Tensor,
    ) -> tuple[Weights, dict[str, tuple[Tensor, ...]]]:
        """New weights and slots; a member that does not move (S,) keeps its own."""
        new_weights, new_slots = dict(weights), {}
        for name, kept in slots.items():
            weight = weights[name]
            each = tf.concat([tf.shape(moves), tf.ones(len(weight.shape) - 1, tf.int32)], axis=0)
            chosen = tf.reshape(moves, each)
            change, after = self._rule.update(gradients[name], kept, tf.reshape(taken, each))
            moved = weight - self._teaching.learning_rate * change
            new_weights[name] = tf.where(chosen, moved, weight)
            new_slots[name] = tuple(
                tf.where(chosen, new, old) for new, old in zip(after, kept, strict=True)
            )
        return new_weights, new_slots

    def _cut(self, rows: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Windows (S, B, W, F) that end at rows (S, B), 0 where absent; and 1.0 where present."""
        window = self._stack.window
        last = tf.maximum(index, window - 1)  # where there is no window: any, its weight is zero
        steps = last[:, :, None] + tf.range(1 - window, 1)
        windows = tf.gather(rows, steps, batch_dims=1)
        there = ~tf.math.is_nan(windows)
        present = tf.logical_and(there, (index >= 0)[:, :, None, None])
        return tf.where(there, windows, 0.0), tf.cast(present, tf.float32)


def _squares(weights: Weights) -> Tensor:
    """Sum of the squares of all matrices; biases are free."""
    return tf.add_n(
        [tf.reduce_sum(w * w) for name, w in weights.items() if name.split(".")[-1] in MATRICES]
    )


def _loop(count: Tensor, step: Any, start: tuple[Any, ...]) -> tuple[Any, ...]:
    """Run `step(k, ...)` for k below `count`; what it leaves, without k."""
    return tf.while_loop(lambda k, *_: k < count, step, start, parallel_iterations=1)[1:]


def _specs(stack: Stack, dtype: Any) -> dict[str, Any]:
    """Signatures of a fleet's weights, of any number of members."""
    return {name: tf.TensorSpec((None, *shape), dtype) for name, shape in stack.shapes.items()}
