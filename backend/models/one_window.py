"""Losses that count windows rather than values."""

from backend.models.runtime import Tensor, tf


def present_windows(present: Tensor) -> Tensor:
    """(S, B, W, F) whether values are there to (S, B): 1.0 for a window that has any."""
    return tf.reduce_max(present, axis=(2, 3))


def summed(losses: Tensor, counted: Tensor) -> Tensor:
    """(S, 2) losses (S, B) of the windows `counted` (S, B), and how many."""
    each = tf.where(counted > 0, losses, 0.0)
    return tf.stack([tf.reduce_sum(each, axis=1), tf.reduce_sum(counted, axis=1)], axis=1)
