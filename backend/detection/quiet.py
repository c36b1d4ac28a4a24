"""Time that looks like normal and that nobody has spoken of yet."""

import numpy as np
from numpy.typing import NDArray

from backend.ports import Floats, Times

Mask = NDArray[np.bool_]

USUAL_QUANTILE = 0.99
LEAST_LIMIT, USUAL_LIMIT, MOST_LIMIT = 0.5, 0.7, 0.9
"""Scores; 1 is the threshold. What is suggested stays well below it, however labelled time was."""

_ENOUGH = 20


def quiet_limit(worst: Floats, normal: Mask) -> float:
    """The highest score that still looks like labelled normal time.

    Args:
        worst: (T,) highest score of each bucket, NaN where nothing is known.
        normal: (T,) buckets labelled normal.

    Returns:
        What 99 of 100 labelled buckets stay below, between `LEAST_LIMIT` and `MOST_LIMIT`;
        `USUAL_LIMIT` where fewer than twenty are labelled.
    """
    known = worst[normal & np.isfinite(worst)]
    if len(known) < _ENOUGH:
        return USUAL_LIMIT
    return float(np.clip(np.quantile(known, USUAL_QUANTILE), LEAST_LIMIT, MOST_LIMIT))


def quiet_runs(times: Times, every: int, quiet: Mask, shortest: int) -> list[tuple[int, int]]:
    """Ranges of buckets that follow each other and are all quiet, the longest first.

    Args:
        times: (T,) starts of buckets, nanoseconds, ascending; a bucket that is absent ends a run.
        every: length of a bucket.
        quiet: (T,) whether it is.
        shortest: nanoseconds below which a run is no use.
    """
    places = np.flatnonzero(quiet)
    if not len(places):
        return []
    apart = np.flatnonzero(np.diff(times[places]) > every) + 1
    runs = [(int(times[run[0]]), int(times[run[-1]]) + every) for run in np.split(places, apart)]
    long = [run for run in runs if run[1] - run[0] >= shortest]
    return sorted(long, key=lambda run: (run[0] - run[1], run[0]))
