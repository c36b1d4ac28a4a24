"""Each channel given all others and the rows before: what a Gaussian would have it be."""

from collections.abc import Mapping

import numpy as np

from backend.models.estimator import Arrays, Estimator, Opinion, Shape
from backend.models.gaussian import last_given_all_else, shrunk
from backend.ports import Floats, Times
from backend.specs import ConditionalGaussianSpec


class ConditionalGaussian(Estimator[ConditionalGaussianSpec]):
    """How far the last row's channels are from what everything else lets expect.

    A Gaussian is fitted to windows. Each channel of the last row has, given the other channels of
    that row and all rows before, a mean and a deviation, both read from the inverse covariance; the
    raw value is the root of the summed squares of all distances from the mean in deviations. What
    is expected is that mean, so that a fault shows as what the channel should have read.

    The covariance is shrunk by as much as its own noise warrants, and `ridge` is added to every
    variance (that of a scaled channel is about 1), as in ridge regression: what other channels
    determine exactly would otherwise be judged by the last digit.

    Works where channels belong together or carry on from what they were, with few rows and many
    channels as well; it is linear, and two kinds of normal between which the relations change are a
    case for `gaussian_mixture` or a network.

    Sources: Lauritzen, Graphical models, 1996, section 5.1 (conditionals from the precision); Hoerl
    and Kennard, Ridge regression, 1970; Ledoit and Wolf, 2004.
    """

    def shapes(self) -> Mapping[str, Shape]:
        """Of one member."""
        size = self.window * self.channels
        return {"mean": (size,), "gain": (size, self.channels), "deviation": (self.channels,)}

    def learn(self, windows: Floats, times: Times, seed: int) -> Arrays:
        """Mean, what turns windows into distances of the last row, and the deviations of those."""
        mean = windows.mean(axis=0)
        covariance = shrunk(windows - mean, centered=True)
        covariance[np.diag_indices_from(covariance)] += self.spec.ridge
        precision = np.asarray(np.linalg.inv(covariance), np.float64)[:, -self.channels :]
        gain, deviation = last_given_all_else(precision)
        return {"mean": mean, "gain": gain, "deviation": deviation}

    def say(self, known: Arrays, windows: Floats, times: Times) -> Opinion:
        """The distance, what each channel adds, and the window with its last row as expected."""
        off = (windows - known["mean"]) @ known["gain"]
        expected = windows.copy()
        expected[:, -self.channels :] -= off
        squares = np.square(off / known["deviation"])
        return Opinion.distance(squares, self.channels, expected)
