"""A quantile of the held-out normal errors."""

import numpy as np

from backend.detection.thresholds.calibration import Limit, Sample
from backend.specs import QuantileThreshold


def learn(spec: QuantileThreshold, sample: Sample) -> Limit:
    """The `q` quantile."""
    errors = sample.known
    value = float(np.quantile(errors, spec.q))
    return Limit(value, f"quantile {spec.q:g} of {len(errors)} held-out normal points")
