"""From what was typed to a detector and to what it learns from and is judged on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pandas as pd
import yaml
from pydantic import ValidationError

from backend.exceptions import ConfigurationError
from backend.importers.frames import read_frame
from backend.services import exams
from backend.services.exams import Columns, Exam
from backend.settings import parse_time
from backend.settings.document import Document
from backend.settings.wording import problems
from backend.specs import DetectorSpec


@dataclass(frozen=True)
class Asked:
    """What stands on the command line."""

    file: Path
    time_column: str | None
    label_column: str
    normal_rows: int | None
    normal_ranges: tuple[tuple[int, int], ...]
    normal_column: str | None
    train: Path | None
    model: str
    window: int | None
    settings: tuple[tuple[str, Any], ...]
    seed: int | None
    every: str | None
    buffer: int
    plots: Path | None
    as_json: bool

    def __post_init__(self) -> None:
        ways = (
            self.normal_rows is not None,
            bool(self.normal_ranges),
            self.normal_column,
            self.train,
        )
        if sum(map(bool, ways)) != 1:
            raise click.UsageError(
                "say in exactly one way which rows are normal: --normal-rows, --normal-range, "
                "--normal-column or --train."
            )


class SettingType(click.ParamType[tuple[str, Any]]):
    """`threshold.kind=quantile`: a dotted key of the detector, and its value as in YAML."""

    name = "key=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        """Part at the first `=`."""
        if isinstance(value, tuple):
            return value
        key, separator, text = str(value).partition("=")
        if not separator or not all(key.split(".")):
            self.fail(f"expected key=value such as model.epochs=30, got {value!r}", param, ctx)
        try:
            return key, yaml.safe_load(text)
        except yaml.YAMLError:
            self.fail(f"the value of {key} is not YAML: {text!r}", param, ctx)


class RangeType(click.ParamType[tuple[int, int]]):
    """`2026-03-01..2026-03-08T12:00`: half-open, in UTC unless a zone is named."""

    name = "A..B"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Read both ends as nanoseconds."""
        if isinstance(value, tuple):
            return value
        start, separator, stop = str(value).partition("..")
        if not separator:
            self.fail(f"expected A..B such as 2026-03-01..2026-03-08, got {value!r}", param, ctx)
        try:
            return parse_time(start), parse_time(stop)
        except ValueError as error:
            self.fail(str(error), param, ctx)


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
