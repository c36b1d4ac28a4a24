"""The rows that are written and read: sensor-like, of one series."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from backend.ports import Points, Query

FIELDS = ("temp", "moist", "H2S", "NH3", "NO2")
START = 1_700_000_000_000_000_000
STEP = 10_000_000_000
TAGS = {"room": "a"}


def rows_of(count: int) -> Points:
    """Noisy levels at two decimals."""
    random = np.random.default_rng(0)
    times = START + STEP * np.arange(count, dtype=np.int64)
    values = (20 + random.normal(size=(len(FIELDS), count))).round(2)
    return Points(TAGS, times, dict(zip(FIELDS, values, strict=True)))


def series_of(count: int, piece: int) -> Iterator[Points]:
    """Many rows, at most `piece` at a time."""
    for first in range(0, count, piece):
        points = rows_of(min(piece, count - first))
        yield Points(points.tags, points.times + first * STEP, points.fields)


def query_of(measurement: str, rows: int) -> Query:
    """The query for the first `rows` rows of a measurement."""
    return Query(measurement, FIELDS, START, START + rows * STEP, group_by=tuple(TAGS))


def frame(points: Points) -> pd.DataFrame:
    """Rows as a frame with a UTC index of nanoseconds."""
    index = pd.DatetimeIndex(points.times.view("datetime64[ns]"), tz="UTC")
    return pd.DataFrame(dict(points.fields), index=index)
