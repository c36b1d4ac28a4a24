"""What is old goes: versions that nothing needs, ended runs, old results, leftovers of crashes.

Never removed: the version that serves, the one a roll back would bring back, a challenger that
waits, whatever served within the time that may be scored again, and versions that an open request
names, or a comparison that a person asked for and that is still on record.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from backend.exceptions import Conflict, InputError
from backend.ports import ArtifactStore, Clock, Query, RecordStore, SeriesStore
from backend.records import Promotion, Upkeep, Verdict, Version
from backend.schema import DETECTOR_TAG, RESULT_MEASUREMENTS
from backend.services.comparison_request import BY_TRAINING, COMPARE, Pair, served_before
from backend.services.detectors import Detectors
from backend.services.fleet_pieces import PIECE
from backend.services.retention import Keep
from backend.services.serving import shifts
from backend.specs import nanoseconds

PRUNE = "prune"
_EARLIEST = -(2**63) + 1
_DAY = nanoseconds(timedelta(days=1))
_AS_LONG_AS_A_TRAINING = 7 * _DAY
_BATCH = 500
_MOST_COMPARISONS = 10_000
_AGAIN = nanoseconds(timedelta(days=2))
"""Scored again at most, where the detector is no more that would say it."""


@dataclass(frozen=True)
class Pruned:
    """What was removed, or would be.

    Attributes:
        versions: their names.
        artifacts: model files that no version names.
        runs: runs and requests that ended.
        results: by measurement, the detectors whose old rows go.
        note: what has to be done by other means.
    """

    versions: tuple[str, ...]
    artifacts: tuple[str, ...]
    runs: int
    results: tuple[tuple[str, tuple[str, ...]], ...]
    note: str = ""

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing to remove."""
        return not (self.versions or self.artifacts or self.runs or self.results)


