"""Mahalanobis distance: from the mean, in units of the covariance."""

import warnings
from collections.abc import Mapping

import numpy as np
from sklearn.covariance import MinCovDet, empirical_covariance, ledoit_wolf

from backend.models.estimator import Arrays, Estimator, Opinion, Shape
from backend.models.gaussian import inverse_root, with_last_expected
from backend.ports import Floats, Times
from backend.specs import MahalanobisSpec

_ROWS_A_NUMBER = 5
"""Windows for each number of a window that a robust covariance takes (Rousseeuw's rule)."""


class Mahalanobis(Estimator[MahalanobisSpec]):
    """The distance from the mean that allows for how much, and how jointly, channels vary.

    The covariance is shrunk by as much as its own noise warrants (`ledoit_wolf`), that of the half
    of the windows that lie closest together (`robust`; shrunk where there are fewer than five
    windows a number, or that half never varies), or plain (`empirical`). `ridge` is added to every
    variance, that of a scaled channel being about 1: what others determine exactly would otherwise
    be judged by its last digit, and rows that resemble their neighbors make a covariance look surer
    than it is. The squares of the symmetric root are the channels' parts; they sum to the squared
    distance. Expected is the window with each channel of its last row as its mean, given all else.

    Several rows a window, as a process with inertia tells more by how it got there. Works where
    normal is one cloud, even of many channels and few rows; several kinds of normal are a case for
    `gaussian_mixture`.

    Sources: Ledoit and Wolf, A well-conditioned estimator for large-dimensional covariance
    matrices, 2004; Rousseeuw and Van Driessen, A fast algorithm for the minimum covariance
    determinant estimator, 1999.
    """

    def shapes(self) -> Mapping[str, Shape]:
        """Of one member."""
        size = self.window * self.channels
        return {"mean": (size,), "root": (size, size)}

    def learn(self, windows: Floats, times: Times, seed: int) -> Arrays:
        """Center, and symmetric root of the inverse covariance."""
        mean, covariance = self._cloud(windows, seed)
        return {
            "mean": mean,
            "root": inverse_root(covariance + self.spec.ridge * np.eye(len(mean))),
        }

    def say(self, known: Arrays, windows: Floats, times: Times) -> Opinion:
        """The distance, what each channel adds, and the last row given all else."""
        mean, root = known["mean"], known["root"]
        squares = np.square((windows - mean) @ root)
        expected = with_last_expected(windows, mean, root, self.channels)
        return Opinion.distance(squares, self.channels, expected)

    def _cloud(self, windows: Floats, seed: int) -> tuple[Floats, Floats]:
        """Center and covariance."""
        if self.spec.covariance == "robust":
            found = _robust(windows, seed)
            if found is not None:
                return found
        mean = windows.mean(axis=0)
        if self.spec.covariance == "empirical":
            return mean, empirical_covariance(windows - mean, assume_centered=True)
        return mean, ledoit_wolf(windows - mean, assume_centered=True)[0]


def _robust(windows: Floats, seed: int) -> tuple[Floats, Floats] | None:
    """Center and covariance of the half that lies closest together; None where there is none."""
    if len(windows) < _ROWS_A_NUMBER * windows.shape[1]:
        return None
    with warnings.catch_warnings():
        # Told where channels depend on each other exactly; the root copes with that.
        warnings.simplefilter("ignore")
        try:
            found = MinCovDet(random_state=seed % 2**32).fit(windows)
        except ValueError:  # every channel rests for that half of the time
            return None
    return np.asarray(found.location_), np.asarray(found.covariance_)
