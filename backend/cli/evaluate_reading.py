"""From what was typed to a detector and to what it learns from and is judged on."""

from collections.abc import Mapping, Sequence
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
from backend.specs import DetectorSpec


def read(asked: Asked) -> tuple[DetectorSpec, Exam, list[str]]:
    """The detector, what it learns from and is judged on, and what reading the files noticed.

    Raises:
        ConfigurationError: the options do not make a detector.
        InputError: the files are not what the options say.
    """
    frame = read_frame(asked.file, asked.time_column)
    spec = build_spec(asked, frame)
    columns = Columns(asked.label_column, spec.inputs)
    if asked.train is not None:
        train = read_frame(asked.train, asked.time_column)
        return spec, exams.two_files(train, frame, columns), [*_notes(train), *_notes(frame)]
    return spec, _one_file(asked, frame, columns), _notes(frame)


def _one_file(asked: Asked, frame: pd.DataFrame, columns: Columns) -> Exam:
    if asked.normal_rows is not None:
        return exams.first_rows(frame, columns, asked.normal_rows)
    if asked.normal_column is not None:
        return exams.by_column(frame, columns, asked.normal_column)
    return exams.by_ranges(frame, columns, asked.normal_ranges)


def _notes(frame: pd.DataFrame) -> list[str]:
    return list(frame.attrs.get("notes", ()))


def build_spec(asked: Asked, frame: pd.DataFrame) -> DetectorSpec:
    """The detector that the options describe; every column of numbers is a channel unless told.

    Raises:
        ConfigurationError: they describe none; every mistake is listed.
    """
    without = [asked.label_column, *([asked.normal_column] if asked.normal_column else [])]
    model = {"kind": asked.model, "window": asked.window, "seed": asked.seed}
    values: dict[str, Any] = {
        "name": "evaluation",
        "measurement": asked.file.name,
        "channels": list(exams.numeric_columns(frame, without)),
        "every": asked.every or exams.usual_step(frame),
        "model": {key: value for key, value in model.items() if value is not None},
    }
    for key, value in asked.settings:
        _set(values, key.split("."), value)
    try:
        return DetectorSpec.model_validate(values)
    except ValidationError as error:
        found = problems(error, DetectorSpec, (), Document(values))
        raise ConfigurationError("The options do not make a detector:", found) from None


def _set(values: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Put a value at a path; what stands in the way is replaced by keys."""
    for key in path[:-1]:
        inner = values.get(key)
        values[key] = dict(inner) if isinstance(inner, Mapping) else {}
        values = values[key]
    values[path[-1]] = value
