"""Another threshold as forms and addresses carry it: a kind, its value, and settings beside it."""

from collections.abc import Mapping, Sequence
from typing import Any

from backend.exceptions import InputError
from backend.services.threshold_asked import nested, read_pair
from backend.services.what_if import Question, read_question

KINDS: Mapping[str, tuple[str, str]] = {
    "fixed": ("value", "limit of the smoothed error, such as 0.5"),
    "quantile": ("q", "share of normal errors below it, such as 0.999"),
    "sigma": ("k", "standard deviations above the mean, such as 4"),
    "budget": ("alarms", "alarms on normal time, such as 1/week"),
}
"""Kinds of thresholds of one value that has to be told: what it is called in normalcy.yaml, and
what it means. Grafana's form offers these."""

MORE_KINDS: Mapping[str, tuple[str | None, str]] = {
    "conformal": ("confidence", "share of new normal points below it, such as 0.999"),
    "f1_max": (None, "no value: chosen by labelled anomalies"),
    "dynamic": ("prune", "smallest drop that parts an anomaly, such as 0.13"),
    "pot": ("risk", "chance that a normal point passes it, such as 0.0001"),
}
"""Kinds of which no value has to be told."""

ALL_KINDS: Mapping[str, tuple[str | None, str]] = {**KINDS, **MORE_KINDS}


def value_of(kind: str) -> tuple[str | None, str]:
    """What the value of a kind is called in normalcy.yaml, if it has one, and what it means.

    Raises:
        InputError: there is no such kind.
    """
    if kind not in ALL_KINDS:
        expected = ", ".join(ALL_KINDS)
        raise InputError(f"There is no threshold of kind {kind!r}: expected {expected}.")
    return ALL_KINDS[kind]


def question_of(
    kind: str,
    value: object,
    *,
    points: object = None,
    clear_below: object = None,
    settings: Sequence[str] = (),
) -> Question:
    """The question that a kind and a value ask; nothing given for the alarm leaves the detector's.

    Args:
        kind: of the threshold.
        value: the one that counts most; nothing where it has a default, or is among the settings.
        points: minimum length of an alarm.
        clear_below: its hysteresis.
        settings: others of the kind, each as `key=value`.

    Raises:
        InputError: there is no such kind, or a value does not fit it.
    """
    name, meaning = value_of(kind)
    told = nested(read_pair(text) for text in settings)
    if value not in (None, ""):
        if name is None:
            raise InputError(f"A threshold of kind {kind} takes no value: {meaning}.")
        told = {name: value, **told}
    elif kind in KINDS and name not in told:
        raise InputError(f"A {kind} threshold needs a value: {meaning}.")
    alarm = {"for": points, "clear_below": clear_below}
    given = {key: one for key, one in alarm.items() if one not in (None, "")}
    asked: dict[str, Any] = {"threshold": {**told, "kind": kind}}
    return read_question({**asked, **({"alarm": given} if given else {})})
