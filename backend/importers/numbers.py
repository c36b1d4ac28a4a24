"""Cells to numbers: missing words, decimal comma, thousands, and one unit a column."""

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from backend.exceptions import ImportFileError
from backend.ports import Floats

Bad = NDArray[np.bool_]

MISSING_WORDS = ("", "null", "nan", "none", "undefined", "n/a", "na", "#n/a", "-", "--")
"""Cells, in lower case, that say that there is no value."""

_COMMON_MISSING = ("", "null", "NaN")
_WORDS = {"true": 1.0, "false": 0.0}
_PLAIN = r"^[+-]?\d+(\.\d*)?$"
_NO_NUMBER = "?"
_UNIT = r"[\p{L}%‰°℃℉Ωµ/·$€][\p{L}%‰°℃℉Ωµ/·²³⁻¹\-]{0,11}[23]?"
_SPACES = " \u00a0\u202f"
# Suffixes that multiply: Grafana writes 1200 as "1.20 K" and 900 as "900" in the same column.
_SCALES = frozenset(("k", "K", "M", "G", "T", "P", "B", "m", "µ", "n"))
_SCALE_WORDS = frozenset(("Mil", "Bil", "Tri", "Quadr"))
_PREFIXES = "kKMGTPhdcmµμun"

# Units that may stand in brackets behind a name; letters alone could be anything else.
_NAME_UNIT = re.compile(r"(?P<name>.*\S)\s*[(\[](?P<unit>[^()\[\]]{1,12})[)\]]")
_SURE_UNIT = re.compile(r"[°%‰Ωµ℃℉²³]|/|^[kMGhmcd]?(Pa|V|A|W|Wh|VA|var|Hz|m|g|s|l|L|J|N|bar)$")
_UNIT_WORDS = frozenset(
    ("C", "F", "K", "rpm", "RPM", "psi", "ppm", "ppb", "lx", "lux", "dB", "dBA", "pH", "deg")
) | frozenset(("min", "h", "d", "t", "Nm", "kN", "mm2", "m2", "m3", "cal", "kcal", "gal"))


def unit_of_name(name: str) -> tuple[str, str | None]:
    """Part a header such as `temp (°C)` into name and unit; other brackets belong to the name."""
    found = _NAME_UNIT.fullmatch(name)
    if found is None:
        return name, None
    unit = found["unit"].strip()
    known = unit in _UNIT_WORDS or _SURE_UNIT.search(unit) is not None
    return (found["name"], unit) if known else (name, None)


