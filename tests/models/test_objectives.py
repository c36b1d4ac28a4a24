"""What an objective may ask of the training program, tried with small ones."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from backend.ports import Floats, Lesson
from backend.specs import DenseAutoencoderSpec

pytestmark = pytest.mark.slow

W, F = 2, 3


def spec(**more: Any) -> DenseAutoencoderSpec:
    settings = {"window": W, "epochs": 3, "batch": 8, "patience": 2, **more}
    return DenseAutoencoderSpec.model_validate(settings)


def lesson(count: int, seed: int = 0, stop: int = 10) -> Lesson:
    rows = np.random.default_rng(seed).normal(size=(count, F))
    ends = np.arange(W - 1, count)
    return Lesson(rows, ends[: len(ends) - stop], ends[len(ends) - stop :], seed)


def stack() -> Any:
    from backend.models.layers import FleetDense, Reshape  # noqa: PLC0415
    from backend.models.stack import Stack  # noqa: PLC0415

    layers = (
        Reshape((W * F,)),
        FleetDense("inside", W * F, 2, "tanh"),
        FleetDense("output", 2, W * F, "linear"),
        Reshape((W, F)),
    )
    return Stack(W, F, layers, bottleneck=2)


def learn(objective: Any, *lessons: Lesson, start: Any = None, **more: Any) -> Any:
    from backend.models import training  # noqa: PLC0415

    return training.learn(stack(), objective, spec(**more), lessons, lambda *_: None, start)


def reconstruction() -> Any:
    from backend.models.objectives import Reconstruction  # noqa: PLC0415

    return Reconstruction


def test_weights_that_are_frozen_stay_as_they_were() -> None:
    @dataclass(frozen=True)
    class HalfFrozen(reconstruction()):  # type: ignore[misc]
        frozen = frozenset({"inside.kernel"})

    start = learn(HalfFrozen("mse"), lesson(40), epochs=1)
    later = learn(HalfFrozen("mse"), lesson(40), epochs=9, l2=0.1)
    np.testing.assert_array_equal(start.weights["inside.kernel"], later.weights["inside.kernel"])
    assert (start.weights["output.kernel"] != later.weights["output.kernel"]).all()


def test_weights_that_the_loss_does_not_reach_stay_as_they_were() -> None:
    from backend.models.objectives import Objective, distance  # noqa: PLC0415

    @dataclass(frozen=True)
    class SmallCodes(Objective):
        def __call__(self, stack: Any, weights: Any, batch: Any) -> Any:
            code = stack.code(weights, batch.seen)
            return distance("mse", code, code * 0 + 1)

    start = learn(SmallCodes(), lesson(40), epochs=1)
    later = learn(SmallCodes(), lesson(40), epochs=9)
    np.testing.assert_array_equal(start.weights["output.kernel"], later.weights["output.kernel"])
    assert later.members[0].best < start.members[0].best


@pytest.mark.parametrize("judged", ["loss", "val_loss"])
def test_random_numbers_are_a_members_own(judged: str) -> None:
    @dataclass(frozen=True)
    class Noisy(reconstruction()):  # type: ignore[misc]
        noise = 2

        def __call__(self, stack: Any, weights: Any, batch: Any) -> Any:
            shifted = batch.seen + batch.noise[..., :1, None]
            return super().__call__(stack, weights, replace(batch, seen=shifted))

    lessons = [lesson(30, seed=1), lesson(200, seed=2), lesson(70, seed=3)]
    together = [getattr(curve, judged) for curve in learn(Noisy("mse"), *lessons).curves()]
    for own, expected in zip(lessons, together, strict=True):
        (curve,) = learn(Noisy("mse"), own).curves()
        np.testing.assert_allclose(getattr(curve, judged), expected, rtol=1e-5)
    (silent,) = learn(reconstruction()("mse"), lessons[0]).curves()
    assert getattr(silent, judged) != pytest.approx(together[0], rel=1e-3)


def test_a_loss_that_need_not_fall_stops_nobody_and_keeps_the_last_weights() -> None:
    @dataclass(frozen=True)
    class Rising(reconstruction()):  # type: ignore[misc]
        falls = False

        def judge(self, stack: Any, weights: Any, batch: Any) -> Any:
            return 1.0 / self(stack, weights, batch)

    course = learn(Rising("mse"), lesson(60), epochs=12, patience=2)
    (curve,) = course.curves()
    assert len(curve.loss) == 12
    assert curve.best == 11
    early = learn(Rising("mse"), lesson(60), epochs=5, patience=2)
    assert (early.weights["output.kernel"] != course.weights["output.kernel"]).any()


def test_first_weights_may_follow_from_the_data() -> None:
    @dataclass(frozen=True)
    class Centered(reconstruction()):  # type: ignore[misc]
        frozen = frozenset({"output.bias"})

        def prepare(self, stack: Any, weights: Any, lessons: Any) -> Any:
            middle = [np.tile(own.rows.mean(axis=0), W) for own in lessons]
            return {**weights, "output.bias": np.array(middle, np.float32)}

    lessons = [lesson(40, seed=1), lesson(60, seed=2)]
    found = learn(Centered("mse"), *lessons).weights["output.bias"]
    for member, own in enumerate(lessons):
        np.testing.assert_allclose(found[member][:F], own.rows.mean(axis=0), rtol=1e-6)


def test_objectives_are_trained_for_one_after_the_other() -> None:
    from backend.models.network import Network  # noqa: PLC0415

    objective = reconstruction()
    shares: list[float] = []
    model = Network(spec(), stack(), 1, objective("mse"), objective("mae"))
    model.fit([lesson(40)], lambda share, words: shares.append(share))
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    first = learn(objective("mse"), lesson(40)).weights
    second = learn(objective("mae"), lesson(40), start=first).weights
    for name, weight in model.weights().items():
        np.testing.assert_array_equal(weight, second[name])


@pytest.mark.parametrize(
    ("loss", "each"),
    [
        ("mse", lambda r: r**2),
        ("mae", np.abs),
        ("huber", lambda r: np.where(np.abs(r) <= 1, r**2 / 2, np.abs(r) - 0.5)),
    ],
)
def test_only_what_counts_is_summed(loss: str, each: Any) -> None:
    from backend.models.objectives import distance  # noqa: PLC0415

    residual: Floats = np.random.default_rng(0).normal(0, 2, size=(2, 5, 3)).astype(np.float32)
    counted = (np.random.default_rng(1).random((2, 5, 3)) < 0.7).astype(np.float32)
    residual[counted == 0] = np.nan
    expected = [[np.nansum(each(r)), c.sum()] for r, c in zip(residual, counted, strict=True)]
    np.testing.assert_allclose(distance(loss, residual, counted), expected, rtol=1e-5)
