"""Which alarms of a trial were right, which failures were announced, and the figures of both.

A failure is announced by an alarm that begins within the horizon before it; an alarm that was on
all along announces nothing. An alarm is explained by a failure if it overlaps the time from the
horizon before it to its repair, and by a label `anomaly` if it overlaps that; any other is false.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.services.trial_failures import Failure
from backend.services.trial_tally import Alarm, Tally
from backend.services.trial_verdict import Figures

_WEEK = 604_800_000_000_000
_SECOND = 1e9


@dataclass(frozen=True)
class ToldAlarm:
    """An alarm and what explains it: `failure`, `anomaly`, or `false`."""

    start: int
    stop: int
    peak: float
    channel: str
    silent: bool
    why: str


@dataclass(frozen=True)
class Awaited:
    """A failure and the first alarm that announced it; None where none did.

    `watched` tells whether the series was judged at all within the horizon; else it does not count.
    """

    start: int
    stop: int
    text: str
    watched: bool
    announced_at: int | None

    @property
    def forewarning_seconds(self) -> float | None:
        """From the alarm to the failure."""
        return None if self.announced_at is None else (self.start - self.announced_at) / _SECOND


@dataclass(frozen=True)
class Weighed:
    """The figures of a series with what they count."""

    figures: Figures
    alarms: tuple[ToldAlarm, ...]
    failures: tuple[Awaited, ...]


def blamed(failures: Sequence[Failure], horizon: int) -> list[tuple[int, int]]:
    """Half-open ranges in which failures explain an alarm."""
    return [(failure.start - horizon, max(failure.stop, failure.start + 1)) for failure in failures]


def weigh(
    tally: Tally,
    failures: Sequence[Failure],
    heard: Sequence[Sequence[Alarm]],
    anomalies: Sequence[tuple[int, int]],
    horizon: int,
) -> Weighed:
    """Weigh what was counted of a series.

    Args:
        tally: its counts.
        failures: those of the series.
        heard: for each of them the alarms, of any series it was of, that were told.
        anomalies: ranges of labels `anomaly` that speak for the series.
        horizon: how long before a failure an alarm counts, nanoseconds.
    """
    near = blamed(failures, horizon)
    alarms = tuple(
        ToldAlarm(**vars(alarm), why=_why(alarm, near, anomalies)) for alarm in tally.alarms
    )
    before = tally.judged_before or [0] * len(failures)
    awaited = tuple(
        Awaited(f.start, f.stop, f.text, judged > 0, _announcement(f, alarms_of, horizon))
        for f, alarms_of, judged in zip(failures, heard, before, strict=True)
    )
    return Weighed(_figures(tally, alarms, awaited), alarms, awaited)


def _why(
    alarm: Alarm, near: Sequence[tuple[int, int]], anomalies: Sequence[tuple[int, int]]
) -> str:
    if _overlaps(alarm, near):
        return "failure"
    return "anomaly" if _overlaps(alarm, anomalies) else "false"


def _overlaps(alarm: Alarm, ranges: Sequence[tuple[int, int]]) -> bool:
    return any(alarm.start < stop and start < alarm.stop for start, stop in ranges)


def _announcement(failure: Failure, alarms: Sequence[Alarm], horizon: int) -> int | None:
    times = [x.start for x in alarms if failure.start - horizon <= x.start < failure.start]
    return min(times, default=None)


def _figures(tally: Tally, alarms: Sequence[ToldAlarm], awaited: Sequence[Awaited]) -> Figures:
    told = [alarm for alarm in alarms if not alarm.silent]
    false = [alarm for alarm in told if alarm.why == "false"]
    watched = [failure for failure in awaited if failure.watched]
    waits = [f.forewarning_seconds for f in watched if f.forewarning_seconds is not None]
    sounding, calm = tally.sounding * tally.span.step, tally.calm * tally.span.step
    return Figures(
        coverage=tally.judged / tally.due if tally.due else None,
        flagged_share=tally.flagged / tally.judged if tally.judged else None,
        alarms=len(told),
        alarms_per_week=_rate(len(told), sounding),
        false_alarms=len(false),
        false_alarms_per_week=_rate(len(false), calm),
        false_share=sum(a.stop - a.start for a in false) / calm if calm else None,
        silent_alarms=len(alarms) - len(told),
        failures=len(watched),
        announced=len(waits),
        forewarning_seconds=float(np.median(waits)) if waits else None,
    )


def _rate(count: int, time: int) -> float | None:
    return count * _WEEK / time if time else None