class Pruning:
    """Removes what is older than it is to be kept.

    Args:
        records: of versions, runs and requests.
        artifacts: model files.
        detectors: which there are, and how far back they score again.
        results: where scores are written; None where that store has its own means.
        clock: the time.
        keep: how long things are kept.
    """

    def __init__(
        self,
        records: RecordStore,
        artifacts: ArtifactStore,
        detectors: Detectors,
        results: SeriesStore | None,
        clock: Clock,
        keep: Keep,
    ) -> None:
        self._records = records
        self._artifacts = artifacts
        self._detectors = detectors
        self._results = results
        self._clock = clock
        self._keep = keep

    def plan(self) -> Pruned:
        """What `run` would remove now; nothing is changed."""
        now = self._clock.now()
        going = list(self._versions(now))
        return Pruned(
            versions=tuple(version.name for version in going),
            artifacts=tuple(self._leftovers(now)),
            runs=self._records.ended(before=now - nanoseconds(self._keep.runs)),
            results=tuple(self._old_results(now)),
            note=self._note(),
        )

    def run(self) -> Pruned:
        """Remove what is old."""
        now = self._clock.now()
        versions = tuple(self._remove_versions(now))
        leftovers = tuple(self._leftovers(now))
        for name in leftovers:
            self._artifacts.remove(name)
        runs = self._forget_runs(now - nanoseconds(self._keep.runs))
        results = tuple(self._old_results(now))
        self._delete_results(results, now)
        done = Pruned(versions, leftovers, runs, results, self._note())
        counts = {"versions": len(versions), "artifacts": len(leftovers), "runs": runs}
        self._records.note_upkeep(Upkeep(PRUNE, now, counts))
        return done

    # -- versions ----------------------------------------------------------------------------------

    def _versions(self, now: int) -> Iterator[Version]:
        for detector in self._records.versioned():
            kept, versions = self._needed(detector, now), self._records.versions(detector)
            newest = {version.number for version in versions[: self._keep.versions]}
            waiting = _waiting(versions)
            for version in reversed(versions):
                if version.number not in kept | newest | waiting:
                    yield version

    def _needed(self, detector: str, now: int) -> set[int]:
        """Versions that something may still ask for."""
        promotions = self._records.promotions(detector)
        found = {promotions[-1].number} if promotions else set()
        if (former := served_before(promotions)) is not None:
            found.add(former)
        found |= self._may_score(detector, promotions, now)
        return found | self._compared(detector)

    def _may_score(self, detector: str, promotions: Sequence[Promotion], now: int) -> set[int]:
        """Versions of the time that scoring looks back."""
        if not promotions:
            return set()
        back = _AGAIN
        for spec in self._detectors.all():
            if spec.name == detector:
                plan = spec.schedule
                back = nanoseconds(plan.catch_up) + nanoseconds(plan.lateness) + _DAY
        return {number for number, _, _ in shifts(promotions, now - back, now + _DAY)}

    def _compared(self, detector: str) -> set[int]:
        """Versions that people compared, as long as that is on record, and of open requests."""
        asked = self._records.requests(kind=COMPARE, detector=detector, limit=_MOST_COMPARISONS)
        found: set[int] = set()
        for request in asked:
            if request.created_by == BY_TRAINING and request.finished_at is not None:
                continue
            try:
                pair = Pair.of(detector, request.payload)
            except InputError:  # of another normalcy
                continue
            found |= {number for number in (pair.challenger, pair.champion) if number is not None}
        for request in self._records.open_requests():
            number = request.payload.get("version")
            if request.detector == detector and isinstance(number, int):
                found.add(number)
        return found

    def _remove_versions(self, now: int) -> Iterator[str]:
        """The record goes before the files: of a version on record the files are there."""
        for version in list(self._versions(now)):
            try:
                removed = self._records.remove_version(version.detector, version.number)
            except Conflict:  # it was promoted a moment ago
                continue
            if removed:
                self._artifacts.remove(version.artifact)
                yield version.name

    def _leftovers(self, now: int) -> Iterator[str]:
        """Artifacts of trainings and restores that were cut off."""
        old = self._artifacts.names(before=now - _DAY)
        older = set(self._artifacts.names(before=now - _AS_LONG_AS_A_TRAINING))
        used = self._records.artifacts_in_use()
        for name in old:
            piece = name.rpartition("/")[2].startswith(PIECE)
            if name not in used and (name in older or not piece):
                yield name

    # -- the rest ----------------------------------------------------------------------------------

    def _forget_runs(self, before: int) -> int:
        """In many small steps, so that nobody waits for long."""
        count = 0
        while gone := self._records.forget_ended(before=before, limit=_BATCH):
            count += gone
        return count

    def _old_results(self, now: int) -> Iterator[tuple[str, tuple[str, ...]]]:
        if self._results is None or self._keep.results is None:
            return
        there = set(self._results.measurements())
        for measurement in RESULT_MEASUREMENTS:
            if measurement in there:
                detectors = self._results.tag_values(measurement, DETECTOR_TAG)
                before = now - nanoseconds(self._keep.results)
                old = tuple(name for name in detectors if self._is_old(measurement, name, before))
                if old:
                    yield measurement, old

    def _is_old(self, measurement: str, detector: str, before: int) -> bool:
        """Whether a detector has rows from before a time."""
        assert self._results is not None
        fields = tuple(self._results.fields(measurement))
        where = {DETECTOR_TAG: detector}
        found = self._results.read(Query(measurement, fields, _EARLIEST, before, where, oldest=1))
        return any(map(len, found))

    def _delete_results(self, results: Sequence[tuple[str, tuple[str, ...]]], now: int) -> None:
        if self._results is None or self._keep.results is None:
            return
        before = now - nanoseconds(self._keep.results)
        for measurement, detectors in results:
            for name in detectors:
                self._results.delete(measurement, {DETECTOR_TAG: name}, _EARLIEST, before)

    def _note(self) -> str:
        if self._results is not None or self._keep.results is None:
            return ""
        days = max(1, round(self._keep.results / timedelta(days=1)))
        return (
            f"Old results are InfluxDB's own to remove: give their database a retention policy, or "
            f"their bucket a retention, of {days}d."
        )


def _waiting(versions: Sequence[Version]) -> set[int]:
    """The newest challenger: an older one can no longer be what a person is to look at."""
    waiting = [one.number for one in versions if one.verdict is Verdict.CHALLENGER]
    return set(waiting[:1])
