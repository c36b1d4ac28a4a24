"""Networks that begin with weights they are given, or with a network of all their pool."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from backend.exceptions import InputError, TrainingFailed
from backend.models.registry import build
from backend.ports import Floats, Lesson, LossCurve, Start
from backend.specs import ModelSpec

pytestmark = pytest.mark.slow

W, F = 3, 2
DENSE = {"kind": "dense_autoencoder", "window": W, "units": [8, 3], "batch": 32, "epochs": 40}
LSTM = {"kind": "lstm_autoencoder", "window": W, "units": [5, 2], "batch": 32, "epochs": 20}


def model(series: int = 1, base: dict[str, Any] = DENSE, **more: Any) -> Any:
    spec: ModelSpec = TypeAdapter(ModelSpec).validate_python({**base, **more})
    return build(spec, series, F)


def lesson(count: int = 300, seed: int = 0, stop: int = 60, pool: int = 0) -> Lesson:
    rng = np.random.default_rng(seed)
    wave = np.sin(np.arange(count)[:, None] / 4 + np.arange(F)) + 0.1 * rng.normal(size=(count, F))
    ends = np.arange(W - 1, count)
    return Lesson(wave, ends[: len(ends) - stop], ends[len(ends) - stop :], seed, pool=pool)


def fit(net: Any, lessons: Sequence[Lesson], start: Start | None = None) -> list[LossCurve]:
    curves: list[LossCurve] = net.fit(lessons, lambda share, words: None, start)
    return curves


def off(net: Any, lessons: Sequence[Lesson]) -> Floats:
    """(S,) mean squared residual of each member on the windows that early stopping looks at."""
    found = []
    for member, own in enumerate(lessons):
        windows = own.rows[own.stop[:, None] + np.arange(1 - W, 1)]
        everywhere = np.broadcast_to(windows, (len(lessons), *windows.shape))
        made = net.reconstruct(everywhere)[member]
        found.append(np.square(made - windows).mean())
    return np.array(found)


class TestStart:
    @pytest.mark.parametrize("base", [DENSE, LSTM], ids=["dense", "lstm"])
    def test_it_never_ends_worse_than_it_began(self, base: dict[str, Any]) -> None:
        lessons = [lesson(seed=0), lesson(200, seed=1)]
        first = model(2, base)
        fit(first, lessons)
        # steps so large that every one of them leads away from what was learned
        spoiled = model(2, base, learning_rate=0.9, epochs=3)
        fit(spoiled, lessons, first.starts())
        np.testing.assert_allclose(off(spoiled, lessons), off(first, lessons), rtol=1e-5)

    def test_it_goes_on_from_there(self) -> None:
        own = lesson()
        first = model()
        fit(first, [own])
        going_on = model(epochs=2)
        fit(going_on, [own], first.starts())
        anew = model(epochs=2)
        fit(anew, [own])
        assert off(going_on, [own]) <= off(first, [own]) * (1 + 1e-5)
        assert off(anew, [own]) > 2 * off(first, [own])

    def test_a_start_that_nothing_improves_ends_after_so_many_epochs_as_patience_has(self) -> None:
        own = lesson()
        first = model()
        fit(first, [own])
        (curve,) = fit(model(patience=2, learning_rate=0.9), [own], first.starts())
        assert len(curve.loss) <= 3

    def test_members_without_one_begin_as_if_there_were_none(self) -> None:
        lessons = [lesson(seed=0), lesson(150, seed=1)]
        first = model(2)
        fit(first, lessons)
        start = first.starts()
        for weight in start.values():
            weight[1] = np.nan
        warm, cold = model(2, epochs=5), model(2, epochs=5)
        curves = fit(warm, lessons, start), fit(cold, lessons)
        for name, weight in cold.weights().items():
            np.testing.assert_allclose(warm.weights()[name][1], weight[1], rtol=1e-4, atol=1e-6)
            assert not np.allclose(warm.weights()[name][0], weight[0])
        np.testing.assert_allclose(curves[0][1].loss, curves[1][1].loss, rtol=1e-4)

    def test_a_start_of_nothing_is_none(self) -> None:
        own = lesson()
        nothing = {name: np.full_like(w, np.nan) for name, w in model().starts().items()}
        warm, cold = model(epochs=2), model(epochs=2)
        fit(warm, [own], nothing)
        fit(cold, [own])
        for name, weight in cold.weights().items():
            np.testing.assert_array_equal(warm.weights()[name], weight)

    def test_a_foreign_one_is_refused(self) -> None:
        start = model(1, LSTM).starts()
        with pytest.raises(InputError, match="other names or shapes"):
            fit(model(), [lesson()], start)
        with pytest.raises(InputError, match="of 2 members"):
            fit(model(2), [lesson(), lesson()], model(1).starts())

    @pytest.mark.parametrize("kind", ["gan", "deep_svdd"])
    def test_kinds_whose_loss_does_not_tell_begin_anew(self, kind: str) -> None:
        base = {"kind": kind, "window": W, "epochs": 2}
        own = lesson()
        first = model(1, base)
        fit(first, [own])
        assert first.starts() == {}
        again = model(1, base)
        fit(again, [own], first.starts())
        for name, weight in first.weights().items():
            np.testing.assert_array_equal(again.weights()[name], weight)
        with pytest.raises(ValidationError, match="start"):
            model(1, base, start="pooled")

    @pytest.mark.parametrize(
        "around",
        [
            {"kind": "rapp", "network": DENSE},
            {"kind": "embedded", "network": DENSE},
            {"kind": "ensemble", "members": [{"kind": "dpca", "window": W}, DENSE]},
        ],
        ids=["rapp", "embedded", "ensemble"],
    )
    def test_what_holds_a_network_hands_it_on(self, around: dict[str, Any]) -> None:
        own = lesson()
        first = model(1, around)
        fit(first, [own])
        start = first.starts()
        assert set(start) < set(first.weights())
        again = model(1, around)
        # as many steps as a cold training takes would lead elsewhere
        shifted = {name: weight + 1e-3 for name, weight in start.items()}
        fit(again, [replace(own, stop=own.stop[:0])], shifted)
        cold = model(1, around)
        fit(cold, [replace(own, stop=own.stop[:0])])
        for name, weight in start.items():
            assert not np.allclose(again.starts()[name], cold.starts()[name], rtol=1e-3)
            assert again.starts()[name].shape == weight.shape


class TestPooled:
    def test_little_data_is_better_off_with_the_network_of_all(self) -> None:
        few = [lesson(40, seed=seed, stop=0) for seed in range(12)]
        fresh = [lesson(300, seed=100 + seed, stop=250) for seed in range(12)]
        settings = {"epochs": 20, "patience": 0}
        own, pooled = model(12, **settings), model(12, start="pooled", **settings)
        fit(own, few)
        fit(pooled, few)
        assert off(pooled, fresh).mean() < 0.7 * off(own, fresh).mean()

    def test_a_member_alone_has_nothing_to_pool(self) -> None:
        own, pooled = model(epochs=3), model(epochs=3, start="pooled")
        for net in (own, pooled):
            fit(net, [lesson()])
        for name, weight in own.weights().items():
            np.testing.assert_array_equal(pooled.weights()[name], weight)

    def test_another_pool_changes_nothing(self) -> None:
        mine = [lesson(seed=0), lesson(120, seed=1)]
        weights = []
        for others in (
            [lesson(seed=2, pool=1), lesson(seed=3, pool=1)],
            [lesson(90, seed=4, pool=1), lesson(seed=5, pool=1), lesson(seed=6, pool=2)],
        ):
            net = model(2 + len(others), epochs=3, start="pooled")
            fit(net, [*mine, *others])
            weights.append(net.weights())
        for name, weight in weights[0].items():
            np.testing.assert_allclose(weight[:2], weights[1][name][:2], rtol=1e-4, atol=1e-5)

    def test_a_start_wins_over_the_pool(self) -> None:
        lessons = [lesson(seed=0), lesson(seed=1)]
        first = model(2)
        fit(first, lessons)
        start = first.starts()
        for weight in start.values():
            weight[1] = np.nan
        own, pooled = model(2, epochs=3), model(2, epochs=3, start="pooled")
        for net in (own, pooled):
            fit(net, lessons, start)
        for name, weight in own.weights().items():
            np.testing.assert_allclose(pooled.weights()[name][0], weight[0], rtol=1e-4, atol=1e-5)
            assert not np.allclose(pooled.weights()[name][1], weight[1])

    def test_a_poisoned_member_fails_alone(self) -> None:
        bad = lesson(seed=1)
        bad.rows[50:60] = 1e30
        lessons = [lesson(seed=0), bad, lesson(seed=2)]
        with pytest.raises(TrainingFailed, match=r"of member 1 \("):
            fit(model(3, epochs=3, start="pooled"), lessons)

    def test_progress_goes_forward_to_the_end(self) -> None:
        told: list[float] = []
        lessons = [lesson(seed=0), lesson(seed=1)]
        model(2, epochs=3, start="pooled").fit(lessons, lambda share, words: told.append(share))
        assert told == sorted(told)
        assert told[-1] == 1.0
