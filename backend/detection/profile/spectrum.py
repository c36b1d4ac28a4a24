"""Periods that channels repeat themselves with: peaks of the power spectrum above what is around.

Harmonics of a stronger period are not named. Missing values are bridged by straight lines, for the
spectrum only.

Source: Welch, The use of fast Fourier transform for the estimation of power spectra, 1967.
"""

from dataclasses import dataclass

import numpy as np

from backend.ports import Floats

MOST_PERIODS = 5

_MOST_NUMBERS, _MOST_ROWS = 16_000_000, 262_144
_FEWEST_ROWS = 32
_FEWEST_CYCLES = 5
_NEAR = 2
"""Neighbors on each side that belong to a peak."""
_SHARE, _ABOVE_SLOWER = 0.02, 2.0
_BY_CHANCE = 0.001
"""Of noise, so often a peak is taken for a period."""
_HARMONIC = 0.02
_UNITS = tuple(
    1_000_000 * milliseconds
    for milliseconds in (
        *(3_600_000 * hours for hours in (168, 24, 12, 6, 1)),
        *(60_000 * minutes for minutes in (30, 10, 5, 1)),
        *(1000 * seconds for seconds in (30, 10, 5, 1)),
        *(100, 10, 1),
    )
)


@dataclass(frozen=True)
class Period:
    """A period: its length in nanoseconds, its share of the variance, and who shows it."""

    length: int
    share: float
    channels: tuple[int, ...]


@dataclass(frozen=True)
class Spectrum:
    """How the variance is spread over periods; empty where there is too little to tell.

    Attributes:
        periods: (K,) nanoseconds, from long to short.
        share: (K,) of the variance, mean over the channels that vary.
        dominant: the strongest periods, strongest first.
        memory: rows after which a channel resembles itself by less than 1/e, in the mean.
    """

    periods: Floats
    share: Floats
    dominant: tuple[Period, ...]
    memory: int


def spectrum(values: Floats, step: int) -> Spectrum:
    """Look at the newest rows; how many depends on how many channels there are.

    Args:
        values: (T, F) on a grid.
        step: of the grid in nanoseconds.
    """
    most = min(_MOST_ROWS, max(_FEWEST_ROWS, _MOST_NUMBERS // max(1, values.shape[1])))
    rows = values[-most:]
    varying = [f for f in range(rows.shape[1]) if _varies(rows[:, f])]
    if len(rows) < _FEWEST_ROWS or not varying:
        return Spectrum(np.empty(0), np.empty(0), (), 1)
    from scipy.signal import get_window  # noqa: PLC0415 - large, and few need it

    shares, memories = [], []
    for f in varying:
        even = _even(rows[:, f])
        memories.append(_memory(even))
        power = np.square(np.abs(np.fft.rfft(even * get_window("hann", len(even)))))[1:]
        shares.append(power / max(float(power.sum()), np.finfo(np.float64).tiny))
    by_channel = np.stack(shares)
    mean = by_channel.mean(axis=0)
    periods = len(rows) * step / np.arange(1, len(mean) + 1)
    dominant = _dominant(mean, by_channel, periods, varying)
    return Spectrum(periods, mean, dominant, int(np.median(memories)))


def _varies(column: Floats) -> bool:
    seen = column[np.isfinite(column)]
    return seen.size >= _FEWEST_ROWS and float(np.ptp(seen)) > 1e-9 * max(
        1.0, float(np.abs(seen).max())
    )


def _even(column: Floats) -> Floats:
    """Without gaps, trend and unit."""
    from scipy.signal import detrend  # noqa: PLC0415 - large, and few need it

    known = np.flatnonzero(np.isfinite(column))
    filled = np.interp(np.arange(len(column)), known, column[known])
    flat = np.asarray(detrend(filled / np.abs(filled).max()), dtype=np.float64)
    return flat / (float(flat.std()) or 1.0)


def _memory(even: Floats) -> int:
    """First lag at which the autocorrelation is below 1/e."""
    transformed = np.fft.rfft(even, 2 * len(even))
    correlation = np.fft.irfft(np.square(np.abs(transformed)))[: len(even)]
    below = np.flatnonzero(correlation < correlation[0] / np.e)
    return int(below[0]) if below.size else len(even)


def _dominant(
    mean: Floats, by_channel: Floats, periods: Floats, varying: list[int]
) -> tuple[Period, ...]:
    found: list[Period] = []
    inner = mean[1:-1]
    peaks = np.flatnonzero((inner >= mean[:-2]) & (inner >= mean[2:])) + 1
    peaks = peaks[peaks + 1 >= _FEWEST_CYCLES]
    for peak in peaks[np.argsort(-mean[peaks], kind="stable")][: 20 * MOST_PERIODS]:
        near = slice(max(0, peak - _NEAR), peak + _NEAR + 1)
        share = float(mean[near].sum())
        if share < _SHARE or mean[peak] < _least(mean, int(peak)):
            continue
        length = _refined(mean, int(peak), periods)
        if any(_is_harmonic(length, one.length) for one in found):
            continue
        own = by_channel[:, near].sum(axis=1)
        found.append(Period(length, share, tuple(varying[i] for i in np.flatnonzero(own > _SHARE))))
    return tuple(found[:MOST_PERIODS])


def _least(mean: Floats, peak: int) -> float:
    """Power that a peak has at least: far above its surroundings, and above all slower ones near.

    A level that wanders has the more power the slower, so that its slowest swings look like peaks.
    """
    low, high = int((peak + 1) / 1.5), int((peak + 1) * 1.5) + _NEAR + 2
    slower, faster = mean[: max(0, peak - _NEAR)], mean[peak + _NEAR + 1 : high]
    beside = np.concatenate((slower[max(0, low - 1) :], faster))
    around = float(np.median(beside)) if beside.size else 0.0
    # power of noise is exponential: its median is ln 2 of its mean
    above = np.log(len(mean) / _BY_CHANCE) / np.log(2.0)
    return max(above * around, _ABOVE_SLOWER * float(slower[peak // 3 :].max(initial=0.0)))


def _refined(mean: Floats, peak: int, periods: Floats) -> int:
    """The period by the center of the peak's power, as round as the length of the look allows."""
    near = np.arange(max(0, peak - 1), min(len(mean), peak + 2))
    frequency = float(np.sum((near + 1) * mean[near]) / mean[near].sum())
    length = float(periods[0]) / frequency
    unsure = length / frequency / 2
    unit = next((unit for unit in _UNITS if abs(length - _whole(length, unit)) <= unsure), 1)
    return _whole(length, unit)


def _whole(length: float, unit: int) -> int:
    return max(1, round(length / unit)) * unit


def _is_harmonic(length: int, of: int) -> bool:
    ratio = of / length
    return round(ratio) >= 1 and abs(ratio - round(ratio)) < _HARMONIC * ratio
