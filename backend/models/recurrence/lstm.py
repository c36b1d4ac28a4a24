"""The recurrence of an LSTM.

Shapes: W steps, S members, B windows, U units. Gates lie side by side on the last axis in the
order of Keras: input, forget, candidate, output.

Source: Hochreiter and Schmidhuber, Long Short-Term Memory, 1997; forget gate by Gers, Schmidhuber
and Cummins, 2000.
"""

from collections.abc import Callable

from backend.models.recurrence import steps
from backend.models.recurrence.steps import States
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
        gates, cells, hidden = _forward(steps.swapped(projected), recurrent, activate)
        hidden = steps.swapped(hidden)

        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
            changes = _backward(steps.swapped(upstream), recurrent, gates, cells, activate)
            change = steps.swapped(changes)
            return change, steps.kernel_gradient(hidden, change)

        return hidden, gradient

    return recurrence(projected, recurrent)


def _forward(
    projected: Tensor, recurrent: Tensor, activate: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Gates before their activation (W, S, B, 4U), cells and hidden states (W, S, B, U)."""

    def step(states: States, inputs: Tensor) -> tuple[States, States]:
        h, c = states
        gate = inputs + tf.matmul(h, recurrent)
        i, f, g, o = tf.split(gate, 4, axis=-1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * activate(g)
        h = tf.sigmoid(o) * activate(c)
        return (h, c), (gate, c, h)

    zero = tf.zeros_like(projected[0, :, :, : recurrent.shape[1]])
    gates, cells, hidden = steps.walk(step, (projected,), (zero, zero))
    return gates, cells, hidden


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
    i, f, g, o = tf.split(gates, 4, axis=-1)
    i, f, o = tf.sigmoid(i), tf.sigmoid(f), tf.sigmoid(o)
    candidate, candidate_slope = steps.with_slope(activate, g)
    output, output_slope = steps.with_slope(activate, cells)
    factors = tf.concat(
        [
            candidate * i * (1 - i),
            steps.delayed(cells, axis=0) * f * (1 - f),
            i * candidate_slope,
            output * o * (1 - o),
        ],
        axis=-1,
    )

    def step(
        states: States, arriving: Tensor, to_cell: Tensor, factor: Tensor, forget: Tensor
    ) -> tuple[States, States]:
        dh, dc = states
        dh = dh + arriving
        dc = dc + dh * to_cell
        change = tf.concat([dc, dc, dc, dh], axis=-1) * factor
        return (tf.matmul(change, recurrent, transpose_b=True), dc * forget), (change,)

    zero = tf.zeros_like(upstream[0])
    sequences = (upstream, o * output_slope, factors, f)
    (changes,) = steps.walk(step, sequences, (zero, zero), back=True)
    return changes
