"""Whether a series has enough normal rows to learn from, and if not, what is lacking."""

import math

import numpy as np
from numpy.typing import NDArray

from backend.detection.smoothing import ewma_kernel
from backend.detection.windows import full_windows
from backend.ports import Floats
from backend.specs import DetectorSpec, format_duration

Mask = NDArray[np.bool_]

_HOUR = 3_600_000_000_000
FEWEST_TO_FIT = 30


def windows_needed(spec: DetectorSpec) -> int:
    """Fewest full windows of normal rows that a series can be trained and calibrated on.

    So many that a fold keeps windows to learn from, when a block in the middle is held out with
    what lies near on both sides.
    """
    kept = FEWEST_TO_FIT + 2 * reach(spec)
    return math.ceil(kept * spec.folds / (spec.folds - 1))


def reach(spec: DetectorSpec) -> int:
    """Windows this near to a held-out one, in grid points, share rows with it or its embargo."""
    embargo = spec.model.window + len(ewma_kernel(spec.smoothing.span))
    return spec.model.window + embargo


def what_is_lacking(spec: DetectorSpec, values: Floats, asked: Mask, normal: Mask) -> str | None:
    """Why a series cannot be trained, in a sentence for its operator; None where it can.

    Args:
        spec: the detector.
        values: (T, F) in the sensors' units, by `spec.inputs`.
        asked: (T,) rows called normal.
        normal: (T,) those of them that can stand in a window.
    """
    if not asked.any():
        return "no normal range is marked for it: mark one, or let a label speak for all series"
    there: Mask = np.asarray(np.isfinite(values[asked]).any(axis=0))
    if missing := [repr(name) for name, seen in zip(spec.inputs, there, strict=True) if not seen]:
        return (
            f"no values of channel {', '.join(missing)} in the normal ranges: "
            "check the field's name and that it is written"
        )
    if apart := _too_far_apart(spec, values, asked):
        return apart
    full = int(full_windows(normal[None], spec.model.window).sum())
    if full < (needed := windows_needed(spec)):
        hours = needed * spec.step / _HOUR
        return (
            f"too little normal data: {full} complete windows of {spec.model.window} points, "
            f"at least {needed} are needed (about {hours:.1f} h without gaps): mark more of it"
        )
    judged = values[normal, : len(spec.channels)]
    if (judged == judged[0]).all():
        return "every channel is constant in the normal ranges: there is nothing to learn"
    return None


def _too_far_apart(spec: DetectorSpec, values: Floats, asked: Mask) -> str | None:
    """Told where even bridged gaps leave holes between one reading and the next."""
    readings = np.flatnonzero(asked & np.isfinite(values).any(axis=1))
    if readings.size < FEWEST_TO_FIT:
        return None
    steps = int(np.median(np.diff(readings)))
    if steps <= spec.max_gap + 1:
        return None
    usual = format_duration(steps * spec.every)
    return (
        f"the grid is finer than the data: a reading comes about every {usual}, and `every` is "
        f"{format_duration(spec.every)}: set it to {usual} or more"
    )
