"""Mean plus k standard deviations of the held-out normal errors."""

from backend.detection.thresholds.calibration import Limit, Sample
from backend.specs import SigmaThreshold


def learn(spec: SigmaThreshold, sample: Sample) -> Limit:
    """Mean plus `k` standard deviations."""
    errors = sample.known
    value = float(errors.mean() + spec.k * errors.std())
    return Limit(value, f"mean + {spec.k:g} sigma of {len(errors)} held-out normal points")
