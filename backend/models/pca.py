"""Principal components of the window: how far within their plane, and how far from it."""

from collections.abc import Mapping

import numpy as np

from backend.models.estimator import Arrays, Estimator, Opinion, Shape
from backend.ports import Floats, Times
from backend.specs.estimators import ComponentsSpec

_NOTHING = 1e-10
"""Share of the mean variance below which a direction is rounding, not variance."""


class Pca(Estimator[ComponentsSpec]):
    """Hotelling's T2, the squared prediction error (SPE, Q), or the sum of both.

    T2 is the squared distance from the mean within the plane of the principal components, in units
    of their variances; SPE the squared distance to the plane. `combined` divides each by its mean
    on normal rows and adds them. What a channel adds to T2 are the squares of the symmetric root,
    to SPE its squared residual: both are exact and sum to the statistic. Expected is the point in
    the plane.

    Works where channels move together and linearly; an anomaly that keeps to the plane and near
    its middle is not seen, nor one among several kinds of normal.

    Sources: Jackson and Mudholkar, Control procedures for residuals associated with principal
    component analysis, 1979; Yue and Qin, Reconstruction-based fault identification using a
    combined index, 2001.
    """

    def shapes(self) -> Mapping[str, Shape]:
        """Of one member."""
        size = self.window * self.channels
        return {
            "mean": (size,),
            "basis": (size, None),
            "variances": (None,),
            "usual_t2": (),
            "usual_spe": (),
        }

    def learn(self, windows: Floats, times: Times, seed: int) -> Arrays:
        """The components, and what the statistics usually are."""
        mean = windows.mean(axis=0)
        off = windows - mean
        variances, directions = np.linalg.eigh(off.T @ off / len(off))
        count = self._count(variances[::-1])
        known = {
            "mean": mean,
            "basis": directions[:, ::-1][:, :count],
            "variances": np.maximum(variances[::-1][:count], _NOTHING),
        }
        inside, outside = _split(known, windows)
        usual = {"usual_t2": np.square(inside), "usual_spe": np.square(outside)}
        return known | {name: _mean_of_sums(squares) for name, squares in usual.items()}

    def say(self, known: Arrays, windows: Floats, times: Times) -> Opinion:
        """The statistic, what each channel adds, and the point in the plane."""
        inside, outside = _split(known, windows)
        squares = np.zeros_like(windows)
        if self.spec.statistic != "spe":
            squares += np.square(inside) / known["usual_t2"]
        if self.spec.statistic != "t2":
            squares += np.square(outside) / known["usual_spe"]
        return Opinion.distance(squares, self.channels, windows - outside)

    def _count(self, variances: Floats) -> int:
        """How many components are kept, of variances in falling order."""
        real = max(1, int((variances > _NOTHING * variances.mean()).sum()))
        if self.spec.components is not None:
            return min(self.spec.components, real)
        explained = np.cumsum(variances) / max(float(variances.sum()), _NOTHING)
        return min(int(np.searchsorted(explained, self.spec.variance)) + 1, real)


def _split(known: Arrays, windows: Floats) -> tuple[Floats, Floats]:
    """(N, D) symmetric root of T2, and what lies outside of the plane."""
    off, basis = windows - known["mean"], known["basis"]
    at = off @ basis
    return at / np.sqrt(known["variances"]) @ basis.T, off - at @ basis.T


def _mean_of_sums(squares: Floats) -> Floats:
    """Mean of the sums of rows, as a unit: one where there is next to nothing."""
    mean = squares.sum(axis=1).mean()
    return np.asarray(mean if mean > _NOTHING * squares.shape[1] else 1.0)
