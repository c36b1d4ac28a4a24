"""What a person makes of a proposal to train anew: it is done, or that is usual from now on."""

from collections.abc import Callable

from backend.exceptions import NotFound
from backend.ports import Clock, RecordStore
from backend.records import DriftAnswer, DriftProposal, Request
from backend.services.detectors import Detectors
from backend.services.drift import open_proposals
from backend.services.serving import champion_of

Ask = Callable[[str, str, str], Request]
"""Records a request of a kind for a detector, by somebody."""


class DriftAnswers:
    """Proposals, and their answers."""

    def __init__(self, records: RecordStore, detectors: Detectors, ask: Ask, clock: Clock) -> None:
        self._records = records
        self._detectors = detectors
        self._ask = ask
        self._clock = clock

    def open(self, detector: str) -> DriftProposal | None:
        """The proposal for a detector that waits for an answer, if any."""
        proposals = self._records.drift_proposals(detector)
        serving = champion_of(self._records, detector) if proposals else None
        found = open_proposals(proposals, None if serving is None else serving.number)
        return found[0] if found else None

    def list(self, detector: str) -> list[DriftProposal]:
        """All proposals for a detector, the newest first.

        Raises:
            NotFound: there is no such detector.
        """
        self._detectors.get(detector)
        return self._records.drift_proposals(detector)

    def accept(self, detector: str, proposal: int, *, by: str) -> Request:
        """Have the detector trained anew.

        Raises:
            NotFound: no such detector, or it has no such proposal.
            Conflict: it was answered before.
        """
        self._check(detector, proposal)
        with self._records.together():
            at = self._clock.now()
            self._records.answer_drift(proposal, DriftAnswer.ACCEPTED, by=by, at=at)
            return self._ask("retrain", detector, by)

    def dismiss(self, detector: str, proposal: int, *, by: str) -> DriftProposal:
        """Say that this is how it is: the level of its series is usual from now on.

        Raises:
            NotFound: no such detector, or it has no such proposal.
            Conflict: it was answered before.
        """
        self._check(detector, proposal)
        at = self._clock.now()
        return self._records.answer_drift(proposal, DriftAnswer.DISMISSED, by=by, at=at)

    def _check(self, detector: str, proposal: int) -> None:
        self._detectors.get(detector)
        if self._records.drift_proposal(proposal).detector != detector:
            raise NotFound(f"{detector!r} has no proposal {proposal}.")
