"""Score one part of a run: read it, ask the model, say what is to be written."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.detection.evidence import Errors
from backend.detection.grid import Rows, floor_to, to_rows
from backend.detection.pipeline import Carried, Fitted, Scored, go_on
from backend.ports import Clock, Points, Query
from backend.records import Label, LabelKind, SeriesKey, SetAside, Version, parse_series_key
from backend.schema import CONTRIBUTIONS, EVENTS, EXPECTED, NOT_DUE, SCORES
from backend.services.carrying import Given, Scorer, Tail, extended
from backend.services.event_keeping import (
    Known,
    Rescored,
    continue_events,
    update_events,
    with_earlier,
)
from backend.services.fencing import Fence
from backend.services.reading import aligned, excluded, read_rows
from backend.services.results import (
    alarm_state_before,
    channel_points,
    rows_before,
    score_points,
)
from backend.services.serving import Served
from backend.services.stores import Stores
from backend.specs import DetectorSpec, nanoseconds

_RETRY_NS = 3_600_000_000_000
_LOOKED_AT = 8
_FEW = 3
"""Readings in a bucket, of so many that are looked at, up to which they are read as they are."""

Tables = Mapping[str, Sequence[Points]]
"""Rows by their measurement."""


@dataclass(frozen=True)
class ScoringReport:
    """What one run scored: the range, how much of it, and what stood out.

    `due` and `judged` count points new in this run that should have been, and were judged; time
    that nobody expects to be judged (off, settling, excluded) is not due. `bridged` counts points
    at which a channel showed its last value because a short gap was open. `lag_s` is for how long
    the oldest closed bucket that is not scored has waited. `drifting` names series
    whose normal error has risen for good, or so far that the threshold can follow it no further.
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
    lag_s: float = 0.0
    drifting: tuple[SeriesKey, ...] = ()
    set_aside: dict[SeriesKey, str] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return asdict(self)


@dataclass(frozen=True)
class Part:
    """What one version scores: its turn within a run, or a piece of it."""

    number: int
    start: int
    stop: int


@dataclass(frozen=True)
class Task:
    """What the parts of one run share.

    Attributes:
        spec: the detector as it is now.
        labels: of the detector.
        live: the end of all scored time.
        ahead: from here on nothing was ever scored, so that no event is stored.
        new_from: points from here on have not been scored before.
        fence: asked before anything is written.
        drifting: series whose normal errors have risen for good.
    """

    spec: DetectorSpec
    labels: tuple[Label, ...]
    live: int
    ahead: int
    new_from: int
    fence: Fence
    drifting: tuple[SeriesKey, ...] = ()


@dataclass(frozen=True)
class Done:
    """What came of a part; `tables` is still to be written, all at once."""

    report: ScoringReport
    tail: Tail
    tables: Tables


@dataclass(frozen=True)
class _Whose:
    """A version, its record and what is in memory of it."""

    version: Version
    fitted: Fitted

    @property
    def then(self) -> DetectorSpec:
        """The detector as it was when the version was trained."""
        return self.fitted.spec


