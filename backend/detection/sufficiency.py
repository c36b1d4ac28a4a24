"""Whether what was called normal stands for what a series does: its hours, levels and regimes.

A regime is told by neighbours: a live row that is farther from every labelled row than labelled
rows of other times are from each other is none that anybody spoke of.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backend.detection.runs import spans
from backend.detection.sampling import evenly
from backend.detection.scaling import fit_scaler
from backend.ports import Floats, Times

if TYPE_CHECKING:
    import pandas as pd

Mask = NDArray[np.bool_]
Indices = NDArray[np.int64]

BINS = 10
"""Levels that the live values of a channel are parted into."""
MOST_ROWS = 5_000
"""Rows of each side that regimes are looked for in."""
_HOUR = 3_600_000_000_000
_HARDLY = 0.1
"""A level with less than this of its live share is not covered."""
_USUAL, _FARTHER = 0.995, 1.5
"""Of distances between labelled rows of different times the usual one, and how much more is far."""
_NEAR = 0.5
"""Spreads that are near in any case."""
_BEYOND = 0.1
"""Of a channel's labelled span, that a value may lie beyond it: noise sets new records."""
_FEWEST = 20


# -- hours and days --------------------------------------------------------------------------------


def week(times: Times, step: int, zone: str) -> Floats:
    """(7, 24) hours of rows by weekday, from Monday on, and hour of the day in a time zone.

    Args:
        times: (T,) nanoseconds of grid rows.
        step: of the grid, nanoseconds.
        zone: such as `Europe/Berlin`.
    """
    local = _local(times, zone)
    table = np.zeros((7, 24))
    np.add.at(table, (local.day_of_week, local.hour), step / _HOUR)
    return table


def days(times: Times, zone: str) -> int:
    """On how many days of a time zone rows lie."""
    return int(_local(times, zone).normalize().nunique())


def absent(normal: Floats, live: Floats) -> list[tuple[int, int]]:
    """Runs of hours or weekdays of which there are live rows and no normal ones.

    Args:
        normal: (N,) hours of normal rows of each hour of the day, or of each weekday.
        live: (N,) the same of live rows.

    Returns:
        Half-open ranges; one that goes on over the end begins behind where it ends: `(22, 6)`.
    """
    gone: Mask = np.asarray((live > 0) & (normal <= 0))
    count = len(gone)
    if gone.all():
        return [(0, count)]
    first = int(np.argmin(gone))  # begun where there is something, no run is cut by the end
    found = spans(np.roll(gone, -first))
    return [((a + first) % count, (b + first - 1) % count + 1) for a, b in found]


def _local(times: Times, zone: str) -> "pd.DatetimeIndex":
    import pandas as pd  # noqa: PLC0415 - large, and few need it

    return pd.DatetimeIndex(times.astype("datetime64[ns]"), tz="UTC").tz_convert(zone)


# -- levels of one channel -------------------------------------------------------------------------


@dataclass(frozen=True)
class Levels:
    """The levels of a channel, B bins.

    Attributes:
        edges: (B + 1,) in the sensor's unit.
        live: (B,) share of live values in each.
        normal: (B,) share of labelled ones; what lies beyond the edges counts in the outermost.
    """

    edges: Floats
    live: Floats
    normal: Floats

    @property
    def uncovered(self) -> Mask:
        """(B,) levels that live values have and labelled ones hardly have."""
        return np.asarray((self.live > 0) & (self.normal < _HARDLY * self.live))

    @property
    def uncovered_share(self) -> float:
        """Of the live values."""
        return float(self.live[self.uncovered].sum())


def levels(live: Floats, normal: Floats) -> Levels | None:
    """Part the live values of a channel into levels, and see which the labelled ones have.

    Args:
        live: (N,) values, NaN where absent.
        normal: (M,) labelled ones.

    Returns:
        Its levels: each value one where there are few, else quantiles; None without live values.
    """
    live, normal = live[np.isfinite(live)], normal[np.isfinite(normal)]
    if not live.size:
        return None
    edges = _edges(live)
    return Levels(edges, _shares(live, edges), _shares(normal, edges))


def _edges(live: Floats) -> Floats:
    distinct = np.unique(live)
    if len(distinct) > BINS:
        return np.unique(np.quantile(live, np.linspace(0, 1, BINS + 1)))
    middles = (distinct[:-1] + distinct[1:]) / 2
    half = (distinct[1] - distinct[0]) / 2 if len(distinct) > 1 else max(abs(distinct[0]), 1) / 20
    return np.concatenate(([distinct[0] - half], middles, [distinct[-1] + half]))


def _shares(values: Floats, edges: Floats) -> Floats:
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    counts = np.bincount(place, minlength=len(edges) - 1)
    return np.asarray(counts / max(1, len(values)), dtype=np.float64)


# -- regimes of all channels together --------------------------------------------------------------


