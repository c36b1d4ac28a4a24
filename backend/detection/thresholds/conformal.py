"""The limit that a new normal point stays below with a stated confidence.

Split conformal prediction (Vovk, Gammerman, Shafer 2005; Laxhammar and Falkman 2010 for anomalies):
of n held-out errors the ceil((n + 1) * confidence)-th smallest. What is promised holds for errors
that could come in any order; smoothed ones hang together, which widens the spread of the share
that is flagged, not its mean.
"""

import math

import numpy as np

from backend.detection.thresholds.calibration import Limit, Sample
from backend.specs import ConformalThreshold


def learn(spec: ConformalThreshold, sample: Sample) -> Limit:
    """The error of that rank; where there are too few, the largest, and how much that backs."""
    errors = np.sort(sample.known)
    count = len(errors)
    # Without rounding, 0.95 of 100 points would ask for the 96th.
    rank = math.ceil(round((count + 1) * spec.confidence, 9))
    if rank <= count:
        basis = f"confidence {spec.confidence:g} from {count} held-out normal points"
        return Limit(float(errors[rank - 1]), basis)
    needed = math.ceil(round(spec.confidence / (1 - spec.confidence), 9))
    return Limit(
        float(errors[-1]),
        f"the largest of {count} held-out normal points, which backs a confidence of "
        f"{count / (count + 1):.3g}; {spec.confidence:g} takes {needed} points",
    )
