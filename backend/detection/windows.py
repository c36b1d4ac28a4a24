"""Windows: W consecutive usable rows; they never straddle a gap or the edge of a normal range."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from backend.detection.runs import run_lengths
from backend.ports import Floats


def full_windows(usable: NDArray[np.bool_], window: int) -> NDArray[np.bool_]:
    """(S, T) whether a row is the last of `window` usable rows in a row."""
    return run_lengths(usable) >= window


def windows_ending_at(values: Floats, first: int, stop: int, window: int) -> Floats:
    """All windows whose last row is in `[first, stop)`.

    Args:
        values: (S, T, F).
        first: at least `window - 1`.
        stop: at most T.
        window: W.

    Returns:
        (S, stop - first, W, F), a read-only view.
    """
    view = sliding_window_view(values[:, first - window + 1 : stop], window, axis=1)
    return np.moveaxis(view, -1, 2)


def gather(values: Floats, ends: NDArray[np.int64], window: int) -> Floats:
    """The windows whose last rows are given, series by series.

    Args:
        values: (S, T, F).
        ends: (S, N) index of each window's last row, at least `window - 1`.
        window: W.

    Returns:
        (S, N, W, F).
    """
    index = ends[:, :, None] + np.arange(1 - window, 1)
    series = np.arange(values.shape[0])[:, None, None]
    return np.asarray(values[series, index], dtype=np.float64)
