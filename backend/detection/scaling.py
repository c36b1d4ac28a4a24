"""Scaling of channels, learned from normal rows only."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from backend.ports import Floats

Scaling = Literal["minmax", "standard", "robust", "none"]

# What the distance between two quantiles of a normal distribution is, in standard deviations.
_QUARTILES_APART, _PERCENTILES_APART = 1.349, 4.653


@dataclass(frozen=True)
class Scaler:
    """`(x - center) / scale`, each (S, F); `scale` is 1 for a channel that does not vary."""

    center: Floats
    scale: Floats

    def transform(self, values: Floats) -> Floats:
        """(S, T, F) in sensor units to scaled values."""
        return (values - self.center[:, None, :]) / self.scale[:, None, :]

    def inverse(self, scaled: Floats) -> Floats:
        """(S, T, F) scaled values to sensor units."""
        return scaled * self.scale[:, None, :] + self.center[:, None, :]


def fit_scaler(values: Floats, mask: NDArray[np.bool_], scaling: Scaling) -> Scaler:
    """Learn one scaler a series.

    Args:
        values: (S, T, F).
        mask: (S, T) rows to learn from; absent values in them are left out.
        scaling: `minmax`, `standard`, `robust` (median, and the wider of quartiles and outer
            percentiles) or `none`.
    """
    series, _, channels = values.shape
    center, scale = np.zeros((series, channels)), np.ones((series, channels))
    for s in range(series):
        for f in range(channels):
            column = values[s, mask[s], f]
            column = column[np.isfinite(column)]
            if column.size and scaling != "none":
                center[s, f], scale[s, f] = _center_and_scale(column, scaling)
    return Scaler(center, scale)


def _center_and_scale(column: Floats, scaling: Scaling) -> tuple[float, float]:
    if scaling == "minmax":
        center, scale = float(column.min()), float(np.ptp(column))
    elif scaling == "standard":
        center, scale = float(column.mean()), float(column.std())
    else:
        lowest, low, center, high, highest = np.quantile(column, (0.01, 0.25, 0.5, 0.75, 0.99))
        quartiles, percentiles = high - low, highest - lowest
        # A channel that rests most of the time (a valve, a set point) has its quartiles close
        # together: by them alone its other states would lie hundreds of scales away.
        scale = max(quartiles / _QUARTILES_APART, percentiles / _PERCENTILES_APART)
        scale = float(scale) or float(column.std())
    tiny = 1e-12 * max(1.0, abs(center))
    return center, scale if scale > tiny else 1.0
