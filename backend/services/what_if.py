"""What another threshold would have shown: computed from stored errors, changing nothing.

The line moves with the model versions, as it does in service: each version keeps the calibration
errors from which the other threshold is learned anew.
"""

import itertools
import math
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from pydantic import TypeAdapter, ValidationError

from backend import schema
from backend.detection.thresholds import Calibration, Limits, memory
from backend.detection.what_if import (
    Before,
    Line,
    Mask,
    Stored,
    count_alerts,
    draw_line,
    judge_again,
    limits_of,
)
from backend.exceptions import ArtifactError, InputError, NotFound
from backend.ports import (
    ArtifactStore,
    Clock,
    Floats,
    Points,
    Query,
    RecordStore,
    SeriesStore,
    Strings,
)
from backend.records import SeriesKey, Version, series_key
from backend.services.detectors import Detectors
from backend.services.downsampling import Table
from backend.services.drawing import (
    SERIES_ASKED_ONE_BY_ONE,
    Canvas,
    Drawing,
    Span,
    only,
)
from backend.services.pieces import Deadline
from backend.services.selection import check_range, chosen_series, results_query
from backend.services.versions import CALIBRATION, Calibrated, read_calibration
from backend.specs import AlarmSpec, DetectorSpec, FixedThreshold, LimitThreshold, ThresholdSpec

T = TypeVar("T")

THRESHOLD, SCORE = "what_if_threshold", "what_if_score"
FLAG, ALARM = "what_if_flag", "what_if_alarm"
COLUMNS = (THRESHOLD, SCORE, FLAG, ALARM)

_READ = ("smoothed", "score", "flag", "alarm", "judged", "reason", "model")
_NOTHING = Before()
_ROWS = 100_000
"""Rows in memory at once."""
_LOOK_BACK = 500
"""Grid steps before a range from which on the alarm is followed, so that it is right there."""
_SPANS = 3
"""A level is followed from so many of its spans before: what came earlier weighs little."""
_KEPT = 8
_HOUR = 3_600_000_000_000
_CHECKED = (
    schema.REASON_FLATLINE,
    schema.REASON_RANGE,
    schema.REASON_RATE,
    schema.REASON_CONSTANT,
)


@dataclass(frozen=True)
class Question:
    """Another threshold, and how an alarm follows from it; the detector's own if None."""

    threshold: ThresholdSpec
    alarm: AlarmSpec | None = None


@dataclass(frozen=True)
class Alerts:
    """One series: how often an alarm turned on, and how many points were flagged, now and then.

    Points of which nobody knows the other threshold count in neither.
    """

    tags: Mapping[str, str]
    alerts_now: int = 0
    alerts_then: int = 0
    flagged_now: int = 0
    flagged_then: int = 0
    judged: int = 0


@dataclass(frozen=True)
class Answer:
    """What would have been.

    Attributes:
        tables: (T,) `COLUMNS` for each series, thinned like any chart.
        alerts: one entry a series.
        notices: sentences on what is not known, or otherwise than it seems.
    """

    tables: Sequence[Table]
    alerts: Sequence[Alerts]
    notices: Sequence[str]


_THRESHOLD: TypeAdapter[ThresholdSpec] = TypeAdapter(ThresholdSpec)
_ALARM: TypeAdapter[AlarmSpec] = TypeAdapter(AlarmSpec)


def read_question(asked: Mapping[str, Any]) -> Question:
    """Read `{"threshold": …, "alarm": …}`, each as it would stand in normalcy.yaml.

    Raises:
        InputError: it is something else; the message says where and what was expected.
    """
    unknown = set(asked) - {"threshold", "alarm"}
    if unknown or "threshold" not in asked:
        wrong = f", not {', '.join(sorted(map(str, unknown)))}" if unknown else ""
        raise InputError(
            f"what_if takes threshold and, if wanted, alarm{wrong}: write something like "
            '{"threshold": {"kind": "quantile", "q": 0.999}}.'
        )
    alarm = asked.get("alarm")
    return Question(
        _validated("threshold", _THRESHOLD, asked["threshold"]),
        None if alarm is None else _validated("alarm", _ALARM, alarm),
    )


