"""The lowest limit that keeps alarms on normal time within a budget.

The budget belongs to the whole detector, so each of its S series may use one S-th of it. An alarm
is counted as the service would raise it: `alarm.for` points above the limit in a row, ended by the
hysteresis. A low line would raise few alarms too, each without end, so the share of held-out points
above it is bounded: what the budgeted alarms take at twice their minimum length, but never less
than 1 % and never more than 10 %.

Where the held-out time is too short to have seen the budgeted rate, the limit is
extrapolated: alarm peaks above a high level are taken as exponentially distributed, the limiting
law of peaks over a threshold with a light tail (Leadbetter, Lindgren, Rootzén 1983, ch. 12;
Pickands 1975). The extrapolation is bounded, and said. A tenth of the time in which the budget
allows one alarm has to back it; until then alarms stay silent, and the limit is the one that 1 % of
held-out points pass: flags call nobody, and show what a person may look at.
"""

import numpy as np

from backend.detection.runs import spans
from backend.detection.thresholds.calibration import Limit, Sample
from backend.ports import Floats
from backend.specs import AlarmSpec, BudgetThreshold

_MOST_FLAGGED = (0.01, 0.1)
_LONGEST = 2
"""How long a budgeted alarm may last, in minimum lengths."""
_TAIL_QUANTILE = 0.9
_FARTHEST = 1.5
"""How far beyond the largest level seen an extrapolated limit may lie."""
_BACKED_SHARE = 0.1
"""Share of the time of one allowed alarm that has to be seen: tails are followed ten times as far,
and no further."""


def learn(spec: BudgetThreshold, sample: Sample) -> Limit:
    """Learn a series' limit from its share of the budget."""
    rate, hours = spec.per_hour / sample.fleet, sample.hours
    level = lasting_level(sample.errors, sample.alarm.points)
    allowed = int(rate * hours)
    wanted = wanted_hours(spec)
    if allowed >= 1:
        return Limit(
            _lowest_within(level, sample.known, allowed, sample.alarm),
            f"{allowed} alarms allowed in {hours:.0f} h of held-out normal time",
            wanted,
        )
    if hours < wanted:
        return Limit(
            _rarely_passed(sample.known),
            f"provisional: {hours:.1f} h of held-out normal time are too short to tell "
            f"{spec.alarms}; alarms are silent until there are {wanted:.1f} h, and 1 % of points "
            "is flagged",
            wanted,
            True,
        )
    return Limit(
        _extrapolated(level, sample.known, rate * hours, sample.alarm),
        f"extrapolated to {spec.alarms}: {hours:.0f} h of held-out normal time are too short to "
        "have seen that rate",
        wanted,
    )


def wanted_hours(spec: BudgetThreshold) -> float:
    """Hours of held-out normal time that have to back the limit, whatever the fleet."""
    return _BACKED_SHARE / spec.per_hour


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


def _lowest_within(level: Floats, errors: Floats, allowed: int, alarm: AlarmSpec) -> float:
    least = _rarely_passed(errors, allowed * _LONGEST * alarm.points)
    lasting = np.unique(level[np.isfinite(level)])
    seen = np.concatenate(([least], lasting[lasting > least]))
    low, high = 0, len(seen) - 1  # the largest level seen raises no alarm
    while low < high:
        middle = (low + high) // 2
        if len(alarm_peaks(level, float(seen[middle]), alarm)) <= allowed:
            high = middle
        else:
            low = middle + 1
    return float(seen[high])


def _rarely_passed(errors: Floats, points: int = 0) -> float:
    """The lowest limit that flags no more than so many points, within the bounds of a share."""
    share = float(np.clip(points / len(errors), *_MOST_FLAGGED))
    return float(np.quantile(errors, 1.0 - share, method="higher"))


def _extrapolated(level: Floats, errors: Floats, expected: float, alarm: AlarmSpec) -> float:
    least, seen = _rarely_passed(errors), level[np.isfinite(level)]
    if not seen.size:
        return float(errors.max())
    largest = float(seen.max())
    start = float(np.quantile(seen, _TAIL_QUANTILE))
    peaks = alarm_peaks(level, start, alarm)
    if not peaks:
        return max(least, largest)
    decay = float(np.mean(peaks)) - start
    reached = start + decay * np.log(len(peaks) / expected)
    return max(least, float(np.clip(reached, largest, _FARTHEST * largest)))
