"""Walking along the steps of sequences (W, S, B, C), steps first."""

from collections.abc import Callable
from typing import Any

from backend.models.runtime import Tensor, tf

UNROLLED = 16
"""Sequences up to so many steps are written out: a fifth faster to train, but long ones would take
minutes to compile."""

States = tuple[Tensor, ...]
Step = Callable[..., tuple[States, States]]


def walk(step: Step, sequences: States, start: States, *, back: bool = False) -> States:
    """Run `step(states, *slices)` over all steps.

    Args:
        step: gives the next states and what it leaves at this step.
        sequences: each (W, ...); one slice of each is handed to a step.
        start: states before the first step.
        back: begin with the last step.

    Returns:
        What was left, each (W, ...), in the order of the sequences.
    """
    count = sequences[0].shape[0]
    if count <= UNROLLED:
        return _unrolled(step, sequences, start, back)

    def at(k: Tensor, states: States, left: States) -> tuple[Any, ...]:
        t = count - 1 - k if back else k
        states, outputs = step(states, *(sequence[t] for sequence in sequences))
        written = tuple(a.write(t, o) for a, o in zip(left, outputs, strict=True))
        return k + 1, states, written

    outputs = step(start, *(sequence[0] for sequence in sequences))[1]
    arrays = tuple(tf.TensorArray(o.dtype, count) for o in outputs)
    _, _, left = tf.while_loop(
        lambda k, *_: k < count, at, (0, start, arrays), parallel_iterations=1
    )
    return tuple(array.stack() for array in left)


def _unrolled(step: Step, sequences: States, states: States, back: bool) -> States:
    left = []
    slices = list(zip(*(tf.unstack(sequence) for sequence in sequences), strict=True))
    for own in reversed(slices) if back else slices:
        states, outputs = step(states, *own)
        left.append(outputs)
    ordered = left[::-1] if back else left
    return tuple(tf.stack(outputs) for outputs in zip(*ordered, strict=True))


def with_slope(activate: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """An elementwise function and its derivative at x, both in the shape of x."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = activate(x)
    # "linear" hands its input through, which a tape answers with ones
    return y, tape.gradient(y, x)


def delayed(states: Tensor, axis: int) -> Tensor:
    """States one step earlier, zeros first; steps lie on `axis`, 0 or 1."""
    earlier, last = tf.split(states, [states.shape[axis] - 1, 1], axis=axis)
    return tf.concat([tf.zeros_like(last), earlier], axis=axis)


def swapped(x: Tensor) -> Tensor:
    """(S, W, B, C) to (W, S, B, C), or back."""
    return tf.transpose(x, (1, 0, 2, 3))


def kernel_gradient(hidden: Tensor, change: Tensor) -> Tensor:
    """(S, U, G) gradient of a recurrent kernel: hidden (S, W, B, U), change (S, W, B, G)."""
    return tf.matmul(_by_member(delayed(hidden, axis=1)), _by_member(change), transpose_a=True)


def _by_member(x: Tensor) -> Tensor:
    """(S, W, B, C) to (S, W * B, C)."""
    return tf.reshape(x, (tf.shape(x)[0], -1, x.shape[-1]))