class WhatIf:
    """Answers what another threshold would have given."""

    def __init__(
        self,
        records: RecordStore,
        results: SeriesStore,
        artifacts: ArtifactStore,
        detectors: Detectors,
        clock: Clock,
    ) -> None:
        self._results = results
        self._detectors = detectors
        self._clock = clock
        self._versions = _Versions(records, artifacts)

    def ask(
        self, detector: str, span: Span, question: Question, *, series: Sequence[str] = ()
    ) -> Answer:
        """Judge the stored errors of a range again.

        Raises:
            NotFound: no such detector or series.
            InputError: the range is empty, or cannot be read within the time limit.
        """
        spec = self._detectors.get(detector)
        check_range(span)
        chosen = chosen_series(spec, series)
        limits = _Limits(self._versions, question, question.alarm or spec.alarm)
        replay = _Replay(spec, span, limits)
        deadline = Deadline.of(self._clock)
        for query in _queries(spec, span, chosen, _steps_before(question.threshold)):
            for points in self._results.stream(query, _ROWS):
                if not chosen or series_key(points.tags) in chosen:
                    replay.add(points)
                deadline.check()
        return replay.answer()


@dataclass
class _Track:
    """What has to be known of the rows before, and the counts so far, of one series."""

    alerts: Alerts
    judged: Before = _NOTHING
    then: Before = _NOTHING
    now: Before = _NOTHING
    model: str = ""
    line: Line | None = None


class _Replay:
    """Rows judged again so far."""

    def __init__(self, spec: DetectorSpec, span: Span, limits: "_Limits") -> None:
        self._step, self._start, self._limits = spec.step, span.start, limits
        query = results_query(spec, schema.SCORES, COLUMNS, span)
        self._canvas = Canvas(Drawing(query, span.points, span.rows, spec.step, COLUMNS))
        self._tracks: dict[SeriesKey, _Track] = {}

    def add(self, points: Points) -> None:
        """The next rows of a series."""
        key = series_key(points.tags)
        track = self._tracks.setdefault(key, _Track(Alerts(points.tags)))
        stored = _stored(points)
        limit, silent = self._line(key, track, stored, points.fields["model"])
        said, track.judged = judge_again(
            stored, limit, self._limits.alarm, self._step, track.judged
        )
        inside = stored.times >= self._start
        alarm = said.alarm & ~silent
        # Rows before the range only lead up to it: an alarm that is on by then counts as its first.
        counted = inside & ~np.isnan(limit)
        self._count(track, stored, (alarm & counted, _is(points, "alarm") & counted))
        track.alerts = replace(
            track.alerts,
            flagged_now=track.alerts.flagged_now + int((_is(points, "flag") & counted).sum()),
            flagged_then=track.alerts.flagged_then + int((said.flag & counted).sum()),
            judged=track.alerts.judged + int((stored.judged & counted).sum()),
        )
        columns = {THRESHOLD: limit, SCORE: said.score, FLAG: said.flag, ALARM: alarm}
        numbers = {n: np.where(np.isnan(limit), np.nan, v)[inside] for n, v in columns.items()}
        if inside.any():
            self._canvas.add(Points(points.tags, stored.times[inside], numbers))

    def _line(
        self, key: SeriesKey, track: _Track, stored: Stored, models: Floats | Strings
    ) -> tuple[Floats, Mask]:
        """(T,) threshold of rows by the version that scored them, NaN where it is not known.

        The mask tells rows of versions whose alarms are silent.
        """
        found = np.full(len(stored), np.nan)
        silent = np.zeros(len(stored), dtype=bool)
        for start, stop in _stretches(models):
            name, rows = models[start], slice(start, stop)
            if name != track.model:
                track.model, track.line = str(name), None
            found[rows], silent[rows], track.line = self._limits.line(
                key, name, stored.part(rows), track.line
            )
        return found, silent

    def answer(self) -> Answer:
        """Everything, by series."""
        alerts = [self._tracks[key].alerts for key in sorted(self._tracks)]
        return Answer(self._canvas.finished(), alerts, self._limits.notices())

    def _count(self, track: _Track, stored: Stored, alarms: tuple[Mask, Mask]) -> None:
        then, now = alarms
        times, step, alerts = stored.times, self._step, track.alerts
        track.alerts = replace(
            alerts,
            alerts_then=alerts.alerts_then + count_alerts(then, times, step, track.then),
            alerts_now=alerts.alerts_now + count_alerts(now, times, step, track.now),
        )
        last = int(times[-1])
        track.then, track.now = Before(last, bool(then[-1])), Before(last, bool(now[-1]))


