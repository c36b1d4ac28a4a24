"""What is taken off a channel: known when a point is scored, so that it can be put back.

Three bases, each taken off what the one before it left: what is usual at this time of the day or
week, the median of the time before, and the value so long before.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from backend.ports import Floats, Times
from backend.specs.base import nanoseconds
from backend.specs.preprocessing import PreprocessingSpec

Period = Literal["none", "day", "week"]

_MINUTE = 60_000_000_000
_PERIODS = {"none": (_MINUTE, 1), "day": (1440 * _MINUTE, 96), "week": (10_080 * _MINUTE, 336)}
"""Length of a period, and how many times of it are told apart."""


@dataclass(frozen=True)
class Profile:
    """What is usual at a time of the day or week (UTC): (S, B, F), one row without any."""

    period: Period
    usual: Floats

    def at(self, times: Times) -> Floats:
        """(S, T, F), in a straight line between one time of the period and the next."""
        place = _place(times, self.period, self.usual.shape[1])
        before = place.astype(np.int64) % self.usual.shape[1]
        behind = (before + 1) % self.usual.shape[1]
        share = (place % 1.0)[None, :, None]
        return self.usual[:, before] * (1.0 - share) + self.usual[:, behind] * share


def learn_profile(
    values: Floats, rows: NDArray[np.bool_], times: Times, step: int, period: Period
) -> Profile:
    """Learn from normal rows: the median of those nearest to each time of the period.

    Args:
        values: (S, T, F).
        rows: (S, T) to learn from.
        times: (T,) nanoseconds.
        step: of the grid; no more times are told apart than it has in a period.
        period: by what time; `none` learns nothing.
    """
    series, _, channels = values.shape
    length, most = _PERIODS[period]
    count = max(1, min(most, length // step))
    usual = np.zeros((series, count, channels))
    if period == "none":
        return Profile(period, usual)
    import pandas as pd  # noqa: PLC0415 - large, and few need it

    knot = np.rint(_place(times, period, count)).astype(np.int64) % count
    for s in range(series):
        seen = pd.DataFrame(values[s, rows[s]]).groupby(knot[rows[s]]).median()
        seen = seen.reindex(range(count))
        usual[s] = np.stack([_closed(column) for column in seen.to_numpy().T], axis=1)
    return Profile(period, usual)


def _place(times: Times, period: Period, count: int) -> Floats:
    length = _PERIODS[period][0]
    return np.asarray((times % length) * (count / length), dtype=np.float64)


def _closed(column: Floats) -> Floats:
    """Times of the period that were never seen, from their neighbors around the clock."""
    known = np.flatnonzero(np.isfinite(column))
    if not known.size:
        return np.zeros(len(column))
    return np.interp(np.arange(len(column)), known, column[known], period=len(column))


def base_of(
    spec: PreprocessingSpec, profile: Profile, values: Floats, times: Times, step: int
) -> Floats:
    """What is taken off.

    Args:
        spec: which bases.
        profile: as learned.
        values: (S, T, F) curved.
        times: (T,) nanoseconds, ascending; a base is never taken from further away than it says.
        step: of the grid.

    Returns:
        (S, T, F), NaN where a base is not known.
    """
    base = np.zeros(values.shape)
    if profile.period != "none":
        base = base + profile.at(times)
    if spec.detrend:
        base = base + _level_before(values - base, times, step, nanoseconds(spec.detrend))
    if spec.difference:
        base = base + _value_before(values - base, times, nanoseconds(spec.difference))
    return base


def _level_before(values: Floats, times: Times, step: int, span: int) -> Floats:
    """Median of `[t - span, t)`; NaN where less than half of its rows are there."""
    import pandas as pd  # noqa: PLC0415 - large, and few need it

    series, points, channels = values.shape
    flat = np.moveaxis(values, 1, 0).reshape(points, series * channels)
    frame = pd.DataFrame(flat, index=pd.DatetimeIndex(times.view("M8[ns]")))
    fewest = max(1, span // step // 2)
    before = frame.rolling(pd.Timedelta(span, "ns"), min_periods=fewest, closed="left")
    level = before.median().to_numpy().reshape(points, series, channels)
    return np.moveaxis(level, 0, 1)


def _value_before(values: Floats, times: Times, lag: int) -> Floats:
    """The value at `t - lag`; NaN where there is no row of that time."""
    wanted = times - lag
    place = np.minimum(np.searchsorted(times, wanted), len(times) - 1)
    there = times[place] == wanted
    return np.where(there[None, :, None], values[:, place], np.nan)
