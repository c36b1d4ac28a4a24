"""A limit that a person states."""

from backend.detection.thresholds.calibration import Calibration, Limits, limits
from backend.specs import FixedThreshold


def learn(spec: FixedThreshold, calibration: Calibration) -> Limits:
    """The stated value for every series."""
    series = calibration.smoothed.shape[0]
    return limits([spec.value] * series, ["stated in the configuration"] * series)
