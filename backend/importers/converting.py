"""Rows of cells to arrays, column by column; a wrong cell makes its row a problem."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from backend.importers.columns import Column
from backend.importers.numbers import Bad, is_missing
from backend.importers.rows import Rows
from backend.services.importing import SHOWN_PROBLEMS, RowProblem


class CellReader(Protocol):
    """Reads the cells of one column: times, numbers or text."""

    def read(self, cells: pa.Array) -> tuple[Any, Bad]:
        """Give an array of values and mark the cells that are wrong."""
        ...

    def explain(self, cell: str) -> str:
        """Say what is wrong with a cell that `read` marked."""
        ...


class TextColumn:
    """Cells kept as text; an empty one is wrong where each row needs one."""

    def __init__(self, *, required: bool) -> None:
        self._required = required

    def read(self, cells: pa.Array) -> tuple[Any, Bad]:
        """Give the trimmed texts, None where missing."""
        texts = cells if pa.types.is_string(cells.type) else pc.cast(cells, pa.string())
        missing = is_missing(texts)
        kept = pc.if_else(missing, None, pc.utf8_trim_whitespace(texts))
        nothing = missing.to_numpy(zero_copy_only=False)
        bad = nothing if self._required else np.zeros(len(cells), bool)
        return kept.to_numpy(zero_copy_only=False), bad

    def explain(self, cell: str) -> str:
        """Say what is wrong with a cell that `read` marked."""
        return f"expected a name, got {cell!r}"


@dataclass(frozen=True)
class Chunk:
    """Rows that could be read, and the wrong ones among them.

    Attributes:
        columns: (T,) values a header; int64 times, float64 numbers, object texts.
        rows: T.
        problems: the first wrong rows, by line.
        bad_rows: how many are wrong.
    """

    columns: Mapping[str, Any]
    rows: int
    problems: list[RowProblem]
    bad_rows: int


class Converter:
    """Converts all rows of one file in the same way."""

    def __init__(self, readers: Sequence[tuple[Column, CellReader]], counted_as: str) -> None:
        """Take what reads each column, and what a row is counted in: line or row."""
        self._readers = readers
        self._counted_as = counted_as

    def convert(self, rows: Rows) -> Chunk:
        """Read all cells; rows without any content are passed over.

        Raises:
            ImportFileError: a column's numbers are scaled differently from cell to cell.
        """
        values, wrong = {}, {}
        for column, reader in self._readers:
            values[column.header], wrong[column] = reader.read(rows.columns[column.index])
        unusable = np.logical_or.reduce(list(wrong.values()))
        bad = unusable & ~_blank(rows) if unusable.any() else unusable
        if unusable.any():
            values = {name: array[~unusable] for name, array in values.items()}
        return Chunk(
            values,
            len(rows) - int(unusable.sum()),
            self._problems(rows, bad, wrong),
            int(bad.sum()) + len(rows.problems),
        )

    def _problems(self, rows: Rows, bad: Bad, wrong: Mapping[Column, Bad]) -> list[RowProblem]:
        found = list(rows.problems)
        for row in np.flatnonzero(bad)[:SHOWN_PROBLEMS].tolist():
            column, reader = next(pair for pair in self._readers if wrong[pair[0]][row])
            value = rows.columns[column.index][row].as_py()
            cell = "" if value is None else str(value)
            said = reader.explain(cell) if cell.strip() else "is empty"
            line = int(rows.lines[row])
            found.append(RowProblem(line, column.header, said, self._counted_as))
        return sorted(found, key=lambda problem: problem.line)


def _blank(rows: Rows) -> Bad:
    """Rows of nothing but separators, such as spreadsheets leave at the end."""
    empty = [is_missing(column).to_numpy(zero_copy_only=False) for column in rows.columns]
    blank: Bad = np.logical_and.reduce(empty)
    return blank
