"""Detectors outside of normalcy.yaml: held to the same rules, their mistakes told in its words."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backend.exceptions import ConfigurationError, Problem
from backend.settings.document import Document, read_document
from backend.settings.statements import Stated, read_detectors
from backend.specs import NAME, DetectorSpec

_NO_LABELS = "expected no labels here: add them with normalcy label import"
_ONLY_DETECTORS = "expected only detectors in this file"
_NO_NAME = (
    "expected 1 to 63 letters, digits, '_', '.' or '-', starting with a letter or digit, got "
)


def mistakes_in(name: str, body: Mapping[str, Any]) -> tuple[DetectorSpec | None, list[Problem]]:
    """Read a detector as normalcy.yaml would, and tell every mistake at its key.

    Args:
        name: of the detector.
        body: what stands below it.

    Returns:
        The detector, None where there is any mistake, and the mistakes: `where` is a key such as
        `model.window`, `name`, or empty for the whole.
    """
    stand_in = name if NAME.fullmatch(name) else "detector"
    stated = read_detectors(Document({"detectors": {stand_in: dict(body)}}))
    place = f"detectors.{stand_in}"
    found = [
        Problem(one.where.removeprefix(place).removeprefix("."), one.message)
        for one in stated.problems
    ]
    if "labels" in body:
        found.append(Problem("labels", _NO_LABELS))
    if stand_in != name:
        found.insert(0, Problem("name", f"{_NO_NAME}{name!r}"))
    return (None if found else stated.detectors[name]), found


def detectors_in(file: Path) -> dict[str, DetectorSpec]:
    """The detectors of a file that has a section `detectors`, as normalcy.yaml has.

    Raises:
        ConfigurationError: with every mistake and its line; also for anything else in the file.
    """
    document = read_document(file)
    stated = read_detectors(document)
    _refuse_others(stated)
    problems = [*document.problems, *stated.problems]
    if problems:
        count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        raise ConfigurationError(
            f"{file}: {count} in the detectors", sorted(problems, key=lambda one: one.line or 0)
        )
    if not stated.detectors:
        raise ConfigurationError(f"{file} holds no detectors: expected a section detectors:")
    return stated.detectors


def _refuse_others(stated: Stated) -> None:
    document = stated.document
    for key in document.values:
        if key != "detectors":
            stated.wrong((key,), _ONLY_DETECTORS)
    detectors = document.values.get("detectors")
    for name, body in detectors.items() if isinstance(detectors, dict) else ():
        if isinstance(body, dict) and "labels" in body:
            stated.wrong(("detectors", name, "labels"), _NO_LABELS)
