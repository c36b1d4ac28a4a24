"""Curves that make skewed channels even, and back again; one a series and channel.

Each is steady, rises everywhere, and runs through the channel's usual value with slope one: there a
curved unit is the sensor's own, so that spreads and resolutions keep their meaning.

Sources: Yeo and Johnson, A new family of power transformations, 2000, with the power kept between 0
and 2, where the curve reaches every number and so has an inverse everywhere.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from backend.ports import Floats

Wish = Literal["none", "auto", "log", "power"]
Way = Callable[[Floats, float, float, float], Floats]
"""A curve or its inverse: values, center, width and power to values."""

STRAIGHT, LOG, POWER = 0, 1, 2
_FAR = 1e9
"""Values so many widths away are as far as any."""
_MOST_ROWS = 20_000
_SKEWED = 1.0
_EDGES = (0.005, 0.995)


@dataclass(frozen=True)
class Curves:
    """What each channel goes through.

    Attributes:
        kind: (S, F) straight, logarithm or power.
        center: (S, F) the usual value, where the slope is one.
        width: (S, F) of a power: the channel's spread; of a logarithm: below this it is a line.
        power: (S, F) Yeo and Johnson's lambda.
    """

    kind: NDArray[np.int64]
    center: Floats
    width: Floats
    power: Floats

    def bend(self, values: Floats) -> Floats:
        """(S, T, F) in sensor units to curved units; NaN stays, nothing else becomes NaN."""
        return self._each(values, (_log, _power))

    def unbend(self, values: Floats) -> Floats:
        """(S, T, F) back to sensor units."""
        return self._each(values, (_unlog, _unpower))

    def _each(self, values: Floats, ways: tuple[Way, Way]) -> Floats:
        if not self.kind.any():
            return values
        result = values.copy()
        for s, f in zip(*np.nonzero(self.kind), strict=True):
            way = ways[0] if self.kind[s, f] == LOG else ways[1]
            shape = self.center[s, f], self.width[s, f], self.power[s, f]
            result[s, :, f] = way(values[s, :, f], *map(float, shape))
        return result


def learn_curves(values: Floats, rows: NDArray[np.bool_], wishes: Sequence[Wish]) -> Curves:
    """Learn from normal rows.

    Args:
        values: (S, T, F) sensor units.
        rows: (S, T) to learn from; of many some are taken, evenly.
        wishes: what is asked for each of the F channels. A logarithm that no positive value speaks
            for, and a power of a channel that does not vary, are left straight.
    """
    series, _, channels = values.shape
    shape = series, channels
    found = Curves(np.zeros(shape, np.int64), np.zeros(shape), np.ones(shape), np.ones(shape))
    for s in range(series):
        for f, wish in enumerate(wishes):
            if wish == "none":
                continue
            column = values[s, rows[s], f]
            column = column[np.isfinite(column)]
            column = column[:: max(1, len(column) // _MOST_ROWS)]
            kind, *curve = _learn(column, wish) if column.size else (STRAIGHT, 0.0, 1.0, 1.0)
            found.kind[s, f] = kind
            found.center[s, f], found.width[s, f], found.power[s, f] = curve
    return found


def _learn(column: Floats, wish: Wish) -> tuple[int, float, float, float]:
    # loaded where a curve is learned: it takes half a second
    from scipy.optimize import minimize_scalar  # noqa: PLC0415
    from scipy.stats import skew, yeojohnson_llf  # noqa: PLC0415

    if wish == "log":
        positive = column[column > 1e-12 * np.abs(column).max()]
        if not positive.size:
            return STRAIGHT, 0.0, 1.0, 1.0
        low, center = np.quantile(positive, (0.01, 0.5))
        return LOG, float(center), float(low), 0.0
    center = float(np.median(column))
    low, high = np.quantile(column, (0.25, 0.75))
    width = float(high - low) / 1.349 or float(column.std())
    if width <= 1e-12 * max(1.0, abs(center)):
        return STRAIGHT, 0.0, 1.0, 1.0
    usual = np.clip((column - center) / width, -_FAR, _FAR)
    # A few far values would choose the power alone.
    usual = np.clip(usual, *np.quantile(usual, _EDGES))
    if float(np.ptp(usual)) <= 1e-9:
        return STRAIGHT, 0.0, 1.0, 1.0
    with np.errstate(all="ignore"):
        best = minimize_scalar(lambda power: -yeojohnson_llf(power, usual), bounds=(0.0, 2.0))
    power = float(best.x) if np.isfinite(best.fun) else 1.0
    if wish == "auto":
        before, after = abs(skew(usual)), abs(skew(_yeo_johnson(usual, power)))
        if not (before > _SKEWED and after < before / 2):
            return STRAIGHT, 0.0, 1.0, 1.0
    return POWER, center, width, power


def _log(x: Floats, center: float, low: float, _: float) -> Floats:
    below = np.maximum(x, -_FAR * center) - low
    line = center * (1.0 + np.log(low / center)) + below * (center / low)
    curve = center * (1.0 + np.log(np.maximum(x, low) / center))
    return np.where(x > low, curve, line)


def _unlog(y: Floats, center: float, low: float, _: float) -> Floats:
    joint = center * (1.0 + np.log(low / center))
    curve = center * np.exp(np.minimum(y / center - 1.0, np.log(_FAR)))
    return np.where(y > joint, curve, low + (y - joint) * (low / center))


def _power(x: Floats, center: float, width: float, power: float) -> Floats:
    usual = np.clip((x - center) / width, -_FAR, _FAR)
    return center + width * _yeo_johnson(usual, power)


def _unpower(y: Floats, center: float, width: float, power: float) -> Floats:
    low, high = _yeo_johnson(np.array([-_FAR, _FAR]), power)
    usual = np.clip((y - center) / width, low, high)
    above = _unraise(np.maximum(usual, 0.0), power)
    below = _unraise(np.maximum(-usual, 0.0), 2.0 - power)
    return center + width * np.where(usual >= 0, above, -below)


def _yeo_johnson(z: Floats, power: float) -> Floats:
    above = _raise(np.maximum(z, 0.0), power)
    below = _raise(np.maximum(-z, 0.0), 2.0 - power)
    return np.where(z >= 0, above, -below)


def _raise(z: Floats, power: float) -> Floats:
    """`((z + 1) ** power - 1) / power`, the logarithm for none."""
    grown = np.log1p(z)
    return grown if power < 1e-6 else np.expm1(power * grown) / power


def _unraise(y: Floats, power: float) -> Floats:
    return np.expm1(y if power < 1e-6 else np.log1p(power * y) / power)
