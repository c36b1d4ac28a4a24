"""Small fleets for the tests of the pipeline."""

import numpy as np

from backend.detection.grid import Rows
from backend.detection.pipeline import Fitted
from backend.detection.training import Outcome, fit
from backend.specs import DetectorSpec
from tests.fakes.models import LinearModel

STEP = 600 * 10**9


def spec(**changes: object) -> DetectorSpec:
    """A detector of two channels with a window of 5, and a limit that stands still."""
    return DetectorSpec.model_validate(
        {
            "name": "room",
            "measurement": "air",
            "channels": ["x", "y"],
            "every": "10m",
            "model": {"kind": "dense_autoencoder", "window": 5},
            "threshold": {"kind": "budget", "follow": None},
            **changes,
        }
    )


def waves(length: int, series: int = 1, seed: int = 0, noise: float = 0.1) -> np.ndarray:
    """(S, T, 2) two waves that belong together, with noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(length) / 20
    clean = np.stack([np.sin(t), np.cos(t)], axis=1)
    return clean + noise * rng.normal(size=(series, length, 2))


def rows_of(values: np.ndarray, start: int = 0) -> Rows:
    """The values on the ten-minute grid, series named a, b, …"""
    keys = tuple(f"room={chr(97 + s)}" for s in range(values.shape[0]))
    times = (start + np.arange(values.shape[1], dtype=np.int64)) * STEP
    return Rows(keys, times, STEP, values)


def train(values: np.ndarray, normal: slice = slice(None), **changes: object) -> Outcome:
    """Fit on a part of the values."""
    mask = np.zeros(values.shape[:2], dtype=bool)
    mask[:, normal] = True
    return fit(spec(**changes), rows_of(values), mask, LinearModel)


def fitted(values: np.ndarray, normal: slice = slice(None), **changes: object) -> Fitted:
    """The fitted fleet, where training must succeed."""
    outcome = train(values, normal, **changes)
    assert outcome.fitted is not None, outcome.rejected
    return outcome.fitted
