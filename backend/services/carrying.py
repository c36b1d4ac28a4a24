"""What scoring keeps in memory from one tick to the next, so that a tick costs what is new.

Nothing here is known here alone: rows, scores and events are stored as well. A process that has
just started, or that finds that others were at work, reads them from there.

Shapes: S series, F channels; every array ends at `stop`, and is as long as is looked back at.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from backend.detection.alarms import AlarmState
from backend.detection.checks import REASONS
from backend.detection.contributions import top_channels
from backend.detection.evidence import Errors
from backend.detection.grid import Rows
from backend.detection.pipeline import Fitted, Scored
from backend.detection.thresholds import Before, memory
from backend.ports import Floats
from backend.services.event_keeping import Known, Near
from backend.specs import DetectorSpec

Mask = NDArray[np.bool_]

_MOST = 16_000_000
"""Numbers that the tails of all detectors hold together (128 MB); a larger fleet has none."""


@dataclass(frozen=True)
class Given:
    """What was scored: rows as they were read, and which of them stand under an `exclude` label."""

    rows: Rows
    excluded: Mask

    @property
    def stop(self) -> int:
        """End of the last bucket."""
        return int(self.rows.times[-1]) + self.rows.step

    def since(self, index: int) -> "Given":
        """Those from an index on, as copies: a view would keep all of them in memory."""
        rows = self.rows
        values = rows.values[:, index:].copy()
        own = replace(rows, times=rows.times[index:].copy(), values=values)
        return Given(own, self.excluded[:, index:].copy())

    def behind(self, tail: "Given") -> tuple["Given", int]:
        """Itself with older rows before it, and the first time at which the two differ.

        `tail` reaches as far as these begin, or further.
        """
        rows, own = tail.rows, self.rows
        place = int((own.times[0] - rows.times[0]) // rows.step)
        both = min(len(rows.times) - place, len(own.times))
        theirs, ours = rows.values[:, place : place + both], own.values[:, :both]
        same = (theirs == ours) | (np.isnan(theirs) & np.isnan(ours))
        same &= (tail.excluded[:, place : place + both] == self.excluded[:, :both])[:, :, None]
        differ = np.flatnonzero(~same.all(axis=(0, 2)))
        first = int(own.times[0]) + (int(differ[0]) if differ.size else both) * rows.step
        whole = Rows(
            rows.keys,
            np.concatenate((rows.times[:place], own.times)),
            rows.step,
            np.concatenate((rows.values[:, :place], own.values), axis=1),
        )
        excluded = np.concatenate((tail.excluded[:, :place], self.excluded), axis=1)
        return Given(whole, excluded), first


@dataclass(frozen=True)
class Newest:
    """The newest scores as they were written, (S, M) each.

    Attributes:
        score, judged, alarm, smoothed, threshold: as in `Scored`.
        checked: where a plain check explains the point.
        tops: (S, M, 3) places of the top channels among the inputs, -1 for none.
    """

    score: Floats
    judged: Mask
    alarm: Mask
    smoothed: Floats
    threshold: Floats
    checked: Mask
    tops: NDArray[np.int16]

    @classmethod
    def of(cls, scored: Scored, *, silent: bool) -> "Newest":
        """What was written of scores; `silent` versions raise no alarm."""
        return cls(
            score=scored.score,
            judged=scored.judged,
            alarm=scored.alarm & (not silent),
            smoothed=scored.smoothed,
            threshold=scored.threshold,
            checked=np.isin(scored.reason.astype(str), REASONS),
            tops=top_channels(scored.contributions)[0].astype(np.int16),
        )

    def __len__(self) -> int:
        return int(self.score.shape[1])

    def cut(self, rows: slice) -> "Newest":
        """Some rows of it, as copies."""
        return Newest(**{name: kept[:, rows].copy() for name, kept in vars(self).items()})

    def then(self, later: "Newest") -> "Newest":
        """These, and behind them later ones."""
        return Newest(
            **{
                name: np.concatenate((kept, getattr(later, name)), axis=1)
                for name, kept in vars(self).items()
            }
        )


@dataclass(frozen=True)
class Tail:
    """What one version read and scored last.

    Attributes:
        number: of the version.
        name: of the version, as its points carry it.
        given: rows up to `stop`, as they were read.
        errors: of the newest of them, (S, E).
        newest: of the newest of them, (S, M).
        events: the stored events that are open or lie in `newest`.
        is_sparse: whether a bucket holds few readings.
    """

    number: int
    name: str
    given: Given
    errors: Errors
    newest: Newest
    events: Known
    is_sparse: bool = False

    @property
    def stop(self) -> int:
        """End of what has been scored."""
        return self.given.stop

    @property
    def numbers(self) -> int:
        """How many numbers it holds, about."""
        rows = self.given.rows.values.size * 2
        return rows + self.errors.by_channel.size + self.newest.score.size * 6

    def reaches(self, start: int, stop: int, lookback: int) -> bool:
        """Whether `[start, stop)` goes on from here, with so many rows before it at hand."""
        rows = self.given.rows
        return int(rows.times[0]) + lookback * rows.step <= start <= self.stop <= stop

    def errors_before(self, start: int) -> Errors:
        """Errors of rows before a time."""
        count = max(self.errors.error.shape[1] - self._after(start), 0)
        return Errors(self.errors.error[:, :count], self.errors.by_channel[:, :count])

    def newest_before(self, start: int) -> Newest:
        """Scores of rows before a time."""
        return self.newest.cut(slice(max(len(self.newest) - self._after(start), 0)))

    def alarm_before(self, spec: DetectorSpec, start: int) -> AlarmState | None:
        """What `results.alarm_state_before` reads; None where it reaches back further than this."""
        points, past = spec.alarm.points, self.newest_before(start)
        if len(past) < points:
            return None
        flag = (past.judged & (past.score > 1.0))[:, -points:]
        run = np.where(flag.all(axis=1), points, np.argmin(flag[:, ::-1], axis=1))
        return AlarmState(past.alarm[:, -1].copy(), run.astype(np.int64))

    def before(self, spec: DetectorSpec, start: int) -> Before | None:
        """What `results.rows_before` reads; None where it reaches back further than this."""
        count, past = memory(spec.threshold), self.newest_before(start)
        series = len(self.given.rows.keys)
        if not count:
            return Before.nothing(series)
        if len(past) < count:
            return None
        own = np.where(past.judged & ~past.checked, past.smoothed, np.nan)[:, -count:]
        return Before(own, past.threshold[:, -count:], np.full(series, -1, dtype=np.int64))

    def near(self, spec: DetectorSpec) -> Near:
        """The scores among which events are looked for."""
        names, rows = (*spec.inputs, ""), self.given.rows

        def words(s: int, at: int) -> tuple[str, ...]:
            return *(names[place] for place in self.newest.tops[s, at]), self.name

        start = self.stop - len(self.newest) * rows.step
        return Near(rows.keys, start, rows.step, self.newest.score, self.newest.judged, words)

    def cut(self, fitted: Fitted, lateness: int) -> "Tail":
        """No more of it than later ticks look at: what may still change, and some before that."""
        spec = fitted.spec
        late = -(-lateness // spec.step)
        rows = self.given.since(max(len(self.given.rows.times) - late - fitted.lookback, 0))
        kept = self.errors.error.shape[1] - late - fitted.kernel
        gap = spec.alarm.merge + spec.alarm.points
        newest = len(self.newest) - late - max(gap, memory(spec.threshold))
        return replace(
            self,
            given=rows,
            errors=self.errors.since(max(kept, 0)),
            newest=self.newest.cut(slice(max(newest, 0), None)),
        )

    def _after(self, time: int) -> int:
        """How many of its rows lie at a time or behind it."""
        return (self.stop - time) // self.given.rows.step


@dataclass(frozen=True)
class Kept:
    """A tail, and under which circumstances it may be trusted."""

    tail: Tail
    circumstances: object
    since: int


class Tails:
    """The tails of all detectors that a process scores; of too many numbers the oldest go."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Kept] = OrderedDict()

    def take(self, detector: str) -> Kept | None:
        """The tail of a detector, which is no longer kept: a run that fails leaves none behind."""
        return self._kept.pop(detector, None)

    def keep(self, detector: str, kept: Kept) -> None:
        """Keep a tail for the next tick."""
        self._kept[detector] = kept
        while sum(one.tail.numbers for one in self._kept.values()) > _MOST:
            self._kept.popitem(last=False)


def extended(
    tail: Tail | None, start: int, given: Given, found: tuple[Scored, Errors], version: "Scorer"
) -> Tail:
    """A tail with what was scored from `start` on behind it.

    Args:
        tail: what there was before; None for nothing.
        start: of the first row that was scored.
        given: the rows up to the last one.
        found: their scores, and errors that may begin before `start`.
        version: which scored them.
    """
    scored, errors = found
    newest = Newest.of(scored, silent=version.silent)
    if tail is not None:
        begin = given.stop - errors.error.shape[1] * given.rows.step
        errors = tail.errors_before(begin).then(errors)
        newest = tail.newest_before(start).then(newest)
    events = {} if tail is None else tail.events
    return Tail(version.number, version.name, given, errors, newest, events)


@dataclass(frozen=True)
class Scorer:
    """A version as a tail knows it."""

    number: int
    name: str
    silent: bool
