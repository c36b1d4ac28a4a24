"""What another threshold would have shown: computed from stored errors, changing nothing.

The line moves with the model versions, as it does in service: each version keeps the calibration
errors from which the other threshold is learned anew.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from pydantic import TypeAdapter, ValidationError

from backend import schema
from backend.detection.checks import REASONS
from backend.detection.thresholds import memory, settled_after
from backend.detection.what_if import Before, Line, Mask, Stored, count_alerts, judge_again
from backend.exceptions import InputError, NotFound
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
from backend.records import SeriesKey, series_key
from backend.services.detectors import Detectors
from backend.services.drawing import (
    SERIES_ASKED_ONE_BY_ONE,
    Canvas,
    Drawing,
    Span,
    only,
)
from backend.services.kept_errors import KeptErrors
from backend.services.label_marks import LabelledRows, Marks
from backend.services.labelling import Labelling
from backend.services.pieces import Deadline
from backend.services.selection import check_range, chosen_series, results_query
from backend.services.serving import champion_of
from backend.services.stored_anomalies import StoredAnomalies
from backend.services.threshold_in_force import as_served
from backend.services.what_if_answer import Alerts, Answer, Side, Tally
from backend.services.what_if_curve import MULTIPLES, Curve, CurveReplay
from backend.services.what_if_limits import OtherLimits
from backend.services.what_if_rows import of_models
from backend.specs import AlarmSpec, DetectorSpec, ThresholdSpec

__all__ = ["Alerts", "Answer", "Curve", "Present", "Question", "Side", "WhatIf", "read_question"]

T = TypeVar("T")

THRESHOLD, SCORE = "what_if_threshold", "what_if_score"
FLAG, ALARM = "what_if_flag", "what_if_alarm"
COLUMNS = (THRESHOLD, SCORE, FLAG, ALARM)

_READ = ("smoothed", "threshold", "score", "flag", "alarm", "judged", "reason", "model")
_OF_CURVE = ("score", "judged", "reason", "model")
_NOTHING = Before()
_ROWS = 100_000
"""Rows in memory at once."""
_LOOK_BACK = 500
"""Grid steps before a range from which on the alarm is followed, so that it is right there."""


@dataclass(frozen=True)
class Question:
    """Another threshold, and how an alarm follows from it; the detector's own if None."""

    threshold: ThresholdSpec
    alarm: AlarmSpec | None = None


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


@dataclass(frozen=True)
class Present:
    """Threshold and alarm of the version that serves."""

    number: int
    threshold: ThresholdSpec
    alarm: AlarmSpec


class WhatIf:
    """Answers what another threshold would have given."""

    def __init__(
        self,
        records: RecordStore,
        results: SeriesStore,
        artifacts: ArtifactStore,
        detectors: Detectors,
        labelling: Labelling,
        clock: Clock,
    ) -> None:
        self._records = records
        self._results = results
        self._detectors = detectors
        self._labelling = labelling
        self._clock = clock
        self._versions = KeptErrors(records, artifacts)

    def find_present(self, detector: str) -> Present | None:
        """Threshold and alarm of the version that serves; None while none does.

        Raises:
            NotFound: there is no such detector.
        """
        spec = self._detectors.get(detector)
        version = champion_of(self._records, detector)
        if version is None:
            return None
        served = as_served(spec, version)
        return Present(version.number, served.threshold, served.alarm)

    def present(self, detector: str) -> Present:
        """As `find_present`.

        Raises:
            NotFound: there is no such detector, or no version of it serves yet.
        """
        found = self.find_present(detector)
        if found is None:
            raise NotFound(f"No model of {detector!r} serves yet: train it first.")
        return found

    def ask(
        self, detector: str, span: Span, question: Question, *, series: Sequence[str] = ()
    ) -> Answer:
        """Judge the stored errors of a range again.

        Raises:
            NotFound: no such detector or series.
            InputError: the range is empty, or cannot be read within the time limit; or the
                threshold needs labelled anomalies, and there are none.
        """
        spec = self._detectors.get(detector)
        labels = tuple(self._labelling.list(detector))
        anomalies = StoredAnomalies(self._results, spec, labels)
        alarm = question.alarm or spec.alarm

        def of(name: str) -> Mapping[SeriesKey, Floats]:
            return anomalies.of(*self._versions.same_model(name))

        limits = OtherLimits(self._versions, question.threshold, alarm, of)
        marks = Marks(labels, spec.step)
        replay = _Replay(spec, span, limits, self._versions, marks)
        steps = _steps_before(question.threshold)
        for points in self._read(spec, span, series, _READ, steps):
            replay.add(points)
        return replay.answer()

    def curve(
        self,
        detector: str,
        span: Span,
        *,
        alarm: AlarmSpec | None = None,
        series: Sequence[str] = (),
        multiples: Floats = MULTIPLES,
    ) -> Curve:
        """What multiples of the thresholds that were written would have given.

        Args:
            detector: its name.
            span: the range.
            alarm: minimum length and hysteresis; the detector's own if None.
            series: keys of some of its series; all if empty.
            multiples: (K,) ascending, greater than zero.

        Raises:
            NotFound: no such detector or series.
            InputError: the range is empty, or cannot be read within the time limit.
        """
        spec = self._detectors.get(detector)
        marks = Marks(tuple(self._labelling.list(detector)), spec.step)
        replay = CurveReplay(spec, span.start, alarm or spec.alarm, multiples, self._versions)
        for points in self._read(spec, span, series, _OF_CURVE, _LOOK_BACK):
            key = series_key(points.tags)
            score = np.asarray(points.fields["score"], dtype=np.float64)
            score = np.where(_checked(points), np.inf, score)
            score = np.where(_is(points, "judged"), score, np.nan)
            replay.add(key, points.times, score, points.fields["model"], marks.of(key))
        return replay.curve()

    def _read(
        self,
        spec: DetectorSpec,
        span: Span,
        series: Sequence[str],
        fields: tuple[str, ...],
        steps: int,
    ) -> Iterator[Points]:
        """Rows of the chosen series, piece by piece, and of so many grid steps before the range."""
        check_range(span)
        chosen = chosen_series(spec, series)
        query = results_query(spec, schema.SCORES, fields, span)
        query = replace(query, start=span.start - steps * spec.step)
        deadline = Deadline.of(self._clock)
        for one in _queries(query, chosen):
            for points in self._results.stream(one, _ROWS):
                if not chosen or series_key(points.tags) in chosen:
                    yield points
                deadline.check()


