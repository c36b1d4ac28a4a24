"""From flags to the alarm: minimum length and hysteresis, causally."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.ports import Floats
from backend.specs import AlarmSpec


@dataclass(frozen=True)
class AlarmState:
    """What the alarm remembers from the point before: (S,) on or off, (S,) flagged run so far."""

    on: NDArray[np.bool_]
    run: NDArray[np.int64]

    @classmethod
    def off(cls, series: int) -> "AlarmState":
        """The state at the beginning of everything."""
        return cls(np.zeros(series, dtype=bool), np.zeros(series, dtype=np.int64))


def raise_alarms(
    score: Floats, judged: NDArray[np.bool_], spec: AlarmSpec, state: AlarmState
) -> NDArray[np.bool_]:
    """The alarm turns on at the n-th flagged point in a row and off below `clear_below`.

    A point that is not judged ends an alarm: nothing is known of it.

    Args:
        score: (S, T); above 1 is flagged.
        judged: (S, T).
        spec: minimum length n and level to clear.
        state: before the first point.

    Returns:
        (S, T).
    """
    flag = judged & (score > 1.0)
    stays = judged & (score >= spec.clear_below)
    on, run = state.on.copy(), state.run.copy()
    alarm = np.zeros_like(flag)
    for t in range(flag.shape[1]):
        run = np.where(flag[:, t], run + 1, 0)
        on = (run >= spec.points) | (on & stays[:, t])
        alarm[:, t] = on
    return alarm
