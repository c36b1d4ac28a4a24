"""The algebra that Gaussian kinds share."""

import numpy as np

from backend.ports import Floats


def shrunk(windows: Floats, *, centered: bool = False) -> Floats:
    """(D, D) covariance of windows (N, D), shrunk by as much as its own noise warrants.

    Source: Ledoit and Wolf, A well-conditioned estimator for large-dimensional covariance
    matrices, 2004.

    Args:
        windows: of normal time.
        centered: whether their mean has been taken off.
    """
    from sklearn.covariance import ledoit_wolf  # noqa: PLC0415 - scoring starts without it

    covariance: Floats = ledoit_wolf(windows, assume_centered=centered)[0]
    return covariance


_LEAST = 1e-6
"""Share of the mean variance that every direction is taken to have: what is exactly determined by
other channels must not make a distance infinite."""

_NOTHING = 1e-10
"""Variance of what never varied, in the unit of scaled channels."""


def inverse_root(covariance: Floats) -> Floats:
    """(D, D) symmetric root of the inverse of a covariance."""
    variances, directions = np.linalg.eigh(covariance)
    floor = max(_LEAST * float(variances.mean()), _NOTHING)
    return np.asarray(directions / np.sqrt(np.maximum(variances, floor)) @ directions.T)


def last_given_all_else(precision: Floats) -> tuple[Floats, Floats]:
    """What turns windows into how far their last rows are from what all else lets expect.

    Args:
        precision: (D, F) columns of the inverse covariance that belong to the last row.

    Returns:
        (D, F) factors of a window's distance from the mean, and (F,) deviations of what comes out.
    """
    own = np.diag(precision[-precision.shape[1] :])
    return precision / own, 1.0 / np.sqrt(own)


def with_last_expected(windows: Floats, mean: Floats, root: Floats, channels: int) -> Floats:
    """(N, D) windows whose last row holds each channel's mean, given all else in the window.

    Args:
        windows: (N, D).
        mean: (D,).
        root: (D, D) symmetric root of the inverse covariance.
        channels: F.
    """
    gain, _ = last_given_all_else(root @ root[:, -channels:])
    expected = windows.copy()
    expected[:, -channels:] -= (windows - mean) @ gain
    return expected


def independent(windows: Floats) -> float:
    """How many windows, independent of each other, would tell as much as these (N, D) in a row.

    Neighbours resemble each other: with an autocorrelation of r from one to the next, a number's
    mean is as uncertain as that of `N (1 - r) / (1 + r)` independent ones (Bartlett, 1946). The
    median over the numbers of a window counts.
    """
    off = windows - windows.mean(axis=0)
    power = np.square(off).sum(axis=0)
    alike = (off[1:] * off[:-1]).sum(axis=0)[power > 0] / power[power > 0]
    if not alike.size:
        return 1.0
    r = float(np.clip(np.median(alike), 0.0, 1.0))
    return max(1.0, len(windows) * (1 - r) / (1 + r))
