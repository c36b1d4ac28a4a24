"""Why a point is scored as it is: each channel's error against what is usual, and what was near.

For one series: arrays lead with a series axis of 1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.detection.grid import Rows
from backend.detection.judging import prepare
from backend.detection.missing import Lacking
from backend.detection.pipeline import (
    Fitted,
    Scored,
    apply,
    errors_of,
    examine,
    hidden_shares,
    lacking_in,
    score,
)
from backend.detection.sampling import evenly
from backend.detection.scaling import fit_scaler
from backend.detection.windows import full_windows
from backend.ports import Floats
from backend.schema import REASON_DEGRADED, REASON_NONE

_NO_FLAG = (REASON_NONE, REASON_DEGRADED)
_LOOKED_AT = 50_000
"""Most normal windows that the nearest is looked for among, taken evenly."""


@dataclass(frozen=True)
class Looked:
    """What is known of one point, its channels by `spec.inputs`.

    Attributes:
        scored: the point alone.
        window: (W, F) what the model saw, short gaps bridged.
        error: (F,) parts of the point's own error; NaN where nothing is known of them.
        times_usual: (F,) the same in means of held-out normal rows; NaN where not known.
        deviations: (F,) how many standard deviations above that mean.
        contribution: (F,) shares of the error.
        beyond: (F,) channels beyond the values that training saw.
        mode: the operating mode; empty where none is told apart.
    """

    scored: Scored
    window: Floats
    error: Floats
    times_usual: Floats
    deviations: Floats
    contribution: Floats
    beyond: NDArray[np.bool_]
    mode: str


def look(fitted: Fitted, rows: Rows, excluded: NDArray[np.bool_] | None = None) -> Looked:
    """Look at the last of some rows.

    Args:
        fitted: the version, of one series.
        rows: (1, T, F) that end with the point, with `fitted.lookback` rows before it.
        excluded: (1, T) rows under an `exclude` label.
    """
    last = len(rows.times) - 1
    scored = score(fitted, rows, first=last, excluded=excluded)
    prepared = prepare(fitted.spec, rows, fitted.active, excluded)
    applied = apply(fitted, prepared, rows.times)
    lacking = lacking_in(fitted, prepared)
    evidence = examine(fitted, prepared, applied, rows.times, last, lacking)
    judged = errors_of(fitted, evidence, lacking)
    mean, deviation = fitted.usual.mean[0], fitted.usual.deviation[0]
    error = np.where(mean > 0, judged.by_channel[0, last], np.nan)
    mode = fitted.modes.of(prepared.values)[0, last]
    return Looked(
        scored=scored,
        window=prepared.values[0, max(0, last - fitted.model.window + 1) :],
        error=error,
        times_usual=_ratio(error, mean),
        deviations=_ratio(error - mean, deviation),
        contribution=_contribution(fitted, scored, applied.values, rows, lacking),
        beyond=fitted.familiar.beyond(prepared.values)[0, last],
        mode=str(fitted.modes.names[0, mode]) if mode >= 0 else "",
    )


def nearest_normal(window: Floats, rows: Floats, normal: NDArray[np.bool_]) -> int | None:
    """The last row of the normal window that is most like another one.

    Each channel counts by its spread in normal rows; absent values are not compared.

    Args:
        window: (W, F) sensor units.
        rows: (T, F) sensor units.
        normal: (T,).

    Returns:
        Its index; None where no window is normal throughout.
    """
    ends = np.flatnonzero(full_windows(normal[None], len(window))[0])
    if not len(ends):
        return None
    ends = evenly(ends, _LOOKED_AT)
    scale = fit_scaler(rows[None], normal[None], "robust").scale[0]
    distance = np.zeros(len(ends))
    for back, row in enumerate(window[::-1]):
        off = np.nan_to_num((rows[ends - back] - row) / scale)
        distance += np.square(off).sum(axis=1)
    return int(ends[np.argmin(distance)])


def _contribution(
    fitted: Fitted, scored: Scored, values: Floats, rows: Rows, lacking: Lacking
) -> Floats:
    """(F,) as scored; of a model that tells nothing of a point below the line, by hiding."""
    share = scored.contributions[0, 0]
    if share.any() or not scored.judged[0, 0] or scored.reason[0, 0] not in _NO_FLAG:
        return share
    point = np.array([0]), np.array([len(rows.times) - 1])
    return hidden_shares(fitted, values, rows.times, point, lacking)[0]


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)
