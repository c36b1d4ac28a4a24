"""Import: a file that was read without a mistake goes into the store, all of it or nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from backend.exceptions import (
    ImportFileError,
    InputError,
    NoData,
    PartialWrite,
    StoreRefused,
    StoreUnavailable,
)
from backend.ports import Points, Progress, SeriesStore

SHOWN_PROBLEMS = 20
"""Wrong rows that are shown one by one; the rest is counted."""

BATCH_ROWS = 20_000
"""Rows handed to the store at once."""


@dataclass(frozen=True)
class RowProblem:
    """Why a row of a file cannot be read: its physical line (in Parquet its row) and column."""

    line: int
    column: str | None
    message: str
    counted_as: str = "line"

    def __str__(self) -> str:
        place = f"{self.counted_as} {self.line}"
        return (
            f"{place}, column {self.column!r}: {self.message}"
            if self.column
            else (f"{place}: {self.message}")
        )


@dataclass
class FileReport:
    """What reading a file brought.

    Attributes:
        file: its path as given.
        rows: rows that could be read.
        bad_rows: rows that could not.
        problems: the first `SHOWN_PROBLEMS` of those.
        empty_rows: rows without any value; they are not written.
        duplicates: rows replaced by a later one of the same series and time.
        unsorted: whether times ran backwards, so that rows were sorted.
        units: field to the unit that was taken off its name or its values.
        notes: how the file was understood, a sentence each.
    """

    file: str
    rows: int = 0
    bad_rows: int = 0
    problems: list[RowProblem] = field(default_factory=list)
    empty_rows: int = 0
    duplicates: int = 0
    unsorted: bool = False
    units: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add_problems(self, problems: list[RowProblem], count: int) -> None:
        """Count wrong rows and keep the first ones."""
        self.bad_rows += count
        room = SHOWN_PROBLEMS - len(self.problems)
        self.problems.extend(problems[: max(room, 0)])


class ParsedFile(Protocol):
    """A file read to its end, ready to be written."""

    report: FileReport
    fields: tuple[str, ...]
    series: int
    rows: int
    """To be written: read, not empty, the last of equal times."""
    start: int
    last: int
    """First and last time, nanoseconds; both 0 when there is no row."""

    def points(self, rows: int) -> Iterator[Points]:
        """Rows by series and ascending time, at most `rows` at once."""
        ...


@dataclass(frozen=True)
class ImportSummary:
    """What was imported, or would be."""

    measurement: str
    written: bool
    rows: int
    series: int
    fields: tuple[str, ...]
    start: int
    last: int
    report: FileReport

    def plain(self) -> dict[str, Any]:
        """The summary as JSON-ready values."""
        report = self.report
        return {
            "file": report.file,
            "measurement": self.measurement,
            "written": self.written,
            "rows": self.rows,
            "series": self.series,
            "fields": list(self.fields),
            "units": dict(report.units),
            "start_ns": self.start,
            "last_ns": self.last,
            "skipped_rows": report.bad_rows,
            "problems": [str(problem) for problem in report.problems],
            "empty_rows": report.empty_rows,
            "duplicate_rows": report.duplicates,
            "sorted": report.unsorted,
            "notes": list(report.notes),
        }


def count_rows(count: int) -> str:
    """Write a number of rows for people."""
    return "1 row" if count == 1 else f"{count} rows"


def refuse_bad_rows(report: FileReport, remedy: str) -> None:
    """Raise if a row could not be read, showing the first ones.

    Raises:
        ImportFileError: with the wrong rows and the remedy.
    """
    if not report.bad_rows:
        return
    shown = [f"  {problem}" for problem in report.problems]
    more = report.bad_rows - len(report.problems)
    shown += [f"  … and {more} more"] if more > 0 else []
    raise ImportFileError(
        "\n".join(
            [f"{count_rows(report.bad_rows)} of {report.file} cannot be read; {remedy}", *shown]
        )
    )


def import_file(
    parsed: ParsedFile,
    measurement: str,
    store: SeriesStore | None,
    progress: Progress,
    *,
    skip_bad_rows: bool = False,
) -> ImportSummary:
    """Write a file's rows to the store, or only check it when there is none.

    Writing the same file again is safe: rows at the same time overwrite themselves.

    Raises:
        ImportFileError: a row is wrong and wrong rows may not be skipped; nothing was written.
        InputError: the measurement has no name.
        NoData: the file holds no value at all.
        StoreUnavailable, StoreRefused: the message says how many rows were written before.
        PartialWrite: the store dropped rows; all others were written.
    """
    if not measurement.strip():
        raise InputError("The measurement has no name; say --measurement NAME.")
    if not skip_bad_rows:
        refuse_bad_rows(
            parsed.report,
            "nothing was imported. Correct them, or leave them out with --skip-bad-rows.",
        )
    if not parsed.rows:
        raise NoData(f"{parsed.report.file} holds no value to import; expected at least one row.")
    if store is not None:
        _write(parsed, measurement, store, progress)
    return ImportSummary(
        measurement=measurement,
        written=store is not None,
        rows=parsed.rows,
        series=parsed.series,
        fields=parsed.fields,
        start=parsed.start,
        last=parsed.last,
        report=parsed.report,
    )


def _write(parsed: ParsedFile, measurement: str, store: SeriesStore, progress: Progress) -> None:
    rows, done, dropped, said = parsed.rows, 0, 0, ""
    for batch in _batches(parsed):
        try:
            store.write(measurement, batch)
        except PartialWrite as error:
            # the rest of this batch is stored, and the next batches may be welcome
            dropped, said = dropped + error.dropped, said or str(error)
        except (StoreUnavailable, StoreRefused) as error:
            raise type(error)(
                f"{error} Of {rows} rows {done} were written before; once this is mended, "
                "import the file again, which overwrites them unchanged."
            ) from error
        done += sum(map(len, batch))
        progress(done / rows, f"{done} of {rows} rows")
    if dropped:
        raise PartialWrite(f"The store dropped {dropped} of {rows} rows: {said}", dropped)


def _batches(parsed: ParsedFile) -> Iterator[list[Points]]:
    """Gather small series, so that each call to the store carries about `BATCH_ROWS` rows."""
    batch: list[Points] = []
    for points in parsed.points(BATCH_ROWS):
        if batch and sum(map(len, batch)) + len(points) > BATCH_ROWS:
            yield batch
            batch = []
        batch.append(points)
    if batch:
        yield batch
