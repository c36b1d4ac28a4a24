"""Matrix profile against stumpy's distances."""

import numpy as np
import stumpy

from backend.models.matrix_profile import MatrixProfile
from backend.ports import Floats
from backend.specs import MatrixProfileSpec

NO_TIMES = np.empty(0, dtype=np.int64)
WINDOW = 16


def model_of(channels: int) -> MatrixProfile:
    return MatrixProfile(MatrixProfileSpec(window=WINDOW), 1, channels)


def windows_of(series: Floats) -> Floats:
    """(N, W * F), row by row, of (T, F)."""
    found = np.lib.stride_tricks.sliding_window_view(series, WINDOW, axis=0)
    return found.transpose(0, 2, 1).reshape(len(found), -1)


def test_it_is_the_distance_of_stumpy() -> None:
    rng = np.random.default_rng(0)
    normal, seen = rng.normal(size=(200, 2)), rng.normal(size=(40, 2)) * 3 + 1
    model = model_of(2)
    known = model.learn(windows_of(normal), NO_TIMES, 0)
    opinion = model.say(known, windows_of(seen), NO_TIMES)
    by_channel = np.array(
        [
            [stumpy.mass(seen[start : start + WINDOW, f], normal[:, f]) for f in range(2)]
            for start in range(len(seen) - WINDOW + 1)
        ]
    ).astype(float)
    joint = np.sqrt(np.square(by_channel).mean(axis=1))
    np.testing.assert_allclose(opinion.raw, joint.min(axis=1))
    at = joint.argmin(axis=1)
    of_nearest = np.square(by_channel[np.arange(len(at)), :, at]) / 2
    assert opinion.parts is not None
    np.testing.assert_allclose(opinion.parts, of_nearest / opinion.raw[:, None])


def test_a_known_shape_at_another_level_and_height_is_normal_and_expected() -> None:
    normal = np.sin(np.arange(100) / 3)[:, None] + 0.1 * np.arange(100)[:, None] % 7
    model, windows = model_of(1), windows_of(normal)
    known = model.learn(windows, NO_TIMES, 0)
    moved = 5 * windows[10:20] - 40
    opinion = model.say(known, moved, NO_TIMES)
    np.testing.assert_allclose(opinion.raw, 0.0, atol=1e-9)
    assert opinion.expected is not None
    np.testing.assert_allclose(opinion.expected, moved)


def test_noise_of_a_channel_at_rest_has_no_shape() -> None:
    rng = np.random.default_rng(0)
    normal = np.sin(np.arange(200) / 3)[:, None]
    model = model_of(1)
    known = model.learn(windows_of(normal), NO_TIMES, 0)
    resting = 1e-6 * rng.normal(size=(2, WINDOW))
    raw = model.say(known, resting, NO_TIMES).raw
    np.testing.assert_allclose(raw, np.linalg.norm(known["rows"], axis=1).min(), rtol=1e-3)
