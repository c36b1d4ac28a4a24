"""Ad-hoc filters of a dashboard, applied to the tags of a series.

A regular expression is taken only as a list of texts, `a|b`: nothing that a caller sends is run.
"""

import re
from collections.abc import Mapping, Sequence

from backend import schema
from backend.exceptions import InputError
from backend.web.datasource.asked import Filter, unescape


def passes(tags: Mapping[str, str], detector: str, filters: Sequence[Filter]) -> bool:
    """Whether a series passes every filter; a tag it lacks counts as empty.

    Raises:
        InputError: an operator is unknown, or a comparison is not of numbers.
    """
    labels = {**tags, schema.DETECTOR_TAG: detector}
    return all(_passes(labels.get(one.key, ""), one) for one in filters)


def _passes(value: str, one: Filter) -> bool:
    match one.operator:
        case "=":
            return value == one.value
        case "!=":
            return value != one.value
        case "=~":
            return value in _listed(one.value)
        case "!~":
            return value not in _listed(one.value)
        case "<":
            return _number(value, one) < _number(one.value, one)
        case ">":
            return _number(value, one) > _number(one.value, one)
    raise InputError(
        f"The filter on {one.key!r} uses {one.operator!r}: expected =, !=, <, >, =~ or !~."
    )


def _listed(pattern: str) -> set[str]:
    text = pattern.removeprefix("^").removesuffix("$")
    if len(text) > 1 and text[0] + text[-1] == "()":
        text = text[1:-1]
    return {unescape(part) for part in re.split(r"(?<!\\)\|", text)}


def _number(text: str, one: Filter) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"The filter on {one.key!r} compares {text!r}, not a number.") from error
