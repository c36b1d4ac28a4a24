"""Score what is new, or a past range on request, and write what was found."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from backend.detection.grid import ceil_to, floor_to, last_closed
from backend.detection.pipeline import Fitted
from backend.exceptions import ArtifactError, InputError, NoData, NotFound
from backend.ports import Clock, Points, Progress, Query
from backend.records import Label, Promotion, Run, SeriesKey
from backend.schema import COVERAGE, DETECTOR_TAG, SCORES
from backend.services.carrying import Kept, Tail, Tails
from backend.services.detectors import Detectors
from backend.services.drift import DriftWatching
from backend.services.fencing import Fence, unfenced
from backend.services.heap import give_back_memory
from backend.services.labelling import Labelling
from backend.services.pace import lag_s
from backend.services.progress import both
from backend.services.reading import earliest, first_bucket
from backend.services.results import one_point
from backend.services.runs import failures_recorded, recorded
from backend.services.scored_part import Part, PartScoring, ScoringReport, Tables, Task
from backend.services.serving import Served, shifts
from backend.services.stores import Stores
from backend.specs import DetectorSpec, nanoseconds

log = logging.getLogger(__name__)

_PART = 5_000
"""Most grid points scored and written at once: bounds what a crash has to do again."""
_NUMBERS = 1_000_000
"""Most numbers of a fleet read at once: bounds memory, however many series there are."""
_TRUSTED_NS = 6 * 3_600_000_000_000
"""After so long what is in memory is read anew: results may have been deleted, or restored."""
_CLOCKS_DIFFER_NS = 120_000_000_000
"""By so much the clocks of two hosts may differ that score in turns."""
_MANY_SERIES = 200
"""A run of more leaves much memory behind that is no longer used."""
_RUNS = 20
"""Newest runs of a detector that are looked through for backfills."""


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
        self._parts = PartScoring(stores, served, clock)
        self._tails = Tails()
        self._drift = DriftWatching(stores, clock)
        self._detectors = detectors
        self._labelling = labelling
        self._served = served
        self._clock = clock

    def tick(self, detector: str, fence: Fence = unfenced) -> ScoringReport:
        """Score every closed bucket that has not been, and again what may have come late.

        Args:
            detector: its name.
            fence: asked before anything is written.

        Raises:
            NotFound: there is no such detector.
            LeaseLost: another process has taken the scoring over.
            StoreError, ArtifactError: the run failed; the next one takes up where this one began.
        """
        spec, now = self._detectors.get(detector), self._clock.now()
        closed = last_closed(now, spec.step, nanoseconds(spec.delay))
        promotions = self._records.promotions(detector)
        if not promotions:
            return ScoringReport(detector, closed, closed, note="no model serves yet")
        with failures_recorded(self._records, self._clock, "score", detector):
            marks = self._records.watermarks(detector)
            done = self._scored_until(marks, promotions[-1])
            oldest = closed - nanoseconds(spec.schedule.catch_up)
            if not marks and done < closed:
                done = self._first_due(spec, done, closed)
            if marks and done > closed + spec.step + _CLOCKS_DIFFER_NS:
                back = self._first_due(spec, oldest, closed)
                done = self._go_back_to(detector, back, done - closed)
            late = nanoseconds(spec.schedule.lateness)
            start = max(floor_to(min(done, closed) - late, spec.step), ceil_to(oldest, spec.step))
            turns = [Part(*turn) for turn in shifts(promotions, start, closed)]
            turns = self._without_lost(detector, turns, promotions[-1].number, done)
            live, new_from = max(closed, done), max(done, start)
            backfills = self._backfills(detector)
            ahead, labels = _ahead(marks, backfills, live), self._labels(detector)
            drifting = self._drift.look(promotions[-1], done, labels, fence)
            task = Task(spec, labels, live, ahead, new_from, fence, drifting)
            return self._go_on(task, turns, done, backfills, now)

    def backfill(
        self,
        detector: str,
        start: int,
        stop: int,
        progress: Progress = lambda share, words: None,
        fence: Fence = unfenced,
    ) -> ScoringReport:
        """Score `[start, stop)` with the version that serves now, also where others did before.

        Args:
            detector: its name.
            start: first nanosecond of the range.
            stop: first nanosecond behind it.
            progress: told the share done.
            fence: asked before anything is written.

        Raises:
            InputError: the range is empty or lies in the future.
            NoData: it is a long one, and there is nothing in it.
            NotFound: no such detector, or no version serves yet.
            Cancelled: a person ended it; what was scored before stays.
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
        with recorded(self._records, self._clock, "backfill", detector) as going:
            start = self._begin(spec, start, stop)
            done = self._scored_until(self._records.watermarks(detector), promotions[-1])
            live = max(stop, done)
            task = Task(spec, self._labels(detector), live, live, start, fence)
            turn = Part(promotions[-1].number, start, stop)
            report = self._go_back(task, turn, both(going.tell, progress))
            going.details.update(report.plain())
        return report

    def _first_due(self, spec: DetectorSpec, start: int, closed: int) -> int:
        """Where a detector begins, also anew: nothing is missing before its first data.

        Without any, the newest bucket is due all the same, so that coverage tells of it.
        """
        first = first_bucket(self._source, spec, start, closed)
        return max(closed - spec.step, start) if first is None else max(first, start)

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
        self, detector: str, turns: Sequence[Part], serving: int, done: int
    ) -> list[Part]:
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
                    kept.append(Part(serving, max(turn.start, done), turn.stop))
        return kept

    # -- one run -----------------------------------------------------------------------------------

    def _scored_until(self, marks: Mapping[SeriesKey, int], serving: Promotion) -> int:
        """How far every series of the serving version is scored."""
        _, fitted = self._served.load(serving.detector, serving.number)
        known = (marks[key] for key in fitted.keys if key in marks)
        return min(known, default=serving.serves_from)

    def _go_back_to(self, detector: str, start: int, ahead: int) -> int:
        """A clock was ahead: what was scored before its time was scored without its points."""
        log.warning(
            "%s was scored %.0f s ahead of what is due (the clock was set back, or delay is longer "
            "now): it is scored anew, as after an outage",
            detector,
            ahead / 1e9,
        )
        self._tails.take(detector)
        self._records.rewind_watermarks(detector, start)
        return start

    def _labels(self, detector: str) -> tuple[Label, ...]:
        return tuple(self._labelling.list(detector))

    def _go_on(
        self, task: Task, turns: Sequence[Part], done: int, backfills: Sequence[Run], now: int
    ) -> ScoringReport:
        """Score the turns in order, and move the watermarks along.

        What the last of them leaves in memory serves the next tick, unless others were at work.
        """
        detector = task.spec.name
        kept = self._tails.take(detector)
        others = [(run.id, run.finished_at) for run in backfills]
        tail = kept.tail if kept and _is_trusted(kept, turns, done, others, now) else None
        since = kept.since if kept and tail else now
        parts = [part for turn in turns for part in self._cut(detector, turn)]
        if len(parts) > 1 and (newest := _newest(parts)).start > done:
            task = self._look_ahead(task, newest)
        total = None
        for part in parts:
            found = self._parts.run(task, part, tail if _is_of(tail, part) else None)
            total, tail = _add(total, found.report), found.tail
            tables = dict(found.tables)
            if part is parts[-1] and part.stop > done:
                total = replace(total, lag_s=lag_s(task.spec, part.stop, now))
                tables[COVERAGE] = [_coverage(task.spec, replace(total, stop=part.stop))]
            self._finish(task, part, tables)
        if tail is not None:
            self._tails.keep(detector, Kept(tail, others, since))
        end = parts[-1].stop if parts else task.new_from
        total = total or ScoringReport(detector, end, end)
        if total.series > _MANY_SERIES:
            give_back_memory()
        return replace(total, stop=end, lag_s=lag_s(task.spec, end, now))

    def _look_ahead(self, task: Task, newest: Part) -> Task:
        """Far behind, show first what is now; then all goes on in order, this part once more.

        Its errors and scores are final at once. What depends on the time before, which is not
        scored yet, is so the second time: alarms, thresholds that follow, the start of an event.
        """
        task = replace(task, ahead=task.live)  # events of it are stored before those in between
        found = self._parts.run(task, newest, None)
        if found.tables:
            task.fence()
            self._results.write_all(found.tables)
        return task

    def _finish(self, task: Task, part: Part, tables: Tables) -> None:
        """Write what is left of a part, and say that it is done."""
        if tables:
            task.fence()
            self._results.write_all(tables)
        _, fitted = self._served.load(task.spec.name, part.number)
        self._records.set_watermarks(task.spec.name, dict.fromkeys(fitted.keys, part.stop))

    def _backfills(self, detector: str) -> list[Run]:
        """The newest backfills: each may have written over what is known."""
        runs = self._records.runs(detector, limit=_RUNS)
        return [run for run in runs if run.kind == "backfill"]

    def _go_back(self, task: Task, turn: Part, progress: Progress) -> ScoringReport:
        """Score a past range; events are always found in what is stored."""
        parts = self._cut(task.spec.name, turn)
        total, tail = None, None
        progress(0.0, "reading")
        for index, part in enumerate(parts):
            found = self._parts.run(task, part, tail)
            total, tail = _add(total, found.report), found.tail
            progress((index + 1) / len(parts), "scoring")
        return total or ScoringReport(task.spec.name, turn.stop, turn.stop)

    def _cut(self, detector: str, turn: Part) -> list[Part]:
        """A turn in pieces, on the version's own grid: the detector's may be another by now."""
        _, fitted = self._served.load(detector, turn.number)
        step = fitted.spec.step
        start, stop = ceil_to(turn.start, step), floor_to(turn.stop, step)
        length = _piece(fitted) * step
        return [
            Part(turn.number, begin, min(begin + length, stop))
            for begin in range(start, stop, length)
        ]


