"""What is old goes: versions that nothing needs, ended runs, old results, leftovers of crashes.

Never removed: the version that serves, the one a roll back would bring back, a challenger that
waits, whatever served within the time that may be scored again, and versions that an open request
names, or a comparison that a person asked for and that is still on record.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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

log = logging.getLogger(__name__)

PRUNE = "prune"
_PUT_OFF = "put off"
_EARLIEST = -(2**63) + 1
_DAY = nanoseconds(timedelta(days=1))
_AS_LONG_AS_A_TRAINING = 7 * _DAY
_BATCH = 500
_MOST_COMPARISONS = 10_000
_AGAIN = nanoseconds(timedelta(days=2))
"""Scored again at most, where the detector is no more that would say it."""
_LEAP = 3 * _DAY
"""Longer than it takes from one time to the next, if the clock is right and the jobs run."""
_AT_ONCE = 7 * _DAY
"""Results that are deleted in one transaction: scoring waits for its end."""


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
            note=self._note(now),
        )

    def daily(self) -> Pruned | None:
        """`run`, as the jobs do it by themselves: not at once where the clock has leapt.

        To a clock that is a year ahead for an hour everything is old. What looks like that, also
        because nothing ran for some days, is put off until the next time; None then.
        """
        now = self._clock.now()
        last = next((one for one in self._records.upkeep() if one.name == PRUNE), None)
        if last is None or last.details.get(_PUT_OFF) or now - last.at <= _LEAP:
            return self.run()
        log.warning("nothing is pruned this time: the last time was more than three days ago")
        self._records.note_upkeep(Upkeep(PRUNE, now, {_PUT_OFF: True}))
        return None

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
        done = Pruned(versions, leftovers, runs, results, self._note(now))
        counts = {"versions": len(versions), "artifacts": len(leftovers), "runs": runs}
        self._records.note_upkeep(Upkeep(PRUNE, now, counts))
        return done

    # -- versions ----------------------------------------------------------------------------------

    def _versions(self, now: int) -> Iterator[Version]:
        back, asked = self._scored_back(), self._asked()
        for detector in self._records.versioned():
            promotions = self._records.promotions(detector)
            versions = self._records.versions(detector)
            kept = _serving(promotions) | _waiting(versions) | asked[detector]
            kept |= _may_score(promotions, now - back.get(detector, _AGAIN), now + _DAY)
            kept |= self._compared(detector)
            kept |= {version.number for version in versions[: self._keep.versions]}
            yield from (version for version in reversed(versions) if version.number not in kept)

    def _scored_back(self) -> dict[str, int]:
        """By detector, how far back it may score again."""
        plans = {spec.name: spec.schedule for spec in self._detectors.all()}
        return {
            name: nanoseconds(plan.catch_up) + nanoseconds(plan.lateness) + _DAY
            for name, plan in plans.items()
        }

    def _asked(self) -> Mapping[str, set[int]]:
        """By detector, the versions that open requests name."""
        found: defaultdict[str, set[int]] = defaultdict(set)
        for request in self._records.open_requests():
            number = request.payload.get("version")
            if isinstance(number, int):
                found[request.detector].add(number)
        return found

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
        older = set(self._artifacts.names(before=now - _AS_LONG_AS_A_TRAINING))
        old, used = self._artifacts.names(before=now - _DAY), self._records.artifacts_in_use()
        strange = _are_strange(old, used)
        for name in old:
            if name in used:
                continue
            if name in older if _is_piece(name) else not strange:
                yield name

    # -- the rest ----------------------------------------------------------------------------------

    def _forget_runs(self, before: int) -> int:
        """In many small steps, so that nobody waits for long."""
        count, gone = 0, _BATCH
        while gone == _BATCH:
            gone = self._records.forget_ended(before=before, limit=_BATCH)
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
                old = tuple(
                    name
                    for name in detectors
                    if _first(self._results, measurement, name, _EARLIEST, before) is not None
                )
                if old:
                    yield measurement, old

    def _delete_results(self, results: Sequence[tuple[str, tuple[str, ...]]], now: int) -> None:
        if self._results is None or self._keep.results is None:
            return
        before = now - nanoseconds(self._keep.results)
        for measurement, detectors in results:
            for name in detectors:
                end, where = _EARLIEST, {DETECTOR_TAG: name}
                while (begin := _first(self._results, measurement, name, end, before)) is not None:
                    end = min(begin + _AT_ONCE, before)
                    self._results.delete(measurement, where, begin, end)

    def _note(self, now: int) -> str:
        """What has to be done by other means, a sentence each."""
        return " ".join(filter(None, [self._note_of_files(now), self._note_of_results()]))

    def _note_of_files(self, now: int) -> str:
        old = self._artifacts.names(before=now - _DAY)
        if not _are_strange(old, self._records.artifacts_in_use()):
            return ""
        return (
            "There are model files, and no version is on record: they stay. See whether these are "
            "the records that they belong to, or restore those from a backup."
        )

    def _note_of_results(self) -> str:
        if self._results is not None or self._keep.results is None:
            return ""
        days = max(1, round(self._keep.results / timedelta(days=1)))
        return (
            f"Old results are InfluxDB's own to remove: give their database a retention policy, or "
            f"their bucket a retention, of {days}d."
        )


def _serving(promotions: Sequence[Promotion]) -> set[int]:
    """The version that serves, and the one that a roll back brings back."""
    found = {promotions[-1].number} if promotions else set()
    former = served_before(promotions)
    return found if former is None else found | {former}


def _may_score(promotions: Sequence[Promotion], start: int, stop: int) -> set[int]:
    """Versions of the time that scoring looks back."""
    return {number for number, _, _ in shifts(promotions, start, stop)} if promotions else set()


def _first(
    store: SeriesStore, measurement: str, detector: str, start: int, stop: int
) -> int | None:
    """The time of the first row that a detector has in `[start, stop)`."""
    fields, where = tuple(store.fields(measurement)), {DETECTOR_TAG: detector}
    found = store.read(Query(measurement, fields, start, stop, where, oldest=1))
    return min((int(points.times[0]) for points in found if len(points)), default=None)


def _are_strange(artifacts: Iterable[str], used: Collection[str]) -> bool:
    """Whether there are model files and no version at all.

    They are then rather those of other records than leftovers: these records wait for a backup,
    or were made at a wrong address.
    """
    return not used and not all(map(_is_piece, artifacts))


def _is_piece(artifact: str) -> bool:
    return artifact.rpartition("/")[2].startswith(PIECE)


def _waiting(versions: Sequence[Version]) -> set[int]:
    """The newest challenger: an older one can no longer be what a person is to look at."""
    waiting = [one.number for one in versions if one.verdict is Verdict.CHALLENGER]
    return set(waiting[:1])
