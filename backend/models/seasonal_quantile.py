"""Usual band of each channel at this time of the day or of the week. A baseline."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from backend.models.estimator import Arrays, Estimator, Opinion, Shape
from backend.ports import Floats, Times
from backend.specs import SeasonalQuantileSpec

Slots = NDArray[np.int64]

_HOUR = 3_600_000_000_000
_WEEK = 168
_DAY = 24
_FIRST_MONDAY = 96
"""Hours from the start of 1970, a Thursday, to the first Monday."""

_FEWEST = 4
"""Days, or weeks, that have to be seen before a band may follow the clock; values, an hour."""

_GAIN = 0.9
"""A band follows the clock where that brings values of other days at least this much nearer."""

_NARROW = 0.05
"""Least width of a band, as a share of the channel's whole range in normal time."""


class SeasonalQuantile(Estimator[SeasonalQuantileSpec]):
    """How far each channel of the last row is from the middle of its band, in half widths.

    The band runs between two quantiles of the normal values of the same hour of the week, of the
    day, or of all hours: per channel the finest for which the clock carries something. That is so
    where at least four weeks (days) were seen, and the median of each hour, learned from every
    other week (day), is nearer to the values of those between than one median for all by a tenth.
    An hour of few values has the middle (fewer than four) or the width (too few for the
    quantile) of all hours. Hours are those of UTC. Raw is the mean over
    channels, of squares, as a root; what is expected is the middle of the band.

    Works for what people or the sun drive, channel by channel; a baseline for all else.
    """

    def shapes(self) -> Mapping[str, Shape]:
        """Of one member: by hour of the week, from Monday on."""
        band = (_WEEK, self.channels)
        return {"middle": band, "below": band, "above": band}

    def learn(self, windows: Floats, times: Times, seed: int) -> Arrays:
        """The band of each hour and channel."""
        rows, hours = windows[:, -self.channels :], _hour_of_week(times)
        bands = np.empty((3, _WEEK, self.channels))
        for channel, values in enumerate(rows.T):
            period = _period(values, times)
            band = _band(values, hours % period, period, self.spec.quantile)
            bands[:, :, channel] = np.tile(band, _WEEK // period)
        spans = np.ptp(rows, axis=0)
        floor = np.where(spans > 0, _NARROW * spans, 1.0)
        return {
            "middle": bands[0],
            "below": np.maximum(bands[1], floor),
            "above": np.maximum(bands[2], floor),
        }

    def say(self, known: Arrays, windows: Floats, times: Times) -> Opinion:
        """How far the last row is from the middle of its band, by channel."""
        hours = _hour_of_week(times)
        off = windows[:, -self.channels :] - known["middle"][hours]
        width = np.where(off < 0, known["below"][hours], known["above"][hours])
        expected = np.tile(known["middle"][hours], self.window)
        return Opinion.distance(np.square(off / width) / self.channels, self.channels, expected)


def _hour_of_week(times: Times) -> Slots:
    return (times // _HOUR - _FIRST_MONDAY) % _WEEK


def _period(values: Floats, times: Times) -> int:
    """Hours after which the channel's band repeats; 1 where the clock tells nothing."""
    hours = times // _HOUR - _FIRST_MONDAY
    best, nearest = 1, _GAIN * _distance(values, hours // _DAY, np.zeros_like(hours))
    for period in (_DAY, _WEEK):
        turn = hours // period
        if len(np.unique(turn)) >= _FEWEST:
            found = _distance(values, turn, hours % period)
            if found < nearest:
                best, nearest = period, _GAIN * found
    return best


def _distance(values: Floats, turn: Slots, slot: Slots) -> float:
    """Mean distance from the medians of slots, learned from the turns of the other parity."""
    even, slots = turn % 2 == 0, int(slot.max()) + 1
    if even.all() or not even.any():
        return np.inf
    off = np.empty_like(values)
    for mine in (even, ~even):
        off[mine] = values[mine] - _medians(values[~mine], slot[~mine], slots)[slot[mine]]
    return float(np.abs(off).mean())


def _band(values: Floats, slot: Slots, slots: int, quantile: float) -> Floats:
    """(3, slots) middle of each slot, and how far its band reaches below and above."""
    middle = _medians(values, slot, slots)
    off = values - middle[slot]
    reach = np.repeat(np.quantile(off, (quantile, 1 - quantile))[:, None], slots, axis=1)
    for at, own in enumerate(_parted(off, slot, slots)):
        if len(own) * quantile >= 1:
            reach[:, at] = np.quantile(own, (quantile, 1 - quantile))
    return np.stack([middle, -reach[0], reach[1]])


def _medians(values: Floats, slot: Slots, slots: int) -> Floats:
    """(slots,) median of each, of all values where it has fewer than four."""
    medians = np.full(slots, np.median(values))
    for at, own in enumerate(_parted(values, slot, slots)):
        if len(own) >= _FEWEST:
            medians[at] = np.median(own)
    return medians


def _parted(values: Floats, slot: Slots, slots: int) -> list[Floats]:
    """The values of each slot."""
    order = np.argsort(slot, kind="stable")
    return np.split(values[order], np.searchsorted(slot[order], np.arange(1, slots)))
