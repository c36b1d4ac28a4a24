"""Walking along the steps of sequences (S, W, B, C)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from backend.models.runtime import Tensor, tf

UNROLLED = 16
"""Sequences up to so many steps are written out step by step: a fifth faster to train, but long
ones would take minutes to compile."""

_WRITTEN_OUT = ContextVar("written out", default=True)


@contextmanager
def written_out(short: bool) -> Iterator[None]:
    """Whether short sequences are written out in what is traced meanwhile.

    Where XLA compiles, a loop is as fast and compiled in a third of the time.
    """
    before = _WRITTEN_OUT.set(short)
    try:
        yield
    finally:
        _WRITTEN_OUT.reset(before)


States = tuple[Tensor, ...]
Step = Callable[..., tuple[States, States]]


def walk(step: Step, sequences: States, start: States, *, back: bool = False) -> States:
    """Run `step(states, *slices)` over all steps.

    Args:
        step: gives the next states and what it leaves at this step.
        sequences: each (S, W, ...); one slice (S, ...) of each is handed to a step.
        start: states before the first step.
        back: begin with the last step.

    Returns:
        What was left, each (S, W, ...), in the order of the sequences.
    """
    count = sequences[0].shape[1]
    walked = _unrolled if count <= UNROLLED and _WRITTEN_OUT.get() else _looped
    return walked(step, sequences, start, back)


def _unrolled(step: Step, sequences: States, states: States, back: bool) -> States:
    left = []
    slices = list(zip(*(tf.unstack(sequence, axis=1) for sequence in sequences), strict=True))
    for own in reversed(slices) if back else slices:
        states, outputs = step(states, *own)
        left.append(outputs)
    ordered = left[::-1] if back else left
    return tuple(tf.stack(outputs, axis=1) for outputs in zip(*ordered, strict=True))


def _looped(step: Step, sequences: States, start: States, back: bool) -> States:
    first = [_swapped(sequence) for sequence in sequences]
    count = first[0].shape[0]

    def at(k: Tensor, states: States, left: States) -> tuple[Any, ...]:
        t = count - 1 - k if back else k
        states, outputs = step(states, *(sequence[t] for sequence in first))
        written = tuple(a.write(t, o) for a, o in zip(left, outputs, strict=True))
        return k + 1, states, written

    outputs = step(start, *(sequence[0] for sequence in first))[1]
    arrays = tuple(tf.TensorArray(o.dtype, count) for o in outputs)
    _, _, left = tf.while_loop(
        lambda k, *_: k < count, at, (0, start, arrays), parallel_iterations=1
    )
    return tuple(_swapped(array.stack()) for array in left)


def with_slope(activate: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """An elementwise function and its derivative at x, both in the shape of x."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = activate(x)
    # "linear" hands its input through, which a tape answers with ones
    return y, tape.gradient(y, x)


def delayed(states: Tensor) -> Tensor:
    """(S, W, B, C) states one step earlier, zeros first."""
    earlier, last = tf.split(states, [states.shape[1] - 1, 1], axis=1)
    return tf.concat([tf.zeros_like(last), earlier], axis=1)


def kernel_gradient(multiplied: Tensor, change: Tensor) -> Tensor:
    """(S, C, G) gradient of a kernel by what it multiplied (S, W, B, C), change (S, W, B, G)."""
    return tf.matmul(_by_member(multiplied), _by_member(change), transpose_a=True)


def _swapped(x: Tensor) -> Tensor:
    """(S, W, B, C) to (W, S, B, C), or back."""
    return tf.transpose(x, (1, 0, 2, 3))


def _by_member(x: Tensor) -> Tensor:
    """(S, W, B, C) to (S, W * B, C)."""
    return tf.reshape(x, (tf.shape(x)[0], -1, x.shape[-1]))
