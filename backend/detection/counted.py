"""How good flags are that were only counted, and what cannot be said.

Apart from `evaluation.py`, as the pages ask for it: that loads scikit-learn, which they do without.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from backend.ports import Floats

UNDEFINED = float("nan")


def harmonic(a: ArrayLike, b: ArrayLike) -> Floats:
    """Harmonic mean, 0 where both are 0."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    total = a + b
    mean: Floats = np.divide(2 * a * b, total, out=np.zeros_like(total), where=total > 0)
    return mean


@dataclass(frozen=True)
class Counted:
    """Figures of flags that were only counted, of one limit or of K at once; (), or (K,).

    NaN where no row was labelled an anomaly (`precision`, `recall`, `f1`) or normal (`far`).
    """

    precision: Floats
    recall: Floats
    f1: Floats
    far: Floats


def of_counts(hits: ArrayLike, false: ArrayLike, anomalous: int, normal: int) -> Counted:
    """The figures of `decide` from counts.

    Args:
        hits: anomalous rows that are flagged, of each limit.
        false: normal rows that are flagged, of each limit.
        anomalous: rows labelled as anomalies.
        normal: rows labelled normal.
    """
    hits, false = np.asarray(hits, dtype=np.float64), np.asarray(false, dtype=np.float64)
    flagged, unknown = hits + false, np.full(hits.shape, UNDEFINED)
    precision = np.divide(hits, flagged, out=np.zeros(hits.shape), where=flagged > 0)
    recall = hits / anomalous if anomalous else unknown
    f1 = harmonic(precision, recall) if anomalous else unknown
    return Counted(
        precision if anomalous else unknown, recall, f1, false / normal if normal else unknown
    )
