"""Other values in a definition, as `model.window=20`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from backend.exceptions import ConfigurationError, Problem

Body = dict[str, Any]
Reader = Callable[[str], Any]
"""Reads a value as it would stand behind a key in normalcy.yaml; raises `ValueError`."""


def changed(body: Mapping[str, Any], settings: Sequence[str], read: Reader) -> Body:
    """A definition with other values; another `kind` begins its section anew.

    Args:
        body: what stands below a detector's name; it stays as it is.
        settings: each as `key=value`, keys below keys parted by dots.
        read: reads a value.

    Raises:
        ConfigurationError: with every setting that cannot be read.
    """
    found: Body = _copy(body)
    problems = []
    for text in settings:
        key, separator, value = text.partition("=")
        if not separator or not all(key.split(".")):
            told = f"expected key=value such as model.window=20, got {text!r}"
            problems.append(Problem("settings", told))
            continue
        try:
            put(found, key.strip().split("."), read(value))
        except ValueError as error:
            problems.append(Problem(key, str(error)))
    if problems:
        raise ConfigurationError("What is to be set cannot be read", problems)
    return found


def without(body: Mapping[str, Any], keys: Sequence[str]) -> Body:
    """A definition without some keys.

    Raises:
        ConfigurationError: with every key that is not set.
    """
    found: Body = _copy(body)
    problems = []
    for key in keys:
        *around, last = key.split(".")
        inner: Any = found
        for step in around:
            inner = inner.get(step) if isinstance(inner, dict) else None
        if not isinstance(inner, dict) or last not in inner:
            problems.append(Problem(key, "is at its default already"))
        else:
            del inner[last]
    if problems:
        raise ConfigurationError("What is to be unset is not set", problems)
    return found


def put(body: Body, path: Sequence[str], value: Any) -> None:
    """Set the value at a path; what stands in the way is replaced by keys."""
    for key in path[:-1]:
        if not isinstance(body.get(key), dict):
            body[key] = {}
        body = body[key]
    if path[-1] == "kind" and body.get("kind") != value:
        body.clear()
    body[path[-1]] = value


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(inner) for key, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list | tuple) else value
