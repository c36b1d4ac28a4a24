"""Thresholds: what is learned from held-out normal errors, and how it moves with time.

How to read this room: `calibration.py` says what a threshold may look at; every kind is a file with
a function `learn(spec, sample) -> Limit` for one series, and for some `renew(spec, limits, past)`;
`moving.py` turns what was learned into the threshold of each point, everywhere in the same way.
Adding a kind is a file and a line in `LEARN`.
"""

from backend.detection.thresholds.calibration import Calibration, Limits
from backend.detection.thresholds.learning import learn_limits
from backend.detection.thresholds.moving import Before, Moved, memory, move, settled_after

__all__ = [
    "Before",
    "Calibration",
    "Limits",
    "Moved",
    "learn_limits",
    "memory",
    "move",
    "settled_after",
]
