"""Which channels an error comes from."""

import numpy as np
from numpy.typing import NDArray

from backend.detection.errors import by_row
from backend.ports import Floats

TOP = 3


def shares(error: Floats, counted: NDArray[np.bool_]) -> Floats:
    """Each channel's share of the error.

    Args:
        error: (S, T, F) in units of the channels' spread; NaN where not judged.
        counted: (S, F) channels whose error counts, or (S, T, F) where that differs by row.

    Returns:
        (S, T, F) that sums to 1 over the channels, or to 0 where there is no error to share.
    """
    part = np.where(by_row(counted) & np.isfinite(error), error, 0.0)
    total = part.sum(axis=2, keepdims=True)
    return np.divide(part, total, out=np.zeros_like(part), where=total > 0)


def top_channels(share: Floats) -> tuple[NDArray[np.int64], Floats]:
    """The three largest shares.

    Args:
        share: (S, T, F).

    Returns:
        (S, T, 3) channel index, -1 where there is none, and (S, T, 3) its share.
    """
    wanted = min(TOP, share.shape[2])
    order = np.argsort(-share, axis=2, kind="stable")[:, :, :wanted]
    value = np.take_along_axis(share, order, axis=2)
    order = np.where(value > 0, order, -1)
    missing = ((0, 0), (0, 0), (0, TOP - wanted))
    return (
        np.pad(order, missing, constant_values=-1),
        np.pad(np.where(order >= 0, value, 0.0), missing),
    )
