"""Events: merged runs of flagged points that lasted long enough to raise an alarm."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.detection.runs import spans
from backend.ports import Floats
from backend.specs import AlarmSpec


@dataclass(frozen=True)
class Event:
    """Half-open index range `[start, stop)` of one series, and where its score peaked."""

    start: int
    stop: int
    peak: int
    peak_score: float


def find_events(score: Floats, judged: NDArray[np.bool_], spec: AlarmSpec) -> list[Event]:
    """Merge flagged runs of one series; those shorter than the alarm's minimum length make none.

    Args:
        score: (T,).
        judged: (T,).
        spec: minimum length of a run, and how many unflagged points do not part an event.
    """
    flag = judged & (score > 1.0)
    events = []
    for start, stop in spans(flag, spec.merge):
        inside = flag[start:stop]
        if max(b - a for a, b in spans(inside)) < spec.points:
            continue
        peak = start + int(np.argmax(np.where(inside, score[start:stop], -np.inf)))
        events.append(Event(start, stop, peak, float(score[peak])))
    return events
