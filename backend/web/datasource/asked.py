"""What Grafana's JSON datasource sends, taken in every form its versions know."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from backend.exceptions import InputError
from backend.services.drawing import Span
from backend.services.what_if import Question, read_question
from backend.web.instants import parse_instant
from backend.web.what_if import KINDS, question_of

DEFAULT_POINTS = 1000
MOST_POINTS = 10_000
MOST_TARGETS = 100
MOST_VALUES = 1000

ALL = frozenset({"$__all", "All", ".*", ".+"})
"""What "all" of a dashboard variable may arrive as."""

Payload = Mapping[str, Any]

_ESCAPED = re.compile(r"\\([\\^$*+?.()|\[\]{}/-])")


@dataclass(frozen=True)
class Filter:
    """An ad-hoc filter of a dashboard."""

    key: str
    operator: str
    value: str


@dataclass(frozen=True)
class Target:
    """One query of a panel."""

    metric: str
    ref_id: str | None
    payload: Payload


@dataclass(frozen=True)
class Panel:
    """Everything a panel asks for at once."""

    span: Span
    targets: tuple[Target, ...] = ()
    filters: tuple[Filter, ...] = field(default=())


def read_panel(body: Payload) -> Panel:
    """Read the body of `/query`.

    Raises:
        InputError: no range, or something of another type than Grafana sends.
    """
    targets = _list(body.get("targets"), "targets")
    if len(targets) > MOST_TARGETS:
        raise InputError(f"A panel may ask {MOST_TARGETS} queries at once, not {len(targets)}.")
    return Panel(
        span=_span(body),
        targets=tuple(_target(one) for one in targets if _is_wanted(one)),
        filters=tuple(_filters(body)),
    )


def read_payload(value: object) -> Payload:
    """Read a payload: an object, nothing, or a text that holds an object.

    Raises:
        InputError: it is something else, or the text is not JSON.
    """
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise InputError(
                'The payload is not JSON: expected something like {"detector": "gas-room"}; write '
                "variables with several values as ${name:json}, without quotes."
            ) from error
    if not isinstance(value, Mapping):
        raise InputError("The payload must be a JSON object.")
    return value


def choose(payload: Payload, name: str, known: Sequence[str]) -> list[str]:
    """The values chosen for a field: a text, a list, or a variable as `(a|b)` or `{a,b}`.

    "All" and nothing give an empty list. A text that is not known even when freed of the escapes of
    Grafana's forms stays as it came, for the use case to refuse by name.

    Raises:
        InputError: the field holds something else, or too much.
    """
    value = payload.get(name)
    values = value if isinstance(value, list) else [] if value is None else [value]
    if len(values) > MOST_VALUES or not all(isinstance(one, str | int | float) for one in values):
        raise InputError(f"{name} must be a text or a list of at most {MOST_VALUES} texts.")
    found = [text for one in values for text in _alternatives(str(one), known)]
    return [] if ALL & set(found) else [text for text in found if text]


def read_what_if(payload: Payload) -> Question:
    """Another threshold: an object `what_if`, or the fields of the builder's form.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    asked = payload.get("what_if")
    if asked is None or asked == "":
        return _form(payload)
    try:
        asked = orjson.loads(asked) if isinstance(asked, str) else asked
    except orjson.JSONDecodeError as error:
        # The builder makes a text of every field, whatever it holds.
        raise InputError(
            "what_if is not JSON: in the builder choose a kind and a value; in the code editor "
            'write {"threshold": {"kind": "quantile", "q": 0.999}}.'
        ) from error
    if not isinstance(asked, Mapping):
        raise InputError("what_if must be a JSON object.")
    return read_question(asked)


def _form(payload: Payload) -> Question:
    kinds = choose(payload, "what_if_kind", tuple(KINDS))
    if len(kinds) != 1:
        raise InputError(
            f"The query must name another threshold: choose a kind ({', '.join(KINDS)}) and a "
            'value, or write "what_if": {"threshold": {"kind": "quantile", "q": 0.999}}.'
        )
    return question_of(
        kinds[0],
        _text(payload, "what_if_value"),
        points=_text(payload, "what_if_for"),
        clear_below=_text(payload, "what_if_clear_below"),
    )


def _text(payload: Payload, name: str) -> str:
    """What was typed into a field, be it by a variable of one value."""
    found = choose(payload, name, ())
    if len(found) > 1:
        raise InputError(f"{name} must be one value, not {len(found)}.")
    # A variable arrives escaped for a regular expression, as in `0\\.999`.
    return unescape(found[0]).strip() if found else ""


def unescape(text: str) -> str:
    """Undo the escaping of regular expressions."""
    return _ESCAPED.sub(r"\1", text)


def _alternatives(text: str, known: Sequence[str]) -> list[str]:
    if text in known:
        return [text]
    parts = [text]
    if len(text) > 1 and text[0] + text[-1] == "()":
        parts = re.split(r"(?<!\\)\|", text[1:-1])
    elif len(text) > 1 and text[0] + text[-1] == "{}":
        parts = text[1:-1].split(",")
    return [unescape(part) if unescape(part) in known else part for part in parts]


def _is_wanted(target: object) -> bool:
    return isinstance(target, Mapping) and bool(target.get("target")) and not target.get("hide")


def _target(one: Mapping[str, Any]) -> Target:
    metric, ref_id = one["target"], one.get("refId")
    if not isinstance(metric, str):
        raise InputError("The target of a query must be the name of a metric.")
    # `data` is what the payload was called before
    payload = read_payload(one.get("payload", one.get("data")))
    return Target(metric, ref_id if isinstance(ref_id, str) else None, payload)


def _span(body: Payload) -> Span:
    range_ = body.get("range")
    if not isinstance(range_, Mapping) or "from" not in range_ or "to" not in range_:
        raise InputError("The request carries no time range: expected range.from and range.to.")
    try:
        start, stop = parse_instant(range_["from"]), parse_instant(range_["to"])
    except ValueError as error:
        raise InputError(f"The time range cannot be read: {error}.") from error
    return Span(start, stop, _points(body.get("maxDataPoints")))


def _points(value: object) -> int:
    if value is None:
        return DEFAULT_POINTS
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 1:
        raise InputError("maxDataPoints must be a number of at least 1.")
    return int(min(value, MOST_POINTS))


def _filters(body: Payload) -> list[Filter]:
    given = [*_list(body.get("filters"), "filters"), *_list(body.get("adhocFilters"), "filters")]
    found = []
    for one in given:
        if not isinstance(one, Mapping) or not isinstance(one.get("key"), str):
            raise InputError("An ad-hoc filter must have key, operator and value.")
        found.append(Filter(one["key"], str(one.get("operator", "=")), str(one.get("value", ""))))
    return list(dict.fromkeys(found))


def _list(value: object, name: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise InputError(f"{name} must be a list.")
    return value
