"""What is counted of one series while its past is replayed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from backend.detection.grid import touching
from backend.detection.pipeline import Scored
from backend.detection.runs import Mask, spans
from backend.ports import Floats, Times
from backend.schema import NOT_DUE
from backend.services.trial_failures import Failure

_POINTS = 2_000
"""Most points of the curve that is drawn of a series."""


@dataclass(frozen=True)
class Alarm:
    """An alarm over `[start, stop)`, how high its score rose, and the channel to blame then.

    `silent` ones the product would have shown without telling anybody.
    """

    start: int
    stop: int
    peak: float
    channel: str
    silent: bool


@dataclass(frozen=True)
class Span:
    """The time of a trial on the detector's grid: `[start, stop)`, `step` apart."""

    start: int
    stop: int
    step: int

    @property
    def bucket(self) -> int:
        """Nanoseconds that one point of a curve stands for."""
        points = max(1, (self.stop - self.start) // self.step)
        return -(-points // _POINTS) * self.step


@dataclass
class Tally:
    """Counts of one series.

    `sounding` are judged points whose alarm would be told, `calm` those of them that nothing
    explains: only there can an alarm be false.
    """

    span: Span
    due: int = 0
    judged: int = 0
    flagged: int = 0
    sounding: int = 0
    calm: int = 0
    alarms: list[Alarm] = field(default_factory=list)
    curve: Floats = field(default_factory=lambda: np.empty(0))
    judged_before: list[int] = field(default_factory=list)
    """For each failure the judged points in the time in which an alarm would have counted."""

    def __post_init__(self) -> None:
        buckets = -(-(self.span.stop - self.span.start) // self.span.bucket)
        self.curve = np.full(buckets, np.nan)

    def add(self, part: "Part", explained: Sequence[tuple[int, int]]) -> None:
        """Count a part; parts follow each other in time.

        Args:
            part: what to count.
            explained: ranges in which an alarm is no false one.
        """
        self.due += part.due
        self.judged += int(part.judged.sum())
        self.flagged += int((part.score > 1.0).sum())
        if not part.silent:
            calm = part.judged & ~touching(part.times, self.span.step, explained)
            self.sounding += int(part.judged.sum())
            self.calm += int(calm.sum())
        for alarm in part.alarms(self.span.step):
            self._add_alarm(alarm)
        place = (part.times - self.span.start) // self.span.bucket
        np.fmax.at(self.curve, place[part.judged], part.score[part.judged])

    def miss(self, due: int) -> None:
        """Count points that should have been judged, and of which there are no data."""
        self.due += due

    def look_before(self, failures: Sequence[Failure], horizon: int, part: "Part") -> None:
        """Count the judged points that lie in the time before each failure."""
        self.judged_before = self.judged_before or [0] * len(failures)
        for index, failure in enumerate(failures):
            near = (part.times >= failure.start - horizon) & (part.times < failure.start)
            self.judged_before[index] += int((near & part.judged).sum())

    def _add_alarm(self, alarm: Alarm) -> None:
        last = self.alarms[-1] if self.alarms else None
        if last is None or last.stop != alarm.start or last.silent != alarm.silent:
            self.alarms.append(alarm)
            return
        stronger = alarm if alarm.peak > last.peak else last
        self.alarms[-1] = replace(stronger, start=last.start, stop=alarm.stop)


@dataclass(frozen=True)
class Part:
    """What one version said of one series in a stretch of time.

    Attributes:
        times: (T,) nanoseconds.
        score: (T,).
        judged: (T,).
        alarm: (T,) whether or not anybody would be told.
        channel: (T,) the one with the largest share.
        due: points that should have been judged.
        silent: whether alarms of this version are told to nobody.
    """

    times: Times
    score: Floats
    judged: Mask
    alarm: Mask
    channel: Sequence[str]
    due: int
    silent: bool

    def alarms(self, step: int) -> Iterator[Alarm]:
        """The alarms in it."""
        for start, stop in spans(self.alarm):
            peak = start + int(np.argmax(self.score[start:stop]))
            begin, end = int(self.times[start]), int(self.times[stop - 1]) + step
            height, channel = float(self.score[peak]), self.channel[peak]
            yield Alarm(begin, end, height, channel, self.silent)


def part_of(scored: Scored, s: int, alarm: Mask, names: Sequence[str], *, silent: bool) -> Part:
    """The part of a series `s`.

    Args:
        scored: of all series.
        s: which of them.
        alarm: (S, T) whether or not anybody would be told.
        names: the F channels.
        silent: whether nobody would be.
    """
    largest = scored.contributions[s].argmax(axis=1)
    due = ~np.isin(scored.reason[s].astype(str), NOT_DUE)
    return Part(
        times=scored.times,
        score=scored.score[s],
        judged=scored.judged[s],
        alarm=alarm[s],
        channel=[names[index] for index in largest],
        due=int(due.sum()),
        silent=silent,
    )
