"""Whether a channel stays about one level: two tests that start from opposite assumptions.

Dickey and Fuller's test starts from a level that wanders, that of Kwiatkowski, Phillips, Schmidt
and Shin (1992) from one that stays. Where both come to the same, it is said; else it is not clear.
"""

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np

from backend.ports import Floats

Verdict = Literal["steady", "wandering", "unclear"]

_MOST_ROWS, _FEWEST_ROWS = 1000, 40
_LAGS = 12
_SURE = 0.05


@dataclass(frozen=True)
class Stationarity:
    """What the tests say, with the probability of each test's own assumption."""

    verdict: Verdict
    wanders: float
    stays: float


def stationarity(column: Floats) -> Stationarity | None:
    """Test a channel, long ones by means of equal blocks; None where there is too little to tell.

    Args:
        column: (T,); NaN is left out.
    """
    # statsmodels takes seconds to load, which only those who look should pay
    from statsmodels.tsa.stattools import adfuller, kpss  # noqa: PLC0415

    seen = _thinned(column[np.isfinite(column)])
    if len(seen) < _FEWEST_ROWS or float(np.ptp(seen)) <= 1e-9 * max(1.0, np.abs(seen).max()):
        return None
    seen = seen / np.abs(seen).max()
    seen = (seen - seen.mean()) / seen.std()
    try:
        # p-values beyond their tables are told as warnings, and are good enough
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            wanders = float(adfuller(seen, maxlag=_LAGS, autolag=None)[1])
            stays = float(kpss(seen, regression="c", nlags="auto")[1])
    except (ValueError, np.linalg.LinAlgError):  # a channel of a few steps can be singular
        return None
    if not np.isfinite([wanders, stays]).all():
        return None
    if wanders < _SURE <= stays:
        return Stationarity("steady", wanders, stays)
    verdict: Verdict = "wandering" if stays < _SURE <= wanders else "unclear"
    return Stationarity(verdict, wanders, stays)


def _thinned(seen: Floats) -> Floats:
    if len(seen) <= _MOST_ROWS:
        return seen
    edges = np.linspace(0, len(seen), _MOST_ROWS + 1).astype(np.int64)
    return np.add.reduceat(seen, edges[:-1]) / np.diff(edges)
