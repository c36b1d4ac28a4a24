"""Labels and a Grafana side by side: records and annotations in memory, and a way to crash."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from backend.records import Label, LabelDraft, LabelKind, Tie
from backend.services.detectors import Detectors
from backend.services.events import Event
from backend.services.label_sync import Deletions, LabelSync, SyncOptions, SyncReport
from backend.services.label_words import Reader
from backend.services.labelling import Labelling
from backend.specs import DetectorSpec
from tests.fakes.annotations import MemoryAnnotationBook
from tests.fakes.clock import StillClock
from tests.fakes.grafana import QuirkyGrafana
from tests.fakes.records import MemoryRecordStore

MS = 1_000_000
MINUTE = 60_000
NOON = 1_780_000_000_000
"""Milliseconds, as Grafana counts; the time of the tests is a day later."""
NOW = (NOON + 24 * 60 * MINUTE) * MS

_WRITES = (
    "tie",
    "untie",
    "add_labels",
    "remove_labels",
    "note_annotation_problems",
    "create",
    "update",
    "delete",
)


class Crash(Exception):
    """The process ended here."""


class Mortal:
    """Passes calls on, and ends before or after the one that is its last."""

    def __init__(self, of: Any, countdown: "Countdown") -> None:
        self._of = of
        self._countdown = countdown

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._of, name)
        if name not in _WRITES:
            return method

        def call(*arguments: Any, **named: Any) -> Any:
            self._countdown.step()
            result = method(*arguments, **named)
            self._countdown.step()
            return result

        return call


@dataclass
class Countdown:
    """Two moments a writing call: just before it, and just after."""

    left: int | None = None
    passed: int = 0

    def step(self) -> None:
        self.passed += 1
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Crash


def detector(name: str = "rooms", **values: Any) -> DetectorSpec:
    made = {"name": name, "measurement": "air", "channels": ["temp"], "every": "1m"}
    return DetectorSpec.model_validate({**made, "group_by": ["room", "line"], **values})


@dataclass
class Annotated:
    """Everything that takes part."""

    specs: dict[str, DetectorSpec] = field(default_factory=lambda: {"rooms": detector()})
    grafana: QuirkyGrafana = field(default_factory=QuirkyGrafana)
    records: MemoryRecordStore = field(default_factory=MemoryRecordStore)
    clock: StillClock = field(default_factory=lambda: StillClock(NOW))
    options: dict[str, Any] = field(default_factory=dict)
    configured: list[LabelDraft] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    dashboards: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.countdown = Countdown()
        self.book = MemoryAnnotationBook(self.grafana)
        self.records_seen: Any = Mortal(self.records, self.countdown)
        self.detectors = Detectors(self.specs, self.records, self.clock)
        self.labelling = Labelling(
            self.records_seen, self.detectors, self.clock, tuple(self.configured)
        )

    def detector_of(self, dashboard: str, detectors: Iterable[str]) -> str | None:
        return self.dashboards.get(dashboard)

    def sync(self, deletions: Deletions = Deletions.HOLD, **options: Any) -> SyncReport:
        return self.program(**options).run(deletions=deletions)

    def program(self, **options: Any) -> LabelSync:
        chosen = SyncOptions(
            detector_of=self.detector_of,
            events=lambda start, stop: self.events,
            **{**self.options, **options},
        )
        book: Any = Mortal(self.book, self.countdown)
        return LabelSync(
            self.records_seen, self.labelling, self.detectors, book, self.clock, chosen
        )

    def add(self, start: int = 0, stop: int = 10, kind: str = "normal", **values: Any) -> Label:
        """A label made on a page, by minutes after noon."""
        draft = LabelDraft("rooms", LabelKind(kind), at(start), at(stop), **values)
        return self.labelling.add(draft, source="page", by="bob")

    def draw(self, start: int, stop: int, *tags: str, **values: Any) -> int:
        """An annotation drawn in a panel, by minutes after noon."""
        return self.grafana.draw(NOON + start * MINUTE, NOON + stop * MINUTE, *tags, **values)

    def said(self) -> list[tuple[Any, ...]]:
        """Labels in force, as `(kind, start, stop, tags, note)`."""
        return sorted(
            (str(one.kind), minute(one.start), minute(one.stop), tags_of(one.tags), one.note)
            for one in self.labelling.list()
        )

    def shown(self) -> list[tuple[Any, ...]]:
        """What the annotations in Grafana say that are tied or can be understood, without notes."""
        reader = Reader(SyncOptions().tags, self.specs, self.detector_of)
        refused = {one.annotation for one in self.records.annotation_problems()}
        events = {
            x.annotation
            for x in self.records.annotation_links(self.book.name())
            if x.tie is Tie.EVENT
        }
        found = []
        for annotation in self.book.between(1, 2 * NOW, ["normal", "anomaly", "exclude"]):
            if annotation.id in refused | events:
                continue
            found += [
                (str(one.kind), minute(one.start), minute(one.stop), tags_of(one.tags))
                for one in reader.drafts(annotation)
            ]
        return sorted(found)


def at(minutes: int) -> int:
    """Nanoseconds so many minutes after noon."""
    return (NOON + minutes * MINUTE) * MS


def minute(time: int) -> float:
    return (time / MS - NOON) / MINUTE


def tags_of(tags: Any) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(tags.items()))
