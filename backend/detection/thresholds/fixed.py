"""A limit that a person states."""

from backend.detection.thresholds.calibration import Limit, Sample
from backend.specs import FixedThreshold


def learn(spec: FixedThreshold, sample: Sample) -> Limit:
    """The stated value."""
    del sample
    return Limit(spec.value, "stated in the configuration")
