"""What each kind of network is made of, and what is its own in training and scoring."""

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from backend.exceptions import ConfigurationError
from backend.models.registry import build
from backend.ports import Floats, Lesson
from backend.specs import ModelSpec

pytestmark = pytest.mark.slow

W, F = 6, 3
KINDS = (
    "lstm_autoencoder",
    "gru_autoencoder",
    "rnn_autoencoder",
    "conv_autoencoder",
    "variational_autoencoder",
    "forecaster",
    "aer",
)


def make(kind: str, series: int = 1, channels: int = F, **settings: Any) -> Any:
    spec = TypeAdapter(ModelSpec).validate_python({"kind": kind, "window": W, **settings})
    return build(spec, series, channels)


def windows(count: int = 5, series: int = 1, channels: int = F, window: int = W) -> Floats:
    return np.random.default_rng(0).normal(size=(series, count, window, channels))


def lesson(rows: Floats, seed: int = 0, stop: int = 20) -> Lesson:
    ends = np.arange(W - 1, len(rows))
    return Lesson(rows, ends[: len(ends) - stop], ends[len(ends) - stop :], seed)


def sine(count: int, seed: int = 0) -> Floats:
    noise = np.random.default_rng(seed).normal(size=(count, F))
    return np.sin(np.arange(count)[:, None] / 2 + np.arange(F)) + 0.05 * noise


def quiet(share: float, words: str) -> None:
    pass


def dense(inputs: int, units: int) -> int:
    return inputs * units + units


def lstm(inputs: int, units: int) -> int:
    return 4 * (inputs * units + units * units + units)


def gru(inputs: int, units: int) -> int:
    return 3 * (inputs * units + units * units + 2 * units)


def rnn(inputs: int, units: int) -> int:
    return inputs * units + units * units + units


def conv(inputs: int, units: int, taps: int) -> int:
    return taps * inputs * units + units


