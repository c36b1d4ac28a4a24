"""From residuals to one error a point, the same in calibration and in service."""

import numpy as np
from numpy.typing import NDArray

from backend.ports import Floats
from backend.specs import ErrorSpec


def window_error(residual: Floats, spec: ErrorSpec) -> Floats:
    """Reduce residuals over the window, channel by channel.

    Args:
        residual: (S, N, W, F) input minus reconstruction, in sensor units.
        spec: metric and reduction over the window.

    Returns:
        (S, N, F), in sensor units or their squares.
    """
    if spec.window == "last":
        residual = residual[:, :, -1:, :]
    size = np.abs(residual) if spec.metric == "absolute" else np.square(residual)
    return size.mean(axis=2)


def spread_of(residual: Floats, rows: NDArray[np.bool_], floor: Floats) -> Floats:
    """Each channel's spread on held-out normal rows.

    The mean absolute residual, scaled to the standard deviation of a normal distribution: steadier
    than the deviation itself when a few rows are far off.

    Args:
        residual: (S, T, F) in sensor units; NaN is left out.
        rows: (S, T) the held-out normal rows.
        floor: (S, F) resolution of the sensors, greater than zero.

    Returns:
        (S, F), at least `floor`.
    """
    kept = rows[:, :, None] & np.isfinite(residual)
    total = np.where(kept, np.abs(residual), 0.0).sum(axis=1)
    mean = total / np.maximum(kept.sum(axis=1), 1)
    return np.maximum(mean * np.sqrt(np.pi / 2), floor)


def resolution(values: Floats, rows: NDArray[np.bool_]) -> Floats:
    """The smallest step each sensor makes: its resolution, as a floor for its spread.

    Args:
        values: (S, T, F) sensor units.
        rows: (S, T) normal rows.

    Returns:
        (S, F), greater than zero; the deviation of a value rounded to that step.
    """
    series, _, channels = values.shape
    floor = np.ones((series, channels))
    for s in range(series):
        for f in range(channels):
            seen = np.unique(values[s, rows[s], f])
            steps = np.diff(seen[np.isfinite(seen)])
            # Means of a bucket differ by rounding alone; that is no step of the sensor.
            steps = steps[steps > 1e-9 * max(1.0, float(np.nanmax(np.abs(seen), initial=0.0)))]
            if steps.size:
                floor[s, f] = float(steps.min()) / np.sqrt(12)
    return floor


def normalise(channel_error: Floats, spread: Floats, spec: ErrorSpec) -> Floats:
    """(S, N, F) errors in units of each channel's spread, (S, F)."""
    unit = spread if spec.metric == "absolute" else np.square(spread)
    return channel_error / unit[:, None, :]


def by_row(counted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(S, 1, F) of channels (S, F) that count in every row; (S, N, F) as it is."""
    return counted[:, None, :] if counted.ndim == 2 else counted


def reduce_channels(error: Floats, counted: NDArray[np.bool_], spec: ErrorSpec) -> Floats:
    """One error a point.

    `mean_top` is half the mean of all channels, half the mean of the largest `top`: a fault that
    shows in one sensor of many is not averaged away.

    Args:
        error: (S, N, F) in units of the channels' spread.
        counted: (S, F) channels whose error counts (no context, no constant channels), or
            (S, N, F) where that differs by row.
        spec: reduction over channels.

    Returns:
        (S, N); NaN where no channel counts.
    """
    weight = by_row(counted)
    count = weight.sum(axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(weight, error, 0.0).sum(axis=2) / count
    if spec.channels == "mean":
        return mean
    largest = np.sort(np.where(weight, error, -np.inf), axis=2)[:, :, ::-1]
    rank = np.arange(error.shape[2])[None, None, :]
    top = np.minimum(spec.top, count)[:, :, None]
    total = np.where(rank < top, largest, 0.0).sum(axis=2)
    return (mean + total / np.maximum(top[:, :, 0], 1)) / 2
