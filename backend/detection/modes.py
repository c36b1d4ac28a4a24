"""Operating modes: several kinds of normal, told apart by labels or found as a mixture.

Each mode is a normal distribution over the scaled rows of a series, and a row belongs to the one
that it is most likely from; a row that is far from all of them is of no known mode. Where channels
are missing, the others tell. Only that row is looked at, so that a mode never depends on what comes
later, or on how a range was cut. How many there are is what the criterion of Bayes (BIC) says
(Fraley and Raftery, How many clusters?, 1998).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.detection.sampling import evenly
from backend.detection.scaling import fit_scaler
from backend.ports import Floats

Mask = NDArray[np.bool_]
Indices = NDArray[np.int64]

UNKNOWN = -1
MOST = 6
"""Most modes that are looked for."""
_FEWEST = 30
"""Rows that a mode is learned from."""
_LOOKED_AT = 5_000
_FAR = 1.5
"""How many times farther than any of its own rows a row may be from a mode, and be of it."""
_RIDGE = 1e-3


@dataclass(frozen=True)
class OperatingModes:
    """What modes look like, S series, M modes and F channels.

    Attributes:
        names: (S, M) as labels call them, or counted from 1, the most frequent first.
        center: (S, F) of the scaled rows.
        scale: (S, F) of the scaled rows, infinite for channels kept aside.
        mean: (S, M, F).
        root: (S, M, F, F) that makes a distance from the mean a Mahalanobis distance.
        share: (S, M) of the rows.
        far: (S, M) distance from which on a row is not of the mode; NaN where a series lacks it.
    """

    names: NDArray[np.str_]
    center: Floats
    scale: Floats
    mean: Floats
    root: Floats
    share: Floats
    far: Floats

    @classmethod
    def none(cls, series: int, channels: int) -> "OperatingModes":
        """There are no modes."""
        mean = np.empty((series, 0, channels))
        each = np.empty((series, 0))
        flat = np.zeros((series, channels))
        root = np.empty((series, 0, channels, channels))
        return cls(each.astype(np.str_), flat, flat + 1.0, mean, root, each, each.copy())

    def of(self, values: Floats) -> Indices:
        """(S, T) the mode of rows of sensor values (S, T, F), counted from 0; -1 where unknown."""
        scaled = (values - self.center[:, None, :]) / self.scale[:, None, :]
        active = np.isfinite(self.scale)[:, None, :]
        scaled = np.where(active, scaled, 0.0)
        best = self._likeliest(scaled)
        absent = np.isnan(scaled)
        partly = absent.any(axis=2) & (absent != active).any(axis=2)
        if not self.mean.shape[1]:
            return best
        for s in np.flatnonzero(partly.any(axis=1)).tolist():
            own = np.flatnonzero(partly[s])
            sets, which = np.unique(absent[s, own], axis=0, return_inverse=True)
            for n, one in enumerate(sets):
                rows = own[which.reshape(-1) == n]
                known = np.nan_to_num(scaled[s : s + 1, rows])
                best[s, rows] = self._without(s, one)._likeliest(known)[0]
        return best

    def _likeliest(self, scaled: Floats) -> Indices:
        """(S, T) the mode of scaled rows (S, T, F)."""
        best = np.full(scaled.shape[:2], UNKNOWN)
        likely = np.full(scaled.shape[:2], -np.inf)
        for m in range(self.mean.shape[1]):
            off = scaled - self.mean[:, m, None, :]
            # einsum without a BLAS call: a row must not depend on its neighbors
            along = np.einsum("stf,sfg->stg", off, self.root[:, m], optimize=False)
            squared = np.square(along).sum(axis=2)
            peak = np.log(self.share[:, m]) + np.linalg.slogdet(self.root[:, m])[1]
            density = np.where(
                squared <= np.square(self.far[:, m, None]), peak[:, None] - squared / 2, -np.inf
            )
            better = density > likely
            best[better], likely[better] = m, density[better]
        return best

    def _without(self, series: int, absent: Mask) -> "OperatingModes":
        """Those of one series without some channels (F,): what is left of each normal distribution.

        In the place of a channel that is absent nothing is far off and nothing is told.
        """
        own = slice(series, series + 1)
        there = np.ix_(~absent, ~absent)
        root = np.tile(np.eye(len(absent)), (1, self.mean.shape[1], 1, 1))
        for m, whole in enumerate(self.root[series]):
            covariance = np.linalg.inv(whole @ whole.T)[there]
            root[0, m][there] = np.linalg.inv(np.linalg.cholesky(covariance)).T
        return OperatingModes(
            self.names[own],
            self.center[own],
            self.scale[own],
            np.where(absent, 0.0, self.mean[own]),
            root,
            self.share[own],
            self.far[own],
        )


def learn_modes(
    values: Floats, normal: Mask, active: Mask, said: Mapping[str, Mask] | None, seed: int
) -> OperatingModes:
    """Learn from normal rows.

    Args:
        values: (S, T, F) sensor units.
        normal: (S, T) rows that were trained on.
        active: (S, F) channels that vary in them.
        said: (S, T) rows of each mode by its name; None lets them be found.
        seed: of the search.
    """
    scaler = fit_scaler(values, normal, "robust")
    scaled = np.where(active[:, None, :], scaler.transform(values), 0.0)
    found = []
    for s, rows in enumerate(scaled):
        known = normal[s] & np.isfinite(rows).all(axis=1)
        if said is None:
            found.append(_numbered(_search(evenly(rows[known], _LOOKED_AT), seed)))
        else:
            found.append({name: rows[known & mask[s]] for name, mask in said.items()})
    return _gathered(found, scaler.center, np.where(active, scaler.scale, np.inf))


def _gathered(found: list[dict[str, Floats]], center: Floats, scale: Floats) -> OperatingModes:
    series, channels = center.shape
    names = list(dict.fromkeys(name for one in found for name in one))
    shape = (series, len(names))
    mean, root = np.zeros((*shape, channels)), np.tile(np.eye(channels), (*shape, 1, 1))
    share, far = np.ones(shape), np.full(shape, np.nan)
    for s, one in enumerate(found):
        total = max(1, sum(len(rows) for rows in one.values()))
        for m, name in enumerate(names):
            rows = one.get(name, np.empty((0, channels)))
            if len(rows) >= _FEWEST:
                mean[s, m], root[s, m], far[s, m] = _cloud(rows)
                share[s, m] = len(rows) / total
    table = np.array([names] * series, dtype=np.str_).reshape(shape)
    return OperatingModes(table, center, scale, mean, root, share, far)


def _cloud(rows: Floats) -> tuple[Floats, Floats, float]:
    """Mean, root of the inverse covariance, and the farthest row times a margin."""
    mean = rows.mean(axis=0)
    covariance = np.cov(rows, rowvar=False).reshape(rows.shape[1], rows.shape[1])
    root = np.linalg.inv(np.linalg.cholesky(covariance + _RIDGE * np.eye(rows.shape[1]))).T
    return mean, root, _FAR * float(np.sqrt(np.square((rows - mean) @ root).sum(axis=1)).max())


def _search(rows: Floats, seed: int) -> list[Floats]:
    """The rows of each mode: one more as long as it explains more than it costs."""
    from sklearn.mixture import GaussianMixture  # noqa: PLC0415

    best, least = None, np.inf
    for count in range(1, min(MOST, len(rows) // _FEWEST) + 1):
        fit = GaussianMixture(count, random_state=seed, reg_covar=_RIDGE).fit(rows)
        if (cost := float(fit.bic(rows))) >= least:
            break
        best, least = fit, cost
    if best is None:
        return []
    member = best.predict(rows)
    return [rows[member == m] for m in range(best.n_components)]


def _numbered(parts: list[Floats]) -> dict[str, Floats]:
    ordered = sorted((part for part in parts if len(part) >= _FEWEST), key=len, reverse=True)
    return {str(m + 1): part for m, part in enumerate(ordered)}
