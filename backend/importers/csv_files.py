"""CSV to rows: a quick way for blocks without a fault, a careful one that knows every line."""

import csv
import io
import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from backend.importers.detecting import Dialect
from backend.importers.rows import Rows
from backend.importers.sources import Block, Source, count_lines, read_blocks
from backend.services.importing import RowProblem

_LONGEST_CELL = 200
"""Lines that one row may span; a quote left open does not swallow more than these."""


def read_csv(source: Source, dialect: Dialect) -> Iterator[Rows]:
    """Read rows block by block, so that memory does not grow with the file.

    Raises:
        ImportFileError: the bytes cannot be read or are not of the encoding.
    """
    for block in read_blocks(source, dialect.encoding, dialect.header_lines):
        yield _quick(block, dialect) or _careful(block, dialect)


def _quick(block: Block, dialect: Dialect) -> Rows | None:
    """Read a block in one go; None unless every line is exactly one whole row."""
    data, names = block.data, [str(i) for i in range(len(dialect.names))]
    quoted = b'"' in data
    if b"\0" in data or (quoted and _stray_quote(dialect.separator).search(data)):
        return None
    try:
        table = pacsv.read_csv(
            io.BytesIO(data),
            pacsv.ReadOptions(column_names=names, block_size=len(data) + 1),
            pacsv.ParseOptions(delimiter=dialect.separator, newlines_in_values=quoted),
            pacsv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
        )
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return None
    lines = count_lines(data) + (not data.endswith((b"\n", b"\r")))
    if table.num_rows != lines:
        return None
    columns = [column.combine_chunks() for column in table.columns]
    return Rows(columns, np.arange(block.line, block.line + lines))


def _stray_quote(separator: str) -> re.Pattern[bytes]:
    """A quote inside a cell that is neither doubled nor at its edge."""
    other = b"[^" + re.escape(separator.encode()) + b'\\r\\n"]'
    return re.compile(other + b'"' + other)


def _careful(block: Block, dialect: Dialect) -> Rows:
    """Read a block row by row; rows that do not fit the header become problems."""
    width, lines, problems = len(dialect.names), [], []
    columns: list[list[str]] = [[] for _ in dialect.names]
    for line, cells in _parted(block, dialect.separator):
        fitted = _fitted(cells, dialect.names) if isinstance(cells, list) else None
        if isinstance(cells, str):
            problems.append(RowProblem(line, None, cells))
        elif fitted is None:
            problems.append(RowProblem(line, None, f"expected {width} cells, got {len(cells)}"))
        elif fault := _fault(fitted):
            problems.append(RowProblem(line, None, fault))
        else:
            lines.append(line)
            for column, cell in zip(columns, fitted, strict=True):
                column.append(cell)
    arrays = [pa.array(column, pa.string()) for column in columns]
    return Rows(arrays, np.array(lines, np.int64), tuple(problems))


def _parted(block: Block, separator: str) -> Iterator[tuple[int, list[str] | str]]:
    """Line and cells of each row that is not blank, or line and what is wrong with it."""
    text = block.data.decode("utf-8", "surrogateescape")
    lines = _Lines(list(io.StringIO(text, newline="")))
    while not lines.ended:
        start = lines.at
        lines.taken = 0
        try:
            cells = next(csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True))
        except csv.Error as error:
            lines.at = start + 1
            yield block.line + start, f"the quotes do not fit ({error})"
            continue
        if cells and (len(cells) > 1 or cells[0].strip()):
            yield block.line + start, cells


class _Lines:
    """Lines for a CSV reader, which can be put back and gives few of them to one row."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self.at = 0
        self.taken = 0

    @property
    def ended(self) -> bool:
        return self.at >= len(self._lines)

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if self.ended or self.taken >= _LONGEST_CELL:
            raise StopIteration
        self.at, self.taken = self.at + 1, self.taken + 1
        return self._lines[self.at - 1]


def _fitted(cells: list[str], names: tuple[str, ...]) -> list[str] | None:
    """The cells as wide as the header; a trailing separator may stand in either of them."""
    if len(cells) == len(names):
        return cells
    if len(cells) == len(names) + 1 and not cells[-1].strip():
        return cells[:-1]
    if len(cells) == len(names) - 1 and not names[-1]:
        return [*cells, ""]
    return None


def _fault(cells: list[str]) -> str | None:
    row = "".join(cells)
    if "\0" in row:
        return "holds a NUL byte; this part of the file is damaged"
    if not row.isascii() and any("\udc80" <= letter <= "\udcff" for letter in row):
        return "holds bytes that are not UTF-8; say --encoding if the whole file is another"
    return None
