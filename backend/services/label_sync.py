"""Labels two-way: what people draw in Grafana becomes labels, and labels become annotations."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from backend.exceptions import Conflict, GrafanaRefused, NormalcyError, NotFound
from backend.ports import Annotation, AnnotationBook, Clock, Progress, RecordStore
from backend.records import AnnotationLink, AnnotationProblem, Label, LabelKind, Tie
from backend.services.detectors import Detectors
from backend.services.events import Event
from backend.services.label_plan import (
    GRAFANA,
    Erase,
    Forget,
    Leave,
    Plan,
    Rewrite,
    Rules,
    Sides,
    Step,
    Take,
    Write,
    lost_at_once,
    newest_lost,
    older_than_known,
    plan,
)
from backend.services.label_words import OWN_TAG, Reader, content_of, content_of_mark
from backend.services.labelling import Labelling
from backend.services.runs import failures_recorded

log = logging.getLogger(__name__)

KIND = "sync"
"""Of the runs and requests of this work."""

_DAY = 86_400_000_000_000
_EVENTS_REACH = 31 * _DAY
_REFUSALS = 3
"""So many writes are tried in one sync though Grafana refuses them."""
_TOLD = 100
"""So often progress is told."""


class Deletions(StrEnum):
    """What becomes of labels whose annotations vanished many at once.

    `hold`: nothing, until a person decides. `accept`: they are taken back. `keep`: they stay, and
    are no longer tied to annotations.
    """

    HOLD = "hold"
    ACCEPT = "accept"
    KEEP = "keep"


def no_dashboards(uid: str, detectors: Iterable[str]) -> str | None:
    """No dashboard shows a detector of its own."""
    return None


def no_events(start: int, stop: int) -> Sequence[Event]:
    """Nothing was detected."""
    return []


@dataclass(frozen=True)
class SyncOptions:
    """How labels and annotations follow each other.

    Attributes:
        tags: the tag that makes an annotation a label, by kind.
        write_back: labels made elsewhere appear as annotations.
        write_events: detected events appear as annotations.
        horizon: nanoseconds looked back, and ahead.
        limit: nanoseconds after which a sync stops, and goes on the next time.
        detector_of: uid of a dashboard, and the detectors, to the one that it shows alone, if any.
        events: valid events that overlap a range.
    """

    tags: Mapping[LabelKind, str] = field(
        default_factory=lambda: {kind: str(kind) for kind in LabelKind}
    )
    write_back: bool = False
    write_events: bool = False
    horizon: int = 400 * _DAY
    limit: int = 240_000_000_000
    detector_of: Callable[[str, Iterable[str]], str | None] = no_dashboards
    events: Callable[[int, int], Sequence[Event]] = no_events


@dataclass(frozen=True)
class SyncReport:
    """What a sync did.

    Attributes:
        added: labels that were drawn in Grafana.
        replaced: annotations whose labels were taken back for others, as they were edited.
        removed: labels taken back, as their annotations are gone or say nothing any more.
        written: annotations made or renewed.
        erased: annotations removed.
        problems: what a person should know.
    """

    added: int = 0
    replaced: int = 0
    removed: int = 0
    written: int = 0
    erased: int = 0
    problems: tuple[str, ...] = ()

    @property
    def is_quiet(self) -> bool:
        """Whether both sides said the same already."""
        return not any((self.added, self.replaced, self.removed, self.written, self.erased))

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "problems": list(self.problems)}


class LabelSync:
    """Keeps labels and the annotations of one Grafana equal; ended anywhere, it goes on there."""

    def __init__(
        self,
        records: RecordStore,
        labelling: Labelling,
        detectors: Detectors,
        book: AnnotationBook,
        clock: Clock,
        options: SyncOptions,
    ) -> None:
        self._records = records
        self._labelling = labelling
        self._detectors = detectors
        self._book = book
        self._clock = clock
        self._options = options

    def run(
        self, progress: Progress | None = None, *, deletions: Deletions = Deletions.HOLD
    ) -> SyncReport:
        """Let both sides say the same.

        Raises:
            GrafanaUnavailable: Grafana cannot be reached; what was done so far is right.
            GrafanaRefused: Grafana does not let annotations be read.
        """
        tell = progress or (lambda share, words: None)
        with failures_recorded(self._records, self._clock, KIND, ""):
            return self._run(tell, deletions)

    def _run(self, tell: Progress, deletions: Deletions) -> SyncReport:
        now = self._clock.now()
        tell(0.0, "reading annotations")
        look = _Look(self._records, self._book, self._options, now)
        sides, problems = look.at_both(self._labels, deletions)
        events = self._events(sides, problems)
        rules = self._rules(now, deletions)
        made = plan(replace(sides, events=events, events_from=now - _EVENTS_REACH), rules)
        work = _Work(self._records, self._book, self._clock, sides.book)
        work.do(made, tell, now + self._options.limit)
        found = [*problems, *made.problems, *work.problems]
        self._note(sides.book, found)
        return replace(work.report, problems=tuple(problem.message for problem in found))

    def _labels(self) -> Sequence[Label]:
        return self._labelling.list(removed=True)

    def _rules(self, now: int, deletions: Deletions) -> Rules:
        detectors = {spec.name: spec for spec in self._detectors.all()}
        reader = Reader(self._options.tags, detectors, self._options.detector_of)
        keep = deletions is Deletions.KEEP
        return Rules(reader, now, self._options.write_back, keep)

    def _events(self, sides: Sides, problems: list[AnnotationProblem]) -> list[Event] | None:
        """Events that are over; without them, labels go on all the same."""
        if not self._options.write_events:
            return None
        now = self._clock.now()
        try:
            events = self._options.events(now - _EVENTS_REACH, now)
        except NormalcyError as error:
            message = f"Events are not written: {error}"
            problems.append(AnnotationProblem(sides.book, "", message, now))
            return None
        return [event for event in events if event.stop is not None]

    def _note(self, book: str, found: Sequence[AnnotationProblem]) -> None:
        """Keep problems for the pages, and log those that are new."""
        before = [one for one in self._records.annotation_problems() if one.book == book]
        since = {problem.message: problem.since for problem in before}
        noted = [replace(one, since=since.get(one.message, one.since)) for one in found]
        for problem in noted:
            if problem.message not in since:
                log.warning("%s", problem.message)
        if noted != before:
            self._records.note_annotation_problems(book, noted)


class _Look:
    """Both sides as they are, with every absence confirmed."""

    def __init__(
        self, records: RecordStore, book: AnnotationBook, options: SyncOptions, now: int
    ) -> None:
        self._records = records
        self._book = book
        self._options = options
        self._now = now

    def at_both(
        self, labels: Callable[[], Sequence[Label]], deletions: Deletions
    ) -> tuple[Sides, list[AnnotationProblem]]:
        book = self._book.name()
        start, stop = max(self._now - self._options.horizon, 1), self._now + self._options.horizon
        # What is known comes first: what another process adds meanwhile is then only unknown.
        known, said = self._records.annotation_links(), labels()
        links = [link for link in known if link.book == book]
        elsewhere = [link for link in known if link.book != book]
        wanted = [*self._options.tags.values(), OWN_TAG]
        listed = {one.id: one for one in self._book.between(start, stop, wanted)}
        older = older_than_known(links, listed)
        sides = Sides(book, start, stop, links, said, listed, older=older, elsewhere=elsewhere)
        held, problems = self._held(sides, deletions)
        found, gone = self._confirm(sides, held, problems)
        seen = {number: one for number, one in {**listed, **found}.items() if number not in held}
        return replace(sides, annotations=seen, gone=gone), problems

    def _held(
        self, sides: Sides, deletions: Deletions
    ) -> tuple[frozenset[str], list[AnnotationProblem]]:
        """Annotations that seem gone, and are too many to be believed."""
        standing = {label.id for label in sides.labels if label.removed_at is None}
        linked = [
            link
            for link in sides.links
            if link.tie is not Tie.EVENT and sides.covers(link) and standing & set(link.labels)
        ]
        absent = frozenset(link.annotation for link in linked) - sides.annotations.keys()
        if deletions is not Deletions.HOLD:
            return frozenset(), []
        if sides.older or newest_lost(linked, absent, sides.annotations):
            return self._restored(sides, absent)
        lost = lost_at_once(linked, absent)
        if not lost:
            return frozenset(), []
        message = (
            f"{len(lost)} of {len(linked)} annotations with labels vanished from Grafana at once, "
            "as when a dashboard is deleted: their labels stay. If they are to be taken back: "
            "normalcy label sync --accept-deletions; if they are to stay for good: --keep-labels."
        )
        return lost, [AnnotationProblem(sides.book, "", message, self._now)]

    def _restored(
        self, sides: Sides, absent: frozenset[str]
    ) -> tuple[frozenset[str], list[AnnotationProblem]]:
        """An old backup knows nothing of what was said since: nothing follows from it."""
        message = (
            f"Grafana seems to be restored from an old backup: {len(absent)} annotations with "
            f"labels are gone and {len(sides.older)} are as they were before. Their labels stay. "
            "If they are to stay for good: normalcy label sync --keep-labels; if what Grafana "
            "shows is right: --accept-deletions."
        )
        return absent | sides.older, [AnnotationProblem(sides.book, "", message, self._now)]

    def _confirm(
        self, sides: Sides, held: frozenset[str], problems: list[AnnotationProblem]
    ) -> tuple[dict[str, Annotation], frozenset[str]]:
        """Ask for each that is missing by its number: it may only have lost its tags."""
        found, gone = {}, set()
        for link in self._missing(sides, held):
            try:
                annotation = self._book.get(link.annotation)
            except GrafanaRefused as error:
                words = (
                    f"Annotation {link.annotation} is no longer listed, and may be gone: {error}"
                )
                problems.append(AnnotationProblem(sides.book, link.annotation, words, self._now))
                continue
            if annotation is None:
                gone.add(link.annotation)
            else:
                # Asked for by its number, it may not tell its dashboard.
                dashboard = annotation.dashboard or link.dashboard or None
                found[annotation.id] = replace(annotation, dashboard=dashboard)
        return found, frozenset(gone)

    def _missing(self, sides: Sides, held: frozenset[str]) -> Iterator[AnnotationLink]:
        standing = {label.id for label in sides.labels if label.removed_at is None}
        writes = self._options.write_back or self._options.write_events
        for link in sides.links:
            known = link.annotation in sides.annotations or link.annotation in held
            unfinished = link.tie is Tie.LEAVING or not standing.issuperset(link.labels)
            looked_for = sides.covers(link) or (unfinished and writes)
            if not known and link.tie is not Tie.EVENT and looked_for:
                yield link


class _Work:
    """Does the steps of a plan; one that is refused does not stop the others."""

    def __init__(self, records: RecordStore, book: AnnotationBook, clock: Clock, name: str) -> None:
        self._records = records
        self._book = book
        self._clock = clock
        self._name = name
        self._refusals = 0
        self.report = SyncReport()
        self.problems: list[AnnotationProblem] = []

    def do(self, made: Plan, tell: Progress, deadline: int) -> None:
        total = len(made.steps)
        for number, step in enumerate(made.steps):
            if number % max(total // _TOLD, 1) == 0:
                tell(number / total, f"{number} of {total}")
            if self._clock.now() > deadline:
                left = total - number
                self._tell("", f"The time for a sync was over: {left} steps are left for the next.")
                return
            if not isinstance(step, Take | Forget) and self._refusals >= _REFUSALS:
                continue
            self._try(step)

    def _try(self, step: Step) -> None:
        try:
            self._one(step)
        except (Conflict, NotFound):
            # Another process, or a person, was there in between: the next sync sees what became.
            log.info("left to the next sync: %s", type(step).__name__.lower())
        except GrafanaRefused as error:
            self._refusals += 1
            more = " No more is written this time." if self._refusals >= _REFUSALS else ""
            self._tell("", f"{_told(step)} {error}{more}")

    def _one(self, step: Step) -> None:
        match step:
            case Take():
                self._take(step)
            case Forget():
                self._records.untie(step.link, remove=step.remove, by=GRAFANA, at=self._now())
                self._count(removed=len(step.remove))
            case Write():
                self._write(step)
            case Rewrite():
                self._rewrite(step)
            case Leave():
                self._leave(step.link)
            case Erase():
                self._book.delete(step.annotation)
                self._count(erased=1)

    def _take(self, step: Take) -> None:
        self._records.tie(step.link, add=step.add, remove=step.remove, by=step.by, at=self._now())
        if step.add and step.remove:
            self._count(replaced=1)
        else:
            self._count(added=len(step.add), removed=len(step.remove))

    def _write(self, step: Write) -> None:
        there = self._book.create(step.mark, step.rid)
        is_event = step.label is None
        link = AnnotationLink(
            book=self._name,
            annotation=there.id,
            tie=Tie.EVENT if is_event else Tie.WRITTEN,
            start=there.start,
            stop=there.stop,
            content=content_of_mark(step.mark) if is_event else content_of(there),
            updated=there.updated,
            labels=() if step.label is None else (step.label,),
            dashboard=there.dashboard or "",
            rid=step.rid,
        )
        self._records.tie(link, by=GRAFANA, at=self._now())
        self._count(written=1)

    def _rewrite(self, step: Rewrite) -> None:
        there = self._book.update(step.link.annotation, step.mark, step.link.rid)
        is_event = step.link.tie is Tie.EVENT
        seen = replace(
            step.link,
            start=there.start,
            stop=there.stop,
            content=content_of_mark(step.mark) if is_event else content_of(there),
            updated=there.updated,
        )
        self._records.tie(seen, by=GRAFANA, at=self._now())
        self._count(written=1)

    def _leave(self, link: AnnotationLink) -> None:
        """First noted, then removed: an absence in between would pass for a person's wish."""
        if link.tie is not Tie.LEAVING:
            link = replace(link, tie=Tie.LEAVING, labels=())
            link = self._records.tie(link, by=GRAFANA, at=self._now())
        self._book.delete(link.annotation)
        self._records.untie(link, by=GRAFANA, at=self._now())
        self._count(erased=1)

    def _count(self, **more: int) -> None:
        counts = {name: getattr(self.report, name) + number for name, number in more.items()}
        self.report = replace(self.report, **counts)

    def _tell(self, annotation: str, message: str) -> None:
        self.problems.append(AnnotationProblem(self._name, annotation, message, self._now()))

    def _now(self) -> int:
        return self._clock.now()


def _told(step: Step) -> str:
    match step:
        case Write(label=None):
            return "An event was not written to Grafana."
        case Write(label=number):
            return f"Label {number} was not written to Grafana."
        case Rewrite(link=link) | Leave(link=link):
            return f"Annotation {link.annotation} was not changed in Grafana."
        case Erase(annotation=annotation):
            return f"Annotation {annotation} was not removed from Grafana."
        case _:
            return "An annotation was not taken up."
