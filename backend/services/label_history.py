"""Who said what when: labels as they were at a moment, what changed since, and back to it."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.exceptions import InputError
from backend.ports import Clock, RecordStore
from backend.records import Label, LabelDraft, LabelKind
from backend.services.labelling import (
    Changed,
    Labelling,
    Statement,
    counted,
    place_of,
    shown,
    statement_of,
)
from backend.services.reading import mode_of

Says = Callable[[Label], Statement]

_SECOND = 1_000_000_000


@dataclass(frozen=True)
class Change:
    """What one person did to the labels of a detector at one moment."""

    at: int
    by: str
    added: tuple[Label, ...]
    removed: tuple[Label, ...]


@dataclass(frozen=True)
class Difference:
    """What is said later and was not said earlier, the other way round, and how much stayed."""

    added: tuple[Label, ...]
    removed: tuple[Label, ...]
    unchanged: int


@dataclass(frozen=True)
class Reversal:
    """What it takes to say again what was said at a moment.

    Attributes:
        to: the moment.
        add: labels that were in force and are no more.
        remove: labels that are in force and were not.
        left: labels that differ and stay as they are: those of normalcy.yaml, and those that
            follow an annotation in Grafana.
    """

    to: int
    add: tuple[Label, ...]
    remove: tuple[Label, ...]
    left: tuple[Label, ...]

    @property
    def notice(self) -> str:
        """A sentence on what stays as it is; empty where nothing does."""
        if not self.left:
            return ""
        configured = sum(label.source == "yaml" for label in self.left)
        drawn = len(self.left) - configured
        parts = [
            f"{counted(configured)} of normalcy.yaml" if configured else "",
            f"{counted(drawn)} that Grafana's annotations say" if drawn else "",
        ]
        return f"Left as they are: {' and '.join(filter(None, parts))}; change them there."


class LabelHistory:
    """Questions about former labels, and the way back."""

    def __init__(self, records: RecordStore, labelling: Labelling, clock: Clock) -> None:
        self._records = records
        self._labelling = labelling
        self._clock = clock

    def at(self, detector: str, time: int) -> list[Label]:
        """Labels that were in force at a moment, by start and id.

        Raises:
            NotFound: there is no such detector and never was a label of it.
        """
        return _in_force(self._labelling.list(detector, removed=True), time)

    def changes(self, detector: str, *, limit: int = 200) -> list[Change]:
        """Who did what, the newest first, at most `limit` of them.

        Raises:
            NotFound: there is no such detector and never was a label of it.
        """
        added: dict[tuple[int, str], list[Label]] = {}
        removed: dict[tuple[int, str], list[Label]] = {}
        for label in self._labelling.list(detector, removed=True):
            said = label.created_at, label.created_by or label.source
            added.setdefault(said, []).append(label)
            if label.removed_at is not None:
                taken = label.removed_at, label.removed_by or ""
                removed.setdefault(taken, []).append(label)
        moments = sorted({*added, *removed}, reverse=True)[:limit]
        return [
            Change(*moment, tuple(added.get(moment, ())), tuple(removed.get(moment, ())))
            for moment in moments
        ]

    def difference(self, detector: str, earlier: int, later: int | None = None) -> Difference:
        """What was said between two moments, or since one; the same said again is no difference.

        Raises:
            InputError: the earlier moment lies after the later one.
            NotFound: there is no such detector and never was a label of it.
        """
        later = self._clock.now() if later is None else later
        if earlier > later:
            raise InputError(
                f"{shown(earlier)} lies after {shown(later)}: give the earlier moment first."
            )
        labels = self._labelling.list(detector, removed=True)
        return _difference(_in_force(labels, earlier), _in_force(labels, later), statement_of)

    def of_version(self, detector: str, number: int) -> Difference:
        """What is said now and was not when a model version learned, and the other way round.

        Notes are no difference but where they name a mode: nothing else of them is learned.

        Raises:
            NotFound: there is no such version.
        """
        version = self._records.version(detector, number)
        labels = self._labelling.list(detector, removed=True)
        now = _in_force(labels, self._clock.now())
        if (told := version.training.get("labels")) is None:
            return _difference(_in_force(labels, version.created_at), now, _learned)
        # Those that are in force now come last and win: they say it in the words of today.
        known = {_learned(label): label for label in [*labels, *now]}
        learned = [_of_record(detector, one) for one in told]
        return _difference([known.get(_learned(one), one) for one in learned], now, _learned)

    def reversal(self, detector: str, to: int) -> Reversal:
        """What a revert to a moment would do; nothing is done.

        Raises:
            InputError: the moment lies ahead.
            NotFound: there is no such detector and never was a label of it.
        """
        now = self._clock.now()
        if to > now + _SECOND:
            raise InputError(f"{shown(to)} lies ahead: give a moment that has passed.")
        # What was said just now is shown by milliseconds, rounded up.
        change = self.difference(detector, min(to, now), now)
        tied = {number for link in self._records.annotation_links() for number in link.labels}
        foreign = {
            label.id
            for label in (*change.added, *change.removed)
            if label.source == "yaml"
            or label.id in tied
            or (label.source == "grafana" and label.removed_at is not None)
        }
        return Reversal(
            to=to,
            add=tuple(label for label in change.removed if label.id not in foreign),
            remove=tuple(label for label in change.added if label.id not in foreign),
            left=tuple(x for x in (*change.removed, *change.added) if x.id in foreign),
        )

    def revert(
        self, detector: str, to: int, *, by: str, source: str = "command"
    ) -> tuple[Reversal, Changed]:
        """Say again what was said at a moment, as new statements: what is on record stays.

        A revert is itself reverted by one to a moment before it.

        Returns:
            What was to be done, and what was done.

        Raises:
            InputError: the moment lies ahead, or a label of then cannot be said again.
            Conflict: somebody changed labels meanwhile; nothing was changed.
            NotFound: there is no such detector.
        """
        reversal = self.reversal(detector, to)
        if not reversal.add and not reversal.remove:
            return reversal, Changed((), ())
        drafts = [draft_of(label) for label in reversal.add]
        ids = [label.id for label in reversal.remove]
        return reversal, self._labelling.change(detector, drafts, ids, source=source, by=by)


def draft_of(label: Label) -> LabelDraft:
    """What a label says, to be said again."""
    return LabelDraft(label.detector, label.kind, label.start, label.stop, label.tags, label.note)


def _in_force(labels: Iterable[Label], time: int) -> list[Label]:
    return [
        label
        for label in labels
        if label.created_at <= time and (label.removed_at is None or label.removed_at > time)
    ]


def _difference(earlier: Sequence[Label], later: Sequence[Label], says: Says) -> Difference:
    removed = _without(earlier, later, says)
    added = _without(later, earlier, says)
    return Difference(tuple(added), tuple(removed), len(later) - len(added))


def _without(labels: Sequence[Label], others: Sequence[Label], says: Says) -> list[Label]:
    """Labels that say what the others do not; said twice is not the same as said once."""
    there = Counter(says(label) for label in others)
    left = []
    for label in labels:
        if there[says(label)] > 0:
            there[says(label)] -= 1
        else:
            left.append(label)
    return left


def _learned(label: Label) -> Statement:
    return *place_of(label), label.kind, mode_of(label)


def _of_record(detector: str, told: Mapping[str, Any]) -> Label:
    """A label as the record of a training keeps it."""
    mode = told.get("mode")
    return Label(
        id=0,
        detector=detector,
        kind=LabelKind(told["kind"]),
        start=int(told["start"]),
        stop=int(told["stop"]),
        tags=told.get("tags", {}),
        note=f"mode: {mode}" if mode else "",
    )
