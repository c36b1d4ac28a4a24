"""The limit that parts labelled anomalies best from held-out normal errors.

The only threshold that looks at anomalies, and so refused without them.
"""

import numpy as np

from backend.detection.thresholds.calibration import Limit, Sample
from backend.exceptions import InputError
from backend.specs import F1MaxThreshold

NEEDS = (
    "the threshold f1_max needs labelled anomalies, and there is none with complete data: label "
    "some, or choose another threshold"
)
NEEDS_SENTENCE = f"{NEEDS[0].upper()}{NEEDS[1:]}."


def learn(spec: F1MaxThreshold, sample: Sample) -> Limit:
    """The limit with the highest F1, in the middle of the gap that it lies in.

    Raises:
        InputError: there are no errors of labelled anomalies.
    """
    del spec
    normal, anomalous = np.sort(sample.known), np.sort(sample.anomalous)
    if not anomalous.size:
        raise InputError(NEEDS_SENTENCE)
    levels = np.unique(np.concatenate((normal, anomalous)))
    found = len(anomalous) - np.searchsorted(anomalous, levels, side="right")
    wrong = len(normal) - np.searchsorted(normal, levels, side="right")
    f1 = 2 * found / (found + wrong + len(anomalous))
    best = len(f1) - 1 - int(np.argmax(f1[::-1]))  # of equal ones the highest
    above = levels[min(best + 1, len(levels) - 1)]
    return Limit(
        float(levels[best] / 2 + above / 2),
        f"highest F1 ({f1[best]:.2f}) between {len(normal)} held-out normal points and "
        f"{len(anomalous)} labelled anomalous ones",
    )
