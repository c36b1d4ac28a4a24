"""What runs inside TensorFlow: an epoch of training, the loss of held-out windows, scoring.

Each is traced once for an architecture; members, rows, steps and windows may be of any number.
Windows are cut out of the rows as they are needed and never stored.

Shapes: S members, P of them in the seats of a training program, T rows, K steps, B windows a step,
W rows a window, F channels, Q random numbers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.models.batches import Epoch, Given
from backend.models.objectives import Batch, Objective
from backend.models.optimizers import RULES
from backend.models.recurrence import steps
from backend.models.runtime import Tensor, Weights, tf
from backend.models.stack import Stack

MATRICES = ("kernel", "recurrent_kernel")

View = Callable[[Stack, Weights, Tensor], tuple[Tensor, ...]]
"""What is read out of a network that looks at windows (S, B, W, F); each tensor is (S, B, ...)."""

Arrays = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Teaching:
    """How a network is taught; the part of a spec that shapes the training program.

    Attributes:
        l2: weight of the squares of all matrices.
        optimizer: name of the update rule.
        learning_rate: its size of step.
        compiled: whether XLA makes machine code of the program: seconds for each shape, steps about
            three times as fast.
    """

    l2: float
    optimizer: str
    learning_rate: float
    compiled: bool = False


@dataclass
class State:
    """What training moves, for P seats.

    Attributes:
        weights: by name, (P, ...).
        slots: what the optimiser remembers for each weight.
        taken: (P,) steps each member has taken, as a float.
        fresh: what the optimiser remembers before the first step, the same for all weights.
    """

    weights: Arrays
    slots: dict[str, tuple[NDArray[np.float32], ...]]
    taken: NDArray[np.float32]
    fresh: tuple[float, ...]

    def of(self, seat: int) -> Arrays:
        """A copy of the weights of one member."""
        return {name: weight[seat].copy() for name, weight in self.weights.items()}

    def put(self, seat: int, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Let a member begin with its weights."""
        for name, weight in weights.items():
            self.weights[name][seat] = weight
        for kept in self.slots.values():
            for slot, first in zip(kept, self.fresh, strict=True):
                slot[seat] = first
        self.taken[seat] = 0.0

    def keep(self, seats: Sequence[int]) -> None:
        """Give up all seats but these."""
        chosen = list(seats)
        self.weights = {name: weight[chosen] for name, weight in self.weights.items()}
        self.slots = {n: tuple(slot[chosen] for slot in kept) for n, kept in self.slots.items()}
        self.taken = self.taken[chosen]


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
    """The training program of one architecture for one objective.

    Attributes:
        compiled: whether it is machine code for each shape it meets; see `Teaching`.
    """

    def __init__(self, stack: Stack, objective: Objective, teaching: Teaching) -> None:
        self.compiled = teaching.compiled
        self._stack = stack
        self._objective = objective
        self._teaching = teaching
        self._rule = RULES[teaching.optimizer]
        # made here, as several threads use them: one that meets another would trace it again
        self._epoch = self._make_epoch()
        self._losses = self._make_losses()

    def start(self, seats: int) -> State:
        """The state of P empty seats."""
        weights = {
            name: np.zeros((seats, *shape), np.float32)
            for name, shape in self._stack.shapes.items()
        }
        slots = {
            name: tuple(np.full_like(weight, first) for first in self._rule.slots)
            for name, weight in weights.items()
            if name not in self._objective.frozen
        }
        return State(weights, slots, np.zeros(seats, np.float32), self._rule.slots)

    def epoch(self, state: State, rows: NDArray[np.float32], drawn: Epoch) -> NDArray[np.float32]:
        """Take the steps of an epoch and leave in `state` where they end.

        Args:
            state: where training stands.
            rows: (P, T, F) NaN = absent.
            drawn: the windows; a member moves in steps that hold one of its own.

        Returns:
            (P, 2) the summed loss of each member and the terms it sums.
        """
        moving = (state.weights, state.slots, state.taken)
        batch = (drawn.index, drawn.hidden, drawn.noise)
        weights, slots, taken, totals = self._epoch(*moving, rows, drawn.count, *batch)
        # copies, as seats are written to and tensors share their memory
        state.weights = {name: np.array(weight) for name, weight in weights.items()}
        state.slots = {name: tuple(np.array(s) for s in kept) for name, kept in slots.items()}
        state.taken = np.array(taken)
        found: NDArray[np.float32] = totals.numpy()
        return found

    def losses(self, state: State, given: Given) -> NDArray[np.float32]:
        """(P, 2) what early stopping looks at, summed over the stop windows, and its terms."""
        if not (count := given.count):
            return np.zeros((len(given.rows), 2), np.float32)
        totals = self._losses(state.weights, given.rows, count, given.stop, given.noise)
        found: NDArray[np.float32] = totals.numpy()
        return found

    def _make_epoch(self) -> Any:
        def run(
            weights: Weights, slots: Any, taken: Tensor, rows: Tensor, count: Tensor, *batches: Any
        ) -> tuple[Tensor, ...]:
            def step(k: Tensor, *moving: Tensor) -> tuple[Tensor, ...]:
                return k + 1, *self._step(*moving, rows, *(part[k] for part in batches))

            start = (0, weights, slots, taken, tf.zeros((tf.shape(rows)[0], 2)))
            with steps.written_out(not self.compiled):
                return _loop(count, step, start)

        weights = _specs(self._stack, tf.float32)
        slots = {
            name: (spec,) * len(self._rule.slots)
            for name, spec in weights.items()
            if name not in self._objective.frozen
        }
        signature = [weights, slots, tf.TensorSpec((None,)), *self._data()]
        signature.append(tf.TensorSpec((None, None, None, self._stack.channels), tf.bool))
        signature.append(self._noise())
        return self._function(run, signature)

    def _make_losses(self) -> Any:
        def run(
            weights: Weights, rows: Tensor, count: Tensor, index: Tensor, noise: Tensor
        ) -> Tensor:
            def step(k: Tensor, totals: Tensor) -> tuple[Tensor, Tensor]:
                windows, present = self._cut(rows, index[k])
                batch = Batch(windows, windows, present, noise[k])
                return k + 1, totals + self._objective.judge(self._stack, weights, batch)

            with steps.written_out(not self.compiled):
                return _loop(count, step, (0, tf.zeros((tf.shape(rows)[0], 2))))[0]

        signature = [_specs(self._stack, tf.float32), *self._data(), self._noise()]
        return self._function(run, signature)

    def _function(self, run: Any, signature: list[Any]) -> Any:
        return tf.function(
            run, input_signature=signature, autograph=False, jit_compile=self.compiled or None
        )

    def _data(self) -> list[Any]:
        """Signatures of rows, count of steps, and index."""
        rows = tf.TensorSpec((None, None, self._stack.channels))
        return [rows, tf.TensorSpec((), tf.int32), tf.TensorSpec((None, None, None), tf.int32)]

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
        own = last[:, :, None] + tf.range(1 - window, 1)
        windows = tf.gather(rows, own, batch_dims=1)
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
