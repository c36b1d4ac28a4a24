"""The lowest limit that keeps alarms on normal time within a budget.

The budget belongs to the whole detector, so each of its S series may use one S-th of it. An alarm
is counted as the service would raise it: `alarm.for` points above the limit in a row, ended by the
hysteresis. Where the held-out time is too short to have seen the budgeted rate, the limit is
extrapolated: alarm peaks above a high level are taken as exponentially distributed, the limiting
law of peaks over a threshold with a light tail (Leadbetter, Lindgren, Rootzén 1983, ch. 12;
Pickands 1975). The extrapolation is bounded, and said.
"""

import numpy as np

from backend.detection.runs import spans
from backend.detection.thresholds.calibration import Calibration, Limits, limits
from backend.ports import Floats
from backend.specs import AlarmSpec, BudgetThreshold

_TAIL_QUANTILE = 0.9
_FARTHEST = 1.5
"""How far beyond the largest level seen an extrapolated limit may lie."""


def learn(spec: BudgetThreshold, calibration: Calibration) -> Limits:
    """Learn each series' limit from its share of the budget."""
    series = calibration.smoothed.shape[0]
    rate = spec.per_hour / series
    values, basis = [], []
    for s in range(series):
        level = lasting_level(calibration.smoothed[s], calibration.alarm.points)
        hours = calibration.hours(s)
        allowed = int(rate * hours)
        if allowed >= 1:
            values.append(_lowest_within(level, allowed, calibration.alarm))
            basis.append(f"{allowed} alarms allowed in {hours:.0f} h of held-out normal time")
        else:
            values.append(_extrapolated(level, hours, rate, calibration.alarm))
            basis.append(
                f"extrapolated to {spec.alarms}: {hours:.0f} h of held-out normal time "
                "are too short to have seen that rate"
            )
    return limits(values, basis)


def lasting_level(smoothed: Floats, points: int) -> Floats:
    """The level that the last `points` points all reached: a limit below it raises an alarm.

    Args:
        smoothed: (T,), NaN = not judged.
        points: minimum length n of an alarm.

    Returns:
        (T,) causal rolling minimum, -inf where fewer than n judged points are in a row.
    """
    padded = np.concatenate((np.full(points - 1, np.nan), smoothed))
    windows = np.lib.stride_tricks.sliding_window_view(padded, points)
    return np.where(np.isnan(windows).any(axis=1), -np.inf, windows.min(axis=1))


def alarm_peaks(level: Floats, limit: float, alarm: AlarmSpec) -> list[float]:
    """The highest level of each alarm that `limit` would raise; an alarm ends by the hysteresis."""
    runs = spans(level >= limit * alarm.clear_below)
    peaks = [float(level[a:b].max()) for a, b in runs]
    return [peak for peak in peaks if peak > limit]


def _lowest_within(level: Floats, allowed: int, alarm: AlarmSpec) -> float:
    seen = np.unique(level[np.isfinite(level)])
    if not seen.size:
        return 0.0
    low, high = 0, len(seen) - 1  # the largest level seen raises no alarm
    while low < high:
        middle = (low + high) // 2
        if len(alarm_peaks(level, float(seen[middle]), alarm)) <= allowed:
            high = middle
        else:
            low = middle + 1
    return float(seen[high])


def _extrapolated(level: Floats, hours: float, rate: float, alarm: AlarmSpec) -> float:
    seen = level[np.isfinite(level)]
    if not seen.size:
        return 0.0
    largest = float(seen.max())
    start = float(np.quantile(seen, _TAIL_QUANTILE))
    peaks = alarm_peaks(level, start, alarm)
    if not peaks:
        return largest
    decay = float(np.mean(peaks)) - start
    reached = start + decay * np.log(len(peaks) / (rate * hours))
    return float(np.clip(reached, largest, _FARTHEST * largest))
