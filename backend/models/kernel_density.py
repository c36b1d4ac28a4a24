"""Kernel density: how sparse normal windows are around a window."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from backend.models.distances import squared
from backend.models.estimator import Arrays, Estimator, Opinion, Shape
from backend.ports import Floats, Times
from backend.specs import KernelDensitySpec

_FACTORS = (0.125, 0.25, 0.5, 1.0)
"""Bandwidths tried, in that of Scott's rule: for several clouds it is too wide."""

_HELD_OUT = 5
"""Of so many stretches of training every second one is held out to choose the bandwidth."""

_NOTHING = 1e-10
"""Variance of windows that are all alike."""


class KernelDensity(Estimator[KernelDensitySpec]):
    """Log density of normal windows, a Gaussian kernel around each of them.

    The raw value is `sqrt(2 * (log p_max - log p))`, where `p_max` is the highest density at a
    window of training: of one kernel alone, the distance in bandwidths. Parts are the squared
    differences from the windows of training, each weighted by its kernel; expected is their mean,
    weighted so.

    The bandwidth is Scott's, or a half, a quarter or an eighth of it: the one under which two of
    five stretches of training are most likely, given the others. With fewer than five windows it is
    Scott's.

    Works where normal is of any shape and few channels; of many channels nearly all kernels are
    far, and it becomes the distance from the nearest window.

    Sources: Parzen, On estimation of a probability density function and mode, 1962; Scott,
    Multivariate density estimation, 1992.
    """

    def shapes(self) -> Mapping[str, Shape]:
        """Of one member."""
        return {"rows": (None, self.window * self.channels), "bandwidth": (), "densest": ()}

    def learn(self, windows: Floats, times: Times, seed: int) -> Arrays:
        """The windows themselves, the bandwidth, and the log density where it is highest."""
        bandwidth = self.spec.bandwidth or _bandwidth(windows)
        known = {"rows": windows, "bandwidth": np.array(bandwidth)}
        return known | {"densest": _log_densities(windows, windows, bandwidth).max()}

    def say(self, known: Arrays, windows: Floats, times: Times) -> Opinion:
        """How unlikely, what each channel adds, and what is usual around here."""
        rows, bandwidth = known["rows"], float(known["bandwidth"])
        density = np.empty(len(windows))
        middle, spread = np.empty(windows.shape), np.empty(windows.shape)
        for which, kernel in squared(windows, rows):
            density[which] = _to_weights(kernel, bandwidth)
            middle[which] = kernel @ rows
            spread[which] = kernel @ np.square(rows) - np.square(middle[which])
        squares = np.square(windows - middle) + np.maximum(spread, 0.0)
        lacking = np.maximum(known["densest"] - density, 0.0)
        distance = Opinion.distance(squares / bandwidth**2, self.channels, middle)
        return replace(distance, raw=np.sqrt(2 * lacking))


def _to_weights(squares: Floats, bandwidth: float) -> Floats:
    """(n,) log of the sum of kernels; the (n, R) squared distances become their shares of it."""
    squares *= -0.5 / bandwidth**2
    top = squares.max(axis=1, keepdims=True)
    squares -= top
    total = np.exp(squares, out=squares).sum(axis=1, keepdims=True)
    squares /= total
    return np.asarray(top + np.log(total))[:, 0]


def _log_densities(windows: Floats, rows: Floats, bandwidth: float) -> Floats:
    """(N,) log of the sum of kernels around the rows."""
    found = np.empty(len(windows))
    for which, kernel in squared(windows, rows):
        found[which] = _to_weights(kernel, bandwidth)
    return found


def _bandwidth(windows: Floats) -> float:
    """That of Scott's rule, or the share of it under which held-out windows are most likely."""
    count, size = windows.shape
    spread = np.sqrt(max(float(windows.var(axis=0).mean()), _NOTHING))
    scott = float(spread * count ** (-1 / (size + 4)))
    if count < _HELD_OUT:
        return scott
    held_out = np.arange(count) * _HELD_OUT // count % 2 == 1
    seen, rows = windows[held_out], windows[~held_out]
    likelihood = {
        scott * factor: _log_densities(seen, rows, scott * factor).mean()
        - size * np.log(scott * factor)
        for factor in _FACTORS
    }
    return max(likelihood, key=lambda bandwidth: likelihood[bandwidth])
