"""The self-supervised kind: its maps, what it says, and what it does far away."""

from typing import Any

import numpy as np
import pytest

from backend.models.registry import build
from backend.models.transformation import UNSURE
from backend.ports import Floats, Lesson
from backend.specs import TransformationSpec

pytestmark = pytest.mark.slow

W, F, M = 4, 3, 5


def spec(**more: Any) -> TransformationSpec:
    settings = {"window": W, "transformations": M, "values": 6, "units": (9, 4), "batch": 16}
    return TransformationSpec.model_validate({**settings, "epochs": 4, **more})


def rows(count: int = 160, seed: int = 0) -> Floats:
    noise = np.random.default_rng(seed).normal(size=(count, F))
    return np.sin(np.arange(count)[:, None] / 2 + np.arange(F)) + 0.1 * noise


def windows(data: Floats) -> Floats:
    return data[np.arange(W - 1, len(data))[:, None] + np.arange(1 - W, 1)]


def fitted(seed: int = 0, **more: Any) -> Any:
    model = build(spec(**more), 1, F)
    ends = np.arange(W - 1, 160)
    model.fit([Lesson(rows(), ends[:-30], ends[-30:], seed)], lambda share, words: None)
    return model


def raw(model: Any, seen: Floats) -> Floats:
    (voice,) = model.assess(seen, np.zeros(seen.shape[:2], np.int64))
    found: Floats = voice.raw
    return found


def by_hand(model: Any, seen: Floats) -> Floats:
    """(N,) by the definition in GOAD, for one member and windows (N, W, F)."""
    weights = {name: w[0].astype(np.float64) for name, w in model.weights().items()}
    flat = seen.reshape(len(seen), -1)
    mapped = np.einsum("nc,mcr->nmr", flat, weights["maps.factors"]) + weights["maps.shifts"]
    hidden = np.tanh(mapped @ weights["hidden_0.kernel"] + weights["hidden_0.bias"])
    ends = hidden @ weights["hidden_1.kernel"] + weights["hidden_1.bias"]
    near = np.exp(-np.square(ends[:, :, None] - weights["centers.centers"]).sum(axis=3))
    own = np.diagonal(near, axis1=1, axis2=2) + UNSURE
    found: Floats = -np.log(own / (near.sum(axis=2) + M * UNSURE)).sum(axis=1)
    return found


def test_it_says_minus_the_log_probability_of_what_was_done() -> None:
    model, seen = fitted(), windows(rows(50, 1))
    np.testing.assert_allclose(raw(model, seen[None])[0], by_hand(model, seen), rtol=1e-8)


def test_maps_are_drawn_from_the_seed_and_stay() -> None:
    first, second, other = (
        fitted(seed, epochs=n).weights() for seed, n in ((1, 1), (1, 5), (2, 1))
    )
    for name in ("maps.factors", "maps.shifts"):
        np.testing.assert_array_equal(first[name], second[name])
        assert np.abs(first[name] - other[name]).max() > 0.01
    assert np.abs(first["centers.centers"] - second["centers.centers"]).max() > 1e-3


def test_reversed_time_is_told_from_time() -> None:
    """Of a saw tooth, which knows a direction."""
    teeth = np.tile(np.arange(12) / 6.0 - 1.0, 40)[:, None] + np.zeros(F)
    teeth += 0.02 * np.random.default_rng(0).normal(size=teeth.shape)
    model = build(spec(window=4, epochs=40, units=(16, 6), learning_rate=0.01), 1, F)
    ends = np.arange(W - 1, len(teeth))
    model.fit([Lesson(teeth, ends[:-60], ends[-60:], 0)], lambda share, words: None)
    seen = windows(teeth)
    forth, back = (raw(model, w[None])[0] for w in (seen, seen[:, ::-1]))
    assert np.median(back) > 3 * np.median(forth)


def test_far_away_it_is_as_unsure_as_can_be() -> None:
    model = fitted(activation="relu")
    far = raw(model, np.array([1e3, 1e30, 1e300])[None, :, None, None] * np.ones((1, 1, W, F)))
    np.testing.assert_allclose(far, M * np.log(M), rtol=1e-6)


def test_its_code_is_where_all_maps_end() -> None:
    assert fitted().embed(windows(rows(20, 1))[None]).shape == (1, 17, M * 4)
