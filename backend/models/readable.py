"""Windows as every model reads them: finite numbers, in calls whose sizes do not show."""

import numpy as np

from backend.ports import Floats

EVEN = 32
"""Windows are looked at in multiples of so many: where a product of matrices has rows left over,
other instructions compute them, and the last digits would depend on how a range was cut."""

LARGEST = 1e100
"""Numbers beyond are cut off, so that they and their squares stay finite."""


def readable(windows: Floats) -> Floats:
    """A copy in float64 with finite numbers only, 0 where a value is absent."""
    return np.clip(np.nan_to_num(windows, nan=0.0), -LARGEST, LARGEST).astype(np.float64)
