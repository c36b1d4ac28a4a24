"""Labels as CSV: start, stop, kind, detector, tags, note."""

import csv
import re
from collections.abc import Iterable, Mapping
from io import StringIO

from backend.records import Label, LabelDraft, LabelKind, parse_series_key, series_key
from backend.services.csv_rows import Reading, read_csv_rows
from backend.services.label_choices import Choices
from backend.specs.times import format_time, parse_time

_FORMULA = re.compile(r"'*\s*[=+\-@\t\r\n\uff0b\uff0d\uff1d\uff20]")
"""What begins a formula; with apostrophes before it, so that those that were there stay."""
COLUMNS = ("start", "stop", "kind", "detector", "tags", "note")


def write_csv(labels: Iterable[Label]) -> str:
    """Labels as text that `read_csv` reads back."""
    stream = StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")  # so that a lone \r is quoted, too
    writer.writerow(COLUMNS)
    for label in labels:
        times = format_time(label.start), format_time(label.stop)
        tags = series_key(label.tags)
        writer.writerow([*times, label.kind, label.detector, _marked(tags), _marked(label.note)])
    return stream.getvalue()


def read_csv(text: str, name: str, choices: Choices) -> list[LabelDraft]:
    """Read labels of a CSV with a header.

    Args:
        text: the file.
        name: of the file, for messages.
        choices: for what a row does not say.

    Raises:
        ImportFileError: with every row that cannot be read, by its line.
    """
    needed = {"start", "stop"} if choices.kind else {"start", "stop", "kind"}
    reading = Reading(needed, ", ".join(COLUMNS), lambda row, line: _draft(row, choices))
    return read_csv_rows(StringIO(text, newline=""), name, reading)[0]


def _draft(row: Mapping[str, str | None], choices: Choices) -> LabelDraft:
    cells = {column: (row.get(column) or "").strip() for column in COLUMNS}
    kind = cells["kind"] or choices.kind or ""
    if kind not in set(LabelKind):
        raise ValueError(f"expected the kind {', '.join(LabelKind)}, got {kind!r}")
    zone = choices.zone_or_utc
    start, stop = parse_time(cells["start"], zone), parse_time(cells["stop"], zone)
    tags = parse_series_key(_unmarked(cells["tags"])) or choices.tags
    named = choices.detector_of(cells["detector"])
    return LabelDraft(named, LabelKind(kind), start, stop, tags, _unmarked(row.get("note") or ""))


def _marked(text: str) -> str:
    """Text that a spreadsheet does not take for a formula: an apostrophe goes before such a one."""
    return f"'{text}" if _FORMULA.match(text) else text


def _unmarked(text: str) -> str:
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text
