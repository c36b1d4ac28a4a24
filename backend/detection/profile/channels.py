"""What a single channel is like."""

from dataclasses import dataclass

import numpy as np

from backend.detection.curves import STRAIGHT, learn_curves
from backend.detection.profile.stationarity import Stationarity, stationarity
from backend.detection.runs import run_lengths
from backend.ports import Floats

_MOST_ROWS = 20_000
_STUCK_ROWS, _STUCK_SHARE = 36, 0.05
_FEW_LEVELS = 20


@dataclass(frozen=True)
class ChannelLook:
    """What is seen of a channel.

    Attributes:
        name: of the channel.
        missing: share of rows without a value.
        low: smallest value; NaN, as the next ones, where it has none.
        middle: median.
        high: largest value.
        constant: whether it never varies.
        flat: rows of its longest run without change.
        stuck: whether that run is far longer than others of it.
        levels: how many values are told apart, among the rows looked at.
        resolution: smallest step between two of them; 0 where there is none.
        skewness: third moment, 0 for an even channel.
        bends: whether a power makes it even.
        drift: how far the median of the last fifth lies from that of the first, in spreads.
        stationarity: whether it stays about one level; None where that cannot be told.
    """

    name: str
    missing: float
    low: float
    middle: float
    high: float
    constant: bool
    flat: int
    stuck: bool
    levels: int
    resolution: float
    skewness: float
    bends: bool
    drift: float
    stationarity: Stationarity | None

    @property
    def in_steps(self) -> bool:
        """Whether it has a few values only, as a switch or a coarse sensor."""
        return not self.constant and 1 < self.levels <= _FEW_LEVELS


def look_at_channel(name: str, column: Floats) -> ChannelLook:
    """Look at a channel.

    Args:
        name: of the channel.
        column: (T,) in the order of time, NaN where missing.
    """
    seen = column[np.isfinite(column)]
    missing = 1.0 - len(seen) / max(1, len(column))
    if not seen.size:
        nan = float("nan")
        return ChannelLook(
            name, missing, nan, nan, nan, False, 0, False, 0, 0.0, 0.0, False, 0.0, None
        )
    some = seen[:: max(1, len(seen) // _MOST_ROWS)]
    levels = np.unique(some)
    low, middle, high = float(seen.min()), float(np.median(seen)), float(seen.max())
    constant = high - low <= 1e-9 * max(1.0, abs(low), abs(high))
    # by a unit of its own, so that large values cannot overflow
    even = some / (max(abs(low), abs(high)) or 1.0)
    flat, stuck = _flat(seen)
    return ChannelLook(
        name=name,
        missing=missing,
        low=low,
        middle=middle,
        high=high,
        constant=constant,
        flat=flat,
        stuck=stuck and not constant,
        levels=len(levels),
        resolution=_resolution(levels),
        skewness=0.0 if constant else _skewness(even),
        bends=not constant and _bends(even),
        drift=0.0 if constant else _drift(seen),
        stationarity=stationarity(seen),
    )


def _flat(seen: Floats) -> tuple[int, bool]:
    """Rows of the longest run without change, and whether the channel moves otherwise."""
    same = np.concatenate(([False], seen[1:] == seen[:-1]))
    runs = run_lengths(same[None])[0]
    longest = int(runs.max()) + 1
    others = np.count_nonzero(same) + 1 - longest
    much = max(_STUCK_ROWS, _STUCK_SHARE * len(seen))
    return longest, bool(longest >= much and others < (len(seen) - longest) / 2)


def _resolution(levels: Floats) -> float:
    steps = np.diff(levels)
    steps = steps[steps > 1e-9 * max(1.0, float(np.abs(levels).max()))]
    return float(steps.min()) if steps.size else 0.0


def _skewness(some: Floats) -> float:
    from scipy.stats import skew  # noqa: PLC0415 - large, and few need it

    return float(np.nan_to_num(skew(some)))


def _bends(some: Floats) -> bool:
    rows = np.ones((1, len(some)), dtype=bool)
    curves = learn_curves(some[None, :, None], rows, ["auto"])
    return bool(curves.kind[0, 0] != STRAIGHT)


def _drift(seen: Floats) -> float:
    fifth = max(1, len(seen) // 5)
    first, last = seen[:fifth], seen[-fifth:]
    spreads = [float(np.subtract(*np.quantile(part, (0.75, 0.25)))) for part in (first, last)]
    spread = max(float(np.mean(spreads)) / 1.349, 1e-9 * float(np.ptp(seen)))
    return min(abs(float(np.median(last) - np.median(first))) / spread, 1e6)
