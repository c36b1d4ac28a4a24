"""TensorFlow and Keras, loaded quietly and set to give the same numbers in every run.

Beside a worker that is told its share of threads the one place that writes to `os.environ`:
TensorFlow reads these settings while it is imported and offers no other way. The registry imports
this module on the first use of a model, never before.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

# Only errors are shown to the operator, unless the environment asks for more.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# oneDNN picks its kernels by processor, which costs repeatability, and is slower on small layers.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
# The backend of a user's own Keras projects does not matter here.
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import tensorflow as tf

from backend.exceptions import NormalcyError
from backend.models.processors import threads

# TensorFlow takes the programs of different architectures for one that is compiled again and again.
tf.get_logger().setLevel("ERROR")
tf.config.experimental.enable_op_determinism()
# A program that is compiled runs on these, however many programs run at once.
with suppress(RuntimeError):  # a notebook has used TensorFlow before
    tf.config.threading.set_intra_op_parallelism_threads(threads())
# Nothing here draws from TensorFlow, but a notebook's own networks may: unseeded draws are refused
# from now on.
tf.random.set_seed(0)

Tensor: TypeAlias = Any
"""A `tf.Tensor`; TensorFlow ships no types."""

Weights: TypeAlias = dict[str, Tensor]
"""Weights by name (`layer.weight`), each with a leading series axis."""

__all__ = ["Tensor", "Weights", "keras", "tf", "translated"]


@contextmanager
def translated(work: str) -> Iterator[None]:
    """Turn TensorFlow's exceptions into ours; `work` says what was going on.

    Raises:
        NormalcyError: TensorFlow gave up, most likely for want of memory.
    """
    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        raise NormalcyError(
            f"{work} needs more memory than there is: lower the model's batch, window or units,"
            " or watch fewer series with one detector"
        ) from error
    except tf.errors.OpError as error:
        first = (error.message or type(error).__name__).splitlines()[0]
        raise NormalcyError(f"{work} failed inside TensorFlow: {first}") from error
