"""The limits of some series of a fleet, by what they may do as a part of the whole of it.

A budget of alarms belongs to all series together. Where a part of them is trained by itself, its
limits are learned anew with the share that each series has of the whole.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from backend.detection.grid import Rows
from backend.detection.judging import prepare
from backend.detection.pipeline import Fitted
from backend.detection.thresholds import Before, Calibration, Limits, learn_limits, move
from backend.detection.training import Training

_HOUR = 3_600_000_000_000


def as_part_of(
    fitted: Fitted, training: Training, rows: Rows, fleet: int
) -> tuple[Fitted, Training]:
    """The same version with the limits that its series have in a fleet of so many.

    Args:
        fitted: some series, as trained by themselves.
        training: its record.
        rows: (S, T, F) what it was trained on, its series in their order.
        fleet: how many series share what the whole detector may do.
    """
    spec = fitted.spec
    if spec.threshold.kind != "budget" or fleet == len(fitted.keys):
        return fitted, training
    modes = _modes(fitted, rows)
    hours = rows.step / _HOUR
    smoothed, bad = training.held_out_smoothed, training.anomalous_smoothed
    limits = learn_limits(
        spec.threshold, Calibration(smoothed, hours, spec.alarm, modes, bad, fleet)
    )
    said = set(_warnings(fitted, training, training.limits, modes))
    kept = [warning for warning in training.warnings if warning not in said]
    warnings = (*kept, *_warnings(fitted, training, limits, modes))
    return (
        replace(fitted, limits=limits),
        replace(training, limits=limits, warnings=warnings),
    )


def _modes(fitted: Fitted, rows: Rows) -> NDArray[np.int64]:
    """(S, T) operating mode of each row; -1 where it is not known."""
    if not fitted.modes.mean.shape[1]:
        return np.full(rows.values.shape[:2], -1, dtype=np.int64)
    return fitted.modes.of(prepare(fitted.spec, rows, fitted.active).values)


def _warnings(
    fitted: Fitted, training: Training, limits: Limits, modes: NDArray[np.int64]
) -> list[str]:
    return limit_warnings(fitted, limits, training.held_out_smoothed, training.times, modes)


def limit_warnings(
    fitted: Fitted,
    limits: Limits,
    smoothed: NDArray[np.float64],
    times: NDArray[np.int64],
    modes: NDArray[np.int64],
) -> list[str]:
    """Limits that too little backs, and normal errors that drift further than may be followed.

    Args:
        fitted: whose series it is about.
        limits: of them.
        smoothed: (S, T) held-out errors.
        times: (T,) nanoseconds.
        modes: (S, T) operating mode of each row.
    """
    keys, spec = fitted.keys, fitted.spec
    found = [
        f"{key or 'the series'}: alarms are silent: {limits.hours[s]:.1f} h of held-out normal "
        f"time back the limit, {limits.wanted_hours[s]:.1f} h are wanted: mark more of it as normal"
        for s, key in enumerate(keys)
        if limits.silent[s]
    ]
    place = int(times[0]) // spec.step
    drift = move(spec.threshold, limits, smoothed, place, Before.nothing(len(keys)), modes).drift
    return found + [
        f"{key or 'the series'}: the model's error drifts within its normal time, further than "
        "threshold.follow.most lets the threshold follow"
        for s, key in enumerate(keys)
        if drift[s].any()
    ]
