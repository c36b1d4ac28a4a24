"""The GAN: that both players learn, what is trained when, the search, and what it says."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from backend.models.registry import build
from backend.ports import Floats, Lesson
from backend.specs import GanSpec

pytestmark = pytest.mark.slow

W, F = 2, 2


def spec(**more: Any) -> GanSpec:
    settings = {"window": W, "units": (16, 8), "latent": 2, "batch": 32, "epochs": 3}
    return GanSpec.model_validate({**settings, **more})


def curve(count: int = 300, seed: int = 0) -> Floats:
    """Rows on a parabola: one way to vary."""
    angle = np.random.default_rng(seed).uniform(0, 2 * np.pi, count).cumsum() / 9
    along = 1.5 * np.sin(angle)
    return np.stack([along, along**2 - 1], axis=1)


def windows(data: Floats) -> Floats:
    return data[np.arange(W - 1, len(data))[:, None] + np.arange(1 - W, 1)]


@lru_cache
def fitted(**more: Any) -> Any:
    """A model that nobody changes: what several tests look at has learned once."""
    data = curve()
    model = build(spec(**more), 1, F)
    ends = np.arange(W - 1, len(data))
    model.curves = model.fit(  # type: ignore[attr-defined]
        [Lesson(data, ends[:-60], ends[-60:], 0)], lambda share, words: None
    )
    return model


def assess(model: Any, seen: Floats) -> Any:
    return model.assess(seen, np.zeros(seen.shape[:2], np.int64))[0]


def apart(one: Mapping[str, Floats], two: Mapping[str, Floats], player: str) -> float:
    """How far a player's weights lie apart."""
    return max(
        float(np.abs(one[name] - two[name]).max()) for name in one if name.startswith(player)
    )


def test_each_learns_in_its_turn() -> None:
    """With the search alone no encoder is trained; with one, the players stay as they were."""
    searched, encoded = fitted(search="latent").weights(), fitted(search="encoder").weights()
    seed = np.random.SeedSequence(0).spawn(3)[0]
    drawn = fitted(search="latent").stack.initial([np.random.default_rng(seed)])
    untrained = {name: weight.astype(np.float32) for name, weight in drawn.items()}
    assert apart(searched, untrained, "encoder") == 0.0
    for player in ("generator", "discriminator"):
        assert apart(searched, untrained, player) > 1e-3
        assert apart(searched, encoded, player) == 0.0
    assert apart(searched, encoded, "encoder") > 1e-3


def test_decay_does_not_reach_players_that_have_learned() -> None:
    searched, encoded = (fitted(search=way, l2=0.01).weights() for way in ("latent", "encoder"))
    for player in ("generator", "discriminator"):
        assert apart(searched, encoded, player) == 0.0


@pytest.mark.parametrize("search", ["encoder", "latent"])
def test_what_is_real_can_be_made_and_its_mirror_image_cannot(search: str) -> None:
    model = fitted(search=search, epochs=150)
    seen = windows(curve(60, 1))[None]
    normal, broken = (assess(model, w).raw[0] for w in (seen, seen * [1.0, -1.0]))
    truth = np.repeat([0, 1], len(normal))
    assert roc_auc_score(truth, np.concatenate([normal, broken])) > 0.9


@pytest.mark.parametrize("search", ["encoder", "latent"])
def test_raw_is_residual_and_features(search: str) -> None:
    seen = windows(curve(40, 1))[None]
    without, model = (fitted(search=search, kappa=kappa) for kappa in (0.0, 1.0))
    for one in (without, model):
        voice = assess(one, seen)
        np.testing.assert_allclose(voice.parts, np.square(seen - voice.expected).mean(axis=2))
    plain, voice = assess(without, seen), assess(model, seen)
    np.testing.assert_allclose(plain.raw, plain.parts.mean(axis=2))
    assert (voice.raw > voice.parts.mean(axis=2)).all()


def test_more_steps_find_better() -> None:
    seen = windows(curve(40, 1))[None]
    few, many = (fitted(search="latent", steps=steps, epochs=20) for steps in (1, 100))
    assert assess(many, seen).raw.mean() < assess(few, seen).raw.mean()


def test_the_search_begins_in_the_middle_and_ends_at_its_code() -> None:
    seen = windows(curve(40, 1))[None]
    model = fitted(search="latent", steps=1)
    np.testing.assert_allclose(np.abs(model.embed(seen)), 0.1, rtol=1e-3)


def test_all_epochs_of_the_players_are_run_and_the_encoder_may_stop() -> None:
    searched, encoded = (fitted(search=way, epochs=30, patience=1) for way in ("latent", "encoder"))
    assert len(searched.curves[0].loss) == 30
    assert searched.curves[0].best == 29
    assert len(encoded.curves[0].loss) < 30
