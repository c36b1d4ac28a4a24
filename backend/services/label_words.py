"""Between labels and annotations: how one is written, and how the other is understood."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import product
from uuid import NAMESPACE_URL, uuid5

from backend.exceptions import LabelError
from backend.ports import Annotation, Mark
from backend.records import Label, LabelDraft, LabelKind
from backend.services.events import Event
from backend.specs import DetectorSpec

OWN_TAG = "normalcy"
EVENT_TAG = "event"
DETECTOR = "detector:"
RID = "rid:"
"""How the tag begins that names what normalcy made an annotation of."""

_MILLISECOND = 1_000_000
_PRECEDENCE = (LabelKind.EXCLUDE, LabelKind.ANOMALY, LabelKind.NORMAL)
_ESCAPED = {"%": "%25", ":": "%3A", " ": "%20"}


@dataclass(frozen=True)
class Reader:
    """Understands what people say in Grafana.

    Attributes:
        tags: the tag that makes an annotation a label, by kind.
        detectors: by name.
        detector_of: uid of a dashboard, and the detectors, to the one that it shows alone, if any.
    """

    tags: Mapping[LabelKind, str]
    detectors: Mapping[str, DetectorSpec]
    detector_of: Callable[[str, Iterable[str]], str | None]

    def kinds(self, annotation: Annotation) -> list[LabelKind]:
        """The kinds it is tagged with, the one that wins first; none makes it no label."""
        return [kind for kind in _PRECEDENCE if self.tags[kind] in annotation.tags]

    def drafts(self, annotation: Annotation) -> list[LabelDraft]:
        """The labels it stands for: one for each combination of values of the tags it names.

        Raises:
            LabelError: it cannot be understood; the message says what was expected.
        """
        if not annotation.is_region:
            raise LabelError(
                "it is a point in time: a label needs a range; hold Ctrl or Cmd and drag over it."
            )
        kind = self.kinds(annotation)[0]
        spec = self._detector(annotation)
        named: dict[str, list[str]] = {}
        for tag in annotation.tags:
            if not self._is_known(tag):
                name, value = _group_tag(tag, spec)
                named.setdefault(name, []).append(value)
        start, stop, note = annotation.start, annotation.stop, annotation.text
        values = [dict.fromkeys(found) for found in named.values()]
        return [
            LabelDraft(spec.name, kind, start, stop, dict(zip(named, some, strict=True)), note)
            for some in product(*values)
        ]

    def _is_known(self, tag: str) -> bool:
        return tag in (*self.tags.values(), OWN_TAG) or tag.startswith(DETECTOR)

    def _detector(self, annotation: Annotation) -> DetectorSpec:
        names = {unescaped(t[len(DETECTOR) :]) for t in annotation.tags if t.startswith(DETECTOR)}
        if len(names) > 1:
            several = ", ".join(map(repr, sorted(names)))
            raise LabelError(f"it names several detectors ({several}): name one.")
        name = next(iter(names), None) or self._shown_on(annotation.dashboard)
        if name is None and len(self.detectors) == 1:
            name = next(iter(self.detectors))
        if name is None:
            raise LabelError("it names no detector: add the tag detector:NAME.")
        if name not in self.detectors:
            known = ", ".join(sorted(self.detectors)) or "none yet"
            raise LabelError(f"there is no detector {name!r}; known: {known}.")
        return self.detectors[name]

    def _shown_on(self, dashboard: str | None) -> str | None:
        return self.detector_of(dashboard, self.detectors) if dashboard else None


def _group_tag(tag: str, spec: DetectorSpec) -> tuple[str, str]:
    for name in spec.group_by:
        for head in (f"{name}:", f"{escaped(name)}:"):
            if tag.startswith(head) and tag != head:
                return name, unescaped(tag.removeprefix(head))
    expected = ", ".join(f"{name}:VALUE" for name in spec.group_by) or "none, as it has one series"
    raise LabelError(
        f"its tag {tag!r} is not understood: beside the kind, tags of {spec.name!r} are {expected}."
    )


def same_statement(annotation: Annotation, draft: LabelDraft, label: Label) -> LabelDraft:
    """A draft with what a person left as it was in the words of the label before.

    Grafana rounds times to milliseconds, and shows with a note who said it.
    """
    mark = mark_of_label(label, {})
    if (annotation.start, annotation.stop) == rounded(mark):
        draft = replace(draft, start=label.start, stop=label.stop)
    return replace(draft, note=label.note) if annotation.text == mark.text else draft


def mark_of_label(label: Label, tags: Mapping[LabelKind, str]) -> Mark:
    """A label as it is written."""
    by = f" ({label.created_by})" if label.created_by else ""
    text = f"{label.note or label.kind}{by}"
    kind = tags.get(label.kind, str(label.kind))
    return Mark(label.start, label.stop, text, (kind, *_names(label.detector, label.tags)))


def mark_of_event(event: Event) -> Mark:
    """An event that is over, as it is written."""
    assert event.stop is not None, "an event that goes on has no end to write"
    channels = f": {', '.join(event.channels)}" if event.channels else ""
    text = f"score {event.peak_score:.3g}{channels}"
    return Mark(event.start, event.stop, text, (EVENT_TAG, *_names(event.detector, event.tags)))


def is_as_written(annotation: Annotation, mark: Mark) -> bool:
    """Whether an annotation says what was written, and nobody changed it since."""
    said = annotation.start, annotation.stop, annotation.text, set(annotation.tags)
    return said == (*rounded(mark), mark.text, set(mark.tags))


def rounded(mark: Mark) -> tuple[int, int]:
    """The range of a mark as Grafana keeps it."""
    start = mark.start // _MILLISECOND * _MILLISECOND
    stop = -(-mark.stop // _MILLISECOND) * _MILLISECOND
    return start, max(stop, start + _MILLISECOND)


def parted(tags: Iterable[str]) -> tuple[tuple[str, ...], str]:
    """Tags of an annotation without that of the rid, and the rid; empty where none is."""
    every = tuple(tags)
    rid = next((tag.removeprefix(RID) for tag in every if tag.startswith(RID)), "")
    return tuple(tag for tag in every if not tag.startswith(RID)), rid


def _names(detector: str, tags: Mapping[str, str]) -> tuple[str, ...]:
    named = (f"{escaped(name)}:{escaped(tags[name])}" for name in sorted(tags))
    return f"{DETECTOR}{escaped(detector)}", *named, OWN_TAG


def escaped(value: str) -> str:
    """A value as it survives in a tag: Grafana trims, and forgets what follows a second colon."""
    value = value.replace("%", _ESCAPED["%"]).replace(":", _ESCAPED[":"])
    inner = value.strip(" ")
    before, _, after = value.partition(inner) if inner else (value, "", "")
    return before.replace(" ", _ESCAPED[" "]) + inner + after.replace(" ", _ESCAPED[" "])


def unescaped(value: str) -> str:
    """Undo `escaped`; what people type is taken as it is."""
    for letter in (":", " ", "%"):
        value = value.replace(_ESCAPED[letter], letter)
    return value


def rid_of_label(label: Label) -> str:
    """What the annotation of a label is marked by: the same whenever it is asked for."""
    said = (label.id, label.detector, label.kind, label.start, label.stop, label.created_at)
    return str(uuid5(NAMESPACE_URL, f"normalcy/label/{'/'.join(map(str, said))}"))


def rid_of_event(event: Event) -> str:
    """What the annotation of an event is marked by."""
    return str(uuid5(NAMESPACE_URL, f"normalcy/event/{event.id}"))


def content_of(annotation: Annotation) -> str:
    """A digest of everything that an annotation says."""
    return _digest(annotation.start, annotation.stop, annotation.tags, annotation.text)


def content_of_mark(mark: Mark) -> str:
    """A digest of everything that is to be written."""
    return _digest(mark.start, mark.stop, mark.tags, mark.text)


def _digest(start: int, stop: int, tags: Iterable[str], text: str) -> str:
    said: Sequence[object] = [start, stop, sorted(set(tags)), text]
    return sha256(json.dumps(said).encode()).hexdigest()
