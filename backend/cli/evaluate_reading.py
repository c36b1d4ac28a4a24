"""From what was typed to detectors and to what they learn from and are judged on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pydantic import ValidationError

from backend.cli.evaluate_options import Asked
from backend.exceptions import ConfigurationError
from backend.importers.frames import read_frame
from backend.services import exams
from backend.services.exams import Columns, Exam
from backend.settings.document import Document
from backend.settings.wording import problems
from backend.specs import DetectorSpec, ModelSpec, Spec, specs_in

ALL = "all"


_MODELS = {spec.model_fields["kind"].default: spec for spec in specs_in(ModelSpec)}


@dataclass(frozen=True)
class Reading:
    """What is to be evaluated.

    Attributes:
        specs: kind of model to the detector with it.
        refused: kinds whose settings make no detector, with the reason.
        exam: what all of them learn from and are judged on.
        notes: what reading the files noticed.
    """

    specs: Mapping[str, DetectorSpec]
    refused: Mapping[str, str]
    exam: Exam
    notes: tuple[str, ...]

    @property
    def kinds(self) -> list[str]:
        """Every kind asked for."""
        return [*self.specs, *self.refused]


def read(asked: Asked) -> Reading:
    """The detectors, and what they learn from and are judged on.

    Raises:
        ConfigurationError: the options do not make a detector with any of the models.
        InputError: the files are not what the options say.
    """
    frame = read_frame(asked.file, asked.time_column)
    specs, refused = build_specs(asked, frame)
    columns = Columns(asked.label_column, next(iter(specs.values())).inputs)
    train = None if asked.train is None else read_frame(asked.train, asked.time_column)
    notes = [*(() if train is None else _notes(train)), *_notes(frame)]
    exam = exam_of(asked, frame, columns, train)
    return Reading(specs, refused, exam, tuple(dict.fromkeys(notes)))


def exam_of(
    asked: Asked, frame: pd.DataFrame, columns: Columns, train: pd.DataFrame | None
) -> Exam:
    """What is learned from and judged on, in the way that was asked for.

    Raises:
        InputError: the files are not what the options say.
    """
    if train is not None:
        return exams.two_files(train, frame, columns)
    if asked.normal_rows is not None:
        return exams.first_rows(frame, columns, asked.normal_rows)
    if asked.normal_column is not None:
        return exams.by_column(frame, columns, asked.normal_column)
    return exams.by_ranges(frame, columns, asked.normal_ranges)


def _notes(frame: pd.DataFrame) -> list[str]:
    return list(frame.attrs.get("notes", ()))


def build_specs(
    asked: Asked, frame: pd.DataFrame
) -> tuple[dict[str, DetectorSpec], dict[str, str]]:
    """The detector with each model, and the models that the settings do not fit with the reason.

    A setting of the model that some of the models lack is for the others.

    Raises:
        ConfigurationError: none of them makes a detector; the mistakes of the first are listed.
    """
    kinds = _kinds(asked.models)
    specs, errors = {}, {}
    for kind in kinds:
        try:
            specs[kind] = _build(asked, frame, kind, kinds)
        except ConfigurationError as error:
            errors[kind] = error
    if not specs:
        raise errors[kinds[0]]
    return specs, {kind: str(error) for kind, error in errors.items()}


def _kinds(named: Sequence[str]) -> list[str]:
    kinds = [kind for name in named for kind in (_MODELS if name == ALL else (name,))]
    if unknown := [kind for kind in kinds if kind not in _MODELS]:
        raise ConfigurationError(
            f"There is no kind of model {unknown[0]!r}: expected {', '.join(_MODELS)}, or {ALL}."
        )
    return list(dict.fromkeys(kinds))


def _build(asked: Asked, frame: pd.DataFrame, kind: str, kinds: Sequence[str]) -> DetectorSpec:
    """A detector; every column of numbers is a channel unless told."""
    without = [asked.label_column, *([asked.normal_column] if asked.normal_column else [])]
    values: dict[str, Any] = {
        "name": "evaluation",
        "measurement": asked.file.name,
        "channels": list(exams.numeric_columns(frame, without)),
        "every": asked.every or exams.usual_step(frame),
        "model": {"kind": kind},
    }
    shortcuts = (("model.window", asked.window), ("model.seed", asked.seed))
    given = [(key, value) for key, value in shortcuts if value is not None]
    for key, value in (*given, *asked.settings):
        if not _is_for_others(key, kind, kinds):
            _set(values, key.split("."), value)
    try:
        return DetectorSpec.model_validate(values)
    except ValidationError as error:
        found = problems(error, DetectorSpec, (), Document(values))
        raise ConfigurationError("The options do not make a detector:", found) from None


def _is_for_others(key: str, kind: str, kinds: Sequence[str]) -> bool:
    whole, _, name = key.partition(".")
    name = name.partition(".")[0]
    known = [one for one in kinds if name in _keys(_MODELS[one])]
    return whole == "model" and bool(known) and kind not in known


def _keys(spec: type[Spec]) -> set[str]:
    """What may be set of a model, also what it hands down to a network within."""
    return {*spec.model_fields, *getattr(spec, "handed_down", ())}


def _set(values: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Put a value at a path; what stands in the way is replaced by keys."""
    for key in path[:-1]:
        inner = values.get(key)
        values[key] = dict(inner) if isinstance(inner, Mapping) else {}
        values = values[key]
    values[path[-1]] = value
