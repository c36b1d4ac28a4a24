"""A grid that fits the rows."""

import numpy as np

from backend.ports import Times

_SECOND = 1_000_000_000
_ROUND = tuple(
    count * unit * _SECOND
    for unit, counts in (
        (1, (1, 2, 5, 10, 15, 30)),
        (60, (1, 2, 5, 10, 15, 30)),
        (3600, (1, 2, 4, 6, 12, 24)),
    )
    for count in counts
)
_REGULAR = 0.9
_MILLISECOND = 1_000_000


def proposed_grid(times: Times) -> int:
    """The distance of the rows where it is regular; else a round one that most stay within.

    Args:
        times: (T,) nanoseconds, ascending.

    Returns:
        Nanoseconds, at least a millisecond; a minute for fewer than two rows.
    """
    distances = np.diff(times)
    distances = distances[distances > 0]
    if not distances.size:
        return 60 * _SECOND
    usual = int(np.sort(distances)[(len(distances) - 1) // 2])
    if np.mean(np.abs(distances - usual) <= usual // 100) >= _REGULAR:
        whole = max(1, round(usual / _MILLISECOND)) * _MILLISECOND
        return next((step for step in _ROUND if abs(step - usual) <= usual // 100), whole)
    within = float(np.quantile(distances, _REGULAR))
    wanted = min(within, 5.0 * usual)
    return next((step for step in _ROUND if step >= wanted), _ROUND[-1])
