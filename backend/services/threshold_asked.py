"""A threshold as people write it in one line: `q=0.999`, `follow.span=500`."""

from collections.abc import Iterable
from typing import Any

import yaml

from backend.exceptions import InputError

_MOST = 20
_NO_VALUE = (yaml.YAMLError, ValueError, LookupError, AttributeError)
"""What reading YAML ends in: dates that are none, and words after !!int or !!bool, too."""


def read_pair(text: str) -> tuple[str, Any]:
    """Read `key=value`, the value as it would stand in normalcy.yaml.

    Raises:
        InputError: it is something else.
    """
    key, separator, value = text.partition("=")
    if not separator or not key.strip():
        raise InputError(f"A setting is {text[:80]!r}: expected key=value, such as q=0.999.")
    try:
        return key.strip(), yaml.safe_load(value)
    except _NO_VALUE as error:
        raise InputError(f"The value of {key.strip()!r} is not YAML: {value[:80]!r}.") from error


def nested(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Values by keys such as `follow.span`, one within the other.

    Raises:
        InputError: a key is told twice, or stands for a value and for a group at once; or there
            are too many.
    """
    found: dict[str, Any] = {}
    for count, (key, value) in enumerate(pairs):
        if count == _MOST:
            raise InputError(f"A threshold takes at most {_MOST} settings.")
        *groups, last = key.split(".")
        place = found
        for group in groups:
            place = place.setdefault(group, {})
            if not isinstance(place, dict):
                raise InputError(f"{key!r} does not fit with {group!r}, which has a value.")
        if last in place:
            raise InputError(f"{key!r} is told twice, or beside settings of its own: tell it once.")
        place[last] = value
    return found
