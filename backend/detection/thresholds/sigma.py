"""Mean plus k standard deviations of the held-out normal errors."""

from backend.detection.thresholds.calibration import Calibration, Limits, limits
from backend.specs import SigmaThreshold


def learn(spec: SigmaThreshold, calibration: Calibration) -> Limits:
    """Mean plus `k` standard deviations, a series."""
    values, basis = [], []
    for s in range(calibration.smoothed.shape[0]):
        errors = calibration.of(s)
        values.append(float(errors.mean() + spec.k * errors.std()))
        basis.append(f"mean + {spec.k:g} sigma of {len(errors)} held-out normal points")
    return limits(values, basis)
