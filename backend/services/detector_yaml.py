"""Detectors as text that normalcy.yaml reads back identically."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from backend.specs import DetectorSpec, Spec

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:[ ./-][A-Za-z0-9_]+)*|(?:\d+(?:ms|s|m|h|d|w))+")
"""Words and durations: what no reader of YAML takes for anything else than text."""
_NO_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def as_yaml(specs: Sequence[DetectorSpec]) -> str:
    """The section `detectors`, with what is not at its default.

    Args:
        specs: in the order wanted.
    """
    return _dumped({spec.name: body_of(spec) for spec in specs})


def body_as_yaml(name: str, body: Mapping[str, Any]) -> str:
    """The section `detectors` with one definition as it is, be it right or not."""
    return _dumped({name: dict(body)})


def body_of(spec: DetectorSpec) -> dict[str, Any]:
    """What stands below a detector's name: all that is not at its default."""
    body = _other(spec)
    body.pop("name")
    try:
        same = DetectorSpec.model_validate({**body, "name": spec.name}) == spec
    except ValidationError:
        same = False
    if same:
        return body
    # a kind whose defaults follow from other values: everything is told
    return {key: value for key, value in spec.plain().items() if key != "name"}


def _dumped(detectors: Mapping[str, Any]) -> str:
    text: str = yaml.dump(
        {"detectors": dict(detectors)},
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=10_000,
    )
    return text


def _other(spec: Spec) -> dict[str, Any]:
    """The keys that are not at their default; `kind` in any case, as others follow from it."""
    plain = spec.model_dump(mode="json", by_alias=True)
    found: dict[str, Any] = {}
    for name, info in type(spec).model_fields.items():
        value, key = getattr(spec, name), info.alias or name
        if name != "kind" and not info.is_required() and value == _default(info):
            continue
        found[key] = _told(value, plain[key])
    return {key: found[key] for key in sorted(found, key=lambda key: key != "kind")}


def _default(info: FieldInfo) -> Any:
    return info.get_default(call_default_factory=True, validated_data={})


def _told(value: Any, plain: Any) -> Any:
    if isinstance(value, Spec):
        return _other(value)
    if isinstance(value, tuple) and value and isinstance(value[0], Spec):
        return [_other(part) for part in value]
    return plain


class _Dumper(yaml.SafeDumper):
    """Text in quotes unless it is a plain word; lists of plain values in one line."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Lists are indented below their key."""
        del indentless
        super().increase_indent(flow, indentless=False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    plain = _PLAIN.fullmatch(text) and text.lower() not in _NO_WORDS
    style = None if plain else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _list(dumper: yaml.SafeDumper, values: Sequence[Any]) -> yaml.Node:
    flat = not any(isinstance(value, dict | list) for value in values)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=flat)


def _number(dumper: yaml.SafeDumper, value: float) -> yaml.Node:
    text = repr(value)
    if "." not in text and "e" not in text:
        text += ".0"
    return dumper.represent_scalar("tag:yaml.org,2002:float", text)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _list)
_Dumper.add_representer(float, _number)
