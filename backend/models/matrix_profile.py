"""Matrix profile: how far the most similar normal shape is."""

from collections.abc import Mapping

import numpy as np

from backend.models.distances import nearest
from backend.models.estimator import Arrays, Estimator, Opinion, Shape
from backend.ports import Floats, Times
from backend.specs import MatrixProfileSpec

_FLAT = 0.1
"""Share of a channel's deviation in training below which a window of it counts as flat: brought to
deviation 1, mere noise would be its shape."""


class MatrixProfile(Estimator[MatrixProfileSpec]):
    """Distance of a window from the nearest of training, each channel at mean 0 and deviation 1.

    The root of the mean over channels of the squared distances; the channels' parts are exact. A
    channel that moves by less than a tenth of its deviation in training is divided by that tenth.
    Expected is the nearest window, brought to mean and deviation of the one seen. All channels have
    their nearest window at one time of training, as what counts is how they go together.

    Works where normal repeats itself, at whatever level and height: levels and heights themselves
    are not seen at all, and steady noise has no shape to find again.

    Sources: Yeh et al., Matrix profile I: all pairs similarity joins for time series, 2016; Yeh,
    Kavantzas and Keogh, Matrix profile VI: meaningful multidimensional motif discovery, 2017.
    """

    def shapes(self) -> Mapping[str, Shape]:
        """Of one member."""
        return {"rows": (None, self.window * self.channels), "flat": (self.channels,)}

    def learn(self, windows: Floats, times: Times, seed: int) -> Arrays:
        """The shapes, and the deviation of each channel below which it has none."""
        spread = windows.reshape(-1, self.channels).std(axis=0)
        flat = _FLAT * np.where(spread > 0, spread, 1.0)
        return {"rows": self._shapes(windows, flat)[0], "flat": flat}

    def say(self, known: Arrays, windows: Floats, times: Times) -> Opinion:
        """The distance, what each channel adds, and the nearest shape."""
        shapes, mean, deviation = self._shapes(windows, known["flat"])
        found = nearest(shapes, known["rows"], 1)
        expected = self._by_channel(found.middle) * deviation + mean
        return Opinion.distance(
            found.squares / self.channels, self.channels, expected.reshape(windows.shape)
        )

    def _shapes(self, windows: Floats, flat: Floats) -> tuple[Floats, Floats, Floats]:
        """(N, D) shapes, and the (N, 1, F) means and deviations that were taken out."""
        values = self._by_channel(windows)
        mean = values.mean(axis=1, keepdims=True)
        deviation = np.maximum(values.std(axis=1, keepdims=True), flat)
        return ((values - mean) / deviation).reshape(windows.shape), mean, deviation

    def _by_channel(self, windows: Floats) -> Floats:
        return windows.reshape(len(windows), self.window, self.channels)
