"""The form in which a detector is set up: what it holds, and the definition it comes to."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, Field
from werkzeug.datastructures import MultiDict

from backend.exceptions import InputError, Problem
from backend.services.proposing import Considered, Proposal, Use
from backend.services.setting_up import SettingUp
from backend.specs import (
    DetectorSpec,
    ModelSpec,
    ThresholdSpec,
    format_duration,
    specs_in,
)
from backend.web.instants import parse_instant
from backend.web.numbers import LARGEST, number_in

MODELS = [spec.model_fields["kind"].default for spec in specs_in(ModelSpec)]
THRESHOLDS = [spec.model_fields["kind"].default for spec in specs_in(ThresholdSpec)]
USES: tuple[Use, ...] = ("channel", "context", "left out")
_USUAL_MODEL, _USUAL_THRESHOLD = "ensemble", "budget"
_OWN = ("measurement", "channels", "context", "group_by", "where", "every")
"""Keys that have a field of their own."""

Pairs = MultiDict[str, str]

_Time = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]
_Row = tuple[str, Use, str]


class _About(BaseModel):
    """What was found of the data, as the form carries it along."""

    reasons: list[str] = []
    warnings: list[str] = []
    window: int | None = None
    first: _Time | None = None
    last: _Time | None = None
    series: list[str] = []


class _Kept(BaseModel):
    """What the form carries along; fields and tags as `Considered`."""

    base: dict[str, Any]
    about: _About
    fields: list[_Row]
    tags: list[_Row]


@dataclass(frozen=True)
class Draft:
    """What stands in the form.

    Attributes:
        name: of the detector.
        measurement: what it watches.
        base: the definition it began with: what has no field of its own stays as it is there.
        fields: of the measurement, with what each is to be and why.
        tags: of the measurement, with whether each parts the series and why.
        about: what was found of the data: `reasons`, `warnings`, `window`, `first`, `last`,
            `series`.
        every: the grid, as typed.
        where: `tag=value` a line.
        model: kind of the model.
        window: as typed; empty for that of the kind.
        threshold: kind of the threshold.
        alarms: the budget, as typed; empty for the usual one.
        settings: others, `key=value` a line.
        start: of what would be called normal, nanoseconds; None where nothing is chosen.
        stop: its end.
        label: whether the range is kept as a label.
        tried: number of the request of the newest dry run.
    """

    name: str
    measurement: str
    base: Mapping[str, Any]
    fields: tuple[Considered, ...]
    tags: tuple[Considered, ...]
    about: Mapping[str, Any]
    every: str
    where: str = ""
    model: str = _USUAL_MODEL
    window: str = ""
    threshold: str = _USUAL_THRESHOLD
    alarms: str = ""
    settings: str = ""
    start: int | None = None
    stop: int | None = None
    label: bool = True
    tried: int | None = None

    @property
    def kept(self) -> str:
        """What the form carries along, as JSON."""
        considered = {
            name: [list(vars(one).values()) for one in found]
            for name, found in (("fields", self.fields), ("tags", self.tags))
        }
        whole = {"base": dict(self.base), "about": dict(self.about), **considered}
        return orjson.dumps(whole).decode()

    @property
    def range(self) -> tuple[int, int] | None:
        """What would be called normal; None where nothing is chosen, or no range."""
        if self.start is None or self.stop is None or self.start >= self.stop:
            return None
        return self.start, self.stop

    def body(self, setting_up: SettingUp) -> dict[str, Any]:
        """The definition it comes to.

        Raises:
            ConfigurationError: with every setting that cannot be read.
        """
        found = {key: value for key, value in self.base.items() if key not in _OWN}
        found["measurement"] = self.measurement
        for key, use in (("channels", "channel"), ("context", "context")):
            names = [one.name for one in self.fields if one.use == use]
            if names or key == "channels":
                found[key] = names
        if group_by := [one.name for one in self.tags if one.use == "group_by"]:
            found["group_by"] = group_by
        if where := _where(self.where):
            found["where"] = where
        found["every"] = self.every
        _section(found, "model", self.model, _USUAL_MODEL, {"window": _number(self.window)})
        _section(
            found, "threshold", self.threshold, _USUAL_THRESHOLD, {"alarms": self.alarms or None}
        )
        return setting_up.changed(found, [line for line in self.settings.splitlines() if line])


def proposed(found: Proposal) -> Draft:
    """The form of a new detector."""
    return Draft(
        name=found.name,
        measurement=str(found.body["measurement"]),
        base=found.body,
        fields=found.fields,
        tags=found.tags,
        about=_about(found),
        every=str(found.body["every"]),
    )


def of_spec(spec: DetectorSpec, body: Mapping[str, Any], found: Proposal | None) -> Draft:
    """The form of a stored detector.

    Args:
        spec: the detector.
        body: its definition, without what is at its default.
        found: what would be proposed for its measurement; None where the source does not have it.
    """
    model, threshold = body.get("model", {}), body.get("threshold", {})
    return Draft(
        name=spec.name,
        measurement=spec.measurement,
        base=body,
        fields=_used(spec, found),
        tags=_parted(spec, found),
        about=_about(found) if found else {},
        every=format_duration(spec.every),
        where="\n".join(f"{tag}={value}" for tag, value in spec.where.items()),
        model=spec.model.kind,
        window=str(model.get("window", "")),
        threshold=spec.threshold.kind,
        alarms=str(threshold.get("alarms", "")),
        label=False,
    )


def _used(spec: DetectorSpec, found: Proposal | None) -> tuple[Considered, ...]:
    """Fields in the order in which the detector has them, then the others."""
    known = found.fields if found else ()
    uses: dict[str, Use] = dict.fromkeys(spec.channels, "channel")
    uses |= dict.fromkeys(spec.context, "context")
    uses |= {one.name: "left out" for one in known if one.name not in uses}
    return _with_uses(uses, known)


def _parted(spec: DetectorSpec, found: Proposal | None) -> tuple[Considered, ...]:
    known = found.tags if found else ()
    uses: dict[str, Use] = {one.name: "left out" for one in known}
    uses |= dict.fromkeys(spec.group_by, "group_by")
    return _with_uses(uses, known)


def _with_uses(uses: Mapping[str, Use], known: Sequence[Considered]) -> tuple[Considered, ...]:
    reasons = {one.name: one.reason for one in known}
    return tuple(Considered(name, use, reasons.get(name, "")) for name, use in uses.items())


def read(form: Pairs, name: str | None = None) -> Draft:
    """What was sent.

    Args:
        form: the fields.
        name: of the detector, where the form may not change it.

    Raises:
        InputError: the form is not one of ours.
    """
    try:
        kept = _Kept.model_validate_json(form["kept"])
        orjson.dumps(kept.base)  # it is carried along again: too deep a one could not be
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("This form is not complete: load the page again.") from error
    fields = [Considered(*one) for one in kept.fields]
    tags = [Considered(*one) for one in kept.tags]
    parted = form.getlist("group_by")
    return Draft(
        name=form.get("name", "").strip() if name is None else name,
        measurement=form.get("measurement", ""),
        base=kept.base,
        fields=tuple(
            replace(one, use=_use(form.get(f"use-{n}"), one)) for n, one in enumerate(fields)
        ),
        tags=tuple(
            replace(one, use="group_by" if one.name in parted else "left out") for one in tags
        ),
        about=kept.about.model_dump(exclude_unset=True),
        every=form.get("every", "").strip(),
        where=form.get("where", ""),
        model=form.get("model", _USUAL_MODEL),
        window=form.get("window", "").strip(),
        threshold=form.get("threshold", _USUAL_THRESHOLD),
        alarms=form.get("alarms", "").strip(),
        settings=form.get("settings", ""),
        start=_instant(form.get("normal_from", "")),
        stop=_instant(form.get("normal_to", "")),
        label="label" in form,
        tried=number_in(form.get("tried")),
    )


def _use(asked: str | None, one: Considered) -> Use:
    return next((use for use in USES if use == asked), one.use)


def _about(found: Proposal) -> dict[str, Any]:
    return {
        "reasons": list(found.reasons),
        "warnings": list(found.warnings),
        "window": found.window,
        "first": found.first,
        "last": found.last,
        "series": list(found.series),
    }


def _where(text: str) -> dict[str, str]:
    """Conditions, a line each; one without `=` is kept, so that it is told."""
    pairs = (line.partition("=") for line in text.splitlines() if line.strip())
    return {tag.strip(): value.strip() for tag, _, value in pairs}


def _number(text: str) -> int | str | None:
    """A whole number, or the text, so that it is told; None where it is empty."""
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else text or None


def _section(
    body: dict[str, Any], key: str, kind: str, usual: str, values: Mapping[str, Any]
) -> None:
    """Set the kind of a section, and values of it that are given."""
    before = body.get(key)
    if not isinstance(before, Mapping):
        before = {"kind": usual}
    own = dict(before) if before.get("kind", usual) == kind else {}
    for name, value in values.items():
        if value is None:
            own.pop(name, None)
        else:
            own[name] = value
    own.pop("kind", None)
    if own or kind != usual:
        body[key] = {"kind": kind, **own}
    else:
        body.pop(key, None)


def _instant(text: str) -> int | None:
    try:
        return parse_instant(text)
    except ValueError:
        return None


def places(problems: Sequence[Problem]) -> dict[str, list[str]]:
    """Mistakes by the field of the form that they belong to; `other` for those that have none."""
    known = {
        "name": "name",
        "measurement": "measurement",
        "channels": "fields",
        "context": "fields",
        "group_by": "tags",
        "where": "where",
        "every": "every",
        "model": "model",
        "threshold": "threshold",
    }
    found: dict[str, list[str]] = {}
    for one in problems:
        head = one.where.partition(".")[0].partition("[")[0]
        place = known.get(head, "other")
        told = one.message if place in ("name", "measurement", "every") else str(one)
        found.setdefault(place, []).append(told)
    return found
