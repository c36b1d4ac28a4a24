"""Marked normal time is rarely pure: the worst rows are left out, and listed for the operator."""

import numpy as np
from numpy.typing import NDArray

from backend.ports import Floats

FAR = 10.0
"""Robust deviations above the median: far beyond the tail that noise has."""


def impure_rows(error: Floats, share: float, far: float = FAR) -> NDArray[np.bool_]:
    """Rows whose held-out error is out of all proportion, at most `share` of each series' rows.

    Judged by median and median absolute deviation, so that the rows looked for do not hide
    themselves by widening the yardstick.

    Args:
        error: (S, T) held-out error of normal rows; NaN elsewhere.
        share: most rows to leave out, 0 to 1.
        far: deviations above the median at which a row is impure.

    Returns:
        (S, T).
    """
    impure = np.zeros(error.shape, dtype=bool)
    for s in range(error.shape[0]):
        known = np.flatnonzero(np.isfinite(error[s]))
        most = int(share * known.size)
        if not most:
            continue
        errors = error[s, known]
        center = np.median(errors)
        deviation = 1.4826 * np.median(np.abs(errors - center))
        worst = known[np.argsort(-errors, kind="stable")[:most]]
        impure[s, worst] = error[s, worst] > center + far * deviation
    return impure
