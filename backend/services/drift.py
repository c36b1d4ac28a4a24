"""Follow the errors of normal time, and propose to train anew where they have drifted.

What is followed stands in the scores that are stored: points that were judged by all channels, that
nobody flagged or labelled an anomaly, of the version that serves, on its own grid. A checkpoint
says how far they are followed and what goes on from there, so that a process goes on where another
ended. Nothing is trained because of it unless `schedule.retrain_on_drift` says so.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
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
    raised,
)
from backend.detection.grid import ceil_to, floor_to, grid_times, touching
from backend.detection.smoothing import ewma_kernel
from backend.exceptions import Conflict, LeaseLost, NormalcyError
from backend.ports import Clock, Floats, Points, Times
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
from backend.services.reading import Mask, matching, ranges
from backend.services.results import read_scores
from backend.services.stores import Stores
from backend.services.versions import read_blocks
from backend.specs import DetectorSpec
from backend.specs.times import format_time

log = logging.getLogger(__name__)

_FIELDS = ("smoothed", "flag", "judged", "reason", "model")
_NUMBERS = 1_000_000
"""Most numbers of a fleet that are read at once, and in one look: scoring waits for it."""
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
        spec: the detector as it was when the version was trained.
        keys: its S series.
        until: nanoseconds; up to here.
        reference: what is usual.
        state: how far each series has come.
        taken: proposals whose dismissal is taken into account.
        heard: number of the newest label that is.
    """

    number: int
    spec: DetectorSpec
    keys: tuple[SeriesKey, ...]
    until: int
    reference: Reference
    state: Followed
    taken: tuple[int, ...] = ()
    heard: int = 0

    @property
    def block(self) -> int:
        """Nanoseconds of a block; 0 where nothing can be followed."""
        return self.reference.points * self.spec.step

    @property
    def drifting(self) -> tuple[SeriesKey, ...]:
        """Series whose errors have risen for good."""
        return self._named(self.state.drifted)

    @property
    def rising(self) -> tuple[SeriesKey, ...]:
        """Series whose errors lie above the usual, for good or not."""
        return self._named(self.state.rising)

    def _named(self, series: Mask) -> tuple[SeriesKey, ...]:
        return tuple(self.keys[s] for s in np.flatnonzero(series))

    def some(self, series: Mask) -> "Course":
        """The same of some series."""
        keys, reference = self._named(series), self.reference
        own = replace(
            reference, middle=reference.middle[series], deviation=reference.deviation[series]
        )
        return replace(self, keys=keys, reference=own, state=self.state.of(series))

    def watch(self) -> DriftWatch:
        """As it is kept."""
        deviation = [None if np.isnan(d) else d for d in self.reference.deviation.tolist()]
        state = {
            "keys": list(self.keys),
            "points": self.reference.points,
            "middle": self.reference.middle.tolist(),
            "deviation": deviation,
            "taken": list(self.taken),
            "heard": self.heard,
            **{name: values.tolist() for name, values in vars(self.state).items()},
        }
        return DriftWatch(self.spec.name, self.number, self.until, state)

    @classmethod
    def of(cls, watch: DriftWatch, spec: DetectorSpec) -> "Course":
        """Read back what `watch` gave, for the detector as its version knows it."""
        state: Mapping[str, Any] = watch.state
        deviation = [np.nan if d is None else d for d in state["deviation"]]
        return cls(
            watch.number,
            spec,
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
            int(state["heard"]),
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
        self, serving: Promotion, done: int, labels: Sequence[Label], fence: Fence
    ) -> tuple[SeriesKey, ...]:
        """Follow what was scored since the last look; which series drift.

        What goes wrong is logged: scoring goes on without it, and for a while nothing is tried, as
        it costs reads of a store that may be what is wrong.

        Args:
            serving: which version of which detector serves.
            done: nanoseconds; up to here all of its series are scored.
            labels: of the detector.
            fence: asked before anything is written.

        Raises:
            LeaseLost: another process has taken the scoring over.
        """
        detector, now = serving.detector, self._clock.now()
        if 0 < self._rests.get(detector, now) - now <= _REST_NS:  # a clock set back ends it
            return self._drifting(serving)
        try:
            drifting = self._look(serving, done, labels, fence).drifting
        except LeaseLost:
            raise
        except (NormalcyError, KeyError, ValueError) as error:
            log.warning("drift of %s cannot be followed for now: %s", detector, error)
            self._rests[detector] = now + _REST_NS
            return self._drifting(serving)
        self._rests.pop(detector, None)
        return drifting

    def _drifting(self, serving: Promotion) -> tuple[SeriesKey, ...]:
        """Which series drifted when it was last looked."""
        course = self._known.get(serving.detector)
        return course.drifting if course and course.number == serving.number else ()

    def _look(self, serving: Promotion, done: int, labels: Sequence[Label], fence: Fence) -> Course:
        course = self._known.get(serving.detector)
        if course is None or course.number != serving.number:
            course = self._begin(serving)
            self._outdate_others(serving, fence)
        elif _is_due(course, done):  # another process may have scored since this one did
            course = self._kept(serving.number, course.spec) or course
        if _is_due(course, done):
            course = self._without_dismissed(self._with_late_labels(course, labels))
            course = self._go_on(course, floor_to(done, course.block), labels)
            fence()
            self._records.keep_drift_watch(course.watch())
            self._propose(course)
        self._known[serving.detector] = course
        return course

    def _begin(self, serving: Promotion) -> Course:
        """Where another process ended; anew for another version."""
        version = self._records.version(serving.detector, serving.number)
        spec = DetectorSpec.model_validate(version.spec)
        if (kept := self._kept(serving.number, spec)) is not None:
            return kept
        keys, smoothed = self._held_out(version)
        kernel = len(ewma_kernel(spec.smoothing.span))
        rows = int(np.median(np.isfinite(smoothed).sum(axis=1))) if len(keys) else 0
        reference = learn_reference(smoothed, block_points(rows, kernel))
        course = Course(serving.number, spec, keys, 0, reference, Followed.nothing(len(keys)))
        course = replace(course, until=ceil_to(serving.serves_from, max(1, course.block)))
        return self._as_dismissed_before(course)

    def _kept(self, number: int, spec: DetectorSpec) -> Course | None:
        """How far a version was followed; None where nobody knows, or it cannot be read."""
        kept = self._records.drift_watch(spec.name)
        if kept is None or kept.number != number:
            return None
        try:
            return Course.of(kept, spec)
        except (KeyError, TypeError, ValueError) as error:
            log.warning(
                "how far drift of %s was followed cannot be read (%s): it is followed anew",
                spec.name,
                type(error).__name__,
            )
            return None

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

    def _as_dismissed_before(self, course: Course) -> Course:
        """What a person said of the version when it served before, as of one rolled back to."""
        for proposal in self._dismissed(course):
            series = proposal.details.get("series", {})
            times = [float(series[key]["times"]) if key in series else 1.0 for key in course.keys]
            reference = raised(course.reference, np.array(times))
            course = replace(course, reference=reference, taken=(*course.taken, proposal.id))
        return course

    def _without_dismissed(self, course: Course) -> Course:
        """Take for usual what a person said is no drift."""
        for proposal in self._dismissed(course):
            series = np.isin(course.keys, list(proposal.details.get("series", ())))
            reference, state = accepted(course.reference, course.state, series)
            taken = (*course.taken, proposal.id)
            course = replace(course, reference=reference, state=state, taken=taken)
        return course

    def _dismissed(self, course: Course) -> list[DriftProposal]:
        """Dismissals that are not taken into account yet."""
        return [
            proposal
            for proposal in self._own_proposals(course)
            if proposal.answer is DriftAnswer.DISMISSED and proposal.id not in course.taken
        ]

    def _with_late_labels(self, course: Course, labels: Sequence[Label]) -> Course:
        """Follow a rise anew from its start where part of it was called unfit meanwhile."""
        again = _called_unfit_since(course, labels)
        course = replace(course, heard=max((label.id for label in labels), default=course.heard))
        if not again.any():
            return course
        part = course.some(again)
        part = replace(
            part, until=int(part.state.since.min()), state=Followed.nothing(len(part.keys))
        )
        while part.until < course.until:
            part = self._go_on(part, course.until, labels, part.keys)
        return replace(course, state=course.state.replaced(again, part.state))

    def _go_on(
        self,
        course: Course,
        stop: int,
        labels: Sequence[Label],
        series: tuple[SeriesKey, ...] | None = None,
    ) -> Course:
        """Follow towards a time, so far as may be read at once; `series` are read alone."""
        block = course.block
        many = max(1, _NUMBERS // max(1, len(course.keys) * course.reference.points))
        start = max(course.until, stop - _LONGEST * block)
        span = start, min(start + many * block, stop)
        spec, points = course.spec, course.reference.points
        times = grid_times(*span, spec.step)
        stored = read_scores(self._results, spec, _FIELDS, span, series=series)
        name = f"{spec.name}/{course.number}"
        smoothed = np.full((len(course.keys), len(times)), np.nan)
        for s, key in enumerate(course.keys):
            if key in stored:
                _put(smoothed[s], stored[key], name, span[0], spec.step)
        smoothed[_anomalous(spec.step, course.keys, times, labels)] = np.nan
        found = medians(smoothed, points)
        state = follow(course.state, course.reference, found, times[::points])
        return replace(course, state=state, until=span[1])

    def _propose(self, course: Course) -> None:
        """Put a proposal on record where series drift that none tells of yet.

        One that is open is outdated when the errors of all its series are the usual ones again.
        """
        told: set[SeriesKey] = set()
        for proposal in self._own_proposals(course):
            series = set(proposal.details.get("series", ()))
            if proposal.answer is DriftAnswer.OPEN and not series & set(course.rising):
                self._outdate(proposal)
            elif proposal.answer in _TOLD:
                told |= series
        if set(course.drifting) <= told:
            return
        details = {"series": _details(course)}
        reason = _reason(course)
        proposal = DriftProposal(
            course.spec.name, course.number, self._clock.now(), reason, details
        )
        made = self._records.propose_retraining(proposal)
        log.warning("drift detector=%s proposal=%d: %s", course.spec.name, made.id, reason)

    def _own_proposals(self, course: Course) -> list[DriftProposal]:
        """Those about its version."""
        proposals = self._records.drift_proposals(course.spec.name)
        return [proposal for proposal in proposals if proposal.number == course.number]

    def _outdate_others(self, serving: Promotion, fence: Fence) -> None:
        """Proposals about a version that serves no more wait for nobody."""
        for proposal in self._records.drift_proposals(serving.detector):
            if proposal.answer is DriftAnswer.OPEN and proposal.number != serving.number:
                fence()
                self._outdate(proposal)

    def _outdate(self, proposal: DriftProposal) -> None:
        with suppress(Conflict):  # a person answered a moment ago
            self._records.answer_drift(
                proposal.id, DriftAnswer.OUTDATED, by="", at=self._clock.now()
            )


_TOLD = (DriftAnswer.OPEN, DriftAnswer.ACCEPTED)
_UNFIT = (LabelKind.ANOMALY, LabelKind.EXCLUDE)


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


def _is_due(course: Course, done: int) -> bool:
    """Whether there is a whole block that it has not looked at, up to a time."""
    return course.block > 0 and floor_to(done, course.block) > course.until


def _called_unfit_since(course: Course, labels: Sequence[Label]) -> Mask:
    """(S,) series that rise in time of which a label speaks that was not there before."""
    new = [label for label in labels if label.id > course.heard and _is_unfit(label)]
    found = np.zeros(len(course.keys), dtype=bool)
    for s in np.flatnonzero(course.state.rising) if new else ():
        since = int(course.state.since[s])
        said = matching(new, course.keys[s])
        found[s] = any(label.start < course.until and label.stop > since for label in said)
    return found


def _is_unfit(label: Label) -> bool:
    """Whether a label calls its range anything but normal."""
    return label.kind is not LabelKind.NORMAL


def _anomalous(step: int, keys: Sequence[SeriesKey], times: Times, labels: Sequence[Label]) -> Mask:
    """(S, T) buckets that a label calls an anomaly, or has excluded."""
    mask = np.zeros((len(keys), len(times)), dtype=bool)
    if not len(times):
        return mask
    start, stop = int(times[0]), int(times[-1]) + step
    unfit = [one for one in labels if _is_unfit(one) and one.start < stop and one.stop > start]
    for s, key in enumerate(keys) if unfit else ():
        mask[s] = touching(times, step, ranges(matching(unfit, key), *_UNFIT))
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
