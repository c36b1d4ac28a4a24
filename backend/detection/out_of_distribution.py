"""Whether an input lies outside of what training saw; said beside the score and never part of it.

A model may err little on what it knows nothing of. Two looks tell such input: a channel beyond the
values of its normal rows, or a row far from every one of them though each channel alone is usual.
For the second some normal rows are kept such that each of the others is near to one (Gonzalez,
Clustering to minimize the maximum intercluster distance, 1985).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.detection.sampling import evenly
from backend.detection.scaling import fit_scaler
from backend.ports import Floats

Mask = NDArray[np.bool_]

KEPT = 64
"""Most rows kept of a series."""
_LOOKED_AT = 20_000
"""Most normal rows they are chosen among, taken evenly."""
_BEYOND = 0.1
"""Of a channel's span, that a value may lie beyond it: noise sets new records all the time."""
_FARTHER = 1.5
"""How many times farther than any normal row a row may lie from those kept."""
_CHUNK = 1_000_000
"""Numbers looked at at once: bounds memory whatever the range."""


@dataclass(frozen=True)
class Familiar:
    """What training saw, S series and F channels.

    Attributes:
        low: (S, F) lowest value that is not outside; minus infinity for a channel kept aside.
        high: (S, F) highest one.
        scale: (S, F) spread of each channel, infinite for one kept aside.
        rows: (S, R, F) normal rows kept, in spreads; NaN where a series has fewer.
        far: (S,) distance to the nearest of them from which on a row is outside.
    """

    low: Floats
    high: Floats
    scale: Floats
    rows: Floats
    far: Floats

    def beyond(self, values: Floats) -> Mask:
        """(S, T, F) channels outside of their own values; absent ones are not."""
        return np.asarray(
            (values < self.low[:, None, :]) | (values > self.high[:, None, :]), dtype=bool
        )

    def outside(self, values: Floats) -> Mask:
        """(S, T) rows of sensor values (S, T, F) that are outside, by a channel or jointly.

        Of a row that lacks channels the others are compared.
        """
        found: Mask = np.asarray(self.beyond(values).any(axis=2))
        each = max(1, _CHUNK // (values.shape[0] * values.shape[2]))
        for start in range(0, values.shape[1], each):
            part = slice(start, start + each)
            scaled = values[:, part] / self.scale[:, None, :]
            found[:, part] |= _nearest(scaled, self.rows) > self.far[:, None]
        return found


def learn_familiar(values: Floats, normal: Mask, active: Mask) -> Familiar:
    """Learn from normal rows.

    Args:
        values: (S, T, F) sensor units.
        normal: (S, T) rows that were trained on.
        active: (S, F) channels that vary in them.
    """
    known = np.where(normal[:, :, None], values, np.nan)
    present = np.isfinite(known)
    low = np.where(present, known, np.inf).min(axis=1)
    high = np.where(present, known, -np.inf).max(axis=1)
    margin = _BEYOND * (high - low)
    scale = np.where(active, fit_scaler(values, normal, "robust").scale, np.inf)
    rows = np.full((len(values), KEPT, values.shape[2]), np.nan)
    far = np.full(len(values), np.inf)
    for s, own in enumerate(values):
        scaled = np.nan_to_num(evenly(own[normal[s]], _LOOKED_AT) / scale[s])
        if len(scaled):
            kept, farthest = _spread_out(scaled, KEPT)
            rows[s, : len(kept)] = kept
            # a normal row that comes again with the last digit changed is not far
            far[s] = _FARTHER * max(farthest, 1e-6)
    return Familiar(
        low=np.where(active, low - margin, -np.inf),
        high=np.where(active, high + margin, np.inf),
        scale=scale,
        rows=rows,
        far=far,
    )


def _spread_out(rows: Floats, count: int) -> tuple[Floats, float]:
    """Rows (R, F) that lie far apart, and how far any other one is from the nearest of them."""
    chosen = [int(np.argmin(np.square(rows - np.median(rows, axis=0)).sum(axis=1)))]
    distance = np.linalg.norm(rows - rows[chosen[0]], axis=1)
    while len(chosen) < min(count, len(rows)) and distance.max() > 0:
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.linalg.norm(rows - rows[chosen[-1]], axis=1))
    return rows[chosen], float(distance.max())


def _nearest(scaled: Floats, rows: Floats) -> Floats:
    """(S, T) distance to the nearest of the rows kept; 0 for a series that keeps none."""
    nearest = np.full(scaled.shape[:2], np.inf)
    absent = np.isnan(scaled)
    # not by a product of matrices, whose last digits depend on how a range was cut
    for row in np.moveaxis(rows, 1, 0):
        off = np.where(absent, 0.0, scaled - row[:, None, :])
        nearest = np.fmin(nearest, np.square(off).sum(axis=2))
    return np.sqrt(np.where(np.isfinite(nearest), nearest, 0.0))
