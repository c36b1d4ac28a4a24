"""A file of any format to chunks of arrays: look at the front, decide, then read to the end."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from backend.exceptions import ImportFileError
from backend.importers.columns import Column, Layout, arrange
from backend.importers.converting import CellReader, Chunk, Converter, TextColumn
from backend.importers.csv_files import read_csv
from backend.importers.detecting import SAMPLE, detect
from backend.importers.numbers import NumberColumn
from backend.importers.options import ReadingOptions
from backend.importers.parquet_files import MAGIC, ParquetSource
from backend.importers.rows import Rows
from backend.importers.sources import Source
from backend.ports import Progress
from backend.services.importing import FileReport, refuse_bad_rows

_LEARNED_ROWS = 2_000
"""Rows from the front by which a column is known to hold numbers, and in which unit."""


@dataclass(frozen=True)
class OpenTable:
    """A file whose columns are understood.

    Attributes:
        layout: which column is what.
        numbers: how each column of numbers is read.
        texts: columns that hold text, with an example of it.
        chunks: the rows, to be walked once; that fills `report`.
        report: what was found out and what went wrong.
    """

    layout: Layout
    numbers: dict[Column, NumberColumn]
    texts: dict[Column, str]
    chunks: Iterator[Chunk]
    report: FileReport


@dataclass(frozen=True)
class _Raw:
    """A file before its columns are understood: header, rows, and how numbers are written."""

    names: tuple[str, ...]
    rows: Iterator[Rows]
    decimal: str = "."
    grouped: bool = True
    counted_as: str = "row"


@contextmanager
def open_table(path: Path, options: ReadingOptions, progress: Progress) -> Iterator[OpenTable]:
    """Open a CSV (plain or gzipped) or Parquet file and understand its columns.

    Raises:
        ImportFileError: the file cannot be read, is empty, or its columns cannot be understood;
            the same while its chunks are walked.
        ConfigurationError: an option is wrong.
    """
    try:
        with _raw(path, options, progress) as raw:
            yield _understood(raw, options, FileReport(str(path)))
    except ImportFileError as error:
        if str(path) in str(error):
            raise
        raise ImportFileError(f"{path}: {error}") from error


@contextmanager
def _raw(path: Path, options: ReadingOptions, progress: Progress) -> Iterator[_Raw]:
    with Source(path) as source:
        sample = source.read(SAMPLE)
    if sample.startswith(MAGIC):
        with ParquetSource(path) as parquet:
            yield _Raw(parquet.names, parquet.rows(progress))
        return
    dialect = detect(sample, len(sample) < SAMPLE, options)
    with Source(path) as source:
        rows = _reported(read_csv(source, dialect), source, progress)
        yield _Raw(dialect.names, rows, dialect.decimal, dialect.grouped, "line")


def _reported(rows: Iterator[Rows], source: Source, progress: Progress) -> Iterator[Rows]:
    for some in rows:
        yield some
        progress(source.share, "reading")


def _understood(raw: _Raw, options: ReadingOptions, report: FileReport) -> OpenTable:
    """Decide by the first rows, then convert these and all that follow."""
    first = next(raw.rows, None)
    if first is None:
        raise ImportFileError("The file holds a header but no row; expected values below it.")
    if not len(first):
        report.add_problems(list(first.problems), len(first.problems))
        refuse_bad_rows(report, "no row fits the header.")
    layout = arrange(raw.names, first, options)
    numbers, texts = _learned(layout, first, raw)
    report.notes.append(layout.stamps.note)
    if raw.decimal == ",":
        report.notes.append("numbers have a decimal comma")
    converter = Converter(_readers(layout, numbers, texts), raw.counted_as)
    chunks = _converted(converter, chain([first], raw.rows), report)
    return OpenTable(layout, numbers, texts, chunks, report)


def _learned(
    layout: Layout, first: Rows, raw: _Raw
) -> tuple[dict[Column, NumberColumn], dict[Column, str]]:
    """Part the remaining columns into numbers, and text with an example."""
    numbers: dict[Column, NumberColumn] = {}
    texts: dict[Column, str] = {}
    for column in layout.others:
        cells = first.columns[column.index].slice(0, _LEARNED_ROWS)
        reader = NumberColumn(column.header, raw.decimal, raw.grouped)
        text = reader.learn(cells)
        if text is None:
            numbers[column] = reader
        else:
            texts[column] = text
    return numbers, texts


def _readers(
    layout: Layout, numbers: dict[Column, NumberColumn], texts: dict[Column, str]
) -> list[tuple[Column, CellReader]]:
    parting = [*layout.tags, *([layout.series] if layout.series else [])]
    return [
        (layout.time, layout.stamps),
        *numbers.items(),
        *((column, TextColumn(required=True)) for column in parting),
        *((column, TextColumn(required=False)) for column in texts),
    ]


def _converted(converter: Converter, parts: Iterable[Rows], report: FileReport) -> Iterator[Chunk]:
    for rows in parts:
        chunk = converter.convert(rows)
        report.add_problems(chunk.problems, chunk.bad_rows)
        report.rows += chunk.rows
        yield chunk
