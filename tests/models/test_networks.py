"""The fleets themselves: shapes of the architectures, training, scoring."""

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.exceptions import (
    ArtifactError,
    ConfigurationError,
    InputError,
    NotEnoughNormalData,
    TrainingFailed,
)
from backend.models.registry import build
from backend.ports import Floats, Lesson, LossCurve
from backend.specs import DenseAutoencoderSpec, LstmAutoencoderSpec

pytestmark = pytest.mark.slow

W, F = 4, 3


def lstm(**more: Any) -> LstmAutoencoderSpec:
    settings = {"window": W, "units": (5, 2), "epochs": 3, "batch": 16, **more}
    return LstmAutoencoderSpec.model_validate(settings)


def dense(**more: Any) -> DenseAutoencoderSpec:
    settings = {"window": W, "units": (6, 3), "epochs": 3, "batch": 16, **more}
    return DenseAutoencoderSpec.model_validate(settings)


def rows(count: int = 60, seed: int = 0) -> Floats:
    noise = np.random.default_rng(seed).normal(size=(count, F))
    return np.sin(np.arange(count)[:, None] / 2 + np.arange(F)) + 0.1 * noise


def lesson(data: Floats, seed: int = 0, stop: int = 12) -> Lesson:
    ends = np.arange(W - 1, len(data))
    return Lesson(data, ends[: len(ends) - stop], ends[len(ends) - stop :], seed)


def quiet(share: float, words: str) -> None:
    pass


def fit(model: Any, *lessons: Lesson) -> list[LossCurve]:
    curves: list[LossCurve] = model.fit(lessons, quiet)
    return curves


class TestArchitecture:
    def test_lstm_mirrors_its_encoder_with_the_bottleneck(self) -> None:
        model: Any = build(lstm(window=1, units=[32, 4]), 1, 5)
        assert model.stack.parameters == 10_501
        assert sum(weight[0].size for weight in model.weights().values()) == 10_501

    def test_dense_mirrors_its_encoder_around_the_bottleneck(self) -> None:
        weights = build(dense(window=1, units=(32, 16)), 2, 52).weights()
        kernels = [w.shape for name, w in weights.items() if name.endswith("kernel")]
        assert kernels == [(2, 52, 32), (2, 32, 16), (2, 16, 32), (2, 32, 52)]

    @pytest.mark.parametrize(
        ("units", "decoder"),
        [
            ([8], None),
            ([{"dense": 6}, 5, {"dense": 2}], None),
            ([{"lstm": 6}, 4], [{"dense": 7}, 3, {"dense": 9}]),
        ],
    )
    def test_dense_layers_may_stand_anywhere(self, units: Any, decoder: Any) -> None:
        model = build(lstm(units=units, decoder=decoder), 2, F)
        fit(model, lesson(rows()), lesson(rows(80)))
        assert model.reconstruct(np.zeros((2, 9, W, F))).shape == (2, 9, W, F)

    def test_a_dense_bottleneck_is_a_vector_between_the_lstm_layers(self) -> None:
        weights = build(lstm(units=[8, {"dense": 2}]), 1, F).weights()
        assert weights["encoder_1.kernel"].shape == (1, 8, 2)
        assert weights["decoder_0.kernel"].shape == (1, 2, 2)
        assert weights["decoder_1.kernel"].shape == (1, 2, 32)

    @pytest.mark.parametrize(
        "settings",
        [{"units": [{"dense": 4}]}, {"decoder": [{"dense": 4}]}],
        ids=["units", "decoder"],
    )
    def test_without_any_lstm_layer_it_is_refused(self, settings: Any) -> None:
        with pytest.raises(ConfigurationError, match="has no LSTM layer"):
            build(lstm(**settings), 1, F)


