"""Local outlier factor: how much sparser it is here than around the neighbors."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from backend.models.distances import nearest
from backend.models.estimator import Arrays, Estimator, Opinion, Shape
from backend.ports import Floats, Times
from backend.specs import LocalOutlierFactorSpec

_LEAST = 0.01
"""Share of the mean reach that a reach is taken to have at least: where a machine rests, windows
are alike to the last digit, and any other would be infinitely far from them."""

_NOTHING = 1e-10
"""Reach of windows that are all alike."""


class LocalOutlierFactor(Estimator[LocalOutlierFactorSpec]):
    """The mean density around a window's neighbors, divided by that around the window.

    Density is one divided by the mean reach: the distance from each neighbor, or the neighbor's own
    distance from its last neighbor where that is larger. A factor of 1 is usual. The channels'
    parts are those to the distance from the neighbors, expected is the neighbors' mean. With fewer
    windows learned from than neighbors asked for, all of them count; a single one stands twice.

    Works where normal is dense in some places and sparse in others; where it is equally dense,
    `k_nearest` says the same with less noise.

    Source: Breunig, Kriegel, Ng and Sander, LOF: identifying density-based local outliers, 2000.
    """

    def shapes(self) -> Mapping[str, Shape]:
        """Of one member."""
        return {
            "rows": (None, self.window * self.channels),
            "radius": (None,),
            "density": (None,),
            "least": (),
        }

    def learn(self, windows: Floats, times: Times, seed: int) -> Arrays:
        """The windows, their distances from their last neighbors, and how dense it is there."""
        rows = windows if len(windows) > 1 else np.repeat(windows, 2, axis=0)
        index, distance = _neighbors_of_each(rows, self.spec.neighbors)
        radius = distance[:, -1]
        reach = np.maximum(distance, radius[index]).mean(axis=1)
        least = max(_LEAST * float(reach.mean()), _NOTHING)
        return {
            "rows": rows,
            "radius": radius,
            "density": 1 / np.maximum(reach, least),
            "least": np.array(least),
        }

    def say(self, known: Arrays, windows: Floats, times: Times) -> Opinion:
        """The factor, what each channel adds to the distance, and the mean of the neighbors."""
        count = min(self.spec.neighbors, len(known["rows"]) - 1)
        found = nearest(windows, known["rows"], count)
        reach = np.maximum(found.distance, known["radius"][found.index]).mean(axis=1)
        density = known["density"][found.index].mean(axis=1)
        distance = Opinion.distance(found.squares, self.channels, found.middle)
        return replace(distance, raw=density * np.maximum(reach, known["least"]))


def _neighbors_of_each(rows: Floats, count: int) -> tuple[NDArray[np.int64], Floats]:
    """(R, K) the nearest of each row other than itself, and their distances, in ascending order."""
    found = nearest(rows, rows, min(count, len(rows) - 1) + 1)
    itself = found.index == np.arange(len(rows))[:, None]
    # Among more that are equal to it, a row may be missing from its own neighbors.
    itself[~itself.any(axis=1), 0] = True
    shape = (len(rows), found.index.shape[1] - 1)
    return found.index[~itself].reshape(shape), found.distance[~itself].reshape(shape)
