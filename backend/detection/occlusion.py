"""What each channel adds to a value, for models that cannot say: by hiding it and looking again.

Source: Zeiler and Fergus, Visualizing and understanding convolutional networks, 2014, section 2.
"""

import numpy as np
from numpy.typing import NDArray

from backend.detection.missing import Lacking
from backend.detection.window_scaling import WindowScaler
from backend.detection.windows import gather
from backend.ports import Floats, Model, Times

Indices = NDArray[np.int64]

_CHUNK = 4_000_000
"""Numbers in one call of the model."""


def occlude(
    model: Model,
    values: Floats,
    lacking: Lacking,
    scaler: WindowScaler,
    times: Times,
    ends: tuple[Indices, Indices],
) -> Floats:
    """How far the raw value falls when a channel shows the middle of its scale.

    Args:
        model: S members whose first voice has a raw value.
        values: (S, T, F) rows in the channels' units.
        lacking: what is missing in them, and what the model saw in its place.
        scaler: brings their windows to what the model sees.
        times: (T,) of the rows.
        ends: series and row of N windows, each (N,), as `np.nonzero` gives them.

    Returns:
        (N, F), never negative.
    """
    series, rows = ends
    parts = np.zeros((len(rows), values.shape[2]))
    for s in np.unique(series):
        own = np.flatnonzero(series == s)
        chunk = max(1, _CHUNK // (values.shape[0] * model.window * values.shape[2]))
        for start in range(0, len(own), chunk):
            place = own[start : start + chunk]
            every = np.broadcast_to(rows[place], (len(values), len(place))).astype(np.int64)
            windows = lacking.hidden(gather(values, every, model.window), rows[place])
            seen = scaler.see(windows).windows
            parts[place] = _of_member(model, seen, times[every], int(s))
    return parts


def _of_member(model: Model, windows: Floats, when: Times, s: int) -> Floats:
    """(N, F) for windows of one member; the others look at them too, and are not asked."""
    before = _raw(model, windows, when)[s]
    parts = np.zeros((windows.shape[1], windows.shape[3]))
    for channel in range(windows.shape[3]):
        hidden = windows.copy()
        hidden[..., channel] = 0.0
        parts[:, channel] = np.maximum(before - _raw(model, hidden, when)[s], 0.0)
    return parts


def _raw(model: Model, windows: Floats, times: Times) -> Floats:
    """(S, N) raw values of all voices that have one, added up."""
    said = [voice.raw for voice in model.assess(windows, times) if voice.raw is not None]
    return np.sum(said, axis=0)
