"""What pydantic says, said to an operator: where it stands, what was expected, what was found."""

import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from backend.exceptions import Problem
from backend.settings.document import ABSENT, Document, Path, child

_EXPECTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "enum": "{expected}",
    "dict_type": "keys with values",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "list_type": "a list such as [a, b]",
    "literal_error": "{expected}",
    "mapping_type": "keys with values",
    "model_attributes_type": "keys with values",
    "model_type": "keys with values",
    "string_too_short": "some text",
    "string_type": "text (numbers and true or false need quotes)",
    "too_long": "at most {max_length}",
    "too_short": "at least {min_length}",
    "tuple_type": "a list such as [a, b]",
    "union_tag_invalid": "one of {expected_tags}",
}
"""The kinds of pydantic's errors that say what a value should have been."""


@dataclass(frozen=True)
class _Fault:
    path: Path
    expected: str = ""
    message: str = ""


def problems(
    error: ValidationError, model: type[BaseModel], place: Path, document: Document
) -> list[Problem]:
    """Every mistake that pydantic found in the value at `place`, one for each spot.

    Args:
        error: what validating that value as `model` raised.
        model: names the keys that are known.
        place: where the value stands in the document.
        document: holds the lines.
    """
    value = document.at(place)
    faults = [_fault(details, model, value) for details in error.errors(include_url=False)]
    spots: dict[Path, list[_Fault]] = {}
    for fault in faults:
        spots.setdefault(fault.path, []).append(fault)
    return [
        document.problem((*place, *path), _sentence(found, document.at((*place, *path))))
        for path, found in spots.items()
        if not _is_around_another(path, found, spots)
    ]


def unknown_key(key: str, known: Sequence[str]) -> str:
    """Say that a key is unknown, and which known one may have been meant."""
    if near := get_close_matches(key, known, n=1):
        return f"unknown key; did you mean {near[0]}?"
    return f"unknown key; expected one of {', '.join(sorted(known))}"


def keys_of(model: type[BaseModel]) -> list[str]:
    """The keys of a model as people write them."""
    return [info.alias or name for name, info in model.model_fields.items()]


def _is_around_another(
    path: Path, found: Sequence[_Fault], spots: Mapping[Path, Sequence[_Fault]]
) -> bool:
    """Whether a wrong type is told again, better, from inside the value: a union tries each."""
    return all(fault.expected for fault in found) and any(
        len(other) > len(path) and other[: len(path)] == path for other in spots
    )


def _sentence(faults: Sequence[_Fault], value: Any) -> str:
    if told := [fault.message for fault in faults if fault.message]:
        return "; ".join(dict.fromkeys(told))
    expected = " or ".join(dict.fromkeys(fault.expected for fault in faults))
    return f"expected {expected}, got {_shown(value)}"


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "keys with values"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    text = repr(value) if isinstance(value, str) else str(value).lower()
    return text if len(text) <= 60 else f"{text[:57]}..."


def _fault(details: ErrorDetails, model: type[BaseModel], value: Any) -> _Fault:
    kind, context = details["type"], details.get("ctx", {})
    path = _path(details["loc"], value)
    if kind == "missing":
        named = str(details["loc"][-1])
        return _Fault((*path, named), message=_missing(named, _model_at(model, path, value)))
    if kind == "extra_forbidden":
        around = _model_at(model, path[:-1], value)
        known = keys_of(around) if around else []
        return _Fault(path, message=unknown_key(str(path[-1]), known))
    if kind == "union_tag_not_found":
        kinds = ", ".join(_kinds(model, path, value))
        return _Fault((*path, "kind"), message=f"is missing: expected one of {kinds}")
    if kind == "union_tag_invalid":
        path = (*path, "kind")
    if details["loc"][-1:] == ("[key]",):
        return _Fault(path, message=f"unknown key; expected {context.get('expected', 'text')}")
    if kind in _EXPECTED:
        return _Fault(path, expected=_EXPECTED[kind].format(**context))
    message = context["error"] if kind == "value_error" else details["msg"]
    return _Fault(path, message=str(message))


def _missing(key: str, model: type[BaseModel] | None) -> str:
    info = _field(model, key) if model else None
    return f"is missing: {info.description}" if info and info.description else "is missing"


def _path(location: Sequence[str | int], value: Any) -> Path:
    """Keep the steps that lead through the value; pydantic adds the branches of its unions."""
    path: list[str | int] = []
    for step in location:
        inner = child(value, step)
        if inner is not ABSENT:
            value = inner
            path.append(step)
    return tuple(path)


# -- which keys are known at a path ----------------------------------------------------------------


def _field(model: type[BaseModel], key: str | int) -> Any:
    for name, info in model.model_fields.items():
        if key in (info.alias, name):
            return info
    return None


def _model_at(model: type[BaseModel], path: Path, value: Any) -> type[BaseModel] | None:
    """The model that the value at a path is read as, if it is one."""
    for step in path:
        info = _field(model, step)
        value = value.get(step) if isinstance(value, dict) else None
        kind = value.get("kind") if isinstance(value, dict) else None
        candidates = _models(info.annotation) if info else []
        chosen = [c for c in candidates if len(candidates) == 1 or _kind(c) == kind]
        if not chosen:
            return None
        model = chosen[0]
    return model


def _kinds(model: type[BaseModel], path: Path, value: Any) -> list[str]:
    around = _model_at(model, path[:-1], value)
    info = _field(around, path[-1]) if around else None
    return [_kind(candidate) for candidate in _models(info.annotation)] if info else []


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models in an annotation: itself, or the members of a union."""
    if get_origin(annotation) is Annotated:
        return _models(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [model for part in get_args(annotation) for model in _models(part)]
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return [annotation] if is_model else []


def _kind(model: type[BaseModel]) -> str:
    info = model.model_fields.get("kind")
    if info is None or get_origin(info.annotation) is not Literal:
        return ""
    return str(get_args(info.annotation)[0])
