"""What every series store takes and refuses alike, checked before the first row is written.

The rules are those of InfluxDB's line protocol, so that rows move between stores without loss.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from backend.detection.grid import sparse_aggregates
from backend.exceptions import InputError, PartialWrite
from backend.ports import Aggregate, FieldKind, Floats, Points, Strings, Times
from backend.records import series_key
from backend.schema import RESULT_MEASUREMENTS, SCRATCH

# InfluxDB keeps the outermost integers for itself.
EARLIEST = -(2**63) + 2
LATEST = 2**63 - 2

# Line protocol ends a line at a line break, and reads a backslash before a separator as an escape
# although it has none for the backslash itself.
_UNHOLDABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]|\\(?=[,= ]|\Z)")
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")

_GROUP, _SMALL = 10_000, 256
"""Rows of batches that are looked at together, and of one that is worth it."""


def holdable(*names: str) -> bool:
    """Whether a store can hold such names at all; a query for others finds nothing."""
    return not any(_UNHOLDABLE.search(name) for name in names)


def bounded(start: int, stop: int) -> tuple[int, int]:
    """Cut a half-open range to the times that a store can hold."""
    return max(start, EARLIEST), min(stop, LATEST + 1)


def numeric(values: Floats | Strings) -> TypeGuard[Floats]:
    """Whether a column holds numbers rather than strings."""
    return values.dtype == np.float64


def present(values: Floats | Strings) -> NDArray[np.bool_]:
    """Which rows carry a value, (T,)."""
    if numeric(values):
        return ~np.isnan(values)
    return np.fromiter((value is not None for value in values), np.bool_, len(values))


def kind_of(values: Floats | Strings) -> FieldKind:
    """The kind under which a column is stored."""
    return "float" if numeric(values) else "string"


def absent(kind: FieldKind | None, rows: int) -> Floats | Strings:
    """A column of a kind without any value."""
    if kind == "string":
        return np.full(rows, None, dtype=object)
    return np.full(rows, np.nan)


def admit(measurement: str, batches: Sequence[Points]) -> list[Points]:
    """Check rows and bring columns to float64 or object; leaves out what carries no value.

    Raises:
        InputError: a name, value or time that no store holds.
    """
    _check_measurement(measurement)
    admitted = (_admit_group(measurement, group) for group in alike(batches))
    return [points for group in admitted for points in group if len(points)]


def write_each(
    tables: Mapping[str, Sequence[Points]], store: Callable[[str, Sequence[Points]], None]
) -> None:
    """Store several measurements one after the other, all of them checked before.

    Args:
        tables: measurements with their rows.
        store: stores admitted rows of one.

    Raises:
        InputError: a name, value or time that no store holds; nothing is stored.
        PartialWrite: some rows were dropped, all others are stored.
    """
    admitted = {name: admit(name, batches) for name, batches in tables.items()}
    dropped: list[PartialWrite] = []
    for name, batches in admitted.items():
        try:
            store(name, batches)
        except PartialWrite as error:
            dropped.append(error)
    if dropped:
        raise PartialWrite(str(dropped[0]), sum(error.dropped for error in dropped))


def alike(batches: Iterable[Points]) -> Iterator[list[Points]]:
    """Small batches that follow each other and have the same columns, at most `_GROUP` rows in all.

    What costs as much for one row as for thousands is then done once for many series.
    """
    group: list[Points] = []
    rows, columns = 0, None
    for points in batches:
        own = [(name, values.dtype) for name, values in points.fields.items()]
        if group and (own != columns or rows + len(points) > _GROUP or len(points) > _SMALL):
            yield group
            group, rows = [], 0
        group.append(points)
        rows, columns = rows + len(points), own if len(points) <= _SMALL else None
    if group:
        yield group


def concatenated(pieces: Sequence[Points]) -> Points:
    """Rows with the same columns behind each other, under the tags of the first."""
    if len(pieces) == 1:
        return pieces[0]
    first = pieces[0]
    fields = {
        name: np.concatenate([piece.fields[name] for piece in pieces]) for name in first.fields
    }
    return Points(first.tags, np.concatenate([piece.times for piece in pieces]), fields)


def part_conflicts(
    measurement: str, batches: Iterable[Points], kinds: dict[str, FieldKind]
) -> tuple[list[Points], PartialWrite | None]:
    """Take out the rows whose field is stored as another kind, as InfluxDB does.

    Args:
        measurement: for the message.
        batches: admitted rows.
        kinds: stored fields and their kinds; new fields are added to it.
    """
    kept: list[Points] = []
    dropped, conflicts = 0, set()
    for points in batches:
        wrong = {name for name, values in points.fields.items() if _conflicts(name, values, kinds)}
        rows = np.zeros(len(points), dtype=np.bool_)
        for name in wrong:
            rows |= present(points.fields[name])
        dropped += int(rows.sum())
        conflicts |= wrong
        kept.append(_take(points, ~rows) if wrong else points)
    if not conflicts:
        return kept, None
    fields = ", ".join(f"{name!r} (stored as {kinds[name]})" for name in sorted(conflicts))
    message = (
        f"{dropped} rows of {measurement!r} were dropped because a field has another kind than "
        f"before: {fields}; give these values another field name"
    )
    return [points for points in kept if len(points)], PartialWrite(message, dropped)


def joined(pieces: Iterable[Points]) -> list[Points]:
    """Put the pieces of each series behind each other; one `Points` a series, sorted by key."""
    series: dict[str, list[Points]] = {}
    for piece in pieces:
        series.setdefault(series_key(piece.tags), []).append(piece)
    return [concatenated(series[key]) for key in sorted(series)]


def cut(points: Points, rows: int) -> Iterator[Points]:
    """Cut into pieces of at most `rows` rows."""
    for start in range(0, len(points), rows):
        yield _take(points, slice(start, start + rows))


def means(points: Points, every: int) -> Points:
    """The means of buckets in place of the rows; see `Query.every`."""
    return aggregated(points, every, "mean")


def aggregated(points: Points, every: int, aggregate: Aggregate) -> Points:
    """One number of each bucket in place of the rows; see `Query.aggregate`."""
    columns = [
        values if numeric(values) else absent(None, len(points))
        for values in points.fields.values()
    ]
    starts, values = sparse_aggregates(points.times, np.column_stack(columns), every, aggregate)
    return Points(points.tags, starts, dict(zip(points.fields, values.T.copy(), strict=True)))


def bucketed(
    pieces: Iterable[Points], every: int, aggregate: Aggregate = "mean"
) -> Iterator[Points]:
    """What `aggregated` gives, of rows that come in pieces; a bucket over two pieces stays one."""
    begun: dict[str, list[Points]] = {}
    for piece in pieces:
        bucket = begun.setdefault(series_key(piece.tags), [])
        bucket.append(piece)
        last_bucket = piece.times[-1] // every * every
        if bucket[0].times[0] >= last_bucket:
            continue  # joined once it is whole, or a long bucket is copied for each of its pieces
        rows = concatenated(bucket)
        last = int(np.searchsorted(rows.times, last_bucket))
        bucket[:] = [_take(rows, slice(last, None))]
        yield from filter(len, [aggregated(_take(rows, slice(0, last)), every, aggregate)])
    rest = (aggregated(concatenated(bucket), every, aggregate) for bucket in begun.values())
    yield from filter(len, rest)


def check_deletable(measurement: str) -> None:
    """Refuse to delete what normalcy has not written.

    Raises:
        InputError: the measurement is not one of normalcy's own results.
    """
    if measurement not in (*RESULT_MEASUREMENTS, SCRATCH):
        raise InputError(
            f"{measurement!r} is not a measurement that normalcy writes; it deletes only "
            f"its own: {', '.join(RESULT_MEASUREMENTS)}"
        )


def _conflicts(name: str, values: Floats | Strings, kinds: dict[str, FieldKind]) -> bool:
    return kinds.setdefault(name, kind_of(values)) != kind_of(values)


def _check_measurement(measurement: str) -> None:
    _check_name("measurement", measurement)
    if measurement.startswith("#"):
        raise InputError(
            f"measurement {measurement!r} starts with '#', which marks a comment in line protocol; "
            "choose another name"
        )


def _check_name(what: str, name: str) -> None:
    if not name:
        raise InputError(f"expected a {what} of at least one letter, got {name!r}")
    if not holdable(name):
        raise InputError(
            f"{what} {name!r} holds a line break, a control character, or a backslash at its end "
            "or before a comma, an equals sign or a blank; remove it"
        )


def _check_key(what: str, name: str) -> None:
    _check_name(what, name)
    if name == "time":
        raise InputError(f"a {what} cannot be called 'time'; choose another name")


def _admit_group(measurement: str, group: Sequence[Points]) -> list[Points]:
    """Batches with the same columns; one by one where a value is missing or a length is wrong."""
    whole = len(group) > 1 and all(
        values.shape == points.times.shape for points in group for values in points.fields.values()
    )
    joint = _admit_batch(measurement, concatenated(group)) if whole else group[0]
    rows = sum(map(len, group))
    if not whole or len(joint) < rows or not _is_full(joint, group[0]):
        return [_admit_batch(measurement, points) for points in group]
    for points in group:
        _check_tags(points.tags)
    ends = np.cumsum([len(points) for points in group]).tolist()
    parts = zip(group, [0, *ends[:-1]], ends, strict=True)
    return [
        Points(
            dict(points.tags),
            joint.times[start:end],
            {name: values[start:end] for name, values in joint.fields.items()},
        )
        for points, start, end in parts
    ]


def _is_full(admitted: Points, given: Points) -> bool:
    """Whether every row has every column."""
    if len(admitted.fields) < len(given.fields):
        return False
    return all(present(values).all() for values in admitted.fields.values())


def _admit_batch(measurement: str, points: Points) -> Points:
    _check_tags(points.tags)
    times = _admit_times(points.times)
    fields: dict[str, Floats | Strings] = {}
    filled = np.zeros(len(times), dtype=np.bool_)
    for name, values in points.fields.items():
        _check_key("field", name)
        column = _admit_column(f"field {name!r} of {measurement!r}", values, len(times))
        rows = present(column)
        if rows.any():
            fields[name] = column
            filled |= rows
    admitted = Points(dict(points.tags), times, fields)
    return admitted if filled.all() else _take(admitted, filled)


def _check_tags(tags: Mapping[str, str]) -> None:
    for tag, value in tags.items():
        _check_key("tag", tag)
        _check_name(f"value of tag {tag!r}", value)


def _admit_times(times: Times) -> Times:
    array = np.asarray(times)
    if array.ndim != 1 or (array.dtype.kind not in "iu" and len(array)):
        raise InputError(
            f"expected times as nanosecond integers, got {array.dtype} of shape {array.shape}"
        )
    if len(array) and (array.min() < EARLIEST or array.max() > LATEST):
        raise InputError("a time lies outside the years 1677 to 2262 or is missing (NaT)")
    return np.ascontiguousarray(array, dtype=np.int64)


def _admit_column(what: str, values: Floats | Strings, rows: int) -> Floats | Strings:
    array = np.asarray(values)
    if array.shape != (rows,):
        raise InputError(f"expected {rows} values of {what}, got shape {array.shape}")
    if array.dtype.kind in "fiub":
        return _admit_floats(what, array.astype(np.float64, copy=False))
    return _admit_strings(what, array.tolist())


def _admit_floats(what: str, column: Floats) -> Floats:
    if np.isinf(column).any():
        raise InputError(f"{what} holds infinity, which no store can hold; leave the value out")
    return np.ascontiguousarray(column)


def _admit_strings(what: str, values: list[object]) -> Strings:
    for value in values:
        if value is not None and not isinstance(value, str):
            raise InputError(f"expected strings or None in {what}, got {value!r}")
        if value and _LONE_SURROGATE.search(value):
            raise InputError(f"{what} holds text that is not Unicode: {value!r}")
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def _take(points: Points, rows: NDArray[np.bool_] | slice) -> Points:
    fields = {name: values[rows] for name, values in points.fields.items()}
    return Points(points.tags, points.times[rows], fields)
