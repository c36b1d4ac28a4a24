"""Labels as CSV: start, stop, kind, detector, tags, note."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TextIO

from backend.cli.csv_rows import Reading, read_rows
from backend.cli.output import iso
from backend.records import Label, LabelDraft, LabelKind, parse_series_key, series_key
from backend.settings import parse_time

COLUMNS = ("start", "stop", "kind", "detector", "tags", "note")
_NEEDED = {"start", "stop", "kind"}


def write_labels(labels: Iterable[Label], stream: TextIO) -> None:
    """Write labels so that `read_labels` reads them back."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for label in labels:
        tags = series_key(label.tags)
        times = iso(label.start), iso(label.stop)
        writer.writerow([*times, label.kind, label.detector, tags, label.note])


def read_labels(file: Path, detector: str | None) -> list[LabelDraft]:
    """Read labels.

    Args:
        file: CSV in UTF-8 with a header.
        detector: for rows that name none.

    Raises:
        ImportFileError: with every row that cannot be read, by its line.
    """
    reading = Reading(_NEEDED, ", ".join(COLUMNS), lambda row, line: _draft(row, detector))
    return read_rows(file, reading)[0]


def _draft(row: Mapping[str, str | None], detector: str | None) -> LabelDraft:
    cells = {column: (row.get(column) or "").strip() for column in COLUMNS}
    named = cells["detector"] or detector
    if not named:
        raise ValueError("no detector: fill that column, or give --detector")
    if cells["kind"] not in set(LabelKind):
        raise ValueError(f"expected the kind {', '.join(LabelKind)}, got {cells['kind']!r}")
    start, stop = parse_time(cells["start"]), parse_time(cells["stop"])
    tags = parse_series_key(cells["tags"])
    return LabelDraft(named, LabelKind(cells["kind"]), start, stop, tags, cells["note"])