@dataclass(frozen=True)
class _Learned:
    """The other threshold of a version: limits by series, and the grid that they belong to."""

    keys: Sequence[SeriesKey]
    limits: Limits
    step: int


class _Limits:
    """The other threshold of each version and series, learned once for a question."""

    def __init__(self, versions: "_Versions", question: Question, alarm: AlarmSpec) -> None:
        self.alarm = alarm
        self._versions = versions
        self._threshold = question.threshold
        self._known: dict[str, _Learned] = {}
        self._lost: dict[str, str] = {}
        self._provisional: set[str] = set()
        self._unbacked: set[str] = set()

    def line(
        self, key: SeriesKey, name: object, stored: Stored, line: Line | None
    ) -> tuple[Floats | float, bool, Line | None]:
        """The threshold of rows that one version scored, NaN where it is not known.

        Returns:
            It, whether alarms are silent, and what has to be known for the rows behind.
        """
        if not isinstance(name, str):
            if self._fixed is None:
                self._lost.setdefault("", "some points do not name the version that scored them")
            return np.nan if self._fixed is None else self._fixed, False, None
        if name not in self._known and name not in self._lost:
            self._look_up(name)
        silent = name in self._provisional
        if self._fixed is not None:
            return self._fixed, silent, None
        learned = self._known.get(name)
        if learned is None or key not in learned.keys:
            return self._nobody_knows(key, name), silent, None
        limits = learned.limits.select([learned.keys.index(key)])
        if np.isnan(limits.table).any():
            return self._nobody_knows(key, name), silent, None
        if limits.silent[0]:
            self._unbacked.add(f"{name} {key}".rstrip())
        found, line = draw_line(self._threshold, limits, stored, learned.step, line)
        return found, silent or bool(limits.silent[0]), line

    def notices(self) -> list[str]:
        """What is not known of which versions."""
        found = []
        if self._lost:
            why = "; ".join(sorted(set(self._lost.values())))
            found.append(f"Some of the range is left out: {why}.")
        if self._provisional:
            names = ", ".join(sorted(self._provisional))
            found.append(
                f"{names} learned without labels: their alarms are silent whatever the threshold."
            )
        if self._unbacked:
            names = ", ".join(sorted(self._unbacked))
            found.append(
                f"Too little normal time backs this threshold, so alarms are silent: {names}."
            )
        if isinstance(self._threshold, LimitThreshold) and self._threshold.per_mode:
            found.append("Operating modes are not stored: the common limit is shown for all.")
        return found

    @property
    def _fixed(self) -> float | None:
        """A stated threshold needs nothing of a version, unless it follows the errors."""
        if isinstance(self._threshold, FixedThreshold) and self._threshold.follow is None:
            return self._threshold.value
        return None

    def _nobody_knows(self, key: SeriesKey, name: str) -> float:
        if name not in self._lost:
            what = key or "the series"
            self._lost[f"{name} {key}"] = f"{name} keeps no calibration errors of {what}"
        return np.nan

    def _look_up(self, name: str) -> None:
        """Learn the limits of a version."""
        if self._versions.is_provisional(name):
            self._provisional.add(name)
        if self._fixed is not None:
            return
        try:
            kept = self._versions.calibrated(name)
            calibration = Calibration(
                kept.smoothed,
                kept.step_hours,
                self.alarm,
                anomalous=kept.anomalous,
                fleet=kept.fleet,
            )
            learned = limits_of(self._threshold, calibration)
        except (ArtifactError, NotFound):
            self._lost[name] = f"the calibration errors of {name} are lost"
        except InputError:
            self._lost[name] = f"{name} keeps no errors of labelled anomalies"
        else:
            self._known[name] = _Learned(kept.keys, learned, round(kept.step_hours * _HOUR))


