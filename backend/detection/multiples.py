"""What multiples of the threshold that was would have given, all of them in one pass.

A point is flagged at a multiple m where its score is above m. An alarm at m is a run of points with
a score of at least `m · clear_below` in which `alarm.for` points in a row are above m: so alarms
are counted as such runs, which takes a few comparisons of small numbers a point and multiple.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from backend.detection.runs import Mask
from backend.ports import Floats, Times
from backend.specs import AlarmSpec

Counts = NDArray[np.int64]
Places = NDArray[np.uint8]

MOST = 250
"""Multiples at once: their places are kept in one byte."""
NORMAL, ANOMALOUS, UNLABELLED = 0, 1, 2
"""What a row was labelled, as in `evaluation.py`."""


@dataclass(frozen=True)
class Marked:
    """Rows of one series in the order of time, and what people said of them.

    Attributes:
        times: (T,) nanoseconds.
        score: (T,) beside the threshold that was; NaN where not judged, infinite where a plain
            check flags the point whatever the threshold.
        said: (T,) `NORMAL`, `ANOMALOUS` or `UNLABELLED`.
        event: (T,) which labelled anomaly a row belongs to, counted from 0; -1 for none.
        silent: (T,) rows that raise no alarm.
    """

    times: Times
    score: Floats
    said: NDArray[np.int8]
    event: Counts
    silent: Mask

    def part(self, rows: slice) -> "Marked":
        """Some of the rows."""
        return Marked(
            self.times[rows],
            self.score[rows],
            self.said[rows],
            self.event[rows],
            self.silent[rows],
        )


@dataclass(frozen=True)
class Found:
    """Counts of one series: K multiples.

    Attributes:
        judged, normal, anomalous: judged rows, and those of them that are labelled.
        events: labelled anomalies of which any row was judged.
        flagged, hits, false: (K,) flagged rows, and those labelled anomalous and normal.
        alerts: (K,) how often an alarm turned on.
        caught: (K,) events with a flagged row.
    """

    judged: int
    normal: int
    anomalous: int
    events: int
    flagged: Counts
    hits: Counts
    false: Counts
    alerts: Counts
    caught: Counts


class Counting:
    """Counts flags and alarms of one series at many multiples, piece by piece."""

    def __init__(self, multiples: Floats, alarm: AlarmSpec, step: int, events: int) -> None:
        """Begin.

        Args:
            multiples: (K,) ascending, greater than zero, at most `MOST`.
            alarm: minimum length and hysteresis.
            step: nanoseconds of the grid.
            events: how many labelled anomalies there are.
        """
        if len(multiples) > MOST:
            raise ValueError(f"expected at most {MOST} multiples, got {len(multiples)}")
        self._multiples, self._step = multiples, step
        self._clears = multiples * alarm.clear_below
        self._alarms = _Alarms(len(multiples), alarm.points)
        self._last: int | None = None
        self._rows = np.zeros(3, dtype=np.int64)
        self._places = np.zeros((3, len(multiples) + 1), dtype=np.int64)
        self._highest = np.full(events, -1, dtype=np.int64)

    def lead(self, rows: Marked) -> None:
        """Rows before the first that counts: an alarm that is on by then counts as its first."""
        self._follow(rows)
        self._alarms.forget()

    def add(self, rows: Marked) -> None:
        """The next rows."""
        if not len(rows.times):
            return
        place = self._follow(rows)
        judged = ~np.isnan(rows.score)
        for said in (NORMAL, ANOMALOUS, UNLABELLED):
            own = judged & (rows.said == said)
            self._rows[said] += np.count_nonzero(own)
            self._places[said] += np.bincount(place[own], minlength=self._places.shape[1])
        known = judged & (rows.event >= 0)
        np.maximum.at(self._highest, rows.event[known], place[known].astype(np.int64))

    def found(self) -> Found:
        """Everything so far."""
        # a row at place p is above the first p multiples
        above = self._places[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:]
        order = np.arange(len(self._multiples))
        return Found(
            judged=int(self._rows.sum()),
            normal=int(self._rows[NORMAL]),
            anomalous=int(self._rows[ANOMALOUS]),
            events=int((self._highest >= 0).sum()),
            flagged=above.sum(axis=0),
            hits=above[ANOMALOUS],
            false=above[NORMAL],
            alerts=self._alarms.count.copy(),
            caught=(self._highest[None, :] > order[:, None]).sum(axis=1),
        )

    def _follow(self, rows: Marked) -> Places:
        """Count the alarms; (T,) how many of the multiples each score is above."""
        if not len(rows.times):
            return np.empty(0, dtype=np.uint8)
        score = np.nan_to_num(rows.score, nan=-1.0, posinf=np.inf)
        above = np.searchsorted(self._multiples, score, side="left").astype(np.uint8)
        stays = np.searchsorted(self._clears, score, side="right").astype(np.uint8)
        before = self._last if self._last is not None else int(rows.times[0])
        pauses = np.flatnonzero(np.diff(rows.times, prepend=before) > self._step)
        self._last = int(rows.times[-1])
        # A pause ends an alarm like a row that is not judged.
        self._alarms.follow(
            np.insert(above, pauses, 0),
            np.insert(stays, pauses, 0),
            np.insert(rows.silent, pauses, False),
        )
        return above


@dataclass
class _Alarms:
    """Alarms of K multiples, row by row.

    Attributes:
        levels: K.
        points: minimum length of an alarm.
        count: (K,) how often one turned on.
    """

    levels: int
    points: int
    count: Counts = field(init=False)

    def __post_init__(self) -> None:
        self.count = np.zeros(self.levels, dtype=np.int64)
        self._on = np.zeros(self.levels, dtype=bool)
        self._tail = np.zeros(self.points - 1, dtype=np.uint8)
        self._again = False

    def forget(self) -> None:
        """Count from the next row on; alarms that go on are counted there once."""
        self.count[:] = 0
        self._again = True

    def follow(self, above: Places, stays: Places, silent: Mask) -> None:
        """The next rows, at least one.

        Args:
            above: (T,) how many multiples the score is above.
            stays: (T,) at how many an alarm goes on.
            silent: (T,) rows that raise none.
        """
        from scipy.ndimage import minimum_filter1d  # noqa: PLC0415 - large, and few need it

        padded = np.concatenate((self._tail, above))
        # the least of each row and those before it, in a time that does not grow with `points`
        begin = -(self.points // 2)
        lasting = minimum_filter1d(padded, self.points, origin=begin)[: len(above)]
        self._tail = padded[len(padded) - self.points + 1 :]
        lasting = np.where(silent, 0, lasting)
        stays = np.where(silent, 0, stays)
        for level in range(self.levels):
            goes_on = stays > level
            if self._again and self._on[level] and goes_on[0]:
                self.count[level] += 1
            self._on[level] = self._step(level, goes_on, lasting > level)
        self._again = False

    def _step(self, level: int, goes_on: Mask, rises: Mask) -> bool:
        """Count the runs that rise at one multiple; whether the alarm is on at the end."""
        on = bool(self._on[level])
        if not rises.any():
            return on and bool(goes_on.all())
        run = np.cumsum(~goes_on, dtype=np.int32)
        risen = run[rises]
        known = on and risen[0] == 0
        self.count[level] += 1 + np.count_nonzero(np.diff(risen)) - known
        is_last = risen[-1] == run[-1] or (on and run[-1] == 0)
        return bool(goes_on[-1] and is_last)