@pytest.mark.parametrize(
    ("kind", "channels", "settings", "parameters"),
    [
        ("lstm_autoencoder", 5, {"window": 1, "units": [32, 4]}, 10_501),
        (
            "lstm_autoencoder",
            8,
            {"window": 10, "units": [32, 16]},
            lstm(8, 32) + lstm(32, 16) + lstm(16, 16) + lstm(16, 32) + dense(32, 8),
        ),
        (
            "lstm_autoencoder",
            8,
            {"units": [128, {"dense": 64}], "decoder": [64, 128]},
            lstm(8, 128) + dense(128, 64) + lstm(64, 64) + lstm(64, 128) + dense(128, 8),
        ),
        (
            "lstm_autoencoder",
            8,
            {"units": [128], "decoder": [64]},
            lstm(8, 128) + lstm(128, 64) + dense(64, 8),
        ),
        (
            "lstm_autoencoder",
            8,
            {"units": [128, 64]},
            lstm(8, 128) + lstm(128, 64) + lstm(64, 64) + lstm(64, 128) + dense(128, 8),
        ),
        (
            "dense_autoencoder",
            52,
            {"window": 1, "units": [32, 16]},
            dense(52, 32) + dense(32, 16) + dense(16, 32) + dense(32, 52),
        ),
        (
            "gru_autoencoder",
            5,
            {"units": [7, 4]},
            gru(5, 7) + gru(7, 4) + gru(4, 4) + gru(4, 7) + dense(7, 5),
        ),
        ("rnn_autoencoder", 5, {"units": [7]}, rnn(5, 7) + rnn(7, 7) + dense(7, 5)),
        (
            "rnn_autoencoder",
            5,
            {"units": [7, {"dense": 2}]},
            rnn(5, 7) + dense(7, 2) + dense(2, 2) + rnn(2, 7) + dense(7, 5),
        ),
        (
            "conv_autoencoder",
            5,
            {"units": [9, 4], "kernel": 3},
            conv(5, 9, 3) + conv(9, 4, 3) + conv(4, 4, 3) + conv(4, 9, 3) + dense(9, 5),
        ),
        (
            "variational_autoencoder",
            5,
            {"units": [9, 4]},
            dense(W * 5, 9) + dense(9, 2 * 4) + dense(4, 9) + dense(9, W * 5),
        ),
        (
            "variational_autoencoder",
            5,
            {"layers": "gru", "units": [9, 7, 4]},
            gru(5, 9) + gru(9, 7) + dense(7, 8) + gru(4, 7) + gru(7, 9) + dense(9, 5),
        ),
        (
            "forecaster",
            5,
            {"units": [9, 4], "horizon": 2},
            lstm(5, 9) + lstm(9, 4) + dense(4, 2 * 5),
        ),
        (
            "forecaster",
            5,
            {"core": "tcn", "units": [9, 9], "kernel": 2},
            conv(5, 9, 2) + 3 * conv(9, 9, 2) + dense(5, 9) + dense(9, 5),
        ),
        (
            "aer",
            5,
            {"units": [9]},
            2 * lstm(5, 9) + 2 * lstm(18, 9) + dense(18, 5),
        ),
    ],
)
def test_parameters(kind: str, channels: int, settings: Any, parameters: int) -> None:
    model = make(kind, channels=channels, **settings)
    assert model.stack.parameters == parameters
    assert sum(weight[0].size for weight in model.weights().values()) == parameters


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_tells_its_code_and_its_hidden_layers(kind: str) -> None:
    model = make(kind, 2, units=[5, 4])
    given = windows(series=2)
    code, hidden = model.embed(given), model.hidden(given)
    assert code.shape[:2] == (2, 5)
    assert len(hidden) >= 2
    assert all(layer.shape[:2] == (2, 5) for layer in hidden)
    alone = model.embed(given[:, 3:4])
    np.testing.assert_allclose(alone[:, 0], code[:, 3], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", ["gru_autoencoder", "rnn_autoencoder"])
def test_without_any_recurrent_layer_it_is_refused(kind: str) -> None:
    with pytest.raises(ConfigurationError, match=f"units of an? {kind} has no (GRU|RNN) layer"):
        make(kind, units=[{"dense": 4}])


class TestConvolutional:
    @pytest.mark.parametrize("window", [1, 2, 3, 7, 16])
    @pytest.mark.parametrize("stride", [1, 2, 3])
    def test_any_window_comes_back_whole(self, window: int, stride: int) -> None:
        model = make("conv_autoencoder", window=window, stride=stride, units=[4, 3, 2])
        assert model.reconstruct(windows(window=window)).shape == (1, 5, window, F)

    def test_each_layer_shortens_the_window_by_its_stride(self) -> None:
        model = make("conv_autoencoder", window=10, units=[4, 2])
        first, second = model.hidden(windows(window=10))
        assert (first.shape[2], second.shape[2]) == (5 * 4, 3 * 2)


class TestVariational:
    def test_a_score_is_that_of_the_mean(self) -> None:
        model = make("variational_autoencoder", units=[5, 2])
        np.testing.assert_array_equal(model.reconstruct(windows()), model.reconstruct(windows()))
        given = windows()
        weights = {name: weight[0] for name, weight in model.weights().items()}
        inside = np.tanh(given[0].reshape(5, -1) @ weights["encoder_0.kernel"])
        mean = (inside @ weights["code.kernel"])[:, :2]
        np.testing.assert_allclose(model.embed(given)[0], mean, rtol=1e-5, atol=1e-6)
        back = np.tanh(mean @ weights["decoder_0.kernel"]) @ weights["output.kernel"]
        np.testing.assert_allclose(
            model.reconstruct(given)[0].reshape(5, -1), back, rtol=1e-5, atol=1e-6
        )

    def test_the_loss_is_distance_plus_divergence_worked_out_by_hand(self) -> None:
        from backend.models.objectives import Batch  # noqa: PLC0415
        from backend.models.runtime import tf  # noqa: PLC0415
        from backend.models.variational_autoencoder import Evidence  # noqa: PLC0415

        model = make("variational_autoencoder", units=[5, 2])
        given = windows().astype(np.float32)
        present = np.ones_like(given)
        present[0, 0] = 0.0  # a place without a window
        present[0, 1, :, 1] = 0.0
        noise = np.random.default_rng(1).normal(size=(1, 5, 2)).astype(np.float32)
        weights = {name: tf.constant(weight) for name, weight in model.weights().items()}
        batch = Batch(*map(tf.constant, (given, given, present, noise)))
        summed = Evidence("mse", 0.3, 2)(model.stack, weights, batch).numpy()

        own = {name: weight[0] for name, weight in model.weights().items()}
        both = np.tanh(given[0].reshape(5, -1) @ own["encoder_0.kernel"]) @ own["code.kernel"]
        mean, log_variance = both[:, :2], both[:, 2:]
        code = mean + np.sqrt(np.exp(log_variance)) * noise[0]
        back = np.tanh(code @ own["decoder_0.kernel"]) @ own["output.kernel"]
        squares = (back.reshape(5, W, F) - given[0]) ** 2
        divergence = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(axis=1)
        expected = squares[present[0] > 0].sum() + 2 * 0.3 * divergence[1:].sum()
        np.testing.assert_allclose(summed[0], [expected, present.sum()], rtol=1e-4)

    def test_a_high_price_leaves_the_code_unused(self) -> None:
        codes = []
        for beta in (0.001, 10.0):
            model = make("variational_autoencoder", units=[12, 3], beta=beta, epochs=30, batch=32)
            model.fit([lesson(sine(300))], quiet)
            rows = sine(60, seed=1)
            index = np.arange(W - 1, len(rows))[:, None] + np.arange(1 - W, 1)
            codes.append(model.embed(rows[index][None]).std(axis=1).max())
        assert codes[0] > 0.5
        assert codes[1] < 0.1

    def test_companions_do_not_change_its_random_numbers(self) -> None:
        settings = {"units": [6, 2], "epochs": 3, "batch": 32}
        lessons = [lesson(sine(90), seed=1), lesson(sine(200), seed=2)]
        together = make("variational_autoencoder", 2, **settings)
        together_curves = together.fit(lessons, quiet)
        alone = make("variational_autoencoder", 1, **settings)
        (curve,) = alone.fit(lessons[:1], quiet)
        np.testing.assert_allclose(curve.loss, together_curves[0].loss, rtol=1e-5)
        np.testing.assert_allclose(curve.val_loss, together_curves[0].val_loss, rtol=1e-5)


@pytest.mark.parametrize("core", ["lstm", "tcn"])
class TestForecaster:
    def test_the_last_rows_follow_from_those_before(self, core: str) -> None:
        model = make("forecaster", core=core, units=[4, 4], horizon=2)
        given = windows()
        expected = model.reconstruct(given)
        np.testing.assert_array_equal(expected[:, :, :-2], given[:, :, :-2])
        given[:, :, -2:] = 99.0
        np.testing.assert_array_equal(model.reconstruct(given)[:, :, -2:], expected[:, :, -2:])
        given[:, :, -3] += 1.0
        assert (model.reconstruct(given)[:, :, -1] != expected[:, :, -1]).all()

    def test_it_learns_to_forecast(self, core: str) -> None:
        model = make("forecaster", core=core, units=[12], epochs=40, batch=32, learning_rate=0.01)
        model.fit([lesson(sine(400))], quiet)
        rows = sine(100, seed=1)
        given = rows[np.arange(W - 1, 100)[:, None] + np.arange(1 - W, 1)][None]
        forecast = model.reconstruct(given)[0, :, -1]
        before = given[0, :, -2]
        off = np.square(forecast - given[0, :, -1]).mean()
        assert off < 0.1 * np.square(before - given[0, :, -1]).mean()

    def test_a_window_without_rows_before_is_refused(self, core: str) -> None:
        with pytest.raises(ConfigurationError, match="expected a longer window"):
            make("forecaster", core=core, horizon=W)


class TestAer:
    def test_it_says_two_things_of_the_last_row(self) -> None:
        model = make("aer", units=[4])
        given = windows()
        reconstruction, forecast = (voice.expected for voice in model.assess(given, given[..., 0]))
        for expected in (reconstruction, forecast):
            np.testing.assert_array_equal(expected[:, :, :-1], given[:, :, :-1])
        np.testing.assert_array_equal(reconstruction, model.reconstruct(given))
        given[:, :, -1] += 1.0
        again, same = (voice.expected for voice in model.assess(given, given[..., 0]))
        assert (again[:, :, -1] != reconstruction[:, :, -1]).all()
        np.testing.assert_array_equal(same[:, :, -1], forecast[:, :, -1])

    def test_it_learns_both(self) -> None:
        model = make("aer", units=[10], epochs=40, batch=32, learning_rate=0.01)
        model.fit([lesson(sine(400))], quiet)
        rows = sine(100, seed=1)
        given = rows[np.arange(W - 1, 100)[:, None] + np.arange(1 - W, 1)][None]
        for voice in model.assess(given, given[..., 0]):
            off = np.square(voice.expected - given)[:, :, -1].mean()
            assert off < 0.1 * np.square(given[:, :, -1]).mean()

    def test_both_parts_of_the_loss_have_their_share(self) -> None:
        from backend.models.aer import Regression  # noqa: PLC0415
        from backend.models.objectives import Batch  # noqa: PLC0415
        from backend.models.runtime import tf  # noqa: PLC0415

        model = make("aer", units=[4])
        given = windows().astype(np.float32)
        present = np.ones_like(given)
        present[0, 2, 0] = 0.0
        weights = {name: tf.constant(weight) for name, weight in model.weights().items()}
        output = model.stack(weights, given).numpy()
        batch = Batch(given, given, tf.constant(present), None)
        summed = Regression("mse", 0.3)(model.stack, weights, batch).numpy()
        squares = np.where(present > 0, (output - given) ** 2, np.nan)
        inside, outside = squares[:, :, 1:-1], squares[:, :, [0, -1]]
        expected = 0.7 * np.nanmean(inside) + 0.3 * np.nanmean(outside)
        assert summed[0, 0] / summed[0, 1] == pytest.approx(expected, rel=1e-4)
