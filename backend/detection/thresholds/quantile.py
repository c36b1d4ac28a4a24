"""A quantile of the held-out normal errors."""

import numpy as np

from backend.detection.thresholds.calibration import Calibration, Limits, limits
from backend.specs import QuantileThreshold


def learn(spec: QuantileThreshold, calibration: Calibration) -> Limits:
    """The `q` quantile of each series' held-out errors, times `margin`."""
    values, basis = [], []
    for s in range(calibration.smoothed.shape[0]):
        errors = calibration.of(s)
        values.append(float(np.quantile(errors, spec.q)) * spec.margin)
        basis.append(f"quantile {spec.q:g} of {len(errors)} held-out normal points")
    return limits(values, basis)
