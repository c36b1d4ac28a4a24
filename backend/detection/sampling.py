"""A part of many things that stands for all of them."""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Kind = TypeVar("Kind", bound=np.generic)


def evenly(items: NDArray[Kind], most: int) -> NDArray[Kind]:
    """All of (N, ...) items, or `most` of them, evenly taken from the first to the last."""
    if len(items) <= most:
        return items
    chosen: NDArray[Any] = np.linspace(0, len(items) - 1, most).astype(np.int64)
    return items[chosen]
