"""Another threshold as forms and addresses carry it: a kind, and its one value."""

from collections.abc import Mapping
from typing import Any

from backend.exceptions import InputError
from backend.services.what_if import Question, read_question

KINDS: Mapping[str, tuple[str, str]] = {
    "fixed": ("value", "limit of the smoothed error, such as 0.5"),
    "quantile": ("q", "share of normal errors below it, such as 0.999"),
    "sigma": ("k", "standard deviations above the mean, such as 4"),
    "budget": ("alarms", "alarms on normal time, such as 1/week"),
}
"""Kinds of thresholds: what the value of each is called in normalcy.yaml, and what it means."""


def question_of(
    kind: str, value: object, *, points: object = None, clear_below: object = None
) -> Question:
    """The question that a kind and a value ask; nothing given for the alarm leaves the detector's.

    Raises:
        InputError: there is no such kind, or the value does not fit it.
    """
    if kind not in KINDS:
        raise InputError(f"There is no threshold of kind {kind!r}: expected {', '.join(KINDS)}.")
    name, meaning = KINDS[kind]
    if value in (None, ""):
        raise InputError(f"A {kind} threshold needs a value: {meaning}.")
    alarm = {"for": points, "clear_below": clear_below}
    given = {key: one for key, one in alarm.items() if one not in (None, "")}
    asked: dict[str, Any] = {"threshold": {"kind": kind, name: value}}
    return read_question({**asked, **({"alarm": given} if given else {})})
