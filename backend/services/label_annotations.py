"""Labels as Grafana's annotations: the JSON that its API lists them by."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from pydantic import BaseModel, TypeAdapter, ValidationError

from backend.exceptions import ImportFileError, LabelError, NotFound
from backend.ports import Annotation
from backend.records import Label, LabelDraft, LabelKind
from backend.services.csv_rows import unreadable
from backend.services.label_choices import Choices
from backend.services.label_words import (
    DETECTOR,
    RID,
    Reader,
    escaped,
    mark_of_label,
    parted,
    rid_of_label,
    rounded,
    unescaped,
)

_MILLISECOND = 1_000_000
_LATEST = (2**63 - 1) // _MILLISECOND


class _Item(BaseModel):
    """What is read of an annotation; whatever else Grafana lists with it is passed over."""

    id: int | str | None = None
    time: int
    timeEnd: int | None = None
    text: str | None = None
    tags: list[str] | None = None
    dashboardUID: str | None = None
    alertId: int | None = None


_ITEM: TypeAdapter[_Item] = TypeAdapter(_Item)


@dataclass(frozen=True)
class Found:
    """What an annotation says.

    Attributes:
        drafts: its labels.
        rid: what normalcy marked it by, where it made it of a label of its own.
    """

    drafts: tuple[LabelDraft, ...]
    rid: str


def write_annotations(labels: Iterable[Label], tags: Mapping[LabelKind, str]) -> str:
    """Labels as `GET /api/annotations` would list them, by start.

    Args:
        labels: the labels.
        tags: the tag of each kind.
    """
    found = []
    for label in labels:
        mark = mark_of_label(label, tags)
        start, stop = (time // _MILLISECOND for time in rounded(mark))
        # Marked as those that are written to Grafana: whoever reads it back knows it again.
        named = [*mark.tags, f"{RID}{rid_of_label(label)}"]
        found.append({"time": start, "timeEnd": stop, "text": label.note, "tags": named})
    return orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()


def read_annotations(text: str, name: str, choices: Choices, reader: Reader) -> list[Found]:
    """Read the annotations that are labels by their tags; others are passed over.

    Args:
        text: the file.
        name: of the file, for messages.
        choices: for what an annotation does not say; those without the tag of a kind are labels
            only where a kind is chosen.
        reader: understands tags.

    Raises:
        ImportFileError: it is no list of annotations; or with every one that cannot be read, by
            its place in the list.
    """
    found, wrong = [], []
    for place, item in enumerate(_items(text, name), start=1):
        try:
            annotation = _annotation(item)
            if annotation is not None and (one := _found(annotation, choices, reader)):
                found.append(one)
        except (ValueError, LabelError, NotFound) as error:
            wrong.append(f"  annotation {place}: {error}")
    if wrong:
        raise unreadable(name, "annotations", wrong)
    return found


def _items(text: str, name: str) -> Sequence[Any]:
    try:
        items = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ImportFileError(f"{name} is not JSON: {error}.") from error
    if not isinstance(items, list):
        raise ImportFileError(
            f"{name} is no list of annotations: expected what Grafana's /api/annotations answers."
        )
    return items


def _annotation(item: Any) -> Annotation | None:
    """An annotation as it is understood elsewhere; None for one that an alert rule made."""
    try:
        told = _ITEM.validate_python(item)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"{place}: {first['msg']}" if place else first["msg"]) from error
    if told.alertId:
        return None
    stop = max(told.timeEnd or 0, told.time)
    if not 0 <= told.time <= stop < _LATEST:
        raise ValueError("expected its time and timeEnd in milliseconds since 1970")
    tags, rid = parted(told.tags or ())
    return Annotation(
        id=str(told.id or ""),
        start=told.time * _MILLISECOND,
        stop=stop * _MILLISECOND,
        text=told.text or "",
        tags=tags,
        dashboard=told.dashboardUID or None,
        rid=rid,
    )


def _found(annotation: Annotation, choices: Choices, reader: Reader) -> Found | None:
    if not reader.kinds(annotation):
        if choices.kind is None:
            return None
        own = reader.tags[choices.kind]
        annotation = replace(annotation, tags=(own, *annotation.tags))
    for name in _names(annotation):  # before a mistake in it would tell of other detectors
        choices.detector_of(name)
    drafts = reader.drafts(_with_detector(annotation, choices, reader))
    for draft in drafts:
        choices.detector_of(draft.detector)
    return Found(
        tuple(replace(draft, tags=draft.tags or choices.tags) for draft in drafts), annotation.rid
    )


def _names(annotation: Annotation) -> list[str]:
    """The detectors that its tags name."""
    tags = annotation.tags
    return [unescaped(tag.removeprefix(DETECTOR)) for tag in tags if tag.startswith(DETECTOR)]


def _with_detector(annotation: Annotation, choices: Choices, reader: Reader) -> Annotation:
    """The annotation with the chosen detector's tag, where it names none itself."""
    shown = annotation.dashboard and reader.detector_of(annotation.dashboard, reader.detectors)
    if choices.detector is None or _names(annotation) or shown:
        return annotation
    return replace(annotation, tags=(*annotation.tags, f"{DETECTOR}{escaped(choices.detector)}"))
