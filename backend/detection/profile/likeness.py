"""Channels that say nearly the same."""

from dataclasses import dataclass

import numpy as np

from backend.ports import Floats

MOST_PAIRS = 20

_MOST_NUMBERS, _FEWEST_ROWS = 4_000_000, 30
_STRONG, _SAME = 0.98, 0.99999


@dataclass(frozen=True)
class Pair:
    """Two channels, by index, and how they go together, from -1 to 1."""

    one: int
    other: int
    correlation: float

    @property
    def same(self) -> bool:
        """Whether one is the other in other units."""
        return abs(self.correlation) >= _SAME


def alike(values: Floats) -> tuple[Pair, ...]:
    """The pairs that go together most, strongest first.

    Args:
        values: (T, F); some of many rows are looked at, missing values count as the mean.
    """
    rows, channels = values.shape
    if channels < 2 or rows < _FEWEST_ROWS:
        return ()
    some = values[:: max(1, -(-rows * channels // _MOST_NUMBERS))]
    there = np.isfinite(some)
    count = np.maximum(there.sum(axis=0), 1)
    largest = np.where(there, np.abs(some), 0.0).max(axis=0)
    scaled = np.where(there, some, 0.0) / np.where(largest > 0, largest, 1.0)
    centered = np.where(there, scaled - scaled.sum(axis=0) / count, 0.0)
    size = np.sqrt(np.square(centered).sum(axis=0))
    varies = size > 1e-9 * np.sqrt(count)
    even = np.where(varies, centered, 0.0) / np.where(varies, size, 1.0)
    correlation = np.clip(np.triu(even.T @ even, 1), -1.0, 1.0)
    one, other = np.nonzero(np.abs(correlation) >= _STRONG)
    strength = correlation[one, other]
    order = np.argsort(-np.abs(strength), kind="stable")[:MOST_PAIRS]
    return tuple(Pair(int(one[i]), int(other[i]), float(strength[i])) for i in order)
