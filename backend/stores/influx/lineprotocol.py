r"""Rows as line protocol, a column at a time.

Escaping, by position: `,` and blank in a measurement; `,`, `=` and blank in tags and field names;
`"` and `\` in string values. A backslash elsewhere stands for itself, so that one before a
separator cannot be told from an escape; `rows.admit` refuses it, and line breaks in names.

Specification: docs.influxdata.com/influxdb/v1/write_protocols/line_protocol_reference
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from backend.ports import Floats, Points, Strings
from backend.stores.rows import alike, concatenated, numeric

LINES_A_BODY = 10_000  # InfluxDB's documentation advises 5 000 to 10 000
BYTES_A_BODY = 4 << 20  # InfluxDB 3 takes 10 MiB, InfluxDB 1 25 MB

_MEASUREMENT = str.maketrans({",": "\\,", " ": "\\ "})
_KEY = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ "})


def bodies(measurement: str, batches: Sequence[Points]) -> Iterator[bytes]:
    """Encode admitted rows as request bodies, in the order of the rows.

    A body has at most `LINES_A_BODY` lines, and `BYTES_A_BODY` bytes unless one line has more.
    """
    waiting: list[bytes] = []
    lines = size = 0
    for group in alike(batches):
        prefix = _prefixes(measurement, group)
        points = concatenated(group)
        for start in range(0, len(points), LINES_A_BODY):
            encoded = _lines(prefix, points, slice(start, start + LINES_A_BODY))
            for count, piece in _pieces(encoded):
                if lines + count > LINES_A_BODY or size + len(piece) > BYTES_A_BODY:
                    yield b"".join(waiting)
                    waiting, lines, size = [], 0, 0
                waiting.append(piece)
                lines, size = lines + count, size + len(piece)
    if waiting:
        yield b"".join(waiting)


def series_prefix(measurement: str, tags: Mapping[str, str]) -> str:
    """Measurement and tags; sorted, which spares the server the sorting."""
    pairs = (f",{tag.translate(_KEY)}={tags[tag].translate(_KEY)}" for tag in sorted(tags))
    return measurement.translate(_MEASUREMENT) + "".join(pairs) + " "


def _prefixes(measurement: str, group: Sequence[Points]) -> str | pa.LargeStringArray:
    """What stands before the fields: one for all rows, or of each row its series'."""
    prefixes = [series_prefix(measurement, points.tags) for points in group]
    if len(group) == 1:
        return prefixes[0]
    place = np.repeat(np.arange(len(group)), [len(points) for points in group])
    return pa.array(prefixes, pa.large_string()).take(pa.array(place))


def _lines(prefix: str | pa.LargeStringArray, points: Points, rows: slice) -> pa.LargeBinaryArray:
    """A line a row, each with its line break."""
    keys = [name.translate(_KEY) + "=" for name in points.fields]
    columns = [_column(values[rows]) for values in points.fields.values()]
    times = pa.array(points.times[rows]).cast(pa.large_string())
    if any(column.null_count for column in columns):
        # a row leaves out the fields that it lacks
        pairs = [_joined(key, column) for key, column in zip(keys, columns, strict=True)]
        fields = [pc.binary_join_element_wise(*pairs, _text(","), null_handling="skip")]
    else:
        commas = ["", *[","] * (len(keys) - 1)]
        columned = zip(commas, keys, columns, strict=True)
        fields = [part for comma, key, column in columned for part in (comma + key, column)]
    return _joined(prefix, *fields, " ", times, "\n").cast(pa.large_binary())


def _joined(*parts: str | pa.LargeStringArray) -> pa.LargeStringArray:
    """Texts and columns of texts behind each other; null where a column is."""
    columns = [_text(part) if isinstance(part, str) else part for part in parts]
    return pc.binary_join_element_wise(*columns, _text(""))


def _text(text: str) -> pa.Scalar:
    return pa.scalar(text, pa.large_string())


def _column(values: Floats | Strings) -> pa.LargeStringArray:
    """Values as they stand behind `name=`, null where absent."""
    return _numbers(values) if numeric(values) else _strings(values)


def _numbers(values: Floats) -> pa.LargeStringArray:
    """The shortest texts that read back as the same numbers, with a point or an exponent.

    A list in JSON is such texts with commas between them: without the commas they lie as Arrow
    wants them. That is three times as fast as Arrow's own texts, which write 3.0 as 3.
    """
    packed = orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)
    listed = np.frombuffer(packed, np.uint8)[1:-1]
    commas = np.flatnonzero(listed == ord(","))
    ends = np.append(commas - np.arange(len(commas)), len(listed) - len(commas))
    offsets = np.concatenate(([0], ends)).astype(np.int64)
    texts = listed[listed != ord(",")]
    absent = np.isnan(values)
    validity = np.packbits(~absent, bitorder="little") if absent.any() else None
    return pa.LargeStringArray.from_buffers(
        len(values),
        pa.py_buffer(offsets),
        pa.py_buffer(texts),
        None if validity is None else pa.py_buffer(validity),
    )


def _strings(values: Floats | Strings) -> pa.LargeStringArray:
    texts = pa.array(values, pa.large_string())
    for special in ("\\", '"'):
        texts = pc.replace_substring(texts, special, "\\" + special)
    return _joined('"', texts, '"')


def _pieces(lines: pa.LargeBinaryArray) -> Iterator[tuple[int, bytes]]:
    """The lines as (count, bytes), cut where they would be too many bytes for a body.

    The lines lie behind each other in the array's buffer, so that nothing is copied line by line.
    """
    _, ends, data = lines.buffers()
    offsets = np.frombuffer(ends, np.int64, len(lines) + 1)
    view = memoryview(data)
    first = 0
    while first < len(lines):
        fitting = np.searchsorted(offsets, offsets[first] + BYTES_A_BODY, side="right") - 1
        last = max(int(fitting), first + 1)
        yield last - first, bytes(view[offsets[first] : offsets[last]])
        first = last
