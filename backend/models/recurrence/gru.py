"""The recurrence of a GRU whose reset gate works after the recurrent kernel, as in Keras and cuDNN.

Shapes: S members, W steps, B windows, U units. Gates lie side by side on the last axis in the
order of Keras: update, reset, candidate.

Source: Cho et al., Learning phrase representations using RNN encoder-decoder, 2014.
"""

from collections.abc import Callable

from backend.models.recurrence import steps
from backend.models.recurrence.steps import States
from backend.models.runtime import Tensor, keras, tf


def run(projected: Tensor, recurrent: Tensor, bias: Tensor, activation: str) -> Tensor:
    """All hidden states of a GRU that starts from zeros.

    Args:
        projected: (S, W, B, 3U) inputs times kernel plus bias.
        recurrent: (S, U, 3U) recurrent kernel.
        bias: (S, 3U) added to state times recurrent kernel.
        activation: name of the activation of the candidate; gates are sigmoid.

    Returns:
        (S, W, B, U) hidden states.
    """
    activate = keras.activations.get(activation)

    @tf.custom_gradient
    def recurrence(
        projected: Tensor, recurrent: Tensor, bias: Tensor
    ) -> tuple[Tensor, Callable[..., Tensor]]:
        states, hidden = _forward(projected, recurrent, bias, activate)

        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            seen = (projected, states, hidden)
            by_input, by_state = _backward(upstream, recurrent, seen, activate)
            by_kernel = steps.kernel_gradient(steps.delayed(hidden), by_state)
            return by_input, by_kernel, tf.reduce_sum(by_state, axis=(1, 2))

        return hidden, gradient

    return recurrence(projected, recurrent, bias)


def _forward(
    inputs: Tensor, recurrent: Tensor, bias: Tensor, activate: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """What the states before bring to the gates (S, W, B, 3U), and hidden states (S, W, B, U)."""

    def step(states: States, own: Tensor) -> tuple[States, States]:
        h = states[0]
        brought = tf.matmul(h, recurrent) + bias[:, None]
        update, reset, _ = tf.split(tf.sigmoid(own + brought), 3, axis=-1)
        by_input, by_state = (tf.split(x, 3, axis=-1)[2] for x in (own, brought))
        h = update * h + (1 - update) * activate(by_input + reset * by_state)
        return (h,), (brought, h)

    zero = tf.zeros_like(inputs[:, 0, :, : recurrent.shape[1]])
    brought, hidden = steps.walk(step, (inputs,), (zero,))
    return brought, hidden


def _backward(
    upstream: Tensor,
    recurrent: Tensor,
    seen: tuple[Tensor, Tensor, Tensor],
    activate: Callable[[Tensor], Tensor],
) -> tuple[Tensor, Tensor]:
    """Gradient of the loss by what inputs and states bring to the gates, (S, W, B, 3U) each.

    `upstream` (S, W, B, U) is its gradient by the hidden states; `seen` are inputs, what the states
    brought, and the hidden states. All that a step multiplies with is known in advance.
    """
    inputs, brought, hidden = seen
    update, reset, _ = tf.split(tf.sigmoid(inputs + brought), 3, axis=-1)
    before = steps.delayed(hidden)
    state = tf.split(brought, 3, axis=-1)[2]
    candidate, slope = steps.with_slope(activate, tf.split(inputs, 3, axis=-1)[2] + reset * state)
    to_candidate = (1 - update) * slope
    to_update = (before - candidate) * update * (1 - update)
    to_reset = to_candidate * state * reset * (1 - reset)
    factors = tf.concat([to_update, to_reset, to_candidate * reset], axis=-1)

    def step(
        states: States, arriving: Tensor, factor: Tensor, kept: Tensor
    ) -> tuple[States, States]:
        dh = states[0] + arriving
        change = tf.concat([dh, dh, dh], axis=-1) * factor
        return (dh * kept + tf.matmul(change, recurrent, transpose_b=True),), (dh, change)

    sequences = (upstream, factors, update)
    dh, by_state = steps.walk(step, sequences, (tf.zeros_like(upstream[:, 0]),), back=True)
    by_input = tf.concat([by_state[..., : 2 * dh.shape[-1]], dh * to_candidate], axis=-1)
    return by_input, by_state
