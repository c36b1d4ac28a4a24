"""Rows of JSON numbers to columns, without a Python object per value.

In `"values":[[1,2.5],[2,null]]` the rows are a table of comma-separated values but for their
brackets, and are read as one. Inside a JSON string a quotation mark stands behind a backslash, so
that neither the beginning of the rows nor, where they hold no quotation mark, their end can be
mistaken.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

if TYPE_CHECKING:
    import pyarrow as pa

_WORTH_IT = 4096
"""Bytes of rows below which the reader of tables takes longer to set up than the rows to read."""

_BEGIN, _END, _BETWEEN = b'"values":[[', b"]]", b"],["


def loads(line: bytes) -> Any:
    """An object of a chunk; `values` are columns where all of them are numbers.

    Raises:
        ValueError: the line is not JSON.
    """
    begin = line.find(_BEGIN)
    end = line.find(_END, begin)
    rows = line[begin + len(_BEGIN) : end]
    several = line.find(_BEGIN, end) >= 0
    if begin < 0 or end < 0 or several or len(rows) < _WORTH_IT or b'"' in rows:
        return orjson.loads(line)
    answer = orjson.loads(b'%b"values":null%b' % (line[:begin], line[end + len(_END) :]))
    series = answer["results"][0]["series"][0]
    columns = _columns(rows.replace(_BETWEEN, b"\n"), series["columns"])
    if columns is None:
        return orjson.loads(line)
    series["values"] = columns
    return answer


def _columns(table: bytes, names: list[str]) -> dict[str, Any] | None:
    """Columns by name; None where a value is no number."""
    import pyarrow as pa  # noqa: PLC0415 - large, and few need it
    from pyarrow import csv  # noqa: PLC0415

    kinds = {
        str(number): pa.int64() if name == "time" else pa.float64()
        for number, name in enumerate(names)
    }
    try:
        found = csv.read_csv(
            pa.BufferReader(table),
            csv.ReadOptions(use_threads=False, column_names=list(kinds), block_size=len(table) + 1),
            csv.ParseOptions(quote_char=False),
            csv.ConvertOptions(column_types=kinds, null_values=["null"]),
        )
    except pa.ArrowInvalid:
        return None
    return {name: _numbers(found[str(number)]) for number, name in enumerate(names)}


def _numbers(column: "pa.ChunkedArray") -> np.ndarray[Any, Any]:
    # absent values become NaN; a column without any stays writable
    return np.array(column.to_numpy())
