r"""Rows as line protocol.

Escaping, by position: `,` and blank in a measurement; `,`, `=` and blank in tags and field names;
`"` and `\` in string values. A backslash elsewhere stands for itself, so that one before a
separator cannot be told from an escape; `rows.admit` refuses it, and line breaks in names.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import orjson

from backend.ports import Floats, Points, Strings
from backend.stores.rows import numeric

LINES_A_BODY = 5000  # InfluxDB's documentation advises 5 000 to 10 000

_MEASUREMENT = str.maketrans({",": "\\,", " ": "\\ "})
_KEY = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ "})
_STRING = str.maketrans({'"': '\\"', "\\": "\\\\"})


def bodies(measurement: str, batches: Sequence[Points]) -> Iterator[bytes]:
    """Encode admitted rows as request bodies of at most `LINES_A_BODY` lines."""
    waiting: list[str] = []
    for points in batches:
        prefix = series_prefix(measurement, points.tags)
        for start in range(0, len(points), LINES_A_BODY):
            rows = slice(start, start + LINES_A_BODY)
            waiting += _lines(prefix, points, rows)
            if len(waiting) >= LINES_A_BODY:
                yield _body(waiting[:LINES_A_BODY])
                waiting = waiting[LINES_A_BODY:]
    if waiting:
        yield _body(waiting)


def series_prefix(measurement: str, tags: Mapping[str, str]) -> str:
    """Measurement and tags; sorted, which spares the server the sorting."""
    pairs = (f",{tag.translate(_KEY)}={tags[tag].translate(_KEY)}" for tag in sorted(tags))
    return measurement.translate(_MEASUREMENT) + "".join(pairs) + " "


def _body(lines: list[str]) -> bytes:
    return "\n".join(lines).encode()


def _lines(prefix: str, points: Points, rows: slice) -> list[str]:
    columns = [_pairs(name, values[rows]) for name, values in points.fields.items()]
    return [
        f"{prefix}{','.join(filter(None, pairs))} {time}"
        for pairs, time in zip(zip(*columns, strict=True), points.times[rows].tolist(), strict=True)
    ]


def _pairs(name: str, values: Floats | Strings) -> list[str]:
    """`name=value` a row, empty where the row lacks it."""
    key = name.translate(_KEY) + "="
    if numeric(values):
        return ["" if text == "null" else key + text for text in _numbers(values)]
    return [
        "" if value is None else f'{key}"{value.translate(_STRING)}"' for value in values.tolist()
    ]


def _numbers(values: Floats) -> list[str]:
    # The shortest text that reads back as the same number, always with a point or an exponent,
    # `null` for NaN: orjson writes a whole column several times faster than repr does its values.
    packed = orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)
    return packed[1:-1].decode().split(",")
