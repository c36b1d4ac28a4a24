"""Robust z score: each channel by itself, in deviations from its median. A baseline."""

from collections.abc import Mapping

import numpy as np

from backend.models.estimator import Arrays, Estimator, Opinion, Shape
from backend.ports import Floats, Times
from backend.specs import RobustZSpec

_TO_DEVIATION = 1.4826
"""What a median absolute deviation is in standard deviations of a normal distribution."""


class RobustZ(Estimator[RobustZSpec]):
    """Root of the mean of squared robust z scores over the channels of a window's last row.

    The unit of each channel is its median absolute deviation; of one that rests for more than half
    of the time, its standard deviation. What is expected is the median.

    The bar that every other kind has to clear: it knows no relation between channels and no time,
    and finds what is plainly out of range. The mean over channels, not the largest of them, so that
    one noisy channel of many does not decide alone.

    Source: Iglewicz and Hoaglin, How to detect and handle outliers, 1993.
    """

    def shapes(self) -> Mapping[str, Shape]:
        """Of one member."""
        return {"median": (self.channels,), "deviation": (self.channels,)}

    def learn(self, windows: Floats, times: Times, seed: int) -> Arrays:
        """Median and deviation of each channel."""
        rows = self._last(windows)
        median = np.median(rows, axis=0)
        deviation = _TO_DEVIATION * np.median(np.abs(rows - median), axis=0)
        deviation = np.where(deviation > 0, deviation, rows.std(axis=0))
        return {"median": median, "deviation": np.where(deviation > 0, deviation, 1.0)}

    def say(self, known: Arrays, windows: Floats, times: Times) -> Opinion:
        """How far the last row is out, by channel."""
        off = (self._last(windows) - known["median"]) / known["deviation"]
        expected = np.broadcast_to(np.tile(known["median"], self.window), windows.shape)
        return Opinion.distance(np.square(off) / self.channels, self.channels, expected)

    def _last(self, windows: Floats) -> Floats:
        """(N, F) last rows."""
        return windows[:, -self.channels :]