class _Versions:
    """Calibration errors of versions by the name that their points carry; the latest are kept."""

    def __init__(self, records: RecordStore, artifacts: ArtifactStore) -> None:
        self._records = records
        self._artifacts = artifacts
        self._ready: OrderedDict[str, Calibrated] = OrderedDict()

    def is_provisional(self, name: str) -> bool:
        """Whether a version learned without labels; nobody knows of one that is not on record."""
        try:
            return self._version(name).provisional
        except NotFound:
            return False

    def calibrated(self, name: str) -> Calibrated:
        """The calibration errors of a version.

        Raises:
            NotFound: no such version, or its files are gone.
            ArtifactError: its files are damaged.
        """
        found = self._ready.get(name)
        if found is None:
            artifact = self._version(name).artifact
            found = read_calibration(self._artifacts.load(artifact, CALIBRATION))
            self._ready[name] = found
            while len(self._ready) > _KEPT:
                self._ready.popitem(last=False)
        return found

    def _version(self, name: str) -> Version:
        detector, _, number = name.rpartition("/")
        if not number.isdecimal():
            raise NotFound(f"{name!r} names no version.")
        return self._records.version(detector, int(number))


def _queries(
    spec: DetectorSpec,
    span: Span,
    chosen: Mapping[SeriesKey, Mapping[str, str]],
    steps: int,
) -> list[Query]:
    """What to read: a few chosen series by their tags, else all, and what leads up to the range."""
    query = results_query(spec, schema.SCORES, _READ, span)
    query = replace(query, start=span.start - steps * spec.step)
    if not chosen or len(chosen) > SERIES_ASKED_ONE_BY_ONE:
        return [query]
    return [only(query, chosen[key]) for key in sorted(chosen)]


def _steps_before(threshold: ThresholdSpec) -> int:
    """Grid steps that lead up to a range."""
    follow = threshold.follow
    spans = 0 if follow is None else math.ceil(_SPANS * follow.span)
    return _LOOK_BACK + memory(threshold) + spans


def _stretches(models: Floats | Strings) -> Iterator[tuple[int, int]]:
    """Half-open index ranges of rows that the same version scored."""
    codes, _ = pd.factorize(np.asarray(models, dtype=object))
    edges = np.flatnonzero(np.diff(codes)) + 1
    return itertools.pairwise([0, *edges.tolist(), len(codes)])


def _stored(points: Points) -> Stored:
    reasons = points.fields["reason"]
    return Stored(
        points.times,
        np.asarray(points.fields["smoothed"], dtype=np.float64),
        np.asarray(points.fields["score"], dtype=np.float64),
        _is(points, "judged"),
        np.asarray(pd.Series(reasons).isin(_CHECKED)),
    )


def _is(points: Points, field: str) -> Mask:
    return np.asarray(points.fields[field] == 1.0)


def _validated(name: str, adapter: TypeAdapter[T], value: object) -> T:
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(["what_if", name, *map(str, first["loc"])])
        raise InputError(f"{where}: {first['msg'].removeprefix('Value error, ')}.") from error
