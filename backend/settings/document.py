"""A YAML file as plain values that remember their lines.

Scalars follow YAML 1.2: only `true` and `false` are booleans, so that a channel may be called
`NO`; times and numbers with leading zeros stay text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path as File
from typing import Any

import yaml

from backend.exceptions import ConfigurationError, Problem

Path = tuple[str | int, ...]
"""The keys and indices that lead from the top of the document to a value."""


def dotted(path: Path) -> str:
    """Write a path as `detectors.gas-room.channels[2]`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text or "the file"


ABSENT = object()

_MOST = 100_000
"""Values in a file: aliases of aliases make millions of a few lines."""


def child(value: Any, step: str | int) -> Any:
    """What a key or an index leads to inside a plain value, or ABSENT."""
    if isinstance(value, dict):
        return value.get(step, ABSENT)
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return value[step]
    return ABSENT


@dataclass(frozen=True)
class Document:
    """Plain values and the line that each of them stands in, counted from 1."""

    values: Mapping[str, Any] = field(default_factory=dict)
    lines: Mapping[Path, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    text: str = ""

    def line(self, path: Path) -> int | None:
        """The line of a value; for one that is missing, of the nearest one around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)

    def problem(self, path: Path, message: str) -> Problem:
        """State what is wrong with the value at a path."""
        return Problem(dotted(path), message, self.line(path))

    def at(self, path: Path) -> Any:
        """The value at a path, or None where there is none."""
        value: Any = self.values
        for step in path:
            value = child(value, step)
        return None if value is ABSENT else value


def read_document(file: File) -> Document:
    """Read a YAML file; keys given twice are listed in `problems`.

    Raises:
        ConfigurationError: the file cannot be read, or is not YAML with keys at its top.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file} is not text in UTF-8") from None
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None
    try:
        return replace(_Reader(text).document(), text=text)
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{file} is not valid YAML", [_syntax(error)]) from None
    except RecursionError:
        raise ConfigurationError(f"{file} is nested too deeply to be a configuration") from None


def _syntax(error: yaml.YAMLError) -> Problem:
    if not isinstance(error, yaml.MarkedYAMLError):
        return Problem("YAML", " ".join(str(error).split()))
    mark = error.problem_mark or error.context_mark
    words = [word for word in (error.context, error.problem) if word]
    place = f"column {mark.column + 1}" if mark else "YAML"
    return Problem(place, ", ".join(words), mark.line + 1 if mark else None)


class _Loader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2's core schema."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - add_implicit_resolver fills it

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._merged = 0

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Put in what is merged; merges of merges make millions of keys of a few lines."""
        super().flatten_mapping(node)
        self._merged += len(node.value)
        if self._merged > _MOST:
            raise yaml.MarkedYAMLError(
                problem=f"expected at most {_MOST} values", problem_mark=node.start_mark
            )


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?[0-9]+[eE][-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+."),
    ("merge", r"<<", "<"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first)
    )


class _Reader:
    """One pass over the composed nodes of a text."""

    def __init__(self, text: str) -> None:
        self._loader = _Loader(text)
        self._lines: dict[Path, int] = {}
        self._problems: list[Problem] = []
        self._flattened: set[yaml.Node] = set()

    def document(self) -> Document:
        root = self._loader.get_single_node()
        values = self._value(root, (), ()) if root else None
        if root and values is not None and not isinstance(values, dict):
            raise yaml.MarkedYAMLError(
                problem="expected keys such as store: and detectors: at the top",
                problem_mark=root.start_mark,
            )
        return Document(values or {}, self._lines, tuple(self._problems))

    def node(self) -> yaml.Node | None:
        """The text as one node; None where it is empty."""
        node: yaml.Node | None = self._loader.get_single_node()
        return node

    def value_of(self, node: yaml.Node) -> Any:
        """What a node says."""
        return self._value(node, (), ())

    def _value(self, node: yaml.Node, path: Path, around: tuple[yaml.Node, ...]) -> Any:
        if node in around:
            raise yaml.MarkedYAMLError(
                problem="an alias cannot stand inside its own anchor", problem_mark=node.start_mark
            )
        if len(self._lines) > _MOST:
            raise yaml.MarkedYAMLError(
                problem=f"expected at most {_MOST} values", problem_mark=node.start_mark
            )
        around = (*around, node)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, around)
        if isinstance(node, yaml.SequenceNode):
            return [self._item(item, (*path, i), around) for i, item in enumerate(node.value)]
        return self._scalar(node)

    def _scalar(self, node: yaml.Node) -> Any:
        try:
            return self._loader.construct_object(node)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            # what stands there is not what its tag says, or a number of thousands of digits
            raise yaml.MarkedYAMLError(
                problem=f"expected a value that is {str(node.tag).rpartition(':')[2]}",
                problem_mark=node.start_mark,
            ) from error

    def _item(self, node: yaml.Node, path: Path, around: tuple[yaml.Node, ...]) -> Any:
        self._lines[path] = node.start_mark.line + 1
        return self._value(node, path, around)

    def _mapping(
        self, node: yaml.MappingNode, path: Path, around: tuple[yaml.Node, ...]
    ) -> dict[str, Any]:
        if node not in self._flattened:  # an alias brings the same node again
            self._flattened.add(node)
            self._find_duplicates(node, path)
            self._loader.flatten_mapping(node)
        values = {}
        for key, value in node.value:
            place = (*path, _key(key))
            self._lines[place] = key.start_mark.line + 1
            values[_key(key)] = self._value(value, place, around)
        return values

    def _find_duplicates(self, node: yaml.MappingNode, path: Path) -> None:
        first: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if (name := _key(key)) in first:
                message = f"this key stands in line {first[name]} already"
                self._problems.append(Problem(dotted((*path, name)), message, line))
            first.setdefault(name, line)


def _key(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise yaml.MarkedYAMLError(
            problem="expected a plain name before the colon", problem_mark=node.start_mark
        )
    return str(node.value)


def read_value(text: str) -> Any:
    """One value as it would stand behind a key.

    Raises:
        ValueError: it is not YAML.
    """
    try:
        node = (reader := _Reader(text)).node()
        return None if node is None else reader.value_of(node)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"expected a value as in normalcy.yaml, got {text!r}") from error
