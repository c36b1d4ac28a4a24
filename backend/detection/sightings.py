"""Events by the clock: how late they were seen, how long before their end, how many were not there.

An event is a run of anomalous rows; it is seen where a flagged run touches it. Its *delay* is the
time from its start to the first flagged row in it. Its *forewarning* is the time from the start of
the first flagged run that touches it, which may begin before the event, to the event's end: what is
left to act in where an anomalous range ends in a failure.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from backend.detection.counted import UNDEFINED
from backend.detection.evaluation import NOT_JUDGED, false_alarms, judged_rows
from backend.detection.runs import Mask, spans
from backend.ports import Times

_SECOND, _DAY_S, _WEEK_DAYS = 1e9, 86_400.0, 7


@dataclass(frozen=True)
class Sightings:
    """What flags tell of events; NaN where nothing of the kind is there.

    Attributes:
        events_found: events with at least one flagged row.
        delay_seconds: mean delay of those.
        forewarning_seconds: mean forewarning of those.
        false_alarms_per_day: flagged runs that touch no event, per day of normal rows.
        false_alarms_per_week: the same per week.
    """

    events_found: int
    delay_seconds: float
    forewarning_seconds: float
    false_alarms_per_day: float
    false_alarms_per_week: float


@dataclass(frozen=True)
class Counts:
    """How many rows of each kind the labels tell of; few of one kind make its figures uncertain."""

    normal_rows: int
    anomalous_rows: int
    not_judged_rows: int

    @property
    def anomalous_share(self) -> float:
        """Share of the judged rows that are anomalous; NaN where none is judged."""
        judged = self.normal_rows + self.anomalous_rows
        return self.anomalous_rows / judged if judged else UNDEFINED


def count(labels: ArrayLike) -> Counts:
    """Count the rows of each label.

    Args:
        labels: (T,) of 0, 1 and 2.
    """
    marks = np.asarray(labels)
    return Counts(*(int((marks == kind).sum()) for kind in (0, 1, NOT_JUDGED)))


def sight(labels: ArrayLike, flags: ArrayLike, times: Times) -> Sightings:
    """Judge flags by the clock.

    Args:
        labels: (T,) of 0, 1 and 2; rows with label 2 are left out first.
        flags: (T,) of 0 and 1, or booleans.
        times: (T,) nanoseconds, ascending; each row lasts their median distance.

    Raises:
        InputError: labels are wrong.
    """
    anomalous, marks = judged_rows(labels, flags)
    flagged = marks > 0
    kept = times[np.asarray(labels) != NOT_JUDGED]
    step = int(np.median(np.diff(times))) if len(times) > 1 else 0
    delays, forewarnings = _waits(anomalous, flagged, kept, step)
    days = int((~anomalous).sum()) * step / _SECOND / _DAY_S
    a_day = false_alarms(anomalous, flagged) / days if days else UNDEFINED
    return Sightings(
        events_found=len(delays),
        delay_seconds=_mean(delays),
        forewarning_seconds=_mean(forewarnings),
        false_alarms_per_day=a_day,
        false_alarms_per_week=a_day * _WEEK_DAYS,
    )


def _waits(
    anomalous: Mask, flagged: Mask, times: Times, step: int
) -> tuple[list[float], list[float]]:
    """Delay and forewarning in seconds of each event that was seen."""
    runs = spans(flagged)
    delays, forewarnings = [], []
    for start, stop in spans(anomalous):
        touching = [run for run in runs if run[0] < stop and start < run[1]]
        if not touching:
            continue
        first = touching[0][0]
        delays.append((int(times[max(first, start)]) - int(times[start])) / _SECOND)
        forewarnings.append((int(times[stop - 1]) + step - int(times[first])) / _SECOND)
    return delays, forewarnings


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else UNDEFINED
