"""Alerts gone, new and kept along the time that was compared, as marks for a small picture."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

WIDTH = 1000.0
"""Of the picture, in its own units."""
LANES = ("gone", "new", "kept", "anomaly")
_DAY = 86_400_000_000_000
_THINNEST = 3.0
_MOST_TICKS = 8


@dataclass(frozen=True)
class Mark:
    """A stretch of a lane: where it begins, how wide it is, and what it says where one rests."""

    x: float
    width: float
    title: str


@dataclass(frozen=True)
class Strip:
    """The picture.

    Attributes:
        lanes: marks by lane.
        ticks: where a day begins, and when that is, nanoseconds.
    """

    lanes: Mapping[str, list[Mark]]
    ticks: list[tuple[float, int]]


def strip(result: Mapping[str, Any]) -> Strip:
    """The marks of a comparison."""
    start, stop = result["start"], result["stop"]
    lanes = {lane: list(_marks(result, lane, start, stop)) for lane in LANES}
    days = max(1, -(-(stop - start) // _DAY))
    step = -(-days // _MOST_TICKS) * _DAY
    first = -(-start // _DAY) * _DAY
    ticks = [(_place(time, start, stop), time) for time in range(first, stop, step)]
    return Strip(lanes, ticks)


def _marks(result: Mapping[str, Any], lane: str, start: int, stop: int) -> Iterator[Mark]:
    for one in result["anomalies" if lane == "anomaly" else lane]:
        left = _place(max(one["start"], start), start, stop)
        right = _place(min(one["stop"], stop), start, stop)
        width = max(right - left, _THINNEST)
        title = one["note"] if lane == "anomaly" else one["series"]
        yield Mark(round(min(left, WIDTH - width), 2), round(width, 2), title)


def _place(time: int, start: int, stop: int) -> float:
    return round(WIDTH * (time - start) / max(stop - start, 1), 2)
