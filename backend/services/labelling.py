"""An operator says what a range was: normal, an anomaly, or not to be looked at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from backend.exceptions import Conflict, LabelError, NormalcyError, NotFound, StoreError
from backend.ports import Clock, RecordStore
from backend.records import AnnotationProblem, Label, LabelDraft, LabelKind
from backend.services.acting import Actor, acting
from backend.services.detectors import Detectors
from backend.specs import DetectorSpec

_HOUR = 3_600_000_000_000
_FILE = Actor("normalcy.yaml")
_LARGEST_ID = 2**63 - 1
OPPOSITES = {
    LabelKind.NORMAL: LabelKind.ANOMALY,
    LabelKind.ANOMALY: LabelKind.NORMAL,
}

Place = tuple[object, ...]
"""Detector, range and tags: what a label speaks for."""

Statement = tuple[object, ...]
"""What a label says, apart from who said it when."""


@dataclass(frozen=True)
class Changed:
    """What a change did: labels that came, in the order given, and those that went."""

    added: tuple[Label, ...]
    removed: tuple[Label, ...]


class Labelling:
    """Labels are added and taken back, never changed: history stays as it was."""

    def __init__(
        self,
        records: RecordStore,
        detectors: Detectors,
        clock: Clock,
        configured: Sequence[LabelDraft] = (),
    ) -> None:
        """Take the labels of normalcy.yaml too; they are brought into the store on first use."""
        self._records = records
        self._detectors = detectors
        self._clock = clock
        self._configured: Sequence[LabelDraft] = configured
        self._are_in = False

    def add(self, draft: LabelDraft, *, source: str, by: str) -> Label:
        """Add one label.

        Raises:
            LabelError: it is empty, lies in the future, names a tag the detector does not group by,
                or contradicts a label on the very same range.
            NotFound: there is no such detector.
        """
        return self.add_all([draft], source=source, by=by)[0]

    def add_all(self, drafts: Sequence[LabelDraft], *, source: str, by: str) -> list[Label]:
        """Add labels, all or none."""
        self._bring_in_configured()
        return self._records.add_labels(self._stated(drafts, self._records.labels(), source, by))

    def change(
        self,
        detector: str,
        add: Sequence[LabelDraft],
        remove: Sequence[int],
        *,
        source: str,
        by: str,
    ) -> Changed:
        """Put labels of a detector in the place of others: an edge moved, a split, an undo.

        All or nothing; what the new ones would contradict may be among those taken back.

        Raises:
            LabelError: as `add`, or there is nothing to change, or a new one is of another
                detector.
            NotFound: there is no such detector, or it has no such label.
            Conflict: a label to take back is gone already, or stands in normalcy.yaml.
        """
        self._bring_in_configured()
        self._detectors.get(detector)
        if not add and not remove:
            raise LabelError("There is nothing to change: name labels to add or to take back.")
        if other := next((one for one in add if one.detector != detector), None):
            raise LabelError(
                f"A label of {other.detector!r} cannot be changed together with those of "
                f"{detector!r}: send it to its own detector."
            )
        self._refuse_gone(detector, remove)
        gone = set(remove)
        left = [label for label in self._records.labels(detector) if label.id not in gone]
        labels = self._stated(add, left, source, by)
        try:
            added, taken = self._records.change_labels(labels, remove, by=by, at=self._clock.now())
        except NotFound:
            # Somebody came between the look and the change: say who.
            self._refuse_gone(detector, remove)
            raise
        return Changed(tuple(added), tuple(taken))

    def _refuse_gone(self, detector: str, ids: Sequence[int]) -> None:
        known = {label.id: label for label in self._records.labels(detector, removed=True)}
        for number in ids:
            label = known.get(number)
            if label is None:
                raise NotFound(f"{detector!r} has no label {number}; nothing was changed.")
            if label.removed_at is not None:
                raise Conflict(
                    f"Label {number} was changed or taken back by "
                    f"{label.removed_by or 'someone'} at {shown(label.removed_at)}; nothing was "
                    "changed now. Look at the labels as they are and say it again."
                )
            if label.source == "yaml":
                raise Conflict(
                    f"Label {number} stands in normalcy.yaml and is changed there; nothing was "
                    "changed."
                )

    def _stated(
        self, drafts: Sequence[LabelDraft], standing: Sequence[Label], source: str, by: str
    ) -> list[Label]:
        """Labels of what is said, each checked by itself, against those standing and each other."""
        now = self._clock.now()
        said = {(label.kind, place_of(label)): label for label in standing}
        labels: list[Label] = []
        for draft in drafts:
            check_draft(draft, self._detectors.get(draft.detector), now)
            label = Label(0, **vars(draft), source=source, created_by=by, created_at=now)
            refuse_contradiction(label, said)
            said[label.kind, place_of(label)] = label
            labels.append(label)
        return labels

    def remove(self, ids: Sequence[int], *, by: str) -> list[Label]:
        """Take labels back, all or none.

        Raises:
            NotFound: one is unknown or was taken back already.
        """
        for number in ids:
            if not 0 < number <= _LARGEST_ID:
                raise NotFound(f"There is no label {number}.")
        return self._records.remove_labels(ids, by=by, at=self._clock.now())

    def list(self, detector: str | None = None, *, removed: bool = False) -> list[Label]:
        """Labels of one detector or of all, by start; with `removed`, those taken back too."""
        self._bring_in_configured()
        if detector is None:
            return self._records.labels(removed=removed)
        found = self._records.labels(detector, removed=True)
        if not found:
            self._detectors.get(detector)
        return found if removed else [label for label in found if label.removed_at is None]

    def annotation_problems(self) -> Sequence[AnnotationProblem]:
        """What in Grafana could not become a label, or should be looked at."""
        return self._records.annotation_problems()

    def configure(self, drafts: Sequence[LabelDraft]) -> bool:
        """Let the labels of normalcy.yaml be others from now on; whether they are.

        Raises:
            LabelError: one cannot be; those of before stay.
        """
        before, are_others = self._configured, tuple(drafts) != tuple(self._configured)
        if not are_others and self._are_in:
            return False
        self._configured, self._are_in = drafts, False
        try:
            self._bring_in_configured()
        except NormalcyError:
            self._configured, self._are_in = before, False
            raise
        return are_others

    def _bring_in_configured(self) -> None:
        if self._are_in:
            return
        self._are_in = True
        try:
            self.sync_configured(self._configured)
        except StoreError:
            self._are_in = False  # when it answers again
            raise

    def sync_configured(self, drafts: Sequence[LabelDraft]) -> None:
        """Make the labels of source `yaml` be exactly those of the configuration.

        Only for detectors that the configuration defines: a command run with another file, or with
        none, takes nothing away from them.
        """
        with acting(_FILE):  # whoever happens to be the first to ask
            self._sync(drafts)

    def _sync(self, drafts: Sequence[LabelDraft]) -> None:
        wanted = {statement_of(draft): draft for draft in drafts}
        present: set[Statement] = set()
        too_many = []
        for label in self._records.labels():
            if label.source != "yaml" or not self._detectors.is_configured(label.detector):
                continue
            # Processes that start at the same moment may each have brought the same label in.
            if (key := statement_of(label)) in wanted and key not in present:
                present.add(key)
            else:
                too_many.append(label.id)
        fresh = [draft for key, draft in wanted.items() if key not in present]
        left = [label for label in self._records.labels() if label.id not in too_many]
        self._stated(fresh, left, "yaml", _FILE.who)  # one that cannot be changes nothing
        self._forget(too_many)
        if fresh:
            self.add_all(fresh, source="yaml", by=_FILE.who)

    def _forget(self, ids: Sequence[int]) -> None:
        if not ids:
            return
        try:
            self.remove(ids, by=_FILE.who)
        except NotFound:
            # Another process read the same configuration a moment earlier: some are gone already.
            left = {label.id for label in self._records.labels()} & set(ids)
            if left:
                self.remove(sorted(left), by=_FILE.who)


def check_draft(draft: LabelDraft, spec: DetectorSpec, now: int) -> None:
    """Refuse a label that cannot be, by itself.

    Raises:
        LabelError: it is empty, lies in the future, or names a tag the detector does not group by.
    """
    if draft.stop <= draft.start:
        raise LabelError(
            f"The label on {draft.detector!r} is empty: it ends at {shown(draft.stop)}, "
            f"not after its start {shown(draft.start)}."
        )
    # An `exclude` may lie ahead: planned maintenance is known before it happens.
    if draft.kind != "exclude" and draft.stop > now + _HOUR:
        raise LabelError(
            f"The label on {draft.detector!r} ends in the future ({shown(draft.stop)}): "
            "only what has happened can be called normal or an anomaly."
        )
    if "\0" in draft.note or not all(value.isprintable() for value in draft.tags.values()):
        raise LabelError(
            f"The label on {draft.detector!r} holds a control character in its note or tags: "
            "remove it."
        )
    if unknown := set(draft.tags) - set(spec.group_by):
        known = ", ".join(spec.group_by) or "it has none"
        raise LabelError(
            f"The label names the tag {sorted(unknown)[0]!r}, which does not part the series of "
            f"{draft.detector!r} (group_by: {known})."
        )


def refuse_contradiction(label: Label, said: Mapping[tuple[LabelKind, Place], Label]) -> None:
    """Refuse a label that says the opposite of another on the very same range.

    Raises:
        LabelError: `said` holds such a label.
    """
    opposite = OPPOSITES.get(label.kind)
    if opposite is None or (other := said.get((opposite, place_of(label)))) is None:
        return
    raise LabelError(
        f"{shown(label.start)} to {shown(label.stop)} is labelled {other.kind} already "
        f"({_which(other)}): remove that label first."
    )


def _which(label: Label) -> str:
    if not label.id:
        return "in the same statement"
    return f"label {label.id} by {label.created_by or 'unknown'}"


def place_of(label: Label | LabelDraft) -> Place:
    """What a label speaks for."""
    return label.detector, label.start, label.stop, tuple(sorted(label.tags.items()))


def statement_of(label: Label | LabelDraft) -> Statement:
    """What a label says; the same for whoever says it again."""
    return *place_of(label), label.kind, label.note


def counted(count: int) -> str:
    """So many labels, for people."""
    return "1 label" if count == 1 else f"{count} labels"


def shown(time: int) -> str:
    """A time for people, to the second."""
    return datetime.fromtimestamp(time // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
