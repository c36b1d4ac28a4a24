"""The recurrence without gates: the hidden state is an activation of input and state before.

Shapes: S members, W steps, B windows, U units.

Source: Elman, Finding structure in time, 1990.
"""

from collections.abc import Callable

from backend.models.recurrence import steps
from backend.models.recurrence.steps import States
from backend.models.runtime import Tensor, keras, tf


def run(projected: Tensor, recurrent: Tensor, activation: str) -> Tensor:
    """All hidden states of a recurrent layer that starts from zeros.

    Args:
        projected: (S, W, B, U) inputs times kernel plus bias.
        recurrent: (S, U, U) recurrent kernel.
        activation: name of the activation.

    Returns:
        (S, W, B, U) hidden states.
    """
    activate = keras.activations.get(activation)

    def forward(states: States, inputs: Tensor) -> tuple[States, States]:
        sums = inputs + tf.matmul(states[0], recurrent)
        hidden = activate(sums)
        return (hidden,), (sums, hidden)

    def backward(states: States, arriving: Tensor, slope: Tensor) -> tuple[States, States]:
        change = (states[0] + arriving) * slope
        return (tf.matmul(change, recurrent, transpose_b=True),), (change,)

    @tf.custom_gradient
    def recurrence(projected: Tensor, recurrent: Tensor) -> tuple[Tensor, Callable[..., Tensor]]:
        zero = tf.zeros_like(projected[:, 0])
        sums, hidden = steps.walk(forward, (projected,), (zero,))

        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
            slopes = steps.with_slope(activate, sums)[1]
            sequences = (upstream, slopes)
            (changes,) = steps.walk(backward, sequences, (zero,), back=True)
            return changes, steps.kernel_gradient(steps.delayed(hidden), changes)

        return hidden, gradient

    return recurrence(projected, recurrent)