@dataclass(frozen=True)
class Known:
    """Rows that were called normal, and how far one may be from them.

    Attributes:
        rows: (M, F) in spreads.
        scale: (F,) spread of each channel; infinite for one that never varies.
        low: (F,) lowest value that is not beyond, in spreads.
        high: (F,) highest one.
        far: distance to the nearest row from which on a row is outside, in spreads.
    """

    rows: Floats
    scale: Floats
    low: Floats
    high: Floats
    far: float

    def outside(self, live: Floats) -> tuple[Mask, Indices]:
        """Which live rows (N, F) are outside of all that was called normal.

        Returns:
            (N,) mask, and (N,) the channel in which each is farthest from the nearest normal row.
        """
        from scipy.spatial import KDTree  # noqa: PLC0415 - large, and few need it

        scaled = live / self.scale
        distance, nearest = KDTree(self.rows).query(scaled)
        off = np.abs(scaled - self.rows[nearest])
        beyond = ((scaled < self.low) | (scaled > self.high)).any(axis=1)
        return np.asarray(beyond | (distance > self.far)), off.argmax(axis=1)


def learn_known(normal: Floats, live: Floats, apart: int) -> Known | None:
    """Learn from labelled rows what is known.

    Args:
        normal: (M, F) complete labelled rows in the order of time.
        live: (N, F) complete live rows: they tell the spread of a channel that was constant.
        apart: rows in time within which neighbours say nothing new.

    Returns:
        None where there are too few rows to tell.
    """
    if len(normal) < _FEWEST or not len(live):
        return None
    scale = _scale(normal, live)
    rows = normal / scale
    span = np.maximum(np.ptp(rows, axis=0), 1.0)
    low, high = rows.min(axis=0) - _BEYOND * span, rows.max(axis=0) + _BEYOND * span
    far = _far(rows, apart)
    return Known(evenly(rows, MOST_ROWS), scale, low, high, far)


def _scale(normal: Floats, live: Floats) -> Floats:
    """(F,) of labelled values; of live ones where those never vary, infinite where neither do."""

    def spread(rows: Floats) -> Floats:
        return fit_scaler(rows[None], np.ones((1, len(rows)), dtype=bool), "robust").scale[0]

    varies, moves = np.ptp(normal, axis=0) > 0, np.ptp(np.vstack((normal, live)), axis=0) > 0
    usual = np.where(varies, spread(normal), spread(np.vstack((normal[-1:], live))))
    return np.where(moves, usual, np.inf)


def _far(rows: Floats, apart: int) -> float:
    """How far labelled rows are from those of other times: blocks by turns, each among the others.

    A mode that lasts longer than a block is in both halves, so that it does not look far.
    """
    from scipy.spatial import KDTree  # noqa: PLC0415 - large, and few need it

    block = max(1, min(apart, len(rows) // 4))
    even = (np.arange(len(rows)) // block) % 2 == 0
    one, other = evenly(rows[even], MOST_ROWS), evenly(rows[~even], MOST_ROWS)
    distances = np.concatenate((KDTree(one).query(other)[0], KDTree(other).query(one)[0]))
    return max(_NEAR, _FARTHER * float(np.quantile(distances, _USUAL)))


# -- the verdict -----------------------------------------------------------------------------------

ENOUGH, THIN, NOT_ENOUGH, CONTRADICTORY = "enough", "thin", "not enough", "contradictory"
VERDICTS = (CONTRADICTORY, NOT_ENOUGH, THIN, ENOUGH)
"""The most urgent first."""

MOST_OUTSIDE = 0.05
"""Share of the live data outside of all that was called normal, from which on labels are thin."""
MOST_CONTRADICTED = 0.05
"""Share of the labelled time that is contradicted, from which on it is the first thing to see to.
"""


@dataclass(frozen=True)
class Figures:
    """What a verdict follows from; hours are of normal rows that can be learned from.

    Attributes:
        hours: labelled normal, without what other labels take away and gaps.
        wanted_hours: what the threshold wants behind it; 0 where it names none.
        lacking: why nothing can be trained, in a sentence; empty where it can.
        outside_share: of the live rows; None where it cannot be told.
        contradicted_hours: normal rows that results or trainings speak against.
        denied: whether an anomaly takes half of a normal label, or more.
    """

    hours: float
    wanted_hours: float = 0.0
    lacking: str = ""
    outside_share: float | None = None
    contradicted_hours: float = 0.0
    denied: bool = False


def verdict_of(figures: Figures) -> str:
    """The verdict, by the first rule that holds.

    Contradictory where an anomaly denies half of a normal label, or a twentieth of the labelled
    time is contradicted; not enough where nothing can be trained; thin where the threshold wants
    more hours, or a twentieth of the live data is outside of every label; else enough.
    """
    if figures.denied or figures.contradicted_hours > MOST_CONTRADICTED * max(figures.hours, 1e-9):
        return CONTRADICTORY
    if figures.lacking:
        return NOT_ENOUGH
    outside = figures.outside_share or 0.0
    if figures.hours < figures.wanted_hours or outside > MOST_OUTSIDE:
        return THIN
    return ENOUGH


def overlap(parts: Sequence[tuple[int, int]], start: int, stop: int) -> int:
    """How much of a range lies in ranges that do not overlap each other."""
    return sum(max(0, min(b, stop) - max(a, start)) for a, b in parts)
