"""Raw values of any model on one scale: how rare they are in held-out normal time.

The unit is -log10 of the share of normal rows that lie above a value: one is one in ten, three is
one in a thousand. Inside of what was seen the share is counted, beyond it is extrapolated: excesses
over a high quantile are taken as exponentially distributed, the limiting law of a light tail
(Pickands, Statistical inference using extreme order statistics, 1975), so that far values stay
apart, and finite.
"""

from dataclasses import dataclass

import numpy as np

from backend.ports import Floats

_KNOTS = 64
_TAIL = 0.9
"""The quantile from which on the tail is extrapolated."""
_LN10 = float(np.log(10.0))


@dataclass(frozen=True)
class Yardstick:
    """What held-out normal values look like, a series and voice.

    Attributes:
        knots: (S, V, K) values, ascending; NaN for a voice that is measured as it is.
        marks: (S, V, K) the error at each of them.
        slope: (S, V) error per unit of value beyond the last knot.
    """

    knots: Floats
    marks: Floats
    slope: Floats

    def measure(self, values: Floats) -> Floats:
        """(S, T, V) values to errors, never negative; NaN stays."""
        measured = values.copy()
        for s, v in zip(*np.nonzero(np.isfinite(self.knots[:, :, 0])), strict=True):
            knots = self.knots[s, v]
            inside = np.interp(values[s, :, v], knots, self.marks[s, v])
            beyond = np.maximum(values[s, :, v] - knots[-1], 0.0) * self.slope[s, v]
            measured[s, :, v] = inside + beyond
        return measured


def as_it_is(series: int, voices: int) -> Yardstick:
    """Measures nothing: for a single voice that is a distance already."""
    nothing = np.full((series, voices, _KNOTS), np.nan)
    return Yardstick(nothing, nothing.copy(), np.zeros((series, voices)))


def learn_yardstick(values: Floats) -> Yardstick:
    """Learn from held-out normal values.

    Args:
        values: (S, T, V); NaN is left out.
    """
    series, _, voices = values.shape
    found = as_it_is(series, voices)
    shares = 1.0 - 10.0 ** -np.linspace(0.0, -np.log10(1.0 - _TAIL), _KNOTS)
    for s in range(series):
        for v in range(voices):
            own = values[s, np.isfinite(values[s, :, v]), v]
            if own.size:
                knots = np.quantile(own, shares)
                excess = float(np.mean(own[own >= knots[-1]] - knots[-1]))
                found.knots[s, v], found.marks[s, v] = knots, -np.log10(1.0 - shares)
                found.slope[s, v] = 1.0 / (_LN10 * max(excess, 1e-9 * max(1.0, abs(knots[-1]))))
    return found
