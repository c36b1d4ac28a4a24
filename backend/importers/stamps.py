"""Cells of a time column to UTC nanoseconds, one class a way of writing times."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from backend.exceptions import ConfigurationError, ImportFileError
from backend.importers.numbers import Bad
from backend.importers.options import EPOCH_UNITS
from backend.importers.zones import Zone
from backend.ports import Times

FIRST_NS, LAST_NS = 10**8 * EPOCH_UNITS["s"], 9_200_000_000 * EPOCH_UNITS["s"]
"""1973 to 2261: what an epoch number may mean when its unit is found by its size."""

ISO = r"^\d{4}-\d{1,2}-\d{1,2}([T ]\d{1,2}(:\d{2}){0,2}(\.\d+)?\s*(Z|[+-]\d{2}:?(\d{2})?)?)?$"
ZONED = r"[T ]\d{1,2}[\d:.]*\s*(Z|[+-]\d{2}:?(\d{2})?)$"


class IsoStamps:
    """ISO 8601, with T or a space, with or without a zone; all rows alike."""

    def __init__(self, aware: bool, zone: Zone) -> None:
        self._aware, self._zone = aware, zone
        self.note = "times carry their zone" if aware else zone.note()

    def read(self, cells: pa.Array) -> tuple[Times, Bad]:
        """Read cells as UTC nanoseconds; mark those that are no time."""
        kind = pa.timestamp("ns", "UTC") if self._aware else pa.timestamp("ns")
        try:
            times = pc.cast(cells, kind).cast(pa.int64()).to_numpy(zero_copy_only=False)
            bad = np.zeros(len(times), bool)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            times, bad = self._careful(iso_of(texts_of(cells)))
        return (times, bad) if self._aware else self._zone.to_utc(times, bad)

    def _careful(self, cells: pa.Array) -> tuple[Times, Bad]:
        shaped = pc.match_substring_regex(cells, ISO)
        zoned = pc.match_substring_regex(cells, ZONED)
        right = pc.and_(shaped, zoned if self._aware else pc.invert(zoned))
        return _parsed(pc.if_else(right, cells, None), "ISO8601")

    def explain(self, cell: str) -> str:
        """Say what is wrong with a cell that `read` marked."""
        text = iso_of(pa.array([cell.strip()]))
        if pc.match_substring_regex(text, ISO)[0].as_py():
            if pc.match_substring_regex(text, ZONED)[0].as_py() != self._aware:
                having = (
                    "carries no zone, but the others do"
                    if self._aware
                    else "carries a zone, but the others do not"
                )
                return f"{cell!r} {having}"
            times, bad = self._careful(text)
            reason = None if bad[0] else self._zone.explain(pd.Timestamp(int(times[0])))
            return reason or f"{cell!r} is no date of the calendar between 1678 and 2261"
        return f"expected a time such as 2024-01-05 13:00:00, got {cell!r}"


class PatternStamps:
    """Times of a given `strptime` pattern."""

    def __init__(self, pattern: str, zone: Zone, note: str = "") -> None:
        self._pattern, self._zone = pattern, zone
        self._aware = "%z" in pattern or "%Z" in pattern
        self.note = note or ("times carry their zone" if self._aware else zone.note())
        try:
            pd.to_datetime(["?"], format=pattern, errors="coerce")
        except ValueError as error:
            raise ConfigurationError(
                f"The time format {pattern!r} is no strptime pattern ({error}); expected one such "
                "as '%d/%m/%Y %H:%M', or s, ms, us, ns for epoch numbers."
            ) from error

    def read(self, cells: pa.Array) -> tuple[Times, Bad]:
        """Read cells as UTC nanoseconds; mark those that are no time."""
        times, bad = _parsed(texts_of(cells), self._pattern)
        return (times, bad) if self._aware else self._zone.to_utc(times, bad)

    def explain(self, cell: str) -> str:
        """Say what is wrong with a cell that `read` marked."""
        times, bad = _parsed(pa.array([cell.strip()]), self._pattern)
        reason = None if bad[0] else self._zone.explain(pd.Timestamp(int(times[0])))
        return reason or f"expected a time like {self._pattern}, got {cell!r}"


class EpochStamps:
    """Seconds, milli-, micro- or nanoseconds since 1970."""

    def __init__(self, unit: str, *, checked: bool) -> None:
        self._unit, self._checked = unit, checked
        self.note = f"times are epoch numbers in {unit}"

    def read(self, cells: pa.Array) -> tuple[Times, Bad]:
        """Read cells as UTC nanoseconds; mark those that are no time."""
        scale = EPOCH_UNITS[self._unit]
        parts = pc.extract_regex(
            texts_of(cells), pattern=r"^(?P<whole>-?\d{1,19})(?:\.(?P<part>\d{0,9})\d*)?$"
        )
        whole = pc.cast(_or_zero(pc.struct_field(parts, "whole")), pa.float64(), safe=False)
        fits = np.abs(whole.to_numpy(zero_copy_only=False)) < LAST_NS / scale
        bad = ~fits | pc.is_null(parts).to_numpy(zero_copy_only=False)
        safe = pc.if_else(pa.array(~bad), pc.struct_field(parts, "whole"), "0")
        part = pc.utf8_rpad(_or_zero(pc.struct_field(parts, "part")), 9, "0")
        times = _integers(safe) * scale + _integers(part) * scale // EPOCH_UNITS["s"]
        return times, bad | (self._checked & (times < FIRST_NS))

    def explain(self, cell: str) -> str:
        """Say what is wrong with a cell that `read` marked."""
        return f"expected an epoch number in {self._unit} like the others, got {cell!r}"


class TypedStamps:
    """Time stamps that a Parquet file holds as such."""

    def __init__(self, kind: pa.DataType, zone: Zone) -> None:
        self._zone = zone
        self._aware = pa.types.is_timestamp(kind) and kind.tz is not None
        self.note = "times carry their zone" if self._aware else zone.note()

    def read(self, cells: pa.Array) -> tuple[Times, Bad]:
        """Read cells as UTC nanoseconds; mark those that are no time."""
        target = pa.timestamp("ns", cells.type.tz if self._aware else None)
        try:
            stamps = pc.cast(cells, target)
        except pa.ArrowInvalid as error:
            raise ImportFileError(f"A time lies outside 1678 to 2261 ({error}).") from error
        bad = pc.is_null(stamps).to_numpy(zero_copy_only=False)
        times = pc.fill_null(pc.cast(stamps, pa.int64()), 0).to_numpy(zero_copy_only=False)
        return (times, bad) if self._aware else self._zone.to_utc(times, bad)

    def explain(self, cell: str) -> str:
        """Say what is wrong with a cell that `read` marked."""
        naive = pd.Timestamp(cell) if cell else pd.NaT
        reason = None if pd.isna(naive) or naive.tz else self._zone.explain(naive)
        return reason or "the time is missing"


def texts_of(cells: pa.Array) -> pa.Array:
    """Cells as trimmed texts, empty where missing."""
    if pa.types.is_string(cells.type):
        return pc.utf8_trim_whitespace(pc.fill_null(cells, ""))
    if pa.types.is_floating(cells.type):
        cells = pc.cast(cells, pa.decimal128(38, 9), safe=False)
    return pc.fill_null(pc.cast(cells, pa.string()), "")


def iso_of(cells: pa.Array) -> pa.Array:
    """Bring 2024/01/05 and a trailing UTC or z to ISO."""
    dashed = pc.replace_substring_regex(
        cells, pattern=r"^(\d{4})[/.](\d{1,2})[/.](\d{1,2})", replacement=r"\1-\2-\3"
    )
    return pc.replace_substring_regex(dashed, pattern=r"(\d)\s*(UTC|GMT|z)$", replacement=r"\1Z")


def _parsed(cells: pa.Array, pattern: str) -> tuple[Times, Bad]:
    """Read texts by pandas; local times as if they were UTC."""
    found = pd.to_datetime(
        cells.to_numpy(zero_copy_only=False), format=pattern, errors="coerce", utc=True
    )
    bad = np.asarray(found.isna())
    micros = np.where(bad, 0, found.as_unit("us").asi8)
    far = np.abs(micros) >= np.iinfo(np.int64).max // 1000
    return np.where(bad | far, 0, _nanoseconds(found, bad | far)), bad | far


def _nanoseconds(found: pd.DatetimeIndex, without: Bad) -> Times:
    kept = found.where(~without, pd.Timestamp(0, tz="UTC"))
    return kept.as_unit("ns").asi8


def _or_zero(texts: pa.Array) -> pa.Array:
    filled = pc.fill_null(texts, "0")
    return pc.if_else(pc.equal(filled, ""), "0", filled)


def _integers(texts: pa.Array) -> Times:
    numbers: Times = pc.cast(texts, pa.int64()).to_numpy(zero_copy_only=False)
    return numbers
