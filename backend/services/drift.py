"""Follow the errors of normal time, and propose to train anew where they have drifted.

What is followed stands in the scores that are stored: points that were judged by all channels, that
nobody flagged or labelled an anomaly, of the version that serves. A checkpoint says how far they
are followed and what goes on from there, so that a process that starts goes on where another ended.
Nothing is trained because of it unless `schedule.retrain_on_drift` says so.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backend.detection.drift import (
    Followed,
    Reference,
    accepted,
    block_points,
    follow,
    learn_reference,
    medians,
)
from backend.detection.grid import ceil_to, floor_to, grid_times
from backend.detection.smoothing import ewma_kernel
from backend.exceptions import NormalcyError
from backend.ports import Clock, Floats, Points
from backend.records import (
    DriftAnswer,
    DriftProposal,
    DriftWatch,
    Label,
    LabelKind,
    Promotion,
    SeriesKey,
    Version,
)
from backend.schema import REASON_DEGRADED
from backend.services.fencing import Fence
from backend.services.reading import matching, ranges
from backend.services.results import read_scores
from backend.services.stores import Stores
from backend.services.versions import read_blocks
from backend.specs import DetectorSpec
from backend.specs.times import format_time

log = logging.getLogger(__name__)

_FIELDS = ("smoothed", "flag", "judged", "reason", "model")
_NUMBERS = 1_000_000
"""Most numbers of a fleet that are read at once."""
_LONGEST = 400
"""Blocks that are looked at after a long pause: what came before is not drift of today."""
_REST_NS = 3_600_000_000_000
"""For so long scoring goes on alone after drift could not be followed."""
_NAMED = 3
"""Series that a reason names; of more it tells the number."""


@dataclass(frozen=True)
class Course:
    """How far a version's errors are followed.

    Attributes:
        number: of the version.
        keys: its S series.
        until: nanoseconds; up to here.
        reference: what is usual.
        state: how far each series has come.
        taken: proposals whose dismissal is taken into account.
    """

    number: int
    keys: tuple[SeriesKey, ...]
    until: int
    reference: Reference
    state: Followed
    taken: tuple[int, ...] = ()

    @property
    def drifting(self) -> tuple[SeriesKey, ...]:
        """Series whose errors have risen for good."""
        return tuple(self.keys[s] for s in np.flatnonzero(self.state.drifted))

    def watch(self, detector: str) -> DriftWatch:
        """As it is kept."""
        deviation = [None if np.isnan(d) else d for d in self.reference.deviation.tolist()]
        state = {
            "keys": list(self.keys),
            "points": self.reference.points,
            "middle": self.reference.middle.tolist(),
            "deviation": deviation,
            "taken": list(self.taken),
            **{name: values.tolist() for name, values in vars(self.state).items()},
        }
        return DriftWatch(detector, self.number, self.until, state)

    @classmethod
    def of(cls, watch: DriftWatch) -> "Course":
        """Read back what `watch` gave."""
        state: Mapping[str, Any] = watch.state
        deviation = [np.nan if d is None else d for d in state["deviation"]]
        return cls(
            watch.number,
            tuple(state["keys"]),
            watch.until,
            Reference(state["points"], np.array(state["middle"]), np.array(deviation)),
            Followed(
                np.array(state["total"], dtype=np.float64),
                np.array(state["since"], dtype=np.int64),
                np.array(state["level"], dtype=np.float64),
                np.array(state["blocks"], dtype=np.int64),
            ),
            tuple(state["taken"]),
        )


class DriftWatching:
    """One process at a time looks at a detector: the one that scores it."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        self._results = stores.results
        self._records = stores.records
        self._artifacts = stores.artifacts
        self._clock = clock
        self._known: dict[str, Course] = {}
        self._rests: dict[str, int] = {}

    def look(
        self,
        spec: DetectorSpec,
        serving: Promotion,
        done: int,
        labels: Sequence[Label],
        fence: Fence,
    ) -> tuple[SeriesKey, ...]:
        """Follow what was scored since the last look; which series drift.

        What goes wrong is logged: scoring goes on without it, and for a while nothing is tried, as
        it costs reads of a store that may be what is wrong.

        Args:
            spec: the detector.
            serving: which version serves.
            done: nanoseconds; up to here all of its series are scored.
            labels: of the detector.
            fence: asked before anything is written.
        """
        now = self._clock.now()
        if 0 < self._rests.get(spec.name, now) - now <= _REST_NS:  # a clock set back ends it
            return self._drifting(spec, serving)
        try:
            drifting = self._look(spec, serving, done, labels, fence).drifting
        except (NormalcyError, KeyError, ValueError) as error:
            log.warning("drift of %s cannot be followed for now: %s", spec.name, error)
            self._rests[spec.name] = now + _REST_NS
            return self._drifting(spec, serving)
        self._rests.pop(spec.name, None)
        return drifting

    def _drifting(self, spec: DetectorSpec, serving: Promotion) -> tuple[SeriesKey, ...]:
        """Which series drifted when it was last looked."""
        course = self._known.get(spec.name)
        return course.drifting if course and course.number == serving.number else ()

    def _look(
        self,
        spec: DetectorSpec,
        serving: Promotion,
        done: int,
        labels: Sequence[Label],
        fence: Fence,
    ) -> Course:
        course = self._known.get(spec.name)
        if course is None or course.number != serving.number:
            course = self._begin(spec, serving)
            self._known[spec.name] = course
        block = course.reference.points * spec.step
        if not block or (stop := floor_to(done, block)) <= course.until:
            return course
        course = self._without_dismissed(spec.name, course)
        start = max(course.until, stop - _LONGEST * block)
        many = max(1, _NUMBERS // max(1, len(course.keys) * course.reference.points))
        for begin in range(start, stop, many * block):
            end = min(begin + many * block, stop)
            course = self._follow(spec, course, (begin, end), labels)
        fence()
        self._records.keep_drift_watch(course.watch(spec.name))
        self._known[spec.name] = course
        self._propose(spec, course)
        return course

    def _begin(self, spec: DetectorSpec, serving: Promotion) -> Course:
        """Where another process ended; anew for another version."""
        kept = self._records.drift_watch(spec.name)
        if kept is not None and kept.number == serving.number:
            return Course.of(kept)
        version = self._records.version(spec.name, serving.number)
        keys, smoothed = self._held_out(version)
        kernel = len(ewma_kernel(spec.smoothing.span))
        rows = int(np.median(np.isfinite(smoothed).sum(axis=1))) if len(keys) else 0
        reference = learn_reference(smoothed, block_points(rows, kernel))
        block = max(1, reference.points * spec.step)
        begins = ceil_to(serving.serves_from, block)
        return Course(serving.number, keys, begins, reference, Followed.nothing(len(keys)))

    def _held_out(self, version: Version) -> tuple[tuple[SeriesKey, ...], Floats]:
        keys: list[SeriesKey] = []
        found: list[Floats] = []
        names = ("held_out_smoothed",)
        for own, arrays in read_blocks(self._artifacts, version.artifact, names):
            keys.extend(own)
            found.extend(arrays["held_out_smoothed"])
        longest = max((len(row) for row in found), default=0)
        smoothed = np.full((len(found), longest), np.nan)
        for s, row in enumerate(found):
            smoothed[s, : len(row)] = row
        return tuple(keys), smoothed

    def _without_dismissed(self, detector: str, course: Course) -> Course:
        """Take for usual what a person said is no drift."""
        for proposal in self._records.drift_proposals(detector):
            own = proposal.number == course.number and proposal.id not in course.taken
            if own and proposal.answer is DriftAnswer.DISMISSED:
                series = np.isin(course.keys, list(proposal.details.get("series", ())))
                reference, state = accepted(course.reference, course.state, series)
                taken = (*course.taken, proposal.id)
                course = replace(course, reference=reference, state=state, taken=taken)
        return course

    def _follow(
        self, spec: DetectorSpec, course: Course, span: tuple[int, int], labels: Sequence[Label]
    ) -> Course:
        times = grid_times(*span, spec.step)
        stored = read_scores(self._results, spec, _FIELDS, span)
        name = f"{spec.name}/{course.number}"
        smoothed = np.full((len(course.keys), len(times)), np.nan)
        for s, key in enumerate(course.keys):
            if key in stored:
                _put(smoothed[s], stored[key], name, span[0], spec.step)
        smoothed[_anomalous(spec, course.keys, times, labels)] = np.nan
        points = course.reference.points
        found = medians(smoothed, points)
        state = follow(course.state, course.reference, found, times[::points])
        return replace(course, state=state, until=span[1])

    def _propose(self, spec: DetectorSpec, course: Course) -> None:
        """Put a proposal on record where series drift that none tells of yet."""
        told: set[SeriesKey] = set()
        for proposal in self._records.drift_proposals(spec.name):
            if proposal.number == course.number and proposal.answer in _TOLD:
                told.update(proposal.details.get("series", ()))
            elif proposal.answer is DriftAnswer.OPEN:
                at = self._clock.now()
                self._records.answer_drift(proposal.id, DriftAnswer.OUTDATED, by="", at=at)
        if set(course.drifting) <= told:
            return
        details = {"series": _details(course)}
        reason = _reason(course)
        proposal = DriftProposal(spec.name, course.number, self._clock.now(), reason, details)
        made = self._records.propose_retraining(proposal)
        log.warning("drift detector=%s proposal=%d: %s", spec.name, made.id, reason)


_TOLD = (DriftAnswer.OPEN, DriftAnswer.ACCEPTED)


def _put(row: Floats, stored: Points, model: str, start: int, step: int) -> None:
    """Errors of points that may be followed, each at its place."""
    fields = stored.fields
    good = (
        (fields["judged"].astype(np.float64) > 0)
        & (fields["flag"].astype(np.float64) == 0)
        & (fields["reason"] != REASON_DEGRADED)
        & (fields["model"] == model)
    )
    places = (stored.times - start) // step
    row[places[good]] = fields["smoothed"].astype(np.float64)[good]


def _anomalous(
    spec: DetectorSpec, keys: Sequence[SeriesKey], times: Any, labels: Sequence[Label]
) -> Any:
    """(S, T) buckets that a label calls an anomaly, or has excluded."""
    mask = np.zeros((len(keys), len(times)), dtype=bool)
    unfit = [label for label in labels if label.kind is not LabelKind.NORMAL]
    if not unfit or not len(times):
        return mask
    for s, key in enumerate(keys):
        for start, stop in ranges(matching(unfit, key), LabelKind.ANOMALY, LabelKind.EXCLUDE):
            mask[s] |= (times < stop) & (times + spec.step > start)
    return mask


def _details(course: Course) -> dict[SeriesKey, dict[str, Any]]:
    state = course.state
    return {
        course.keys[s]: {
            "since": int(state.since[s]),
            "times": round(float(state.times[s]), 3),
        }
        for s in np.flatnonzero(state.drifted)
    }


def _reason(course: Course) -> str:
    """Why to train anew, for the operator; the series that drifts most comes first."""
    state, own = course.state, np.flatnonzero(course.state.drifted)
    own = own[np.argsort(-state.level[own], kind="stable")]
    told = [
        f"{course.keys[s] or 'the series'}: {state.times[s]:.1f} times the usual error since "
        f"{format_time(int(state.since[s]))}"
        for s in own[:_NAMED]
    ]
    more = f", and {len(own) - _NAMED} more series" if len(own) > _NAMED else ""
    return (
        f"Errors of time that nobody flagged have risen for good ({'; '.join(told)}{more}). Mark "
        "newer time as normal if this is how it runs now, and train again; look at its sensors if "
        "it is not."
    )


def open_proposals(proposals: Sequence[DriftProposal], serving: int | None) -> list[DriftProposal]:
    """Those that wait for an answer, about the version that serves."""
    return [p for p in proposals if p.answer is DriftAnswer.OPEN and p.number == serving]
