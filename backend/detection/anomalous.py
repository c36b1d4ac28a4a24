"""Labelled anomalies: the one thing beside normal time that a threshold may look at (`f1_max`)."""

import numpy as np
from numpy.typing import NDArray

from backend.detection.course import Course
from backend.detection.pipeline import Fitted, apply, errors_of, examine, lacking_in
from backend.detection.smoothing import ewma_kernel, smooth
from backend.detection.thresholds.f1_max import NEEDS
from backend.detection.windows import full_windows
from backend.ports import Floats
from backend.specs import DetectorSpec

Mask = NDArray[np.bool_]


def what_anomalies_lack(spec: DetectorSpec, anomalous: Mask, usable: Mask) -> list[str | None]:
    """Why each of S series cannot have a limit that is learned from anomalies; None where it can.

    Args:
        spec: the detector.
        anomalous: (S, T) rows labelled as anomalies.
        usable: (S, T) rows that can stand in a window.
    """
    if spec.threshold.kind != "f1_max":
        return [None] * len(anomalous)
    kernel = ewma_kernel(spec.smoothing.span)
    half = int(np.searchsorted(np.cumsum(kernel), 0.5))
    judged: Mask = anomalous & full_windows(usable, spec.model.window + half)
    return [None if row.any() else NEEDS for row in judged]


def anomalous_errors(fitted: Fitted, course: Course, anomalous: Mask) -> Floats:
    """(S, T) smoothed error of rows labelled as anomalies by the model that serves; NaN elsewhere.

    What an error is measured by is that of the folds, so they compare with held-out ones.
    """
    times, prepared = course.rows.times, course.prepared
    applied, lacking = apply(fitted, prepared, times), lacking_in(fitted, prepared)
    evidence = examine(fitted, prepared, applied, times, 0, lacking)
    found = errors_of(fitted, evidence, lacking).error
    smoothed = smooth(found, ewma_kernel(fitted.spec.smoothing.span))
    return np.where(anomalous & course.prepared.usable, smoothed, np.nan)
