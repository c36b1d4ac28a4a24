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
        entry = entry_of(action, words, self._clock.now(), detector=detector)
        return self._records.add_audit(entry)

    def forget(self) -> int:
        """Remove what has been kept long enough, and say how much that was."""
        return self._records.forget_audit(before=self._clock.now() - self._kept)


def entry_of(action: str, words: str, at: int, *, detector: str = "", by: str = "") -> AuditEntry:
    """An entry about whoever acts here, to be stored.

    Args:
        action: what was done.
        words: of what; never a secret. Too many are cut.
        at: when, UTC nanoseconds.
        detector: which it concerns.
        by: whom the record names; counts where nobody is signed in.
    """
    who = actor()
    short = words if len(words) <= LONGEST_WORDS else f"{words[: LONGEST_WORDS - 1]}…"
    return AuditEntry(
        id=0,
        at=at,
        who=who.who or by,
        how=who.how,
        address=who.address,
        action=action,
        detector=detector,
        words=short,
    )
