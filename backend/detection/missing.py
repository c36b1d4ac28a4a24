"""Judging without some of the channels: what stands for them, and by how much an error then counts.

A channel that does not report is hidden from the model: the whole window shows, in its place, what
the channels that do report let expect of it (the mean of a Gaussian of normal rows, given them).
Its own error does not count, and what is left of the error is brought back to the unit of the full
set by a factor that was learned on held-out normal time with the same channels hidden. So one line
and one smoothing serve for all sets. A set of channels without such a factor is not judged.

Shapes: S series, T grid points, N windows, W rows a window, F channels, K sets.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.detection.runs import run_lengths
from backend.ports import Floats

Mask = NDArray[np.bool_]
Places = NDArray[np.int64]

WHOLE, UNKNOWN = -1, -2
"""In place of the number of a set: nothing is missing; a set that has no factor."""

_RIDGE = 1e-3
"""Added to the variance of a standardised channel: what others determine exactly must not turn
their last digit into a guess far off."""
_FEWEST = 2
"""Rows without which there is no covariance."""


@dataclass(frozen=True)
class Substitutes:
    """What the channels that report let expect of the others.

    Attributes:
        mean: (S, F) in the channels' units; NaN for channels that are kept aside.
        covariance: (S, F, F) of normal rows, in the same units.
    """

    mean: Floats
    covariance: Floats

    def put(self, windows: Floats, absent: Mask, series: Places | slice) -> Floats:
        """Windows (S, N, W, F) of some series, with what stands for the channels `absent` (F,)."""
        mean, covariance = self.mean[series], self.covariance[series]
        there = ~absent & np.isfinite(mean)
        hidden = np.flatnonzero(absent)
        off = np.where(there[:, None, None, :], windows - mean[:, None, None, :], 0.0)
        filled = windows.copy()
        # einsum without a BLAS call: a row must not depend on its neighbors
        along = np.einsum("snwf,sfm->snwm", off, _gain(covariance, there, hidden), optimize=False)
        filled[..., hidden] = mean[:, None, None, hidden] + along
        return filled


def _gain(covariance: Floats, there: Mask, hidden: NDArray[np.intp]) -> Floats:
    """(S, F, M) how M hidden channels follow from those that are there (S, F); others add 0."""
    deviation = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    deviation = np.where(deviation > 0, deviation, 1.0)
    alike = covariance / (deviation[:, :, None] * deviation[:, None, :])
    both = there[:, :, None] & there[:, None, :]
    own = (
        np.where(both, alike, 0.0) + np.eye(there.shape[1]) * np.where(there, _RIDGE, 1.0)[:, None]
    )
    asked = np.where(there[:, :, None], alike[:, :, hidden], 0.0)
    solved = np.linalg.solve(own, asked)
    return np.asarray(solved * deviation[:, None, hidden] / deviation[:, :, None])


def learn_substitutes(values: Floats, rows: Mask) -> Substitutes:
    """Learn from normal rows.

    Args:
        values: (S, T, F) in the channels' units; channels kept aside are absent throughout.
        rows: (S, T) to learn from.
    """
    series, _, channels = values.shape
    mean = np.full((series, channels), np.nan)
    covariance = np.zeros((series, channels, channels))
    for s in range(series):
        there = np.isfinite(values[s, rows[s]]).any(axis=0)
        known = values[s, rows[s]][:, there]
        known = known[np.isfinite(known).all(axis=1)]
        if len(known) >= _FEWEST:
            mean[s, there] = known.mean(axis=0)
            place = np.flatnonzero(there)
            covariance[s][np.ix_(place, place)] = np.cov(known, rowvar=False).reshape(
                len(place), len(place)
            )
    return Substitutes(mean, covariance)


@dataclass(frozen=True)
class MissingSets:
    """The sets of channels that may be missing, and what is known of each.

    Attributes:
        absent: (S, K, F) channels of each set.
        factor: (S, K) what an error without them is multiplied by; NaN where it is not known, and
            such a set is not judged.
        substitutes: what stands for the channels.
    """

    absent: Mask
    factor: Floats
    substitutes: Substitutes

    @classmethod
    def none(cls, series: int, channels: int) -> "MissingSets":
        """No set: a row without one of its channels is not judged."""
        return cls(
            np.zeros((series, 0, channels), dtype=bool),
            np.empty((series, 0)),
            Substitutes(
                np.full((series, channels), np.nan), np.zeros((series, channels, channels))
            ),
        )

    def places(self, absent: Mask) -> Places:
        """(S, T) number of the set of channels that are absent (S, T, F); `WHOLE` or `UNKNOWN`."""
        places = np.where(absent.any(axis=2), UNKNOWN, WHOLE).astype(np.int64)
        for s in np.flatnonzero((places == UNKNOWN).any(axis=1)).tolist():
            own = np.flatnonzero(places[s] == UNKNOWN)
            sets, which = np.unique(absent[s, own], axis=0, return_inverse=True)
            numbers = np.array([self._number(s, one) for one in sets], dtype=np.int64)
            places[s, own] = numbers[which.reshape(-1)]
        return places

    def _number(self, series: int, absent: Mask) -> int:
        same = (self.absent[series] == absent).all(axis=1) & np.isfinite(self.factor[series])
        found = np.flatnonzero(same)
        return int(found[0]) if found.size else UNKNOWN

    def look(self, absent: Mask, window: int) -> "Lacking":
        """What is missing in the windows that end at each row, of channels absent (S, T, F).

        A channel that is absent in one row of a window is hidden in all of them, as it was when the
        factor was learned.
        """
        within = np.zeros_like(absent)
        if absent.any():
            # before the first absent row, `run_lengths` counts from the start of the rows
            ever = np.logical_or.accumulate(absent, axis=1)
            within = ever & (run_lengths(~absent) < window)
        return Lacking(self, within, self.places(within))


@dataclass(frozen=True)
class Lacking:
    """What is missing in the windows that end at each of T rows.

    Attributes:
        sets: those that are known.
        absent: (S, T, F) channels that are hidden.
        places: (S, T) number of the set; `WHOLE` or `UNKNOWN`.
    """

    sets: MissingSets
    absent: Mask
    places: Places

    @property
    def known(self) -> Mask:
        """(S, T) rows that can be judged, as far as it depends on what is missing."""
        return self.places != UNKNOWN

    def since(self, first: int) -> "Lacking":
        """That of the rows from `first` on."""
        return Lacking(self.sets, self.absent[:, first:], self.places[:, first:])

    def hidden(self, windows: Floats, rows: slice | Places) -> Floats:
        """Windows (S, N, W, F) that end at some rows, with what stands for missing channels."""
        places = self.places[:, rows]
        if (places < 0).all():
            return windows
        filled = windows.copy()
        for s, k in np.argwhere(_found(places, self.sets.absent.shape[1])).tolist():
            own = np.flatnonzero(places[s] == k)
            given, one = windows[s : s + 1, own], slice(s, s + 1)
            filled[s, own] = self.sets.substitutes.put(given, self.sets.absent[s, k], one)[0]
        return filled

    def counted(self, counted: Mask) -> Mask:
        """(S, F) channels that count, or (S, T, F) where some are hidden at times."""
        return counted[:, None, :] & ~self.absent if self.absent.any() else counted

    def factors(self) -> Floats | None:
        """(S, T) what the error of each row is multiplied by; None where none is to be."""
        if (self.places < 0).all():
            return None
        factor = np.pad(self.sets.factor, ((0, 0), (0, 1)), constant_values=1.0)
        last = factor.shape[1] - 1
        return np.take_along_axis(factor, np.where(self.places < 0, last, self.places), axis=1)


def _found(places: Places, count: int) -> Mask:
    """(S, K) sets that occur in places (S, N)."""
    found = np.zeros((len(places), count), dtype=bool)
    series, at = np.nonzero(places >= 0)
    found[series, places[series, at]] = True
    return found
