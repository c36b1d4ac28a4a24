"""Distances in any unit on one scale: how many times the usual one of held-out normal time.

The voice of a single reconstruction is in units of the channels' spread already and stays as it is.
Any other is divided by its median in held-out normal time, so that 1 is usual, whatever the kind,
and voices of an ensemble can be averaged. Of the scales tried (ratios, logarithms, calibrated tail
probabilities) ratios of distances kept the order of far values best.
"""

from dataclasses import dataclass

import numpy as np

from backend.ports import Floats

_LEAST = 0.01
"""A usual value is at least this share of a high one: a model that fits its normal rows exactly
must not make an anomaly of rounding."""


@dataclass(frozen=True)
class Yardstick:
    """What is usual.

    Attributes:
        unit: (S, V) the usual value of each series and voice, greater than zero.
    """

    unit: Floats

    def measure(self, values: Floats) -> Floats:
        """(S, T, V) values, never negative, in usual ones; NaN stays."""
        return np.asarray(values / self.unit[:, None, :])


def as_it_is(series: int, voices: int) -> Yardstick:
    """For a voice that needs no other unit than its own."""
    return Yardstick(np.ones((series, voices)))


def learn_yardstick(values: Floats) -> Yardstick:
    """Learn from held-out normal values.

    Args:
        values: (S, T, V), never negative; NaN is left out.
    """
    series, _, voices = values.shape
    unit = np.ones((series, voices))
    for s in range(series):
        for v in range(voices):
            own = values[s, np.isfinite(values[s, :, v]), v]
            if own.size:
                usual, high = np.quantile(own, (0.5, 0.99))
                # a machine at rest has nothing usual: its values are taken as they are
                unit[s, v] = max(usual, _LEAST * high) or 1.0
    return Yardstick(unit)
