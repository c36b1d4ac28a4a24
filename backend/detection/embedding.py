"""What a network's bottleneck holds of each window: a short vector in place of many values.

Shapes: S series, T grid points, E numbers of a code.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from backend.detection.grid import Rows
from backend.detection.judging import prepare
from backend.detection.pipeline import Fitted, apply, looks
from backend.detection.windows import full_windows
from backend.exceptions import InputError
from backend.ports import Floats, Times
from backend.records import SeriesKey


@runtime_checkable
class Embeds(Protocol):
    """A model with a bottleneck."""

    def embed(self, windows: Floats) -> Floats:
        """(S, N, W, F) scaled windows to (S, N, E)."""
        ...


@dataclass(frozen=True)
class Codes:
    """Codes of the windows that end at each point.

    Attributes:
        keys: the S series.
        times: (T,) nanoseconds.
        vectors: (S, T, E), NaN where no full window ends.
    """

    keys: tuple[SeriesKey, ...]
    times: Times
    vectors: Floats


def embed(
    fitted: Fitted,
    rows: Rows,
    *,
    first: int = 0,
    excluded: NDArray[np.bool_] | None = None,
) -> Codes:
    """Embed the windows that end at the rows from index `first` on.

    Args:
        fitted: the model version; its series are those of `rows`, in order.
        rows: (S, T, F) with at least `fitted.lookback` rows before `first`, where there are any.
        first: index of the first row wanted.
        excluded: (S, T) rows under an `exclude` label.

    Raises:
        InputError: the kind of model has no bottleneck.
    """
    model, window = fitted.model, fitted.model.window
    if not isinstance(model, Embeds):
        raise InputError(
            f"A model of kind {fitted.spec.model.kind} has no bottleneck to read a vector from: "
            "choose an autoencoder such as dense_autoencoder."
        )
    prepared = prepare(fitted.spec, rows, fitted.active, excluded)
    values = apply(fitted, prepared, rows.times).values
    pieces = [_nothing(model, fitted, min(window - 1, values.shape[1]))]
    pieces += [model.embed(seen.windows) for _, seen in looks(fitted, values, 0)]
    codes = np.concatenate(pieces, axis=1)
    full = full_windows(prepared.usable, window)
    codes = np.where(full[:, :, None], codes, np.nan)
    return Codes(rows.keys, rows.times[first:], codes[:, first:])


def _nothing(model: Embeds, fitted: Fitted, points: int) -> Floats:
    """(S, T, E) of rows before the first window could end."""
    series, channels = fitted.active.shape
    code = model.embed(np.zeros((series, 1, fitted.model.window, channels))).shape[2]
    return np.full((series, points, code), np.nan)
