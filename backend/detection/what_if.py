"""What another threshold would have said of errors that are stored: no model runs for it."""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.detection.thresholds import Limits, moving
from backend.ports import Floats, Times
from backend.specs import AlarmSpec, ThresholdSpec

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Stored:
    """Rows of one series as they were written, in the order of time.

    Attributes:
        times: (T,) nanoseconds.
        smoothed: (T,) smoothed error.
        score: (T,) as it was.
        judged: (T,).
        checked: (T,) a plain check explains the point: it is flagged whatever the threshold.
    """

    times: Times
    smoothed: Floats
    score: Floats
    judged: Mask
    checked: Mask

    def __len__(self) -> int:
        return len(self.times)

    def part(self, rows: slice) -> "Stored":
        """Some of the rows."""
        return Stored(
            self.times[rows],
            self.smoothed[rows],
            self.score[rows],
            self.judged[rows],
            self.checked[rows],
        )


@dataclass(frozen=True)
class Otherwise:
    """What would have been written, (T,); `score` is NaN where nobody knows the threshold."""

    score: Floats
    flag: Mask
    alarm: Mask


@dataclass(frozen=True)
class Before:
    """What has to be known of the rows before: the last time, and the alarm there."""

    time: int | None = None
    on: bool = False
    run: int = 0


@dataclass(frozen=True)
class Line:
    """How far the other threshold has come: the last time, and the rows that it remembers."""

    time: int
    rows: moving.Before


def draw_line(
    spec: ThresholdSpec, limits: Limits, stored: Stored, step: int, line: Line | None
) -> tuple[Floats, Line | None]:
    """(T,) the other threshold at rows that one version scored.

    Args:
        spec: the other threshold.
        limits: of this one series, from the calibration errors of the version.
        stored: its rows.
        step: nanoseconds of the version's grid.
        line: what the rows before left; None where the version begins.

    Returns:
        The threshold, and what has to be known for the rows behind.
    """
    own = np.where(stored.judged & ~stored.checked, stored.smoothed, np.nan)
    found = np.empty(len(stored))
    edges = [0, *(np.flatnonzero(np.diff(stored.times) != step) + 1).tolist(), len(stored)]
    for start, stop in itertools.pairwise(edges):
        first, rows = int(stored.times[start]), slice(start, stop)
        before = moving.Before.nothing(1)
        if line is not None:
            before = line.rows.paused(max(0, (first - line.time) // step - 1))
        moved = moving.move(spec, limits, own[None, rows], first // step, before)
        found[rows] = moved.threshold[0]
        line = Line(int(stored.times[stop - 1]), moved.after)
    return found, line


def judge_again(
    stored: Stored, limit: Floats, alarm: AlarmSpec, step: int, before: Before
) -> tuple[Otherwise, Before]:
    """Score, flag and alarm under another limit.

    A pause in the rows, and rows whose limit nobody knows, end an alarm like rows not judged.

    Args:
        stored: rows of one series, at least one.
        limit: (T,) the other threshold, NaN where it is not known.
        alarm: minimum length and hysteresis.
        step: nanoseconds of the grid.
        before: of the rows before.

    Returns:
        What would have been, and what has to be known for the rows behind.
    """
    ratio = np.where(stored.judged, stored.smoothed / limit, 0.0)
    # What a check found is in `smoothed` only by the old threshold; its score stays as it was.
    score = np.where(stored.checked & stored.judged, stored.score, ratio)
    score = np.where(np.isnan(limit), np.nan, score)
    known = np.isfinite(score) & stored.judged
    flag: Mask = known & (score > 1.0)
    stays: Mask = known & (score >= alarm.clear_below)
    on, last_run = _alarms(flag, stays, _breaks(stored.times, step, before), alarm, before)
    return Otherwise(score, flag, on), Before(int(stored.times[-1]), bool(on[-1]), last_run)


def count_alerts(alarm: Mask, times: Times, step: int, before: Before) -> int:
    """How often an alarm turned on; one that goes on after a pause in the rows counts again."""
    breaks = _breaks(times, step, before)
    earlier = np.concatenate([[before.on], alarm[:-1]]) & ~breaks
    return int((alarm & ~earlier).sum())


def _breaks(times: Times, step: int, before: Before) -> Mask:
    """(T,) rows before which there is a pause."""
    first = times[:1] if before.time is None else np.array([before.time])
    return np.asarray(np.diff(np.concatenate([first, times])) > step)


def _alarms(
    flag: Mask, stays: Mask, breaks: Mask, alarm: AlarmSpec, before: Before
) -> tuple[Mask, int]:
    """The rule of `alarms.py` for one series at once, and the flagged run at the end.

    Rows stand at even places, pauses at the odd ones before them.
    """
    place = 2 * np.arange(len(flag))
    unflagged = np.where(~flag, place, np.where(breaks, place - 1, -2 - 2 * before.run))
    # a row before the first, with the run so far, is what `before` stands for
    run = (place - np.maximum.accumulate(unflagged) + 1) // 2
    last_off = np.maximum.accumulate(np.where(~stays, place, np.where(breaks, place - 1, -3)))
    rises = np.where(flag & (run >= alarm.points), place, -2 if before.on else -4)
    on: Mask = np.maximum.accumulate(rises) > last_off
    return on, int(run[-1]) if flag[-1] else 0
