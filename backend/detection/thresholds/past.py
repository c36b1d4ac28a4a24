"""The latest rows, as a threshold that is renewed looks at them."""

from dataclasses import dataclass

import numpy as np

from backend.detection.thresholds.calibration import Mask
from backend.ports import Floats


@dataclass(frozen=True)
class Past:
    """Rows before a block, the newest last.

    Attributes:
        smoothed: (S, H) the model's own; NaN where not judged, or where a plain check spoke.
        threshold: (S, H) what it was held against.
    """

    smoothed: Floats
    threshold: Floats

    @property
    def known(self) -> Mask:
        """(S, H)."""
        return np.isfinite(self.smoothed)

    @property
    def normal(self) -> Mask:
        """(S, H) rows known and not flagged."""
        return self.smoothed <= self.threshold


def padded(calibrated: Floats, seen: Floats, count: int) -> Floats:
    """The newest `count` of what was seen; what is lacking is the newest of the calibration."""
    return np.concatenate((calibrated[np.isfinite(calibrated)], seen))[-count:]
