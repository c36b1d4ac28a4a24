"""A CSV file that a person wrote, row by row."""

from pathlib import Path
from typing import TypeVar

from backend.exceptions import ImportFileError
from backend.services.csv_rows import Reading, read_csv_rows

Row = TypeVar("Row")


def read_rows(file: Path, reading: Reading[Row]) -> tuple[list[Row], list[str]]:
    """Read every row of a CSV in UTF-8 with a header, and the names of its columns.

    Raises:
        ImportFileError: with every row that cannot be read, by its line.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            return read_csv_rows(stream, str(file), reading)
    except OSError as error:
        raise ImportFileError(f"{file} cannot be read: {error.strerror}.") from error