@dataclass
class _Track:
    """What has to be known of the rows before, and the counts so far, of one series."""

    tags: Mapping[str, str]
    labelled: LabelledRows
    tally: Tally
    judged: Before = _NOTHING
    then: Before = _NOTHING
    now: Before = _NOTHING
    model: str = ""
    line: Line | None = None


class _Replay:
    """Rows judged again so far."""

    def __init__(
        self,
        spec: DetectorSpec,
        span: Span,
        limits: OtherLimits,
        versions: KeptErrors,
        marks: Marks,
    ) -> None:
        self._step, self._start, self._limits = spec.step, span.start, limits
        self._versions, self._marks = versions, marks
        query = results_query(spec, schema.SCORES, COLUMNS, span)
        self._canvas = Canvas(Drawing(query, span.points, span.rows, spec.step, COLUMNS))
        self._tracks: dict[SeriesKey, _Track] = {}

    def add(self, points: Points) -> None:
        """The next rows of a series."""
        key = series_key(points.tags)
        track = self._track(key, points.tags)
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
        track.tally.add(
            *track.labelled.of(stored.times),
            counted=counted & stored.judged,
            flags=(_is(points, "flag") & counted, said.flag & counted),
            limits=(np.asarray(points.fields["threshold"], dtype=np.float64), limit),
        )
        columns = {THRESHOLD: limit, SCORE: said.score, FLAG: said.flag, ALARM: alarm}
        numbers = {n: np.where(np.isnan(limit), np.nan, v)[inside] for n, v in columns.items()}
        if inside.any():
            self._canvas.add(Points(points.tags, stored.times[inside], numbers))

    def _track(self, key: SeriesKey, tags: Mapping[str, str]) -> _Track:
        if key not in self._tracks:
            labelled = self._marks.of(key)
            self._tracks[key] = _Track(tags, labelled, Tally(labelled.events))
        return self._tracks[key]

    def _line(
        self, key: SeriesKey, track: _Track, stored: Stored, models: Floats | Strings
    ) -> tuple[Floats, Mask]:
        """(T,) threshold of rows by the version that scored them, NaN where it is not known.

        The mask tells rows of versions whose alarms are silent.
        """
        found = np.full(len(stored), np.nan)
        silent = np.zeros(len(stored), dtype=bool)
        for start, stop in of_models(models):
            name, rows = models[start], slice(start, stop)
            if name != track.model:
                track.model, track.line = str(name), None
            found[rows], silent[rows], track.line = self._limits.line(
                key, name, stored.part(rows), track.line
            )
        return found, silent

    def answer(self) -> Answer:
        """Everything, by series."""
        alerts = [self._finished(key, self._tracks[key]) for key in sorted(self._tracks)]
        return Answer(self._canvas.finished(), alerts, self._limits.notices())

    def _finished(self, key: SeriesKey, track: _Track) -> Alerts:
        backing = (
            self._versions.backing(key, track.model),
            self._limits.backing(key, track.model),
        )
        return track.tally.finished(track.tags, self._step, backing)

    def _count(self, track: _Track, stored: Stored, alarms: tuple[Mask, Mask]) -> None:
        then, now = alarms
        times, step, alerts = stored.times, self._step, track.tally.alerts
        alerts[0] += count_alerts(now, times, step, track.now)
        alerts[1] += count_alerts(then, times, step, track.then)
        last = int(times[-1])
        track.then, track.now = Before(last, bool(then[-1])), Before(last, bool(now[-1]))


def _queries(query: Query, chosen: Mapping[SeriesKey, Mapping[str, str]]) -> list[Query]:
    """What to read: a few chosen series by their tags, else all."""
    if not chosen or len(chosen) > SERIES_ASKED_ONE_BY_ONE:
        return [query]
    return [only(query, chosen[key]) for key in sorted(chosen)]


def _steps_before(threshold: ThresholdSpec) -> int:
    """Grid steps that lead up to a range."""
    return _LOOK_BACK + memory(threshold) + settled_after(threshold)


def _stored(points: Points) -> Stored:
    return Stored(
        points.times,
        np.asarray(points.fields["smoothed"], dtype=np.float64),
        np.asarray(points.fields["score"], dtype=np.float64),
        _is(points, "judged"),
        _checked(points),
    )


def _checked(points: Points) -> Mask:
    return np.isin(points.fields["reason"], list(REASONS))


def _is(points: Points, field: str) -> Mask:
    return np.asarray(points.fields[field] == 1.0)


def _validated(name: str, adapter: TypeAdapter[T], value: object) -> T:
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(["what_if", name, *map(str, first["loc"])])
        raise InputError(f"{where}: {first['msg'].removeprefix('Value error, ')}.") from error
