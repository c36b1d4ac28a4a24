"""Who changed what, as people look it up; `audited` writes it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from backend.ports import Clock, RecordStore
from backend.records import LONGEST_WORDS, AuditEntry
from backend.services.acting import actor
from backend.specs import nanoseconds

MOST = 1000


@dataclass(frozen=True)
class Wanted:
    """Which entries are wanted; what is None or empty does not narrow.

    Attributes:
        who: of this person, token or program.
        detectors: of one of these detectors.
        action: this one, such as `label.add`, or all that begin with it, such as `label`.
        before: older than the entry of this number, for the next page.
    """

    who: str | None = None
    detectors: Collection[str] = ()
    action: str | None = None
    before: int | None = None


class AuditLog:
    """Every change of a person's, newest first, for as long as the settings say."""

    def __init__(self, records: RecordStore, clock: Clock, kept: timedelta) -> None:
        """Nothing is read yet.

        Args:
            records: where entries are kept.
            clock: the time.
            kept: how long they are.
        """
        self._records = records
        self._clock = clock
        self._kept = nanoseconds(kept)

    def entries(self, wanted: Wanted, *, limit: int = 100) -> list[AuditEntry]:
        """Entries, newest first."""
        return self._records.audit(
            who=wanted.who,
            detectors=wanted.detectors,
            action=wanted.action,
            before=wanted.before,
            limit=min(limit, MOST),
        )

    def note(self, action: str, words: str, detector: str = "") -> AuditEntry:
        """Write down what somebody did elsewhere than in the records, such as in a store of series.

        Args:
            action: what was done, such as `results.remove`.
            words: of what; never a secret.
            detector: which it concerns.
        """
        who = actor()
        short = words[:LONGEST_WORDS]
        entry = AuditEntry(
            0, self._clock.now(), who.who, who.how, who.address, action, detector, short
        )
        return self._records.add_audit(entry)

    def forget(self) -> int:
        """Remove what has been kept long enough, and say how much that was."""
        return self._records.forget_audit(before=self._clock.now() - self._kept)
