"""Which column is what: time, tags, fields, the long form; and the names they get."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from backend.exceptions import ImportFileError
from backend.importers.numbers import is_missing, unit_of_name
from backend.importers.options import ReadingOptions
from backend.importers.rows import Rows
from backend.importers.times import Stamps, understand

_TIME_NAMES = (
    "time", "_time", "timestamp", "datetime", "date", "ts", "zeit", "zeitstempel", "datum",
    "시간", "시각", "일시", "날짜", "時刻", "日時", "时间", "__index_level_0__",
)  # fmt: skip
_SERIES_NAMES = ("series", "metric")
_VALUE_NAME = "value"


@dataclass(frozen=True)
class Column:
    """A column of the file: where it stands and its header."""

    index: int
    header: str


@dataclass(frozen=True)
class Layout:
    """Which column is what.

    Attributes:
        time: the times.
        stamps: how to read them.
        others: columns of numbers, or of text where text is wanted.
        tags: columns whose text parts the rows into series.
        series: in Grafana's long form the column that names the field of each row.
    """

    time: Column
    stamps: Stamps
    others: tuple[Column, ...]
    tags: tuple[Column, ...] = ()
    series: Column | None = None


def arrange(names: Sequence[str], rows: Rows, options: ReadingOptions) -> Layout:
    """Decide from the header and the first rows which column is what.

    Raises:
        ImportFileError: names are double, asked for but absent, or there is no time column.
    """
    live = _live(names, rows)
    _refuse_double(live)
    time, stamps = _time(live, rows, options)
    rest = [column for column in live if column != time]
    tags = tuple(find(rest, name) for name in options.tag_columns)
    rest = [column for column in rest if column not in tags]
    series = _series(rest)
    if series is not None:
        value = tuple(column for column in rest if column != series)
        return Layout(time, stamps, value, tags, series)
    dropped = [find(rest, name) for name in options.drop]
    others = tuple(column for column in rest if column not in dropped)
    if not others:
        raise ImportFileError(
            f"There is no column beside the time{' and tags' if tags else ''}; expected a column "
            "of numbers."
        )
    return Layout(time, stamps, others, tags)


def find(columns: Iterable[Column], name: str) -> Column:
    """The column of this header, or of this name without its unit.

    Raises:
        ImportFileError: there is none; the message names those there are.
    """
    columns = list(columns)
    for column in columns:
        if column.header == name:
            return column
    plain = [column for column in columns if unit_of_name(column.header)[0] == name]
    if len(plain) == 1:
        return plain[0]
    known = ", ".join(repr(column.header) for column in columns)
    raise ImportFileError(f"There is no column {name!r} for this use; expected one of {known}.")


def field_names(layout: Layout, rename: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """What the columns of numbers are called in the store, and the units taken off their names.

    Raises:
        ImportFileError: a column to rename is absent, or two fields or tags get the same name.
    """
    targets = {find((*layout.others, *layout.tags), old): new for old, new in rename.items()}
    plain = Counter(unit_of_name(column.header)[0] for column in layout.others)
    names, units = [], {}
    for column in layout.others:
        name, unit = unit_of_name(column.header)
        # `T (°C)` and `T (°F)` side by side keep their units, or they would be one field
        name, unit = (name, unit) if plain[name] == 1 else (column.header, None)
        names.append(targets.get(column, name))
        if unit:
            units[names[-1]] = unit
    return names, units


def tag_names(layout: Layout, rename: Mapping[str, str]) -> list[str]:
    """What the tag columns are called in the store."""
    return [rename.get(column.header, column.header) for column in layout.tags]


def refuse_unusable(fields: Sequence[str], tags: Sequence[str]) -> None:
    """Refuse names that no store can tell apart or keep.

    Raises:
        ImportFileError: with the names.
    """
    double = [name for name, count in Counter([*fields, *tags]).items() if count > 1]
    if double:
        raise ImportFileError(
            f"More than one column would be called {_listed(double)}; give them names with "
            "--rename OLD=NEW or leave some out with --drop."
        )
    wrong = [name for name in (*fields, *tags) if not name or name == "time"]
    if wrong:
        raise ImportFileError(
            f"A field or tag cannot be called {wrong[0]!r}; name it with --rename OLD=NEW."
        )


def _live(names: Sequence[str], rows: Rows) -> list[Column]:
    """Columns without those that a trailing separator makes; a nameless one gets its number."""
    columns = []
    for index, name in enumerate(names):
        if name or not (len(rows) and pc.all(is_missing(rows.columns[index])).as_py()):
            columns.append(Column(index, name or f"column {index + 1}"))
    return columns


def _refuse_double(columns: Sequence[Column]) -> None:
    counts = Counter(column.header for column in columns)
    double = [name for name, count in counts.items() if count > 1]
    if double:
        raise ImportFileError(
            f"The header names {_listed(double)} more than once; give each column a name of its "
            "own in the file."
        )


def _time(columns: list[Column], rows: Rows, options: ReadingOptions) -> tuple[Column, Stamps]:
    """The column asked for; else one with a telling name or type; else the first."""
    if options.time_column is not None:
        column = find(columns, options.time_column)
        return column, _understood(column, rows, options)
    typed = [c for c in columns if pa.types.is_timestamp(rows.columns[c.index].type)]
    named = [c for want in _TIME_NAMES for c in columns if c.header.lower() == want]
    for column in (*typed, *named, *columns[:1]):
        stamps = understand(rows.columns[column.index], options)
        if stamps is not None:
            return column, stamps
    if named:
        return named[0], _understood(named[0], rows, options)
    known = ", ".join(repr(column.header) for column in columns)
    raise ImportFileError(f"No column holds times among {known}; say --time-column NAME.")


def _understood(column: Column, rows: Rows, options: ReadingOptions) -> Stamps:
    cells = rows.columns[column.index]
    stamps = understand(cells, options)
    if stamps is None:
        shown = next((str(cell) for cell in cells.to_pylist() if cell not in (None, "")), "")
        raise ImportFileError(
            f"Column {column.header!r} holds no times (such as {shown!r}); expected 2024-01-05 "
            "13:00:00, epoch numbers, or a pattern said by --time-format."
        )
    return stamps


def _series(columns: Sequence[Column]) -> Column | None:
    """The naming column of Grafana's long form: Series (or Metric), Time, Value, nothing else."""
    if len(columns) != 2 or _VALUE_NAME not in (c.header.lower() for c in columns):
        return None
    return next((c for c in columns if c.header.lower() in _SERIES_NAMES), None)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names)
