"""One trial under way: train at each moment on what was known, score until the next, weigh."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from backend.detection.choosing import fit
from backend.detection.detection_limits import (
    DetectionLimit,
    detection_limits,
    not_looked_at,
    sentences,
)
from backend.detection.grid import Rows, ceil_to, floor_to
from backend.detection.pipeline import Fitted
from backend.detection.runs import Mask
from backend.exceptions import NoData, NotEnoughNormalData
from backend.ports import ModelFactory, Progress
from backend.records import Label, LabelKind, SeriesKey
from backend.services.labelling import shown
from backend.services.material import Materials
from backend.services.reading import (
    aligned,
    excluded,
    labelled_modes,
    matching,
    ranges,
    read_rows,
)
from backend.services.stores import Stores
from backend.services.training_record import training_record
from backend.services.trial_empty import EmptyTime, due_points
from backend.services.trial_failures import Failure
from backend.services.trial_replay import Alarmed, Replay
from backend.services.trial_results import Plan, SeriesTrial, Trained, TrialReport
from backend.services.trial_tally import Span, Tally, part_of
from backend.services.trial_verdict import judge
from backend.services.trial_weighing import Weighed, blamed, weigh
from backend.specs import DetectorSpec

_PART = 5_000
"""Most grid points scored at once."""
_NUMBERS = 8_000_000
"""Most numbers of a fleet read at once: bounds memory, however many series there are."""
_PROVISIONAL = "nothing was labelled normal, so that every version was provisional"
_UNBACKED = "too little held-out normal time backs the threshold; mark more of it as normal"
_NEVER = "no version could be trained in this time"
_UNKNOWN = "no version knew this series"


@dataclass(frozen=True)
class _Then:
    """A clock that stands at a moment of the past."""

    time: int

    def now(self) -> int:
        return self.time


@dataclass
class _Serving:
    """The version that serves, and what it learned from: None before the first."""

    fitted: Fitted | None = None
    replay: Replay | None = None
    labelled: bool = False
    known: tuple[Label, ...] = ()
    learned: tuple[Rows, Mask] | None = None


class Course:
    """One trial under way."""

    def __init__(
        self,
        stores: Stores,
        spec: DetectorSpec,
        make_model: ModelFactory,
        labels: tuple[Label, ...],
        plan: Plan,
        span: Span,
    ) -> None:
        self._stores, self._spec, self._make_model = stores, spec, make_model
        self._labels, self._plan, self._span = labels, plan, span
        self._serving = _Serving()
        self._empty = EmptyTime(stores.source, spec, span)
        self._trained: list[Trained] = []
        self._tallies: dict[SeriesKey, Tally] = {}
        self._alarmed: Alarmed = {}
        self._rejected: Mapping[SeriesKey, str] = {}

    def go(self, when: Iterable[int], progress: Progress) -> None:
        """Train at each moment, and score until the next."""
        span = self._span
        for at, until in pairwise([*when, span.stop]):
            self._train(at, _training(progress, (at - span.start) / (span.stop - span.start)))
            self._score(at, until, progress)

    # -- training ----------------------------------------------------------------------------------

    def _train(self, at: int, progress: Progress) -> None:
        """Learn from what was known, unless that is what the serving version learned from."""
        known = tuple(label for label in self._labels if label.stop <= at)
        labelled = any(label.kind is LabelKind.NORMAL for label in known)
        serving = self._serving
        if serving.fitted is not None and labelled and known == serving.known:
            return
        try:
            self._serving = self._learn(at, known, progress)
        except (NoData, NotEnoughNormalData) as error:
            if not self._trained or self._trained[-1].failed != str(error):
                self._trained.append(Trained(at, labels=len(known), failed=str(error)))

    def _learn(self, at: int, known: tuple[Label, ...], progress: Progress) -> _Serving:
        spec = self._spec
        material = Materials(self._stores, _Then(at)).gather(spec, known)
        outcome = fit(
            spec,
            material.rows,
            material.normal,
            self._make_model,
            labelled=material.labelled,
            anomalous=material.anomalous,
            modes=labelled_modes(material.rows, known),
            progress=progress,
        )
        self._rejected = outcome.rejected
        if outcome.fitted is None or outcome.training is None:
            reasons = (f"{key or 'the series'}: {why}" for key, why in outcome.rejected.items())
            raise NotEnoughNormalData("; ".join(reasons))
        record = training_record(outcome.fitted, outcome.training)
        hours = sum(float(one["hours"]) for one in record["series"].values())
        series = len(outcome.fitted.keys)
        self._trained.append(Trained(at, series, hours, len(known), not material.labelled))
        learned = aligned(material.rows, outcome.fitted.keys), outcome.training.normal
        replay = Replay(outcome.fitted, self._alarmed)
        return _Serving(outcome.fitted, replay, material.labelled, known, learned)

    # -- scoring -----------------------------------------------------------------------------------

    def _score(self, start: int, stop: int, progress: Progress) -> None:
        fitted, replay, span = self._serving.fitted, self._serving.replay, self._span
        start, stop = floor_to(start, span.step), floor_to(stop, span.step)
        if fitted is None or replay is None:
            return
        row = len(fitted.keys) * len(fitted.spec.inputs)
        length = max(fitted.lookback, min(_PART, _NUMBERS // row)) * span.step
        while start < stop:
            end = self._empty.until(start, stop) if replay.rests else start
            if end > start:
                self._pass_over(fitted, start, end)
            else:
                end = min(start + length, stop)
                self._score_part(fitted, replay, start, end)
            progress((end - span.start) / (span.stop - span.start), "scoring")
            start = end

    def _pass_over(self, fitted: Fitted, start: int, stop: int) -> None:
        """Count what scoring would have found in time without data, without scoring it."""
        self._empty.passed(start, stop)
        for key in fitted.keys:
            tally = self._tallies.setdefault(key, Tally(self._span))
            tally.miss(due_points(self._labels, key, start, stop, self._span.step))

    def _score_part(self, fitted: Fitted, replay: Replay, start: int, stop: int) -> None:
        spec = fitted.spec
        found = read_rows(self._stores.source, spec, start - fitted.lookback * spec.step, stop)
        if not np.isfinite(found.values).any():
            self._empty.met(stop)
        rows = aligned(found, fitted.keys)
        scored, alarm = replay.score(rows, excluded(rows, self._labels))
        for s, key in enumerate(fitted.keys):
            silent = not self._serving.labelled or bool(fitted.limits.silent[s])
            part = part_of(scored, s, alarm, spec.inputs, silent=silent)
            tally = self._tallies.setdefault(key, Tally(self._span))
            failures, horizon = self._failures(key), self._plan.horizon
            tally.add(part, [*blamed(failures, horizon), *self._anomalies(key)])
            tally.look_before(failures, horizon, part)

    def _failures(self, key: SeriesKey) -> list[Failure]:
        return [failure for failure in self._plan.failures if failure.is_of(key)]

    def _anomalies(self, key: SeriesKey) -> list[tuple[int, int]]:
        return ranges(matching(self._labels, key), LabelKind.ANOMALY)

    # -- the report --------------------------------------------------------------------------------

    def report(self, keys: Sequence[SeriesKey]) -> TrialReport:
        """Weigh what was counted."""
        for key in keys:
            self._tallies.setdefault(key, Tally(self._span))
        told = {key: [x for x in t.alarms if not x.silent] for key, t in self._tallies.items()}
        limits = self._limits()
        series, seen = {}, _seen(limits)
        for key in sorted(self._tallies):
            failures = self._failures(key)
            # What one series announced is announced for all that the failure was of.
            heard = [
                [alarm for other in told if failure.is_of(other) for alarm in told[other]]
                for failure in failures
            ]
            anomalies, horizon = self._anomalies(key), self._plan.horizon
            weighed = weigh(self._tallies[key], failures, heard, anomalies, horizon)
            series[key] = self._fared(key, weighed, seen)
        notes = tuple(self._notes(limits))
        return TrialReport(self._spec.name, self._span, tuple(self._trained), series, notes)

    def _limits(self) -> tuple[DetectionLimit, ...]:
        """The smallest faults that the newest version finds."""
        serving = self._serving
        if serving.fitted is None or serving.learned is None:
            return ()
        return detection_limits(serving.fitted, *serving.learned, self._make_model)

    def _fared(
        self, key: SeriesKey, weighed: Weighed, seen: Mapping[SeriesKey, tuple[str, ...]]
    ) -> SeriesTrial:
        usual = _UNBACKED if self._serving.labelled else _PROVISIONAL
        silence = self._rejected.get(key, usual)
        most = self._plan.most_alarms
        verdict = judge(weighed.figures, most, self._why_unwatched(key), silence)
        curve = tuple(self._tallies[key].curve.tolist())
        return SeriesTrial(verdict, weighed, curve, seen.get(key, ()))

    def _why_unwatched(self, key: SeriesKey) -> str:
        if self._serving.fitted is None:
            return self._trained[-1].failed if self._trained else _NEVER
        return self._rejected.get(key, _UNKNOWN)

    def _notes(self, limits: Sequence[DetectionLimit]) -> Iterator[str]:
        if self._span.start > ceil_to(self._plan.start, self._span.step):
            yield f"Nothing is stored before {shown(self._span.start)}: the trial began there."
        if not self._serving.labelled and self._serving.fitted is not None:
            yield (
                "No version learned from a label: all were provisional, and their alarms would "
                "have been silent."
            )
        if late := sum(label.stop > self._span.stop for label in self._labels):
            yield f"Labels that end after the trial, and so were not known in it: {late}."
        yield from self._empty.told()
        if self._serving.fitted is not None:
            told = not_looked_at(limits, self._serving.fitted)
            yield from (f"Detection limits are {sentence}." for sentence in told)


def _seen(limits: Sequence[DetectionLimit]) -> dict[SeriesKey, tuple[str, ...]]:
    """What can be seen, a sentence for each channel."""
    keys = dict.fromkeys(one.series for one in limits)
    return {key: sentences([one for one in limits if one.series == key]) for key in keys}


def _training(progress: Progress, share: float) -> Progress:
    """Training takes none of the trial's own time: the words change and the share does not."""
    return lambda _, words: progress(share, f"training: {words}")
