"""How a file writes its times: ISO 8601, epoch numbers, days before months, a given pattern."""

import re
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from backend.exceptions import ImportFileError
from backend.importers.numbers import Bad
from backend.importers.options import EPOCH_UNITS, ReadingOptions
from backend.importers.stamps import (
    FIRST_NS,
    ISO,
    LAST_NS,
    ZONED,
    EpochStamps,
    IsoStamps,
    PatternStamps,
    TypedStamps,
    iso_of,
    texts_of,
)
from backend.importers.zones import Zone
from backend.ports import Times

_SAMPLE = 100
_NUMBER = r"^\d+(\.\d*)?$"
_NUMERIC_DATE = re.compile(
    r"\d{1,2}(?P<mark>[./-])\d{1,2}(?P=mark)(?P<year>\d{4}|\d{2})"
    r"(?P<between>,? +|T)?"
    r"(?:\d{1,2}:\d\d(?P<seconds>:\d\d)?(?P<fraction>\.\d+)?(?P<half> ?[AaPp][Mm])?)?"
)


class Stamps(Protocol):
    """Reads the cells of a time column."""

    note: str
    """How the times were understood, for the summary."""

    def read(self, cells: pa.Array) -> tuple[Times, Bad]:
        """Read cells as UTC nanoseconds; mark those that are no time."""
        ...

    def explain(self, cell: str) -> str:
        """Say what is wrong with a cell that `read` marked."""
        ...


def understand(sample: pa.Array, options: ReadingOptions) -> Stamps | None:
    """Find out how times are written; None when the cells are no times at all.

    Raises:
        ConfigurationError: the given time format is no `strptime` pattern.
        ImportFileError: day and month cannot be told apart.
    """
    zone = Zone.of(options)
    if pa.types.is_timestamp(sample.type) or pa.types.is_date(sample.type):
        return TypedStamps(sample.type, zone)
    if options.time_format in EPOCH_UNITS:
        return EpochStamps(options.time_format, checked=False)
    if options.time_format:
        return PatternStamps(options.time_format, zone)
    cells = texts_of(sample)
    cells = cells.filter(pc.not_equal(cells, ""))[:_SAMPLE]
    return _by_content(cells, options.day_first, zone) if len(cells) else None


def _by_content(cells: pa.Array, day_first: bool, zone: Zone) -> Stamps | None:
    if _most(cells, _NUMBER):
        return _epoch(cells)
    iso = iso_of(cells)
    if _most(iso, ISO):
        return IsoStamps(_most(iso, ZONED), zone)
    return _numeric_date(cells[0].as_py(), day_first, zone)


def _epoch(cells: pa.Array) -> EpochStamps | None:
    numbers = pc.cast(pc.filter(cells, pc.match_substring_regex(cells, _NUMBER)), pa.float64())
    middle = float(np.median(numbers.to_numpy(zero_copy_only=False)))
    for unit, scale in EPOCH_UNITS.items():
        if FIRST_NS <= middle * scale <= LAST_NS:
            return EpochStamps(unit, checked=True)
    return None


def _numeric_date(cell: str, day_first: bool, zone: Zone) -> Stamps | None:
    """05.01.2024 is day first wherever it is written; 05/01/2024 could be either."""
    found = _NUMERIC_DATE.fullmatch(cell)
    if found is None:
        return None
    mark = found["mark"]
    if mark != "." and not day_first:
        raise ImportFileError(
            f"{cell!r} may mean two days; say --dayfirst if the day stands first, or else "
            "--time-format '%m/%d/%Y %H:%M'."
        )
    pattern = f"%d{mark}%m{mark}{'%Y' if len(found['year']) == 4 else '%y'}"
    if found["between"]:
        pattern += found["between"] + ("%I:%M" if found["half"] else "%H:%M")
        pattern += (":%S" if found["seconds"] else "") + (".%f" if found["fraction"] else "")
        pattern += found["half"][:-2] + "%p" if found["half"] else ""
    return PatternStamps(pattern, zone, f"days stand before months; {zone.note()}")


def _most(cells: pa.Array, pattern: str) -> bool:
    return 2 * (pc.sum(pc.match_substring_regex(cells, pattern)).as_py() or 0) > len(cells)
