"""A version begins to serve, is turned down, or the one before it comes back."""

from dataclasses import replace

from backend.detection.grid import floor_to, last_closed
from backend.exceptions import Conflict
from backend.ports import ArtifactStore, Clock, RecordStore
from backend.records import Promotion, Verdict, Version
from backend.services.comparison_request import served_before
from backend.services.detectors import Detectors
from backend.services.runs import recorded
from backend.specs import DetectorSpec, nanoseconds

KEEP = "keep"
"""The kind of run that says who turned a challenger down."""
_STANDS = {
    Verdict.CHAMPION: "serves",
    Verdict.RETIRED: "served before",
    Verdict.REJECTED: "was turned down already",
}


class Promoting:
    """Points written before a promotion keep their threshold: it says from when it counts."""

    def __init__(
        self, records: RecordStore, artifacts: ArtifactStore, detectors: Detectors, clock: Clock
    ) -> None:
        self._records = records
        self._artifacts = artifacts
        self._detectors = detectors
        self._clock = clock

    def promote(self, detector: str, number: int, *, by: str) -> Promotion:
        """Let a version serve from the next point on.

        Raises:
            NotFound: no such detector or version.
            Conflict: it serves already.
            ArtifactError: its files are damaged, so that nothing could be scored with it.
        """
        spec = self._detectors.get(detector)
        self._artifacts.load(self._records.version(detector, number).artifact)
        made = self._records.promotions(detector)
        if made and made[-1].number == number:
            raise Conflict(f"Version {number} of {detector!r} serves already.")
        now = self._clock.now()
        promotion = Promotion(detector, number, self._from(spec, now), now, by)
        self._records.promote(promotion)
        return promotion

    def rollback(self, detector: str, *, by: str) -> Promotion:
        """Let the version that served before the present one serve again.

        Raises:
            Conflict: there is none before it.
        """
        self._detectors.get(detector)
        before = served_before(self._records.promotions(detector))
        if before is None:
            raise Conflict(f"There is no earlier version of {detector!r} to roll back to.")
        return self.promote(detector, before, by=by)

    def keep(self, detector: str, number: int, *, by: str) -> Version:
        """Let the present version go on in place of a challenger, which is rejected.

        Who did it is on record as a run. A rejected version may still be promoted later.

        Raises:
            NotFound: no such detector or version.
            Conflict: it is no challenger: it serves, has served or was rejected already.
        """
        self._detectors.get(detector)
        version = self._records.version(detector, number)
        if version.verdict is not Verdict.CHALLENGER:
            raise Conflict(
                f"Version {number} of {detector!r} {_STANDS[version.verdict]}: only a challenger, "
                "which waits to be promoted, can be turned down."
            )
        details = {"version": number, "by": by}
        with recorded(self._records, self._clock, KEEP, detector, details):
            self._records.set_verdict(detector, number, Verdict.REJECTED)
        return replace(version, verdict=Verdict.REJECTED)

    def _from(self, spec: DetectorSpec, now: int) -> int:
        """The first point not scored yet; before the first scoring, as far back as that goes."""
        closed = last_closed(now, spec.step, nanoseconds(spec.delay))
        oldest = floor_to(closed - nanoseconds(spec.schedule.catch_up), spec.step)
        return max(self._records.watermarks(spec.name).values(), default=oldest)
