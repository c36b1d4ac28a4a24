"""Peaks over threshold: SPOT and, with a local mean, DSPOT (Siffer et al., KDD 2017).

Errors beyond a high quantile t are peaks; their excesses follow a generalized Pareto distribution
(Pickands 1975), fitted by Grimshaw's reduction to one parameter (1993). The limit is passed by a
normal point with the stated risk. Peaks of unflagged points join those of the calibration; where
the paper keeps them forever and takes the limit anew at each, here they are those of the last
`history` points, and the limit is taken anew at the start of each block. DSPOT does all this on the
difference from the mean of the last `drift` unflagged errors.
"""

import math

import numpy as np

from backend.detection.thresholds.calibration import Limit, Limits, Sample
from backend.detection.thresholds.past import Past, padded
from backend.ports import Floats
from backend.specs import PotThreshold

_FEWEST_PEAKS = 10
"""Fewer say nothing of the tail's shape: it is taken as exponential."""
_GRID = 50
_NEAREST = 1e-6
_BELOW_ZERO = np.geomspace(1.0 - _NEAREST, _NEAREST, _GRID)


def learn(spec: PotThreshold, sample: Sample) -> Limit:
    """Fit the tail of the held-out errors."""
    errors = sample.known
    about = beside_mean(errors, spec.drift)
    if not about.size:
        about = errors - errors.mean()
    start = float(np.quantile(about, spec.start))
    peaks = about[about > start] - start
    tail = errors[-spec.drift :] if spec.drift else np.empty(0)
    value = start + beyond(peaks, len(about), spec.risk)
    return Limit(
        value + (float(tail.mean()) if tail.size else 0.0),
        f"risk {spec.risk:g} a point, from {len(peaks)} peaks among {len(about)} held-out normal "
        "points",
        kept={
            "start": np.array([start]),
            "count": np.array([float(len(about))]),
            "peaks": peaks,
            "tail": tail,
        },
    )


def renew(spec: PotThreshold, limits: Limits, past: Past) -> Floats:
    """(S,) limits from the peaks of the calibration and those that came since."""
    found = limits.values.copy()
    for s, normal in enumerate(past.normal):
        kept = {name: values[s][np.isfinite(values[s])] for name, values in limits.kept.items()}
        if not kept["count"].size:
            continue
        seen = past.smoothed[s, normal]
        about, start = beside_mean(seen, spec.drift), kept["start"][0]
        peaks = np.concatenate((kept["peaks"], about[about > start] - start))
        found[s] = start + beyond(peaks, int(kept["count"][0]) + len(about), spec.risk)
        if spec.drift:
            found[s] += padded(kept["tail"], seen, spec.drift).mean()
    return found


def beside_mean(errors: Floats, drift: int) -> Floats:
    """Errors minus the mean of the `drift` before them, as far as there are so many; 0: as is."""
    if not drift:
        return errors
    if len(errors) <= drift:
        return np.empty(0)
    windows = np.lib.stride_tricks.sliding_window_view(errors[:-1], drift)
    return np.asarray(errors[drift:] - windows.mean(axis=1))


def beyond(peaks: Floats, count: int, risk: float) -> float:
    """How far beyond t the excess is that a point passes with this risk; 0 without any peak.

    Args:
        peaks: (P,) excesses over t, greater than zero.
        count: of all points, peaks or not.
        risk: of one point.
    """
    if not peaks.size:
        return 0.0
    share = risk * count / len(peaks)
    shape, scale = fit_tail(peaks)
    if abs(shape) < 1e-9:
        return -scale * math.log(share)
    with np.errstate(over="ignore"):
        return float(scale / shape * np.expm1(-shape * math.log(share)))


def fit_tail(peaks: Floats) -> tuple[float, float]:
    """Shape and scale of the generalized Pareto distribution with the highest likelihood.

    Grimshaw: with x = shape / scale every stationary point solves u(x) v(x) = 1, where u is the
    mean of 1 / (1 + x y) and v is 1 + the mean of log(1 + x y); and then shape = v(x) - 1.
    """
    mean = float(peaks.mean())
    best = 0.0, mean
    if len(peaks) < _FEWEST_PEAKS or float(np.ptp(peaks)) <= 1e-12 * mean:
        return best
    y = peaks / mean
    highest = _likelihood(y, 0.0, 1.0)
    for x in _stationary(y):
        shape = float(np.log1p(x * y).mean())
        scale = shape / x
        if scale > 0 and (likelihood := _likelihood(y, shape, scale)) > highest:
            highest, best = likelihood, (shape, scale * mean)
    return best


def _stationary(y: Floats) -> list[float]:
    """Where u(x) v(x) = 1, but for x = 0, where it always is; y has mean 1."""
    from scipy.optimize import brentq  # noqa: PLC0415 - large, and few need it

    low, high = -1.0 / y.max(), max(2.0 * (1.0 - y.min()) / y.min() ** 2, 1e-3)
    roots = []
    for grid in (
        low * _BELOW_ZERO,
        np.geomspace(_NEAREST, min(high, 1.0 / _NEAREST), _GRID),
    ):
        signs = np.sign(_slope(grid, y))
        roots += [
            float(brentq(lambda x: float(_slope(np.array([x]), y)[0]), grid[i], grid[i + 1]))
            for i in np.flatnonzero(signs[:-1] * signs[1:] < 0)
        ]
    return roots


def _slope(x: Floats, y: Floats) -> Floats:
    """(G,) u(x) v(x) - 1."""
    beside = x[:, None] * y
    v = 1.0 + np.log1p(beside).sum(axis=1) / len(y)
    return np.asarray((1.0 / (1.0 + beside)).sum(axis=1) / len(y) * v - 1.0)


def _likelihood(y: Floats, shape: float, scale: float) -> float:
    if abs(shape) < 1e-9:
        return float(-len(y) * math.log(scale) - y.sum() / scale)
    return float(
        -len(y) * math.log(scale) - (1.0 + 1.0 / shape) * np.log1p(shape / scale * y).sum()
    )
