"""What is usual of each channel's error on held-out normal rows, to say how unusual one is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.ports import Floats


@dataclass(frozen=True)
class Usual:
    """Mean and standard deviation of each channel's part of the error, (S, F)."""

    mean: Floats
    deviation: Floats

    @classmethod
    def unknown(cls, shape: tuple[int, ...]) -> "Usual":
        """Before anything is learned, (S, F)."""
        return cls(np.zeros(shape), np.zeros(shape))


def learn_usual(by_channel: Floats, pure: NDArray[np.bool_]) -> Usual:
    """Learn from held-out normal rows.

    Args:
        by_channel: (S, T, F) parts of the error; NaN is left out.
        pure: (S, T) rows that were not left out as impure.
    """
    known = np.isfinite(by_channel) & pure[:, :, None]
    count = np.maximum(known.sum(axis=1), 1)
    mean = np.where(known, by_channel, 0.0).sum(axis=1) / count
    off = np.where(known, by_channel - mean[:, None, :], 0.0)
    return Usual(mean, np.sqrt(np.square(off).sum(axis=1) / count))