class PartScoring:
    """Scores parts over the stores."""

    def __init__(self, stores: Stores, served: Served, clock: Clock) -> None:
        self._source = stores.source
        self._results = stores.results
        self._records = stores.records
        self._served = served
        self._clock = clock

    def run(self, task: Task, part: Part, tail: Tail | None) -> Done:
        """Score a part.

        Args:
            task: what all parts share.
            part: what to score.
            tail: what the version that scores it scored last; None for nothing. Where the part goes
                on from there, only what is new or has changed is scored.
        """
        own = _Whose(*self._served.load(task.spec.name, part.number))
        lookback = own.fitted.lookback
        if tail is not None and not tail.reaches(part.start, part.stop, lookback):
            tail = None
        given, present, start, is_sparse = self._read(task, part, own.fitted, tail)
        aside = self._without_model(task.spec, present, own.fitted.keys)
        note = "" if present else _why_empty(own.then)
        if start == part.stop and tail is not None:  # all that was read is as it was
            drifting = task.drifting
            empty = ScoringReport(
                task.spec.name, start, start, note=note, drifting=drifting, set_aside=aside
            )
            after = replace(tail, given=given, is_sparse=is_sparse)
            return Done(empty, after.cut(own.fitted, _late(task)), {})
        found = self._score(own, given, start, tail)
        scorer = Scorer(part.number, own.version.name, own.version.provisional)
        after = extended(tail, start, given, found, scorer)
        tables = _tables(task.spec, own, found[0])
        done = Rescored(start, part.stop, task.live, self._served.is_provisional)
        events, rest = self._events(task, own, after, tables, done, tail)
        after = replace(after, events=events, is_sparse=is_sparse).cut(own.fitted, _late(task))
        count = sum(event.stop > start for known in events.values() for event in known)
        report = _report(task, replace(part, start=start), found[0], count, aside)
        return Done(replace(report, note=note), after, rest)

    def _read(
        self, task: Task, part: Part, fitted: Fitted, tail: Tail | None
    ) -> tuple[Given, Sequence[SeriesKey], int, bool]:
        """Rows with what is looked back at, the series that have any, and where to begin.

        And whether there are so few readings in a bucket that the server need not take their mean,
        which costs it more than to hand them out.
        """
        then = fitted.spec
        if tail is None:
            begin = part.start - fitted.lookback * then.step
            found = read_rows(self._source, then, begin, part.stop)
            is_sparse = self._is_sparse(then, part.stop)
        elif tail.is_sparse:
            found, is_sparse = self._read_sparse(then, part)
        else:
            found, is_sparse = read_rows(self._source, then, part.start, part.stop), False
        rows = found if found.keys == fitted.keys else aligned(found, fitted.keys)
        given = Given(rows, _excluded(rows, task.labels))
        if tail is None:
            return given, found.keys, part.start, is_sparse
        whole, start = given.behind(tail.given)
        return whole, found.keys, start, is_sparse

    def _is_sparse(self, spec: DetectorSpec, stop: int) -> bool:
        """Whether the newest buckets hold few readings."""
        span = _LOOKED_AT * spec.step
        start = floor_to(stop, span) - span
        query = Query(
            spec.measurement,
            spec.inputs[:1],
            start,
            start + span,
            spec.where,
            spec.group_by,
            every=span,
            aggregate="count",
        )
        counts = [points.fields[spec.inputs[0]].max() for points in self._source.read(query)]
        return bool(counts) and max(counts) <= _FEW * _LOOKED_AT

    def _read_sparse(self, spec: DetectorSpec, part: Part) -> tuple[Rows, bool]:
        """The readings themselves, and whether there still are few."""
        start, stop = part.start, part.stop
        where, group_by = spec.where, spec.group_by
        points = self._source.read(
            Query(spec.measurement, spec.inputs, start, stop, where, group_by)
        )
        most = _FEW * (stop - start) // spec.step
        is_sparse = all(len(series) <= most for series in points)
        return to_rows(points, spec.inputs, start, stop, spec.step), is_sparse

    def _score(
        self, own: _Whose, given: Given, start: int, tail: Tail | None
    ) -> tuple[Scored, Errors]:
        """Score the rows from `start` on, with what is known of those before it."""
        fitted, then = own.fitted, own.then
        alarm = tail.alarm_before(then, start) if tail else None
        before = tail.before(then, start) if tail else None
        if alarm is None:
            alarm = alarm_state_before(self._results, then, fitted.keys, start)
        if before is None:
            before = rows_before(self._results, then, fitted.keys, start, own.version.name)
        carried = Carried(alarm, before, tail.errors_before(start) if tail else None)
        place = int((start - given.rows.times[0]) // then.step)
        near = given.since(place - fitted.lookback)
        return go_on(fitted, near.rows, fitted.lookback, carried, near.excluded)

    def _events(
        self,
        task: Task,
        own: _Whose,
        after: Tail,
        tables: Tables,
        done: Rescored,
        tail: Tail | None,
    ) -> tuple[Known, Tables]:
        """The events around the part, and what is left to be written.

        Where memory does not reach, events are found in what is stored: scores are written first.
        """
        near = after.near(own.then)
        gap = (own.then.alarm.merge + own.then.alarm.points) * own.then.step
        if tail is not None and tail.stop >= task.ahead and near.start <= done.start - gap:
            found = continue_events(own.then, tail.events, near, done, tail.stop)
            if found is not None:
                events, rows = found
                return events, {**tables, **({EVENTS: rows} if rows else {})}
        task.fence()
        self._results.write_all(tables)
        events = update_events(self._results, own.then, own.fitted.keys, done)
        if tail is not None:
            events = with_earlier(events, tail.events, (near.start, done.start - gap))
        return events, {}

    def _without_model(
        self, spec: DetectorSpec, present: Sequence[SeriesKey], known: Sequence[SeriesKey]
    ) -> dict[SeriesKey, str]:
        """Series in the data that the version was not trained for: visible, and never an error."""
        aside = {s.series: s.reason for s in self._records.series_set_aside(spec.name)}
        now = self._clock.now()
        unknown = set(present) - set(known) - set(aside)
        if not unknown:
            return aside
        with self._records.together():  # thousands may come at once
            for key in sorted(unknown):
                aside[key] = _why_unknown(key)
                self._records.set_aside(SetAside(spec.name, key, aside[key], now, now + _RETRY_NS))
        return aside


def _late(task: Task) -> int:
    return nanoseconds(task.spec.schedule.lateness)


def _excluded(rows: Rows, labels: Sequence[Label]) -> NDArray[np.bool_]:
    """(S, T) rows under an `exclude` label; most fleets have none that is so new."""
    start, stop = int(rows.times[0]), int(rows.times[-1]) + rows.step
    speaking = [
        label
        for label in labels
        if label.kind is LabelKind.EXCLUDE and label.start < stop and label.stop > start
    ]
    return excluded(rows, speaking) if speaking else np.zeros(rows.values.shape[:2], dtype=bool)


def _tables(spec: DetectorSpec, own: _Whose, scored: Scored) -> Tables:
    """Scores as they are written, and what else the detector wants of them."""
    silent = own.version.provisional
    tables = {SCORES: score_points(own.then, scored, own.version.name, silent=silent)}
    if spec.write_expected:
        tables[EXPECTED] = channel_points(own.then, scored, "expected")
    if spec.write_contributions:
        tables[CONTRIBUTIONS] = channel_points(own.then, scored, "contributions")
    return tables


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
    task: Task, part: Part, scored: Scored, events: int, aside: dict[SeriesKey, str]
) -> ScoringReport:
    new = (scored.times >= task.new_from)[None, :]
    bound = {key for key, high in zip(scored.keys, scored.drift[:, -1], strict=True) if high}
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
        drifting=tuple(sorted(bound.union(task.drifting))),
        set_aside=aside,
    )
