"""Causal EWMA with a finite kernel, so that a score never depends on how a range was cut."""

import numpy as np

from backend.ports import Floats

_SPANS = 3  # the kernel's length in spans: what lies beyond weighs a quarter of a percent


def ewma_kernel(span: float) -> Floats:
    """Weights (L,) of the newest point first, summing to 1.

    An exponentially weighted moving average with `alpha = 2 / (span + 1)`, cut after three spans.
    """
    length = max(1, round(_SPANS * span)) if span > 1 else 1
    alpha = 2.0 / (span + 1.0)
    weights = (1.0 - alpha) ** np.arange(length)
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def smooth(values: Floats, kernel: Floats) -> Floats:
    """Weighted mean of the present values under the kernel, renormalised over gaps.

    Args:
        values: (S, T) or (S, T, F); NaN = absent.
        kernel: (L,) weights, newest first, summing to 1.

    Returns:
        The same shape; NaN where the value itself is absent or less than half the kernel's weight
        is there (after a gap, and at the start of the data).
    """
    present = np.isfinite(values)
    filled = np.where(present, values, 0.0)
    total, weight = np.zeros_like(filled), np.zeros_like(filled)
    # Adding lag by lag keeps the order of additions, and so every last digit, free of the cut.
    for lag, share in enumerate(kernel[: values.shape[1]]):
        total[:, lag:] += share * filled[:, : values.shape[1] - lag]
        weight[:, lag:] += share * present[:, : values.shape[1] - lag]
    known = present & (weight >= 0.5)
    return np.where(known, total / np.where(known, weight, 1.0), np.nan)
