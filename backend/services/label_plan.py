"""What has to be done so that labels and annotations say the same; nothing here does it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from backend.exceptions import LabelError
from backend.ports import Annotation, Mark
from backend.records import AnnotationLink, AnnotationProblem, Label, LabelDraft, LabelKind, Tie
from backend.services.events import Event
from backend.services.label_words import (
    Reader,
    content_of,
    content_of_mark,
    is_as_written,
    mark_of_event,
    mark_of_label,
    rid_of_event,
    rid_of_label,
    same_statement,
)
from backend.services.labelling import (
    OPPOSITES,
    Place,
    check_draft,
    place_of,
    refuse_contradiction,
    shown,
    statement_of,
)

GRAFANA = "Grafana"
"""Who did it, where Grafana does not tell who."""

_FEW = 5
_NEWEST = 3

Key = tuple[LabelKind, Place]


@dataclass(frozen=True)
class Sides:
    """Both sides as they are.

    Attributes:
        book: whose annotations these are.
        start: of the range that was looked at.
        stop: of the range that was looked at.
        links: what was known before.
        labels: all labels, also those taken back.
        annotations: what Grafana holds, by number.
        gone: linked annotations that Grafana surely holds no more.
        older: linked annotations that are as they were before they were last seen.
        elsewhere: what is known of other books: the same Grafana may have got another address.
        events: detected events that are over, in the range of events; None where they are not
            written, or could not be read.
        events_from: the start of that range.
    """

    book: str
    start: int
    stop: int
    links: Sequence[AnnotationLink]
    labels: Sequence[Label]
    annotations: Mapping[str, Annotation]
    gone: frozenset[str] = frozenset()
    older: frozenset[str] = frozenset()
    elsewhere: Sequence[AnnotationLink] = ()
    events: Sequence[Event] | None = None
    events_from: int = 0

    def covers(self, link: AnnotationLink) -> bool:
        """Whether the annotation would have been listed, were it there."""
        return link.start <= self.stop and link.stop >= self.start


@dataclass(frozen=True)
class Take:
    """Tie an annotation, with labels it brings and takes back."""

    link: AnnotationLink
    add: tuple[Label, ...] = ()
    remove: tuple[int, ...] = ()
    by: str = GRAFANA


@dataclass(frozen=True)
class Forget:
    """Forget an annotation that is gone, with labels that go with it."""

    link: AnnotationLink
    remove: tuple[int, ...] = ()


@dataclass(frozen=True)
class Write:
    """Make an annotation of a label or, with `label` None, of an event."""

    mark: Mark
    rid: str
    label: int | None = None


@dataclass(frozen=True)
class Rewrite:
    """Let an annotation of ours be what it should be."""

    link: AnnotationLink
    mark: Mark


@dataclass(frozen=True)
class Leave:
    """Remove an annotation whose label or event is no more."""

    link: AnnotationLink


@dataclass(frozen=True)
class Erase:
    """Remove an annotation of ours that nothing is tied to."""

    annotation: str


Step = Take | Forget | Write | Rewrite | Leave | Erase


@dataclass(frozen=True)
class Plan:
    """Steps, in an order in which each is safe, and what a person should know."""

    steps: tuple[Step, ...]
    problems: tuple[AnnotationProblem, ...]


@dataclass(frozen=True)
class Rules:
    """How the sides follow each other.

    Attributes:
        reader: understands annotations.
        now: the time.
        write_back: labels made elsewhere become annotations.
        keep_labels: labels stay though their annotations are gone, or older than they.
    """

    reader: Reader
    now: int
    write_back: bool = False
    keep_labels: bool = False


def lost_at_once(links: Sequence[AnnotationLink], absent: frozenset[str]) -> frozenset[str]:
    """Of the absent annotations those that are too many to be believed.

    A dashboard that is deleted takes its annotations with it, and a Grafana that was set up anew
    holds none: five or more that are more than half, of all or of those of one dashboard.
    """
    places = {link.dashboard for link in links}
    groups = [list(links), *([link for link in links if link.dashboard == p] for p in places)]
    lost: set[str] = set()
    for group in groups:
        missing = {link.annotation for link in group if link.annotation in absent}
        if len(missing) >= _FEW and 2 * len(missing) > len(group):
            lost |= missing
    return frozenset(lost)


def older_than_known(
    links: Sequence[AnnotationLink], there: Mapping[str, Annotation]
) -> frozenset[str]:
    """Annotations changed earlier than when they were seen last: only a backup brings those."""
    return frozenset(
        link.annotation
        for link in links
        if link.tie is not Tie.EVENT
        and link.annotation in there
        and 0 < there[link.annotation].updated < link.updated
    )


def newest_lost(
    links: Sequence[AnnotationLink], absent: frozenset[str], there: Mapping[str, Annotation]
) -> bool:
    """Whether all that was said last is gone, and no single thing: as after a restoring."""
    lost = [link.updated for link in links if link.annotation in absent]
    kept = max((annotation.updated for annotation in there.values()), default=0)
    return len(lost) >= _NEWEST and min(lost) > kept


def plan(sides: Sides, rules: Rules) -> Plan:
    """Compare both sides: deletions first, then edits, then what is new here and there."""
    return _Planner(sides, rules).plan()


class _Planner:
    """One comparison; keeps the labels in force as they will be after the steps so far."""

    def __init__(self, sides: Sides, rules: Rules) -> None:
        self._sides = sides
        self._rules = rules
        self._steps: list[Step] = []
        self._problems: list[AnnotationProblem] = []
        self._labels = {label.id: label for label in sides.labels}
        self._standing: dict[Key, list[Label]] = {}
        for label in sides.labels:
            if label.removed_at is None:
                self._standing.setdefault(_key(label), []).append(label)
        self._tied = {number for link in sides.links for number in link.labels}
        self._rids = {link.rid for link in sides.links if link.rid}
        self._moved = {
            (link.annotation, link.content): _ids(standing)
            for link in sides.elsewhere
            if (standing := self._in_force(link.labels))
        }
        self._writes = rules.write_back or sides.events is not None

    def plan(self) -> Plan:
        for link in self._sides.links:
            if link.annotation in self._sides.gone:
                self._follow_deletion(link)
        for link in self._sides.links:
            annotation = self._sides.annotations.get(link.annotation)
            if annotation is not None and link.tie is not Tie.EVENT:
                self._follow(link, annotation)
        self._take_up_strangers()
        if self._rules.write_back:
            self._write_labels()
        if self._sides.events is not None:
            self._write_events(self._sides.events)
        return Plan(tuple(self._steps), tuple(self._problems))

    # -- from Grafana

    def _follow_deletion(self, link: AnnotationLink) -> None:
        standing = self._in_force(link.labels)
        if configured := [label for label in standing if label.source == "yaml"]:
            self._tell(link.annotation, link.start, _of_configuration(configured[0], "deleted"))
        elif not self._rules.keep_labels:
            self._take_back(standing)
            self._steps.append(Forget(link, _ids(standing)))
            return
        self._steps.append(Forget(link))
        self._tied -= set(link.labels)
        self._rids.discard(link.rid)

    def _follow(self, link: AnnotationLink, annotation: Annotation) -> None:
        standing = self._in_force(link.labels)
        if annotation.id in self._sides.older and self._rules.keep_labels:
            self._steps.append(Take(_seen(link, annotation)))
        elif content_of(annotation) != link.content:
            self._follow_edit(link, annotation, standing)
        elif self._is_to_leave(link, standing):
            self._steps.append(Leave(link))
        else:
            self._tell_precedence(annotation)

    def _is_to_leave(self, link: AnnotationLink, standing: Sequence[Label]) -> bool:
        if link.tie is Tie.LEAVING:
            return self._writes
        return self._rules.write_back and len(standing) < len(link.labels)

    def _follow_edit(
        self, link: AnnotationLink, annotation: Annotation, standing: Sequence[Label]
    ) -> None:
        if configured := [label for label in standing if label.source == "yaml"]:
            self._restore(link, annotation, configured[0])
        elif self._rules.reader.kinds(annotation):
            self._take_edit(link, annotation, standing)
        else:
            self._take_silence(link, annotation, standing)

    def _restore(self, link: AnnotationLink, annotation: Annotation, label: Label) -> None:
        if self._says_the_same(annotation, label):
            self._steps.append(Take(_seen(link, annotation)))
        elif not link.revision:
            self._steps.append(Take(link))
        else:
            self._tell(annotation.id, annotation.start, _of_configuration(label, "changed"))
            if self._rules.write_back:
                self._steps.append(Rewrite(link, mark_of_label(label, self._rules.reader.tags)))

    def _says_the_same(self, annotation: Annotation, label: Label) -> bool:
        try:
            drafts = self._rules.reader.drafts(annotation)
        except (LabelError, IndexError):
            return False
        found = [statement_of(same_statement(annotation, draft, label)) for draft in drafts]
        return found == [statement_of(label)]

    def _take_silence(
        self, link: AnnotationLink, annotation: Annotation, standing: Sequence[Label]
    ) -> None:
        """It no longer has the tag of a kind: what it said is taken back."""
        self._take_back(standing)
        if annotation.rid:
            # Forgotten, it would be taken for one that was written and never tied.
            seen = replace(_seen(link, annotation), tie=Tie.DRAWN, labels=())
            self._steps.append(Take(seen, remove=_ids(standing)))
        else:
            self._steps.append(Forget(link, _ids(standing)))

    def _take_edit(
        self, link: AnnotationLink, annotation: Annotation, standing: Sequence[Label]
    ) -> None:
        self._tell_precedence(annotation)
        before = {statement_of(label) for label in standing}
        self._take_back(standing)
        # An annotation of ours belongs to the account that wrote it, whoever changed it.
        by = annotation.author if link.tie is Tie.DRAWN and annotation.author else GRAFANA
        try:
            drafts = self._understood(annotation, standing)
        except LabelError as error:
            self._tell(annotation.id, annotation.start, str(error))
            if link.content or standing or not link.revision:
                seen = replace(_seen(link, annotation), tie=Tie.DRAWN, labels=(), content="")
                self._steps.append(Take(seen, remove=_ids(standing), by=by))
            return
        if before == {statement_of(draft) for draft in drafts} and len(before) == len(standing):
            self._stand(standing)
            self._steps.append(Take(replace(_seen(link, annotation), labels=_ids(standing))))
            return
        fresh = self._stated(drafts, by)
        seen = replace(_seen(link, annotation), tie=Tie.DRAWN, labels=())
        self._steps.append(Take(seen, fresh, _ids(standing), by))

    def _understood(self, annotation: Annotation, before: Sequence[Label]) -> list[LabelDraft]:
        """The labels of an annotation, each of which can be.

        Raises:
            LabelError: one cannot.
        """
        drafts = self._rules.reader.drafts(annotation)
        if len(before) == 1:
            drafts = [same_statement(annotation, draft, before[0]) for draft in drafts]
        for draft in drafts:
            check_draft(draft, self._rules.reader.detectors[draft.detector], self._rules.now)
            self._refuse_contradiction(Label(0, **vars(draft)))
        return drafts

    def _take_up_strangers(self) -> None:
        known = {link.annotation for link in self._sides.links}
        ours = self._ours()
        for annotation in self._sides.annotations.values():
            if annotation.id in known:
                continue
            if annotation.rid:
                self._recognize(annotation, ours.get(annotation.rid))
            elif self._rules.reader.kinds(annotation):
                self._take_up(annotation)

    def _ours(self) -> dict[str, Label | Event]:
        """Everything that normalcy may have written, by what marks it."""
        ours: dict[str, Label | Event] = {rid_of_label(x): x for x in self._sides.labels}
        return ours | {rid_of_event(event): event for event in self._sides.events or ()}

    def _recognize(self, annotation: Annotation, written: Label | Event | None) -> None:
        """One that normalcy wrote, and ended before it was tied; or one of another normalcy."""
        if written is None:
            return
        if annotation.rid in self._rids or (
            isinstance(written, Label)
            and (written.id in self._tied or not self._is_in_force(written))
        ):
            if self._writes:
                self._steps.append(Erase(annotation.id))
            return
        self._rids.add(annotation.rid)
        if isinstance(written, Event):
            self._steps.append(Take(self._fresh(annotation, Tie.EVENT)))
        else:
            self._adopt(annotation, written)

    def _adopt(self, annotation: Annotation, label: Label) -> None:
        self._tied.add(label.id)
        link = replace(self._fresh(annotation, Tie.WRITTEN), labels=(label.id,))
        if is_as_written(annotation, mark_of_label(label, self._rules.reader.tags)):
            self._steps.append(Take(_seen(link, annotation)))
        else:  # someone changed it in between
            self._follow_edit(link, annotation, [label])

    def _take_up(self, annotation: Annotation) -> None:
        self._tell_precedence(annotation)
        link = replace(self._fresh(annotation, Tie.DRAWN), content=content_of(annotation))
        if known := self._moved.get((link.annotation, link.content)):
            self._steps.append(Take(replace(link, labels=known)))
            self._tied |= set(known)
            return
        try:
            drafts = self._understood(annotation, ())
        except LabelError as error:
            self._tell(annotation.id, annotation.start, str(error))
            return
        by = annotation.author or GRAFANA
        self._steps.append(Take(link, self._stated(drafts, by), by=by))

    def _fresh(self, annotation: Annotation, tie: Tie) -> AnnotationLink:
        return AnnotationLink(
            book=self._sides.book,
            annotation=annotation.id,
            tie=tie,
            start=annotation.start,
            stop=annotation.stop,
            content="",
            updated=annotation.updated,
            dashboard=annotation.dashboard or "",
            rid=annotation.rid,
        )

    # -- to Grafana

    def _write_labels(self) -> None:
        for labels in list(self._standing.values()):
            for label in labels:
                if label.id and label.id not in self._tied and self._is_near(label):
                    mark = mark_of_label(label, self._rules.reader.tags)
                    self._steps.append(Write(mark, rid_of_label(label), label.id))

    def _is_near(self, label: Label) -> bool:
        inside = label.start < self._sides.stop and label.stop > self._sides.start
        return inside and label.detector in self._rules.reader.detectors

    def _write_events(self, events: Sequence[Event]) -> None:
        written = {link.rid: link for link in self._sides.links if link.tie is Tie.EVENT}
        for event in events:
            rid, mark = rid_of_event(event), mark_of_event(event)
            link = written.pop(rid, None)
            if link is None and rid not in self._rids:
                self._steps.append(Write(mark, rid))
            elif link is not None and self._is_outdated(link, mark):
                self._steps.append(Rewrite(link, mark))
        for link in written.values():
            if link.start >= self._sides.events_from:
                there = self._sides.annotations.get(link.annotation)
                self._steps.append(Leave(_seen(link, there) if there else link))

    def _is_outdated(self, link: AnnotationLink, mark: Mark) -> bool:
        """Whether it is there and says something else; one that a person deleted stays so."""
        there = link.annotation in self._sides.annotations
        return there and link.content != content_of_mark(mark)

    # -- labels in force

    def _in_force(self, numbers: Iterable[int]) -> list[Label]:
        labels = (self._labels[number] for number in numbers if number in self._labels)
        return [label for label in labels if self._is_in_force(label)]

    def _is_in_force(self, label: Label) -> bool:
        return label in self._standing.get(_key(label), ())

    def _take_back(self, labels: Iterable[Label]) -> None:
        for label in labels:
            self._standing[_key(label)].remove(label)

    def _stand(self, labels: Iterable[Label]) -> None:
        for label in labels:
            self._standing.setdefault(_key(label), []).append(label)

    def _stated(self, drafts: Sequence[LabelDraft], by: str) -> tuple[Label, ...]:
        labels = tuple(
            Label(0, **vars(d), source="grafana", created_by=by, created_at=self._rules.now)
            for d in drafts
        )
        self._stand(labels)
        return labels

    def _refuse_contradiction(self, label: Label) -> None:
        opposite = OPPOSITES.get(label.kind)
        standing = self._standing.get((opposite, place_of(label))) if opposite else None
        if not standing:
            return
        if standing[0].source == "grafana":
            raise LabelError(
                f"another annotation says {opposite} of the very same range: remove one of them."
            )
        refuse_contradiction(label, {_key(standing[0]): standing[0]})

    # -- words

    def _tell_precedence(self, annotation: Annotation) -> None:
        kinds = self._rules.reader.kinds(annotation)
        if len(kinds) > 1:
            others = " and ".join(kinds[1:])
            words = f"it is tagged {kinds[0]} and {others}: {kinds[0]} counts; remove one."
            self._tell(annotation.id, annotation.start, words)

    def _tell(self, annotation: str, start: int, words: str) -> None:
        message = f"Annotation {annotation} at {shown(start)}: {words}"
        found = AnnotationProblem(self._sides.book, annotation, message, self._rules.now)
        self._problems.append(found)


def _key(label: Label) -> Key:
    return label.kind, place_of(label)


def _ids(labels: Iterable[Label]) -> tuple[int, ...]:
    return tuple(label.id for label in labels)


def _seen(link: AnnotationLink, annotation: Annotation) -> AnnotationLink:
    """A link that knows what the annotation says now."""
    return replace(
        link,
        start=annotation.start,
        stop=annotation.stop,
        content=content_of(annotation),
        updated=annotation.updated,
    )


def _of_configuration(label: Label, done: str) -> str:
    return (
        f"it was {done}, and its label {label.id} stands in normalcy.yaml: the label stays; change "
        "it there."
    )
