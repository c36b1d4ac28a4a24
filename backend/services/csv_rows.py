"""Rows of a CSV that a person wrote: all of them, or why not, line by line."""

import csv
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TextIO, TypeVar

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


def read_csv_rows(stream: TextIO, name: str, reading: Reading[Row]) -> tuple[list[Row], list[str]]:
    """Read every row of a CSV with a header, and the names of its columns.

    Args:
        stream: the text, opened without translation of line ends.
        name: of the file, for messages.
        reading: how.

    Raises:
        ImportFileError: with every row that cannot be read, by its line.
    """
    try:
        return _read(csv.DictReader(stream), name, reading)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ImportFileError(f"{name} is not CSV in UTF-8: {error}.") from error


def _read(
    reader: "csv.DictReader[str]", name: str, reading: Reading[Row]
) -> tuple[list[Row], list[str]]:
    columns = list(reader.fieldnames or ())
    if lacking := sorted(set(reading.needed) - set(columns)):
        raise ImportFileError(
            f"{name} lacks the column {lacking[0]!r}: expected {reading.expected}."
        )
    rows, wrong = [], []
    for row in reader:
        try:
            rows.append(reading.row(row, reader.line_num))
        except ValueError as error:
            wrong.append(f"  line {reader.line_num}: {error}")
    if wrong:
        raise unreadable(name, "rows", wrong)
    return rows, columns


def unreadable(name: str, things: str, wrong: Sequence[str]) -> ImportFileError:
    """The error that tells of everything in a file that cannot be read, or of the first twenty."""
    more = [f"  and {len(wrong) - _SHOWN} more"] if len(wrong) > _SHOWN else []
    told = f"{name}: {len(wrong)} {things} cannot be read"
    return ImportFileError("\n".join([told, *wrong[:_SHOWN], *more]))
