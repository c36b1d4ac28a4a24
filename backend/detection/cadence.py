"""How often a series has a row, and where it has none."""

from dataclasses import dataclass

import numpy as np

from backend.ports import Times

GAP = 3
"""A distance of more than so many usual ones is a gap."""


@dataclass(frozen=True)
class Cadence:
    """The rhythm of a series.

    Attributes:
        step: usual distance of two rows in nanoseconds, their median; None for fewer than two.
        gaps: half-open ranges without a row where some were due: from a step behind the last row
            before the gap to the first row behind it.
    """

    step: int | None
    gaps: tuple[tuple[int, int], ...]


def cadence(times: Times) -> Cadence:
    """Find the rhythm of rows.

    Args:
        times: (T,) nanoseconds, ascending; equal times count once.
    """
    distinct = np.unique(times)
    if len(distinct) < 2:
        return Cadence(None, ())
    distances = np.diff(distinct)
    # the lower one of two in the middle: a distance that really occurs
    step = int(np.sort(distances)[(len(distances) - 1) // 2])
    wide = np.flatnonzero(distances > GAP * step)
    gaps = tuple((int(distinct[at]) + step, int(distinct[at + 1])) for at in wide)
    return Cadence(step, gaps)