class TestTraining:
    @pytest.mark.parametrize("poison", [np.nan, 1e30, np.inf], ids=["nan", "huge", "infinite"])
    def test_a_poisoned_companion_changes_nothing(self, poison: float) -> None:
        from backend.models import training  # noqa: PLC0415
        from backend.models.objectives import Reconstruction  # noqa: PLC0415

        spec = lstm(epochs=4)
        model: Any = build(spec, 1, F)
        fit(model, lesson(rows(), seed=3))
        bad = rows(90, seed=1)
        bad[10:40] = poison
        lessons = [lesson(rows(), seed=3), lesson(bad, seed=4)]
        course = training.learn(model.stack, Reconstruction("mse"), spec, lessons, quiet)
        assert course.failed.tolist() == [False, not np.isnan(poison)]
        for name, weight in model.weights().items():
            np.testing.assert_allclose(course.weights[name][0], weight[0], rtol=1e-4, atol=1e-5)

    def test_a_failed_training_leaves_the_model_as_it_was(self) -> None:
        model = build(dense(), 1, F)
        before = model.weights()
        bad = rows()
        bad[20] = 1e30
        with pytest.raises(TrainingFailed, match="member 0") as caught:
            fit(model, lesson(bad))
        assert caught.value.members == (0,)
        for name, weight in model.weights().items():
            np.testing.assert_array_equal(weight, before[name])

    def test_an_absent_channel_does_not_teach(self) -> None:
        """What stands in the loss's blind spot has no say: other absent rows, same weights."""
        data = rows()
        data[:, 1] = np.nan
        model: Any = build(dense(units=(2,)), 1, F)
        start = model.stack.initial([np.random.default_rng(np.random.SeedSequence(0).spawn(2)[0])])
        fit(model, lesson(data))
        moved = model.weights()["output.kernel"][0].reshape(2, W, F) - start["output.kernel"][
            0
        ].reshape(2, W, F)
        assert np.abs(moved[:, :, 1]).max() < 1e-6
        assert np.abs(moved[:, :, 0]).max() > 1e-3

    def test_each_member_stops_by_itself_and_keeps_its_best_weights(self) -> None:
        lessons = [lesson(rows(40, seed=4)), lesson(rows(200, seed=5), stop=40)]
        model = build(dense(epochs=60, patience=3, learning_rate=0.02), 2, F)
        curves = fit(model, *lessons)
        assert len(curves[0].loss) != len(curves[1].loss)
        for member, (curve, own) in enumerate(zip(curves, lessons, strict=True)):
            assert len(curve.loss) == len(curve.val_loss) == min(60, curve.best + 1 + 3)
            assert curve.val_loss[curve.best] == min(curve.val_loss)
            windows = own.rows[own.stop[:, None] + np.arange(1 - W, 1)]
            residual = model.reconstruct(np.stack([windows, windows]))[member] - windows
            best = float(np.square(residual).mean())
            assert best == pytest.approx(curve.val_loss[curve.best], rel=1e-4)

    def test_without_stop_windows_the_training_loss_decides(self) -> None:
        (curve,) = fit(build(dense(epochs=5), 1, F), lesson(rows(), stop=0))
        assert curve.val_loss == ()
        assert curve.best == int(np.argmin(curve.loss))

    def test_patience_zero_never_stops(self) -> None:
        spec = dense(epochs=30, patience=0, learning_rate=1.0, optimizer="sgd", activation="tanh")
        (curve,) = fit(build(spec, 1, F), lesson(rows()))
        assert len(curve.loss) == 30

    # neither knows of the other: each is there once
    @pytest.mark.parametrize(
        ("optimizer", "loss"),
        [
            ("adam", "mse"),
            ("nadam", "mae"),
            ("rmsprop", "huber"),
            ("sgd", "mae"),
            ("adagrad", "huber"),
        ],
    )
    def test_every_loss_and_optimizer_learns(self, optimizer: str, loss: str) -> None:
        spec = dense(loss=loss, optimizer=optimizer, epochs=12, learning_rate=0.01)
        (curve,) = fit(build(spec, 1, F), lesson(rows(200)))
        assert curve.loss[-1] < curve.loss[0]

    def test_l2_keeps_weights_small(self) -> None:
        sizes = []
        for l2 in (0.0, 0.1):
            model = build(dense(epochs=15, l2=l2), 1, F)
            fit(model, lesson(rows(200)))
            sizes.append(np.abs(model.weights()["output.kernel"]).mean())
        assert sizes[1] < 0.7 * sizes[0]

    def test_a_fresh_process_learns_the_same_and_says_nothing(self) -> None:
        model = build(lstm(epochs=2, dropout=0.2), 2, F)
        fit(model, lesson(rows(), seed=1), lesson(rows(75), seed=2))
        assert _taught_elsewhere() == _digest(model)

    def test_lessons_of_another_fleet_are_refused(self) -> None:
        model = build(dense(), 2, F)
        with pytest.raises(InputError, match="1 lessons for a fleet of 2"):
            fit(model, lesson(rows()))
        with pytest.raises(NotEnoughNormalData, match="member 1"):
            fit(model, lesson(rows()), lesson(rows(15), stop=12))


