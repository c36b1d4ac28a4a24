"""Thresholds: each learns one limit a series from held-out normal errors.

How to read this room: `calibration.py` says what a threshold may look at; every other file is one
kind, a function `learn(spec, calibration) -> Limits`. Adding one is a file and a line in `LEARN`.
"""

from collections.abc import Callable
from typing import Any

from backend.detection.thresholds import budget, fixed, quantile, sigma
from backend.detection.thresholds.calibration import Calibration, Limits
from backend.specs import ThresholdSpec

LEARN: dict[str, Callable[[Any, Calibration], Limits]] = {
    "fixed": fixed.learn,
    "quantile": quantile.learn,
    "sigma": sigma.learn,
    "budget": budget.learn,
}


def learn_limits(spec: ThresholdSpec, calibration: Calibration) -> Limits:
    """Learn a limit for each series by the kind that `spec` names."""
    return LEARN[spec.kind](spec, calibration)


__all__ = ["Calibration", "Limits", "learn_limits"]