def _newest(parts: Sequence[Part]) -> Part:
    """The last piece, in its full length."""
    before, last = parts[-2:]
    if before.number != last.number:
        return last
    return replace(last, start=max(before.start, last.stop - (before.stop - before.start)))


def _ahead(marks: Mapping[SeriesKey, int], backfills: Sequence[Run], live: int) -> int:
    """From where on nothing was ever scored, by ticks of any version or by backfills."""
    stops = [int(run.details.get("stop", live)) for run in backfills]
    return max([*marks.values(), *stops], default=live)


def _coverage(spec: DetectorSpec, report: ScoringReport) -> Points:
    """How much of what was due has been judged; 1 where nothing was due."""
    values = {
        "coverage": report.judged / report.due if report.due else 1.0,
        "lag_s": report.lag_s,
        "series": float(report.series),
        "set_aside": float(len(report.set_aside)),
        "drifting": float(len(report.drifting)),
    }
    return one_point({DETECTOR_TAG: spec.name}, report.stop - spec.step, values)


def _is_trusted(kept: Kept, turns: Sequence[Part], done: int, others: object, now: int) -> bool:
    """Whether what is in memory is still what is stored."""
    own = len(turns) == 1 and _is_of(kept.tail, turns[0])
    fresh = 0 <= now - kept.since < _TRUSTED_NS
    return own and fresh and kept.tail.stop == done and kept.circumstances == others


def _is_of(tail: Tail | None, part: Part) -> bool:
    return tail is not None and tail.number == part.number


def _piece(fitted: Fitted) -> int:
    """Grid points scored at once; never so few that most of what is read is only looked back at."""
    row = len(fitted.keys) * len(fitted.spec.inputs)
    return max(fitted.lookback, min(_PART, _NUMBERS // row))


def _add(total: ScoringReport | None, part: ScoringReport) -> ScoringReport:
    if total is None:
        return part
    return replace(
        total,
        stop=part.stop,
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
