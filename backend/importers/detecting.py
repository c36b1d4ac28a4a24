"""How a CSV file is written: encoding, separator line, separator, header, decimal mark."""

import codecs
import contextlib
import csv
import io
import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from backend.exceptions import ImportFileError
from backend.importers.options import ReadingOptions

SAMPLE = 256 * 1024
"""Bytes from the front of a file that the decisions rest on."""

_SEPARATORS = (",", ";", "\t", "|")
_SEPARATOR_LINE = re.compile(r'"?sep=(?P<mark>.)"?[\s,;|]*', re.IGNORECASE)
_SAMPLE_ROWS = 300

# Cells with a unit count too; what stands before the unit decides.
_COMMA_DECIMAL = re.compile(r"[+-]?(\d{1,3}([. \u00a0\u202f']\d{3})+,\d+|\d+,\d+)(\s*[^\s\d.,]*)?")
_DOT_DECIMAL = re.compile(r"[+-]?(\d{1,3}([, \u00a0\u202f']\d{3})+\.\d+|\d*\.\d+)(\s*[^\s\d.,]*)?")
_COMMA_GROUPS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\s*[^\s\d.,]*)?")
_DOT_GROUPS = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+(\s*[^\s\d.,]*)?")
_VALUE = re.compile(r"[+-]?[\d.,]+([eE][+-]?\d+)?|\d{4}-\d\d-\d\d[T ].*")


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written.

    Attributes:
        encoding: `utf-8`, or another that Python knows.
        separator: between cells.
        names: header cells, trimmed.
        header_lines: physical lines up to and with the header.
        decimal: `.` or `,`.
        grouped: whether the other mark may part thousands.
    """

    encoding: str
    separator: str
    names: tuple[str, ...]
    header_lines: int
    decimal: str
    grouped: bool


def detect(sample: bytes, whole: bool, options: ReadingOptions) -> Dialect:
    """Find out how a file is written from its first bytes.

    Args:
        sample: up to `SAMPLE` bytes from the front.
        whole: whether the sample is all of the file.
        options: what the person said; wins over what the file suggests.

    Raises:
        ImportFileError: no header, no separator, not text, or numbers that could be read two ways.
    """
    _refuse_foreign(sample)
    encoding = _said_encoding(options) or _encoding(sample)
    lines = _lines(_decode(sample, encoding), whole)
    start = next((i for i, line in enumerate(lines) if line.strip()), None)
    if start is None:
        raise ImportFileError("The file is empty; expected a header line and rows.")
    said = _SEPARATOR_LINE.fullmatch(lines[start].rstrip("\r\n"))
    first = start + 1 if said else start
    separator = options.separator or (said["mark"] if said else _separator(lines[first:]))
    reader = csv.reader(lines[first:], delimiter=separator)
    names = _header(reader)
    header_lines = first + reader.line_num
    rows = _sample_rows(reader)
    decimal, grouped = _decimal(rows, separator, options)
    return Dialect(encoding, separator, names, header_lines, decimal, grouped)


def _refuse_foreign(sample: bytes) -> None:
    if sample.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise ImportFileError("The file is a workbook or zip archive; save the sheet as CSV first.")
    if sample.lstrip(b"\xef\xbb\xbf").startswith((b"#group", b"#datatype", b"#default")):
        raise ImportFileError(
            "The file is annotated CSV of InfluxDB; export it without annotations, or from Grafana."
        )


def _encoding(sample: bytes) -> str:
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    half = max(len(sample) // 2, 1)
    if sample[1::2].count(0) > 0.4 * half:
        return "utf-16-le"
    if sample[0::2].count(0) > 0.4 * half:
        return "utf-16-be"
    return "utf-8"


def _said_encoding(options: ReadingOptions) -> str | None:
    """The encoding asked for; a byte order mark goes with the header line and needs no name."""
    name = codecs.lookup(options.encoding).name if options.encoding else None
    return "utf-8" if name == "utf-8-sig" else name


def _decode(sample: bytes, encoding: str) -> str:
    if encoding == "utf-8":
        return codecs.getincrementaldecoder("utf-8-sig")("surrogateescape").decode(sample)
    return codecs.getincrementaldecoder(encoding)("replace").decode(sample)


def _lines(text: str, whole: bool) -> list[str]:
    lines = list(io.StringIO(text, newline=""))
    return lines if whole or len(lines) < 2 else lines[:-1]


def _separator(lines: list[str]) -> str:
    if not lines:
        raise ImportFileError("The file holds no header line.")
    found = {mark: _fit(lines[:50], mark) for mark in _SEPARATORS}
    best = max(found, key=lambda mark: found[mark])
    if found[best][1] < 2:
        raise ImportFileError(
            f"The first line {lines[0].strip()[:60]!r} has no separator among , ; tab |; expected "
            "a header with a time column and at least one more, or say --separator."
        )
    return best


def _fit(lines: list[str], mark: str) -> tuple[float, int]:
    """How well rows are as wide as the header (0 to 1), and that width; 0 for a single cell."""
    try:
        widths = [len(row) for row in csv.reader(lines, delimiter=mark) if row]
    except csv.Error:
        return 0.0, 0
    if not widths or widths[0] < 2:
        return 0.0, 0
    header = widths[0]
    # a separator at the end of all rows or of the header alone is half a fit
    fits = sum(1.0 if w == header else 0.5 * (abs(w - header) == 1 and w > 1) for w in widths)
    return fits / len(widths), header


def _header(reader: Iterable[list[str]]) -> tuple[str, ...]:
    try:
        cells = next((row for row in reader if any(cell.strip() for cell in row)), None)
    except csv.Error as error:
        raise ImportFileError(f"The header line cannot be read ({error}).") from error
    if cells is None:
        raise ImportFileError("The file holds no header line.")
    names = tuple(" ".join(cell.replace("\0", "").split()) for cell in cells)
    if any("\udc80" <= letter <= "\udcff" for name in names for letter in name):
        raise ImportFileError(
            "The header line is not UTF-8; say how the file is encoded, for example "
            "--encoding cp1252 (Western Europe) or cp949 (Korea)."
        )
    if sum(bool(_VALUE.fullmatch(name)) for name in names) * 2 > len(names):
        raise ImportFileError(
            f"The first line holds values ({', '.join(names[:4])}), not names; add a header line."
        )
    return names


def _sample_rows(reader: Iterable[list[str]]) -> list[list[str]]:
    rows: list[list[str]] = []
    # the rows before a damaged one are enough; it is reported when it is parsed
    with contextlib.suppress(csv.Error):
        rows.extend(itertools.islice(reader, _SAMPLE_ROWS))
    return rows


def _decimal(rows: list[list[str]], separator: str, options: ReadingOptions) -> tuple[str, bool]:
    """The decimal mark, and whether it is sure enough to take the other for thousands."""
    if options.decimal:
        return options.decimal, True
    cells = {cell.strip() for row in rows for cell in row}
    commas = {cell for cell in cells if _COMMA_DECIMAL.fullmatch(cell)}
    dots = {cell for cell in cells if _DOT_DECIMAL.fullmatch(cell)}
    sure_commas = {cell for cell in commas if not _COMMA_GROUPS.fullmatch(cell)}
    sure_dots = {cell for cell in dots if not _DOT_GROUPS.fullmatch(cell)}
    if sure_commas or sure_dots:
        return (",", True) if len(sure_commas) > len(sure_dots) else (".", True)
    if commas and separator != ",":
        return ",", not dots
    if commas:
        raise ImportFileError(
            f"{min(commas)!r} may be a thousand or a decimal; say --decimal . or --decimal ,"
        )
    return ".", False
