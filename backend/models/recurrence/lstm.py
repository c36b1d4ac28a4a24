"""The recurrence of an LSTM.

Shapes: S members, W steps, B windows, U units. Gates lie side by side on the last axis in the
order of Keras: input, forget, candidate, output.

Source: Hochreiter and Schmidhuber, Long Short-Term Memory, 1997; forget gate by Gers, Schmidhuber
and Cummins, 2000.
"""

from collections.abc import Callable, Sequence

from backend.models.recurrence import steps
from backend.models.recurrence.steps import States
from backend.models.runtime import Tensor, keras, tf


def run(x: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor, activation: str) -> Tensor:
    """All hidden states of an LSTM that starts from zeros.

    Input and hidden state are multiplied side by side, with both kernels one above the other: one
    matrix a step either way, and nothing of four times the units is laid out in advance.

    Args:
        x: (S, W, B, C) inputs.
        kernel: (S, C, 4U).
        recurrent: (S, U, 4U).
        bias: (S, 4U).
        activation: name of the activation of candidate and output; gates are sigmoid.

    Returns:
        (S, W, B, U) hidden states.
    """
    activate = keras.activations.get(activation)

    @tf.custom_gradient
    def recurrence(
        x: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor
    ) -> tuple[Tensor, Callable[..., Tensor]]:
        kernels = tf.concat([kernel, recurrent], axis=1)
        *seen, hidden = _forward(x, kernels, bias, activate)

        def gradient(upstream: Tensor) -> tuple[Tensor, ...]:
            by_input, change = _backward(upstream, kernels, seen, activate)
            both = tf.concat([x, steps.delayed(hidden)], axis=-1)
            by_kernels = steps.kernel_gradient(both, change)
            by_kernel, by_recurrent = tf.split(
                by_kernels, [kernel.shape[1], recurrent.shape[1]], axis=1
            )
            return by_input, by_kernel, by_recurrent, tf.reduce_sum(change, axis=(1, 2))

        return hidden, gradient

    return recurrence(x, kernel, recurrent, bias)


def _forward(
    x: Tensor, kernels: Tensor, bias: Tensor, activate: Callable[[Tensor], Tensor]
) -> tuple[Tensor, ...]:
    """What came of all steps.

    Returns:
        Sigmoids of the sums at the gates (S, W, B, 4U), the candidate's before its activation,
        cells, and hidden states, (S, W, B, U) each. Sigmoids are kept: they cost more than memory.
    """

    def step(states: States, inputs: Tensor) -> tuple[States, States]:
        h, c = states
        sums = tf.matmul(tf.concat([inputs, h], axis=-1), kernels) + bias[:, None]
        # one function of all four sums is quicker than three of parts; the candidate's is not used
        gates = 0.5 * tf.tanh(0.5 * sums) + 0.5
        i, f, _, o = tf.split(gates, 4, axis=-1)
        g = tf.split(sums, 4, axis=-1)[2]
        c = f * c + i * activate(g)
        h = o * activate(c)
        return (h, c), (gates, g, c, h)

    units = kernels.shape[2] // 4
    shape = tf.shape(x)
    zero = tf.zeros((shape[0], shape[2], units), x.dtype)
    return steps.walk(step, (x,), (zero, zero))


def _backward(
    upstream: Tensor,
    kernels: Tensor,
    seen: Sequence[Tensor],
    activate: Callable[[Tensor], Tensor],
) -> tuple[Tensor, Tensor]:
    """Gradient of the loss by the inputs (S, W, B, C) and by the sums at the gates (S, W, B, 4U).

    `upstream` (S, W, B, U) is its gradient by the hidden states, `seen` what `_forward` left of
    gates, candidates and cells. Walking back, the gradient that reaches a cell spreads to three
    gates and to the cell before, with factors known in advance.
    """
    gates, g, cells = seen
    i, f, _, o = tf.split(gates, 4, axis=-1)
    candidate, candidate_slope = steps.with_slope(activate, g)
    output, output_slope = steps.with_slope(activate, cells)
    units = cells.shape[-1]
    inputs = kernels.shape[1] - units

    def step(
        states: States, arriving: Tensor, to_cell: Tensor, forget: Tensor, *factors: Tensor
    ) -> tuple[States, States]:
        dh, dc = states
        dh = dh + arriving
        dc = dc + dh * to_cell
        ways = zip((dc, dc, dc, dh), factors, strict=True)
        change = tf.concat([way * factor for way, factor in ways], axis=-1)
        by_input, by_state = tf.split(
            tf.matmul(change, kernels, transpose_b=True), [inputs, units], axis=-1
        )
        return (by_state, dc * forget), (by_input, change)

    # joined only after they are multiplied: XLA is slow at joining what it still computes
    factors = (
        candidate * i * (1 - i),
        steps.delayed(cells) * f * (1 - f),
        i * candidate_slope,
        output * o * (1 - o),
    )
    zero = tf.zeros_like(upstream[:, 0])
    sequences = (upstream, o * output_slope, f, *factors)
    by_input, change = steps.walk(step, sequences, (zero, zero), back=True)
    return by_input, change