@pytest.mark.parametrize("spec", [lstm(), dense()], ids=["lstm", "dense"])
class TestInside:
    def test_the_code_is_as_wide_as_the_bottleneck(self, spec: Any) -> None:
        model: Any = build(spec, 2, F)
        code = model.embed(np.random.default_rng(0).normal(size=(2, 40, W, F)))
        assert code.shape == (2, 40, spec.units[-1])
        assert code.dtype == np.float64

    def test_hidden_layers_are_those_of_the_encoder(self, spec: Any) -> None:
        model: Any = build(spec, 2, F)
        windows = np.random.default_rng(0).normal(size=(2, 7, W, F))
        hidden = model.hidden(windows)
        steps = W if spec.kind == "lstm_autoencoder" else 1
        assert [h.shape for h in hidden] == [
            (2, 7, spec.units[0] * steps),
            (2, 7, spec.units[1]),
        ]
        np.testing.assert_array_equal(hidden[-1], model.embed(windows))

    def test_they_do_not_depend_on_how_windows_are_cut(self, spec: Any) -> None:
        model: Any = build(spec, 1, F)
        windows = np.random.default_rng(0).normal(size=(1, 50, W, F))
        whole = [model.embed(windows), *model.hidden(windows)]
        for at in (0, 13, 49):
            piece = windows[:, at : at + 1]
            for part, own in zip(whole, [model.embed(piece), *model.hidden(piece)], strict=True):
                np.testing.assert_allclose(own[:, 0], part[:, at], rtol=1e-9, atol=1e-12)


class TestScoring:
    def test_no_windows_give_no_reconstruction(self) -> None:
        empty = np.empty((2, 0, W, F))
        assert build(lstm(), 2, F).reconstruct(empty).shape == empty.shape

    def test_any_number_gives_a_number(self) -> None:
        windows = np.zeros((1, 4, W, F))
        windows[0, :, 0, 0] = [np.nan, np.inf, -np.inf, 1e300]
        for spec in (lstm(), dense(activation="relu")):
            assert np.isfinite(build(spec, 1, F).reconstruct(windows)).all()

    def test_long_ranges_are_scored_piece_by_piece(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from backend.models import network  # noqa: PLC0415

        model = build(lstm(), 2, F)
        windows = np.random.default_rng(0).normal(size=(2, 101, W, F))
        whole = model.reconstruct(windows)
        monkeypatch.setattr(network, "CHUNK", 7 * 2 * 20 * W)
        np.testing.assert_allclose(model.reconstruct(windows), whole, rtol=1e-9, atol=1e-12)

    @pytest.mark.parametrize("shape", [(1, 5, W, F), (2, 5, W + 1, F), (2, 5, W, F + 1), (2, W, F)])
    def test_windows_of_another_shape_are_refused(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(InputError, match="windows of shape"):
            build(dense(), 2, F).reconstruct(np.zeros(shape))

    def test_damaged_weights_are_refused(self) -> None:
        model = build(dense(), 1, F)
        whole = model.weights()
        for bad in (np.full_like(whole["output.bias"], np.nan), whole["output.bias"].astype(str)):
            with pytest.raises(ArtifactError, match=r"damaged: output\.bias"):
                model.load({**whole, "output.bias": bad})


def _digest(model: Any) -> str:
    whole = b"".join(weight.tobytes() for _, weight in sorted(model.weights().items()))
    return hashlib.sha256(whole).hexdigest()


_ELSEWHERE = """
import numpy
from tests.models.test_networks import _digest, build, dense, fit, lesson, lstm, rows
for units in range(1, 9):
    build(dense(units=(units,)), 1, 3).reconstruct(numpy.zeros((1, 1, 4, 3)))
model = build(lstm(epochs=2, dropout=0.2), 2, 3)
fit(model, lesson(rows(), seed=1), lesson(rows(75), seed=2))
print(_digest(model))
"""


def _taught_elsewhere() -> str:
    done = subprocess.run(
        [sys.executable, "-c", _ELSEWHERE],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.strip()
