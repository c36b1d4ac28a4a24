"""The last day of a series as a picture of a few lines, drawn by the server; 1 is in its middle."""

from dataclasses import dataclass

import numpy as np

from backend.services.series_overview import SPARK_BUCKETS, Spark

STRIDE = 2
HEIGHT = 24
WIDTH = STRIDE * SPARK_BUCKETS
LINE = HEIGHT // 2
_MOST = 2.0
"""Scores above are drawn at the upper edge."""


@dataclass(frozen=True)
class SparkDrawing:
    """Two paths of a picture, and what it says in numbers.

    Attributes:
        scores: the course, broken where nothing was scored.
        over: a bar for each bucket above the threshold.
        highest: of all buckets; None if nothing was scored.
        buckets_over: how many are above the threshold.
        hours: how long the range is.
    """

    scores: str
    over: str
    highest: float | None
    buckets_over: int
    hours: float


def drawing(spark: Spark) -> SparkDrawing:
    """What is drawn of a series."""
    values = spark.highest
    known = np.isfinite(values)
    over = values > 1.0
    return SparkDrawing(
        scores=_course(values, known),
        over="".join(f"M{STRIDE * place} {LINE}V{_y(values[place])}" for place in _places(over)),
        highest=float(values[known].max()) if known.any() else None,
        buckets_over=int(over.sum()),
        hours=SPARK_BUCKETS * spark.bucket / 3.6e12,
    )


def _course(values: np.ndarray, known: np.ndarray) -> str:
    parts = []
    before = False
    for place, (value, is_known) in enumerate(zip(values.tolist(), known.tolist(), strict=True)):
        if is_known:
            step = f"{STRIDE * place} {_y(value)}"
            # A single bucket between gaps still shows, as a dash.
            parts.append(f"L{step}" if before else f"M{step}h1")
        before = is_known
    return "".join(parts)


def _y(value: float) -> int:
    return round(HEIGHT - 1 - min(max(value, 0.0), _MOST) / _MOST * (HEIGHT - 2))


def _places(which: np.ndarray) -> list[int]:
    found: list[int] = np.flatnonzero(which).tolist()
    return found
