"""What may have happened to a channel itself: gone, renamed, stuck, or in another unit.

Told beside the scores and never instead of them: a gas that rises tenfold looks like a unit that
changed, and stays an alarm. All is read off the newest rows and what normal rows were.

Shapes: T rows of one series, F channels.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from backend.detection.runs import run_lengths
from backend.ports import Floats

Mask = NDArray[np.bool_]


class Change(StrEnum):
    """What may have happened."""

    GONE = "gone"
    RENAMED = "renamed"
    STUCK = "stuck"
    UNIT = "unit"


@dataclass(frozen=True)
class Changed:
    """One channel of which something is to be told.

    Attributes:
        channel: its place.
        change: what may have happened.
        hint: the name it may go by now, or the unit it may be in.
        rows: for how many of the newest rows.
        longer: whether that is all that was looked at, so that it may have begun before.
    """

    channel: int
    change: Change
    hint: str
    rows: int
    longer: bool = False


@dataclass(frozen=True)
class Ordinary:
    """What normal rows of a series were, (F,) each.

    Attributes:
        low: lowest value.
        high: highest value.
        active: channels that varied.
        flatline: rows without change beyond which one is stuck; infinite where it is not looked at.
    """

    low: Floats
    high: Floats
    active: Mask
    flatline: Floats


UNITS: Mapping[str, tuple[float, float]] = {
    "a thousandth of the unit, such as mV for V": (1e3, 0.0),
    "a thousand times the unit, such as kW for W": (1e-3, 0.0),
    "a millionth of the unit": (1e6, 0.0),
    "a million times the unit": (1e-6, 0.0),
    "a hundredth of the unit, such as percent for a share": (1e2, 0.0),
    "a hundred times the unit, such as a share for percent": (1e-2, 0.0),
    "a tenth of the unit": (10.0, 0.0),
    "ten times the unit": (0.1, 0.0),
    "°F for °C": (1.8, 32.0),
    "°C for °F": (1 / 1.8, -32.0 / 1.8),
    "K for °C": (1.0, 273.15),
    "°C for K": (1.0, -273.15),
    "psi for bar": (14.5038, 0.0),
    "bar for psi": (1 / 14.5038, 0.0),
    "minutes for hours, or seconds for minutes": (60.0, 0.0),
    "hours for minutes, or minutes for seconds": (1 / 60.0, 0.0),
    "seconds for hours": (3600.0, 0.0),
    "hours for seconds": (1 / 3600.0, 0.0),
}
"""Other units by what turns values into them: times a factor, plus an offset."""

FEWEST = 6
"""Rows in a row that it takes to tell of anything."""
_MOST = 0.9
"""Share of the values that have to be where they are looked for."""
_BESIDE = 0.1
"""Of the normal range, how far beyond it values are still at home."""
_MOVES = 1 / 32
"""Share of the normal range that values move by at the least: those of a broken sensor do not."""


def changes(rows: Floats, ordinary: Ordinary, due: Mask) -> list[Changed]:
    """What may have happened to the channels that are to vary, by the newest rows.

    Args:
        rows: (T, F) in the sensors' units as they came, the newest last.
        ordinary: what normal rows were.
        due: (T,) rows that are to be like them: the others, of a machine that is off, tell nothing.
    """
    found = []
    reporting = due & np.isfinite(rows).any(axis=1)
    for channel in np.flatnonzero(ordinary.active).tolist():
        own = rows[:, channel]
        known = np.flatnonzero(due & np.isfinite(own))
        told = (
            _gone(own, reporting)
            or _stuck(own[known], ordinary, channel)
            or _unit(own[known], ordinary, channel)
        )
        if told is not None:
            change, hint, count = told
            if change is not Change.GONE:
                count = len(own) - int(known[-count])
            found.append(Changed(channel, change, hint, count, longer=count == len(own)))
    return found


Told = tuple[Change, str, int]


def absent_rows(own: Floats) -> int:
    """For how many of the newest rows (T,) nothing has come."""
    return int(run_lengths(~np.isfinite(own)[None])[0, -1]) if len(own) else 0


def _gone(own: Floats, reporting: Mask) -> Told | None:
    """Nothing of it comes, and of others something does."""
    absent = absent_rows(own)
    others = reporting[len(own) - absent :].sum()
    return (Change.GONE, "", absent) if others >= FEWEST else None


def _stuck(known: Floats, ordinary: Ordinary, channel: int) -> Told | None:
    if len(known) < FEWEST:
        return None
    same = np.concatenate(([False], known[1:] == known[:-1]))
    rests = int(run_lengths(same[None])[0, -1]) + 1
    return (Change.STUCK, "", rests) if rests > ordinary.flatline[channel] else None


def _unit(known: Floats, ordinary: Ordinary, channel: int) -> Told | None:
    """All that is new lies outside of the normal range, and in another unit within it."""
    low, high = ordinary.low[channel], ordinary.high[channel]
    strange = ~_at_home(known, low, high)
    count = int(run_lengths(strange[None])[0, -1]) if len(known) else 0
    if count < FEWEST:
        return None
    new = known[-count:]
    fitting = []
    for unit, (factor, offset) in UNITS.items():
        back = (new - offset) / factor
        if _at_home(back, low, high).mean() >= _MOST and _moves_alike(back, low, high):
            off = abs(float(np.median(back)) - (low + high) / 2) / (high - low)
            fitting.append((off, unit))
    return (Change.UNIT, min(fitting)[1], count) if fitting else None


def _at_home(values: Floats, low: float, high: float) -> Mask:
    beside = _BESIDE * (high - low)
    return np.asarray((values >= low - beside) & (values <= high + beside))


def _moves_alike(values: Floats, low: float, high: float) -> bool:
    """Whether values move by some of the normal range, as a broken sensor does not."""
    return float(np.ptp(values)) >= _MOVES * (high - low)


def renamed(own: Floats, others: Mapping[str, Floats], low: float, high: float) -> Iterator[str]:
    """Fields that may be a channel which is gone: they began when it ended, and look like it.

    Args:
        own: (T,) the channel.
        others: (T,) each, fields that the detector does not look at.
        low: lowest normal value of the channel.
        high: highest normal value of it.
    """
    absent = absent_rows(own)
    last = len(own) - absent
    if last < FEWEST or absent < FEWEST:
        return
    for name, values in sorted(others.items()):
        there = np.isfinite(values)
        before, after = int(there[: last - 1].sum()), there[last:]
        if before == 0 and after.mean() >= _MOST and there[last - 1 : last + 2].any():
            known = values[last:][after]
            if _at_home(known, low, high).mean() >= _MOST and _moves_alike(known, low, high):
                yield name
