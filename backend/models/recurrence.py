"""The recurrence of an LSTM for a fleet, with its gradient written out.

Backpropagation through time is spelled out because the general one of `tf.while_loop` adds the
gradient of the recurrent kernel up step by step; here everything that does not depend on the next
step is computed for all steps at once, which halves the time of a training step.

Shapes: W steps, S members, B windows, U units. Gates lie side by side on the last axis in the
order of Keras: input, forget, candidate, output.

Source: Hochreiter and Schmidhuber, Long Short-Term Memory, 1997; forget gate by Gers, Schmidhuber
and Cummins, 2000.
"""

from collections.abc import Callable

from backend.models.runtime import Tensor, keras, tf


def run(projected: Tensor, recurrent: Tensor, activation: str) -> Tensor:
    """All hidden states of an LSTM that starts from zeros.

    Args:
        projected: (S, W, B, 4U) inputs times kernel plus bias.
        recurrent: (S, U, 4U) recurrent kernel.
        activation: name of the activation of candidate and output; gates are sigmoid.

    Returns:
        (S, W, B, U) hidden states.
    """
    activate = keras.activations.get(activation)

    @tf.custom_gradient
    def recurrence(projected: Tensor, recurrent: Tensor) -> tuple[Tensor, Callable[..., Tensor]]:
        gates, cells, hidden = _forward(_swapped(projected), recurrent, activate)
        hidden = _swapped(hidden)

        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
            change = _swapped(_backward(_swapped(upstream), recurrent, gates, cells, activate))
            before = _delayed(hidden, axis=1)
            return change, tf.matmul(_by_member(before), _by_member(change), transpose_a=True)

        return hidden, gradient

    return recurrence(projected, recurrent)


def _forward(
    projected: Tensor, recurrent: Tensor, activate: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Gates before their activation (W, S, B, 4U), cells and hidden states (W, S, B, U)."""
    steps = projected.shape[0]
    zero = tf.zeros_like(projected[0, :, :, : recurrent.shape[1]])

    def step(
        t: Tensor, h: Tensor, c: Tensor, gates: Tensor, cells: Tensor, hidden: Tensor
    ) -> tuple[Tensor, ...]:
        gate = projected[t] + tf.matmul(h, recurrent)
        i, f, g, o = tf.split(gate, 4, axis=-1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * activate(g)
        h = tf.sigmoid(o) * activate(c)
        return t + 1, h, c, gates.write(t, gate), cells.write(t, c), hidden.write(t, h)

    arrays = [tf.TensorArray(projected.dtype, steps) for _ in range(3)]
    *_, gates, cells, hidden = tf.while_loop(
        lambda t, *_: t < steps, step, (0, zero, zero, *arrays), parallel_iterations=1
    )
    return gates.stack(), cells.stack(), hidden.stack()


def _backward(
    upstream: Tensor,
    recurrent: Tensor,
    gates: Tensor,
    cells: Tensor,
    activate: Callable[[Tensor], Tensor],
) -> Tensor:
    """Gradient of the loss by the gates before activation (W, S, B, 4U).

    `upstream` (W, S, B, U) is its gradient by the hidden states. Walking back, the gradient that
    reaches a cell spreads to three gates and to the cell before, with factors known in advance.
    """
    steps = upstream.shape[0]
    i, f, g, o = tf.split(gates, 4, axis=-1)
    i, f, o = tf.sigmoid(i), tf.sigmoid(f), tf.sigmoid(o)
    candidate, candidate_slope = _with_slope(activate, g)
    output, output_slope = _with_slope(activate, cells)
    factors = tf.concat(
        [
            candidate * i * (1 - i),
            _delayed(cells, axis=0) * f * (1 - f),
            i * candidate_slope,
            output * o * (1 - o),
        ],
        axis=-1,
    )
    to_cell = o * output_slope
    zero = tf.zeros_like(upstream[0])

    def step(k: Tensor, dh: Tensor, dc: Tensor, changes: Tensor) -> tuple[Tensor, ...]:
        t = steps - 1 - k
        dh = dh + upstream[t]
        dc = dc + dh * to_cell[t]
        change = tf.concat([dc, dc, dc, dh], axis=-1) * factors[t]
        dh = tf.matmul(change, recurrent, transpose_b=True)
        return k + 1, dh, dc * f[t], changes.write(t, change)

    changes = tf.TensorArray(upstream.dtype, steps)
    *_, changes = tf.while_loop(
        lambda k, *_: k < steps, step, (0, zero, zero, changes), parallel_iterations=1
    )
    return changes.stack()


def _with_slope(activate: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """An elementwise function and its derivative at x, both in the shape of x."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = activate(x)
    # "linear" hands its input through, which a tape answers with ones
    return y, tape.gradient(y, x)


def _delayed(states: Tensor, axis: int) -> Tensor:
    """States one step earlier, zeros first; steps lie on `axis`, 0 or 1."""
    earlier, last = tf.split(states, [states.shape[axis] - 1, 1], axis=axis)
    return tf.concat([tf.zeros_like(last), earlier], axis=axis)


def _swapped(x: Tensor) -> Tensor:
    """(S, W, B, C) to (W, S, B, C), or back."""
    return tf.transpose(x, (1, 0, 2, 3))


def _by_member(x: Tensor) -> Tensor:
    """(S, W, B, C) to (S, W * B, C)."""
    return tf.reshape(x, (tf.shape(x)[0], -1, x.shape[-1]))
