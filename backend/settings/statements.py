"""The detectors of normalcy.yaml with their labels, as the file states them."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from difflib import get_close_matches
from typing import Any
from zoneinfo import available_timezones

from pydantic import Field, ValidationError

from backend.detection.expressions import parse
from backend.exceptions import Problem
from backend.records import LabelDraft, LabelKind
from backend.services.cron import cron_trigger
from backend.settings.document import Document, Path
from backend.settings.wording import keys_of, problems, unknown_key
from backend.specs import DetectorSpec, Spec
from backend.specs.times import parse_time, parse_zone


@dataclass
class Stated:
    """What was read so far, and what was wrong with it."""

    document: Document
    detectors: dict[str, DetectorSpec] = field(default_factory=dict)
    labels: list[LabelDraft] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def wrong(self, path: Path, message: str) -> None:
        """Note a mistake in the value at a path."""
        self.problems.append(self.document.problem(path, message))

    def attempt(self, path: Path, read: Callable[[], Any]) -> Any:
        """Read the value at a path; a ValueError becomes a problem there and the result None."""
        try:
            return read()
        except ValueError as error:
            self.wrong(path, str(error))
            return None


class LabelStatement(Spec):
    """A label under a detector in the file."""

    kind: LabelKind
    start: str = Field(alias="from", description="expected the first moment of the range")
    stop: str = Field(alias="to", description="expected the first moment after the range")
    tags: dict[str, str] = Field(default_factory=dict)
    note: str = ""


def read_detectors(document: Document) -> Stated:
    """Read `detectors`, noting every mistake."""
    stated = Stated(document)
    detectors = document.at(("detectors",))
    if not isinstance(detectors, dict):
        if detectors is not None:
            stated.wrong(("detectors",), "expected a name for each detector, then a colon")
        return stated
    for name in detectors:
        _read_detector(name, stated)
    return stated


def _read_detector(name: str, stated: Stated) -> None:
    place: Path = ("detectors", name)
    body = stated.document.at(place)
    if not isinstance(body, dict):
        stated.wrong(place, "expected keys such as measurement, channels and every below the name")
        return
    if "name" in body:
        known = [key for key in (*keys_of(DetectorSpec), "labels") if key != "name"]
        stated.wrong((*place, "name"), unknown_key("name", known))
    keys = {key: value for key, value in body.items() if key not in ("labels", "name")}
    try:
        spec = DetectorSpec.model_validate({**keys, "name": name})
    except ValidationError as error:
        stated.problems += problems(error, DetectorSpec, place, stated.document)
    else:
        stated.detectors[name] = spec
    _check_words(name, body, stated)
    _read_labels(name, _zone(body), stated)


# -- texts that have a grammar of their own --------------------------------------------------------
# They are read from the file, not from the spec, so that they are checked beside other mistakes.


def _check_words(name: str, body: dict[str, Any], stated: Stated) -> None:
    place: Path = ("detectors", name)
    schedule = body.get("schedule")
    if isinstance(schedule, dict):
        _check_schedule((*place, "schedule"), schedule, stated)
    condition = body.get("judge_when")
    if isinstance(condition, str) and (names := _channels(body)):
        stated.attempt((*place, "judge_when"), lambda: parse(condition, names))


def _check_schedule(place: Path, schedule: dict[str, Any], stated: Stated) -> None:
    retrain, timezone = schedule.get("retrain"), schedule.get("timezone")
    if isinstance(retrain, str):
        stated.attempt((*place, "retrain"), lambda: cron_trigger(retrain, UTC))
    if isinstance(timezone, str):
        stated.attempt((*place, "timezone"), lambda: _check_zone(timezone))


def _check_zone(name: str) -> None:
    try:
        parse_zone(name)
    except ValueError as error:
        near = get_close_matches(name, available_timezones(), n=1)
        raise ValueError(f"{error}; did you mean {near[0]}?" if near else str(error)) from None


def _channels(body: dict[str, Any]) -> Collection[str]:
    named = [body.get("channels") or [], body.get("context") or []]
    if not all(isinstance(names, list) for names in named):
        return ()
    return [name for names in named for name in names if isinstance(name, str)]


def _zone(body: dict[str, Any]) -> tzinfo:
    schedule = body.get("schedule")
    name = schedule.get("timezone", "UTC") if isinstance(schedule, dict) else "UTC"
    try:
        return parse_zone(str(name))
    except ValueError:  # told of by _check_schedule
        return UTC


# -- labels ----------------------------------------------------------------------------------------


def _read_labels(name: str, zone: tzinfo, stated: Stated) -> None:
    place: Path = ("detectors", name, "labels")
    labels = stated.document.at(place)
    if labels is None:
        return
    if not isinstance(labels, list):
        stated.wrong(place, "expected a list of labels, each with kind, from and to")
        return
    drafts = {}
    for index in range(len(labels)):
        if draft := _read_label((*place, index), name, zone, stated):
            drafts[index] = draft
    _find_unknown_tags(place, drafts, stated)
    _find_contradictions(place, drafts, stated)
    stated.labels += drafts.values()


def _read_label(place: Path, detector: str, zone: tzinfo, stated: Stated) -> LabelDraft | None:
    try:
        label = LabelStatement.model_validate(stated.document.at(place))
    except ValidationError as error:
        stated.problems += problems(error, LabelStatement, place, stated.document)
        return None
    start = stated.attempt((*place, "from"), lambda: parse_time(label.start, zone))
    stop = stated.attempt((*place, "to"), lambda: parse_time(label.stop, zone))
    if start is None or stop is None:
        return None
    if start >= stop:
        stated.wrong((*place, "to"), f"expected a time after from, {label.start}")
        return None
    return LabelDraft(detector, label.kind, start, stop, label.tags, label.note)


def _find_unknown_tags(place: Path, drafts: dict[int, LabelDraft], stated: Stated) -> None:
    """A label can only single out series by the tags that part them."""
    group_by = stated.document.at((*place[:-1], "group_by")) or []
    if not isinstance(group_by, list):
        return  # told of already
    for index, draft in drafts.items():
        for tag in draft.tags.keys() - set(map(str, group_by)):
            known = ", ".join(map(str, group_by)) or "which is empty"
            message = f"expected a tag of group_by ({known}), got {tag!r}"
            stated.wrong((*place, index, "tags", tag), message)


def _find_contradictions(place: Path, drafts: dict[int, LabelDraft], stated: Stated) -> None:
    """A range cannot be normal and an anomaly at once; partly covering one another is allowed."""
    seen: dict[tuple[Any, ...], dict[LabelKind, int]] = {}
    for index, draft in drafts.items():
        kinds = seen.setdefault((draft.start, draft.stop, *sorted(draft.tags.items())), {})
        kinds.setdefault(draft.kind, index)
        for kind in {LabelKind.NORMAL, LabelKind.ANOMALY} & kinds.keys() - {draft.kind}:
            if draft.kind is not LabelKind.EXCLUDE:
                line = stated.document.line((*place, kinds[kind]))
                stated.wrong(
                    (*place, index), f"{draft.kind} contradicts {kind} in line {line}: same range"
                )