@dataclass
class NumberColumn:
    """Reads the cells of one column; what it learns of its unit holds to the end of the file.

    Attributes:
        name: header, for messages.
        decimal: `.` or `,`.
        grouped: whether the other mark may part thousands.
        unit: what stands behind the numbers; None when nothing does.
    """

    name: str
    decimal: str = "."
    grouped: bool = False
    unit: str | None = None

    def learn(self, cells: pa.Array) -> str | None:
        """Look at the first cells and settle the unit.

        Returns:
            A cell that shows that the column holds text; None when it holds numbers.

        Raises:
            ImportFileError: the numbers are scaled differently from cell to cell.
        """
        if not pa.types.is_string(cells.type):
            return None if _is_number(cells.type) else str(pc.drop_null(cells)[:1].to_pylist())
        if self._quick(self._bare(cells)) is not None:
            return None
        present = cells.filter(pc.invert(is_missing(cells)))
        parts = self._parts(present)
        words = pc.is_in(pc.utf8_lower(present), pa.array(list(_WORDS)))
        texts = present.filter(pc.invert(pc.or_(pc.is_valid(parts), words)))
        if 2 * len(texts) > len(present):
            return str(texts[0])
        parts = pc.drop_null(parts)
        counts = Counter(pc.struct_field(parts, "unit").to_pylist())
        bare = counts.pop("", 0)
        if counts and sum(counts.values()) >= bare:
            self.unit = counts.most_common(1)[0][0]
        self._refuse_scaled(set(counts), bare)
        return None

    def read(self, cells: pa.Array) -> tuple[Floats, Bad]:
        """Read cells as float64 with NaN where missing; mark those that are not finite numbers.

        Raises:
            ImportFileError: the numbers are scaled differently from cell to cell.
        """
        if not pa.types.is_string(cells.type):
            return _finite(_typed(cells))
        if self.unit in _SCALES:  # each cell must carry it, so that none is taken as it stands
            return self._strange(cells)
        bare = self._bare(cells)
        quick = self._quick(bare)
        return self._careful(cells, bare) if quick is None else _finite(quick)

    def explain(self, cell: str) -> str:
        """Say what is wrong with a cell that `read` marked."""
        mark = "" if self.decimal == "." else " with a decimal comma"
        unit = f" in {self.unit}" if self.unit else ""
        return f"expected a finite number{mark}{unit}, got {cell!r}"

    def _bare(self, cells: pa.Array) -> pa.Array:
        """Cells as plain numbers would stand there: no unit, decimal point, null where missing."""
        bare = pc.if_else(pc.is_in(cells, pa.array(_COMMON_MISSING)), None, cells)
        if self.unit:
            without = pc.replace_substring(bare, self.unit, "", max_replacements=1)
            without = pc.utf8_rtrim(without, _SPACES)
            bare = pc.if_else(pc.ends_with(bare, self.unit), without, bare)
        if self.decimal == ",":
            pointed = pc.replace_substring(bare, ",", ".")
            bare = pc.if_else(pc.match_substring(bare, "."), _NO_NUMBER, pointed)
        return bare

    def _quick(self, bare: pa.Array) -> pa.Array | None:
        """Read plain numbers in one go; None when a cell is anything else."""
        try:
            return pc.cast(bare, pa.float64())
        except pa.ArrowInvalid:
            return None

    def _careful(self, cells: pa.Array, bare: pa.Array) -> tuple[Floats, Bad]:
        """Read the plain numbers in one go and have a closer look at the rest."""
        plain = pc.fill_null(pc.match_substring_regex(bare, _PLAIN), False)
        values, bad = _finite(pc.cast(pc.if_else(plain, bare, None), pa.float64()))
        values, bad = values.copy(), bad.copy()
        rest = np.flatnonzero(pc.and_(pc.is_valid(bare), pc.invert(plain)))
        values[rest], bad[rest] = self._strange(cells.take(pa.array(rest)))
        return values, bad

    def _strange(self, cells: pa.Array) -> tuple[Floats, Bad]:
        """Read cells of all kinds: missing, true and false, thousands, numbers with a unit."""
        parts = self._parts(cells)
        units = pc.fill_null(pc.struct_field(parts, "unit"), "")
        seen = set(pc.unique(units).to_pylist()) - {""}
        bare = 0 if self.unit else len(cells)
        if self.unit in _SCALES:
            bare = pc.sum(pc.and_(pc.is_valid(parts), pc.equal(units, ""))).as_py() or 0
        self._refuse_scaled(seen, bare)
        fits = pc.or_(pc.equal(units, ""), pc.equal(units, self.unit or ""))
        texts = pc.if_else(fits, self._plain(pc.struct_field(parts, "number")), None)
        values = pc.cast(texts, pa.float64()).to_numpy(zero_copy_only=False).copy()
        for word, value in _WORDS.items():
            said = pc.equal(pc.utf8_lower(cells), word)
            values[pc.fill_null(said, False).to_numpy(zero_copy_only=False)] = value
        missing = is_missing(cells).to_numpy(zero_copy_only=False)
        return values, ~np.isfinite(values) & ~missing

    def _parts(self, cells: pa.Array) -> pa.Array:
        """Struct of number and unit of each cell, null where it is no number."""
        trimmed = pc.replace_substring(pc.utf8_trim_whitespace(cells), "\u2212", "-")
        mark = re.escape(self.decimal)
        other = "." if self.decimal == "," else ","
        between = _SPACES + "'" + (other if self.grouped else "")
        whole = rf"\d{{1,3}}(?:[{between}]\d{{3}})+|\d+"
        number = rf"[+-]?(?:(?:{whole})(?:{mark}\d*)?|{mark}\d+)(?:[eE][+-]?\d+)?"
        pattern = rf"^(?P<number>{number})[{_SPACES}]*(?P<unit>{_UNIT})?$"
        return pc.extract_regex(trimmed, pattern=pattern)

    def _plain(self, numbers: pa.Array) -> pa.Array:
        other = re.escape("." if self.decimal == "," else ",")
        bare = pc.replace_substring_regex(numbers, pattern=rf"[{_SPACES}'{other}]", replacement="")
        return pc.replace_substring(bare, ",", ".") if self.decimal == "," else bare

    def _refuse_scaled(self, units: set[str], bare: int) -> None:
        known = units | ({self.unit} if self.unit else set())
        scaled = known & _SCALE_WORDS or (known & _SCALES if bare else set())
        related = {u for u in known for v in known if u != v and _bases(u) & _bases(v)}
        if scaled or related:
            shown = " and ".join(sorted(scaled | related))
            raise ImportFileError(
                f"Column {self.name!r} holds numbers scaled differently from cell to cell "
                f"(with {shown}{' and without' if bare else ''}); "
                "export raw values, in Grafana without 'Formatted data'."
            )


def _bases(unit: str) -> set[str]:
    return {unit, unit[1:]} if len(unit) > 1 and unit[0] in _PREFIXES else {unit}


def is_missing(cells: pa.Array) -> pa.Array:
    """Mark cells that say that there is no value."""
    if not pa.types.is_string(cells.type):
        return pc.is_null(cells)
    words = pc.utf8_lower(pc.utf8_trim_whitespace(cells))
    return pc.or_(pc.is_null(cells), pc.is_in(words, pa.array(MISSING_WORDS)))


def _is_number(kind: pa.DataType) -> bool:
    return any(
        test(kind) for test in (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    ) or kind in (pa.bool_(), pa.null())


def _typed(cells: pa.Array) -> pa.Array:
    if pa.types.is_decimal(cells.type):
        return pc.cast(cells, pa.float64())
    return pc.cast(cells, pa.float64(), safe=False)


def _finite(numbers: pa.Array) -> tuple[Floats, Bad]:
    values = numbers.to_numpy(zero_copy_only=False)
    return values, np.isinf(values)
