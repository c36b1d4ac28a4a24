"""Score what is new, or a past range on request, and write what was found."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from backend.detection.grid import ceil_to, floor_to, last_closed
from backend.detection.pipeline import Fitted, Scored, score
from backend.exceptions import ArtifactError, InputError, NoData, NotFound
from backend.ports import Clock, Progress, Query
from backend.records import Label, Promotion, SeriesKey, SetAside, Version, parse_series_key
from backend.schema import (
    CONTRIBUTIONS,
    COVERAGE,
    DETECTOR_TAG,
    EXPECTED,
    NOT_DUE,
    SCORES,
)
from backend.services.detectors import Detectors
from backend.services.event_keeping import Rescored, update_events
from backend.services.labelling import Labelling
from backend.services.reading import aligned, earliest, excluded, read_rows
from backend.services.results import (
    alarm_state_before,
    channel_points,
    one_point,
    rows_before,
    score_points,
)
from backend.services.runs import failures_recorded, recorded
from backend.services.serving import Served, shifts
from backend.services.stores import Stores
from backend.specs import DetectorSpec, nanoseconds

log = logging.getLogger(__name__)

_PART = 5_000
"""Most grid points scored and written at once: bounds what a crash has to do again."""
_NUMBERS = 8_000_000
"""Most numbers of a fleet read at once: bounds memory, however many series there are."""
_RETRY_NS = 3_600_000_000_000


@dataclass(frozen=True)
class ScoringReport:
    """What one run scored: the range, how much of it, and what stood out.

    `due` and `judged` count points new in this run that should have been, and were judged; time
    that nobody expects to be judged (off, settling, excluded) is not due. `bridged` counts points
    at which a channel showed its last value because a short gap was open. `drifting` names series
    whose normal error has risen so far that the threshold can follow it no further.
    """

    detector: str
    start: int
    stop: int
    series: int = 0
    points: int = 0
    due: int = 0
    judged: int = 0
    bridged: int = 0
    flagged: int = 0
    events: int = 0
    note: str = ""
    drifting: tuple[SeriesKey, ...] = ()
    set_aside: dict[SeriesKey, str] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return asdict(self)


@dataclass(frozen=True)
class _Part:
    """What one version scores: its turn within a run, or a piece of it."""

    number: int
    start: int
    stop: int


@dataclass(frozen=True)
class _Task:
    """What the parts of one run share: `live` is the end of all scored time."""

    spec: DetectorSpec
    labels: tuple[Label, ...]
    live: int
    new_from: int


class Scoring:
    """Idempotent: what is due is derived from what is stored; a repeat writes the same points."""

    def __init__(
        self,
        stores: Stores,
        detectors: Detectors,
        labelling: Labelling,
        served: Served,
        clock: Clock,
    ) -> None:
        self._source = stores.source
        self._results = stores.results
        self._records = stores.records
        self._detectors = detectors
        self._labelling = labelling
        self._served = served
        self._clock = clock

    def tick(self, detector: str) -> ScoringReport:
        """Score every closed bucket that has not been, and again what may have come late.

        Raises:
            NotFound: there is no such detector.
            StoreError, ArtifactError: the run failed; the next one takes up where this one began.
        """
        spec, now = self._detectors.get(detector), self._clock.now()
        closed = last_closed(now, spec.step, nanoseconds(spec.delay))
        promotions = self._records.promotions(detector)
        if not promotions:
            return ScoringReport(detector, closed, closed, note="no model serves yet")
        with failures_recorded(self._records, self._clock, "score", detector):
            done = self._scored_until(detector, promotions[-1])
            oldest = closed - nanoseconds(spec.schedule.catch_up)
            late = nanoseconds(spec.schedule.lateness)
            start = max(floor_to(min(done, closed) - late, spec.step), ceil_to(oldest, spec.step))
            turns = [_Part(*turn) for turn in shifts(promotions, start, closed)]
            turns = self._without_lost(detector, turns, promotions[-1].number, done)
            task = self._task(spec, live=max(closed, done), new_from=max(done, start))
            report = self._run(task, turns, forward=True)
            if report.stop > done:
                self._cover(spec, report, now)
        return report

    def backfill(
        self,
        detector: str,
        start: int,
        stop: int,
        progress: Progress = lambda share, words: None,
    ) -> ScoringReport:
        """Score `[start, stop)` with the version that serves now, also where others did before.

        Raises:
            InputError: the range is empty or lies in the future.
            NoData: it is a long one, and there is nothing in it.
            NotFound: no such detector, or no version serves yet.
        """
        spec, now = self._detectors.get(detector), self._clock.now()
        closed = last_closed(now, spec.step, nanoseconds(spec.delay))
        start, stop = ceil_to(start, spec.step), min(floor_to(stop, spec.step), closed)
        if start >= stop:
            raise InputError(
                f"The range to score holds no closed bucket of {detector!r}: expected a start "
                "before its end, both in the past."
            )
        promotions = self._records.promotions(detector)
        if not promotions:
            raise NotFound(f"No model of {detector!r} serves yet: retrain it first.")
        with recorded(self._records, self._clock, "backfill", detector) as details:
            start = self._begin(spec, start, stop)
            done = self._scored_until(detector, promotions[-1])
            task = self._task(spec, live=max(stop, done), new_from=start)
            turn = _Part(promotions[-1].number, start, stop)
            report = self._run(task, [turn], progress=progress)
            details.update(report.plain())
        return report

    def _begin(self, spec: DetectorSpec, start: int, stop: int) -> int:
        """Where a long range begins to hold anything: who asks "from 1970" means all there is."""
        within = _PART * spec.step
        if stop - start <= within:
            return start
        data = Query(spec.measurement, spec.inputs, start, stop, spec.where)
        scores = Query(SCORES, ("score",), start, stop, {DETECTOR_TAG: spec.name})
        found = [earliest(self._source, data), earliest(self._results, scores)]
        begins = [floor_to(time, spec.step) for time in found if time is not None]
        if not begins:
            raise NoData(f"The range to score holds no data of {spec.name!r}: check its start.")
        return min(begins)

    def _without_lost(
        self, detector: str, turns: Sequence[_Part], serving: int, done: int
    ) -> list[_Part]:
        """Let the serving version stand in for older ones whose files are damaged or gone.

        What those have scored up to `done` stays as it is.
        """
        kept = []
        for turn in turns:
            try:
                self._served.load(detector, turn.number)
                kept.append(turn)
            except (ArtifactError, NotFound) as error:
                log.warning("version %d of %s is left out: %s", turn.number, detector, error)
                if done < turn.stop:
                    kept.append(_Part(serving, max(turn.start, done), turn.stop))
        return kept

    # -- one run -----------------------------------------------------------------------------------

    def _scored_until(self, detector: str, serving: Promotion) -> int:
        """How far every series of the serving version is scored."""
        _, fitted = self._served.load(detector, serving.number)
        marks = self._records.watermarks(detector)
        known = (marks[key] for key in fitted.keys if key in marks)
        return min(known, default=serving.serves_from)

    def _task(self, spec: DetectorSpec, *, live: int, new_from: int) -> _Task:
        return _Task(spec, tuple(self._labelling.list(spec.name)), live, new_from)

    def _run(
        self,
        task: _Task,
        turns: Sequence[_Part],
        *,
        forward: bool = False,
        progress: Progress = lambda share, words: None,
    ) -> ScoringReport:
        """Score the turns in order; `forward` moves the watermarks along."""
        detector = task.spec.name
        parts = [part for turn in turns for part in self._cut(detector, turn)]
        end = parts[-1].stop if parts else task.new_from
        total = ScoringReport(detector, parts[0].start if parts else end, end)
        for index, part in enumerate(parts):
            version, fitted = self._served.load(detector, part.number)
            total = _add(total, self._score_part(task, part, version, fitted))
            if forward:
                self._records.set_watermarks(detector, dict.fromkeys(fitted.keys, part.stop))
            progress((index + 1) / len(parts), "scoring")
        return total

    def _cut(self, detector: str, turn: _Part) -> list[_Part]:
        """A turn in pieces, on the version's own grid: the detector's may be another by now."""
        _, fitted = self._served.load(detector, turn.number)
        step = fitted.spec.step
        start, stop = ceil_to(turn.start, step), floor_to(turn.stop, step)
        length = _piece(fitted) * step
        return [
            _Part(turn.number, begin, min(begin + length, stop))
            for begin in range(start, stop, length)
        ]

    def _score_part(
        self, task: _Task, part: _Part, version: Version, fitted: Fitted
    ) -> ScoringReport:
        then = fitted.spec
        begin = part.start - fitted.lookback * then.step
        found = read_rows(self._source, then, begin, part.stop)
        rows = aligned(found, fitted.keys)
        scored = score(
            fitted,
            rows,
            first=fitted.lookback,
            excluded=excluded(rows, task.labels),
            alarm=alarm_state_before(self._results, then, fitted.keys, part.start),
            before=rows_before(self._results, then, fitted.keys, part.start, version.name),
        )
        self._write(task.spec, then, scored, version)
        done = Rescored(part.start, part.stop, task.live, self._served.is_provisional)
        events = update_events(self._results, then, fitted.keys, done)
        aside = self._without_model(task.spec, found.keys, fitted.keys)
        report = _report(task, part, scored, events, aside)
        return report if found.keys else replace(report, note=_why_empty(then))

    def _write(
        self, spec: DetectorSpec, then: DetectorSpec, scored: Scored, version: Version
    ) -> None:
        silent = version.provisional
        self._results.write(SCORES, score_points(then, scored, version.name, silent=silent))
        if spec.write_expected:
            self._results.write(EXPECTED, channel_points(then, scored, "expected"))
        if spec.write_contributions:
            self._results.write(CONTRIBUTIONS, channel_points(then, scored, "contributions"))

    def _without_model(
        self, spec: DetectorSpec, present: Sequence[SeriesKey], known: Sequence[SeriesKey]
    ) -> dict[SeriesKey, str]:
        """Series in the data that the version was not trained for: visible, and never an error."""
        aside = {s.series: s.reason for s in self._records.series_set_aside(spec.name)}
        now = self._clock.now()
        for key in set(present) - set(known) - set(aside):
            aside[key] = _why_unknown(key)
            self._records.set_aside(SetAside(spec.name, key, aside[key], now, now + _RETRY_NS))
        return aside

    def _cover(self, spec: DetectorSpec, report: ScoringReport, now: int) -> None:
        """Write how much of what was due has been judged; 1 where nothing was due."""
        values = {
            "coverage": report.judged / report.due if report.due else 1.0,
            "lag_s": max(0.0, (now - report.stop) / 1e9),
            "series": float(report.series),
            "set_aside": float(len(report.set_aside)),
            "drifting": float(len(report.drifting)),
        }
        tags = {DETECTOR_TAG: spec.name}
        self._results.write(COVERAGE, [one_point(tags, report.stop - spec.step, values)])


def _piece(fitted: Fitted) -> int:
    """Grid points scored at once; never so few that most of what is read is only looked back at."""
    row = len(fitted.keys) * len(fitted.spec.inputs)
    return max(fitted.lookback, min(_PART, _NUMBERS // row))


def _why_unknown(key: SeriesKey) -> str:
    """Why a series in the data has no model; points of a renamed tag are read as one without."""
    lacking = [tag for tag, value in parse_series_key(key).items() if not value]
    if not lacking:
        return "it appeared after the last training: retrain the detector to include it"
    return (
        f"its points lack the tag {lacking[0]!r}: if it was renamed, change the detector or what "
        "writes them, else retrain the detector to include the series"
    )


def _why_empty(spec: DetectorSpec) -> str:
    where = "".join(f", {tag}={value}" for tag, value in sorted(spec.where.items()))
    return (
        f"the source holds no point of {spec.measurement!r}{where} in this time: see what normalcy "
        "check says"
    )


def _report(
    task: _Task, part: _Part, scored: Scored, events: int, aside: dict[SeriesKey, str]
) -> ScoringReport:
    new = (scored.times >= task.new_from)[None, :]
    due = new & ~np.isin(scored.reason.astype(str), NOT_DUE)
    return ScoringReport(
        task.spec.name,
        part.start,
        part.stop,
        series=len(scored.keys),
        points=scored.score.size,
        due=int(due.sum()),
        judged=int((new & scored.judged).sum()),
        bridged=int((new & (scored.bridged > 0)).sum()),
        flagged=int(scored.flag.sum()),
        events=events,
        drifting=tuple(
            key for key, high in zip(scored.keys, scored.drift[:, -1], strict=True) if high
        ),
        set_aside=aside,
    )


def _add(total: ScoringReport, part: ScoringReport) -> ScoringReport:
    return replace(
        total,
        series=max(total.series, part.series),
        points=total.points + part.points,
        due=total.due + part.due,
        judged=total.judged + part.judged,
        bridged=total.bridged + part.bridged,
        flagged=total.flagged + part.flagged,
        events=total.events + part.events,
        note=part.note,  # of the newest part
        drifting=part.drifting,
        set_aside={**total.set_aside, **part.set_aside},
    )
