"""Noise that is a pure function of seed and time, so that a simulation can be cut anywhere.

A running generator would give other numbers when time is cut in other chunks. Here time is cut in
fixed blocks, and each block has a generator of its own, seeded by its position.
"""

from collections.abc import Callable

import numpy as np

from backend.ports import Floats

BLOCK = 144
"""Grid points that share a generator."""
_BEFORE_ANY_STORY = 1 << 40
"""Keeps the seeds of blocks before a story's start positive, as seeds have to be."""


def generator(seed: int, stream: int, block: int) -> np.random.Generator:
    """The generator of one block of one stream of numbers."""
    return np.random.default_rng([seed, stream, block + _BEFORE_ANY_STORY])


def white(seed: int, stream: int, first: int, last: int) -> Floats:
    """Independent standard normal numbers of the grid points `[first, last)`."""
    return _drawn(seed, stream, first, last, lambda random: random.standard_normal(BLOCK))


def uniform(seed: int, stream: int, first: int, last: int) -> Floats:
    """Independent numbers in [0, 1) of the grid points `[first, last)`."""
    return _drawn(seed, stream, first, last, lambda random: random.random(BLOCK))  # nosec B311


def red(seed: int, stream: int, first: int, last: int, memory: float) -> Floats:
    """Standard normal numbers that forget each other over `memory` grid points.

    The weighted sum of white noise over the last five memories, scaled to variance 1.
    """
    if last <= first:
        return np.empty(0)
    reach = int(5 * memory)
    weights = np.exp(-np.arange(reach) / memory)
    weights /= np.sqrt(np.sum(weights**2))
    return np.convolve(white(seed, stream, first - reach + 1, last), weights, mode="valid")


def _drawn(
    seed: int, stream: int, first: int, last: int, draw: Callable[[np.random.Generator], Floats]
) -> Floats:
    block, skip = divmod(first, BLOCK)
    blocks = range(block, -(-last // BLOCK))
    numbers = [draw(generator(seed, stream, block)) for block in blocks]
    return np.concatenate([np.empty(0), *numbers])[skip : skip + last - first]
