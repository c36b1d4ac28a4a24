"""An estimator over a bottleneck: what it hands on, and what it refuses."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from backend.exceptions import ArtifactError, NotEnoughNormalData
from backend.models.registry import build
from backend.ports import Floats, Lesson
from backend.specs import EmbeddedSpec

W, F = 4, 3


def spec(**more: Any) -> EmbeddedSpec:
    network = {"units": [8, 2], "epochs": 5, "batch": 16}
    return EmbeddedSpec.model_validate({"window": W, "network": network, **more})


def rows(count: int = 160, seed: int = 0) -> Floats:
    noise = np.random.default_rng(seed).normal(size=(count, F))
    return np.sin(np.arange(count)[:, None] / 2 + np.arange(F)) + 0.1 * noise


def lesson(data: Floats) -> Lesson:
    ends = np.arange(W - 1, len(data))
    return Lesson(data, ends[:-30], ends[-30:], 0)


def windows(data: Floats) -> Floats:
    return data[np.arange(W - 1, len(data))[:, None] + np.arange(1 - W, 1)]


def raw(model: Any, seen: Floats) -> Floats:
    (voice,) = model.assess(seen, np.zeros(seen.shape[:2], np.int64))
    found: Floats = voice.raw
    return found


class TestSpec:
    def test_the_estimator_looks_at_one_code(self) -> None:
        with pytest.raises(ValidationError, match="one code at a time"):
            spec(estimator={"kind": "pca", "window": 3})

    def test_it_is_read_back(self) -> None:
        whole = spec(estimator={"kind": "pca", "statistic": "spe"}, seed=4)
        assert EmbeddedSpec.model_validate(whole.model_dump(mode="json")) == whole
        assert whole.network.seed == 4


@pytest.mark.slow
class TestModel:
    @pytest.mark.parametrize("kind", ["pca", "mahalanobis", "gaussian_mixture"])
    def test_the_estimator_sees_codes_of_deviation_one(self, kind: str) -> None:
        data = rows()
        model: Any = build(spec(estimator={"kind": kind}), 1, F)
        model.fit([lesson(data)], lambda share, words: None)
        codes = model.embed(windows(data)[None])[0]
        scaled = (codes - codes.mean(axis=0)) / codes.std(axis=0)
        alone = build(spec(estimator={"kind": kind}).estimator, 1, codes.shape[1])
        alone.fit(
            [Lesson(scaled, np.arange(len(scaled)), np.empty(0, np.int64), 0)],
            lambda share, words: None,
        )
        np.testing.assert_allclose(
            raw(model, windows(data)[None]), raw(alone, scaled[None, :, None]), rtol=1e-6
        )

    def test_progress_only_rises_and_ends(self) -> None:
        told: list[float] = []
        build(spec(), 2, F).fit(
            [lesson(rows()), lesson(rows(90, 1))], lambda share, words: told.append(share)
        )
        assert told == sorted(told)
        assert told[-1] == 1.0

    def test_a_code_that_never_changes_divides_by_nothing(self) -> None:
        model = build(spec(), 1, F)
        still = np.ones((80, F))
        model.fit([lesson(still)], lambda share, words: None)
        assert np.isfinite(raw(model, windows(still)[None])).all()

    def test_without_windows_it_says_what_the_network_says(self) -> None:
        with pytest.raises(NotEnoughNormalData, match="member 0"):
            build(spec(), 1, F).fit(
                [Lesson(rows(), np.empty(0, np.int64), np.empty(0, np.int64), 0)],
                lambda share, words: None,
            )

    @pytest.mark.parametrize("part", ["network", "estimator"])
    def test_weights_of_another_part_are_refused(self, part: str) -> None:
        model = build(spec(), 1, F)
        whole = model.weights()
        name = next(name for name in whole if name.startswith(part))
        with pytest.raises(ArtifactError):
            model.load({**whole, name: whole[name][..., :-1]})
