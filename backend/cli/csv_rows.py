"""Rows of a CSV that a person wrote: all of them, or why not, line by line."""

import csv
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from backend.exceptions import ImportFileError

Row = TypeVar("Row")

_SHOWN = 20


@dataclass(frozen=True)
class Reading(Generic[Row]):
    """How rows are read.

    Attributes:
        needed: columns that have to be there.
        expected: which columns are known, as a part of a sentence.
        row: makes something of a row and its line; a `ValueError` says what is wrong with it.
    """

    needed: Collection[str]
    expected: str
    row: Callable[[Mapping[str, str | None], int], Row]


def read_rows(file: Path, reading: Reading[Row]) -> tuple[list[Row], list[str]]:
    """Read every row of a CSV in UTF-8 with a header, and the names of its columns.

    Raises:
        ImportFileError: with every row that cannot be read, by its line.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            return _read(csv.DictReader(stream), file, reading)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ImportFileError(f"{file} is not CSV in UTF-8: {error}.") from error
    except OSError as error:
        raise ImportFileError(f"{file} cannot be read: {error.strerror}.") from error


def _read(
    reader: "csv.DictReader[str]", file: Path, reading: Reading[Row]
) -> tuple[list[Row], list[str]]:
    columns = list(reader.fieldnames or ())
    if lacking := sorted(set(reading.needed) - set(columns)):
        raise ImportFileError(
            f"{file} lacks the column {lacking[0]!r}: expected {reading.expected}."
        )
    rows, wrong = [], []
    for row in reader:
        try:
            rows.append(reading.row(row, reader.line_num))
        except ValueError as error:
            wrong.append(f"  line {reader.line_num}: {error}")
    if wrong:
        more = [f"  and {len(wrong) - _SHOWN} more"] if len(wrong) > _SHOWN else []
        raise ImportFileError(
            "\n".join([f"{file}: {len(wrong)} rows cannot be read", *wrong[:_SHOWN], *more])
        )
    return rows, columns
