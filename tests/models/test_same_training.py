"""A fleet learns what plain Keras models learn from the same start and the same batches.

Each member is compared with a Keras model of its own, written as a user would write it: the losses
of every epoch, on the windows trained on and on those early stopping looks at, and the weights.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from backend.models.batches import NOTHING, Epoch, Sampler
from backend.models.registry import build
from backend.ports import Floats, Lesson
from backend.specs import ModelSpec

# two plain models and a fleet learn in every case
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

W, F = 5, 3
EPOCHS = 3
APART = 2e-3
"""How far weights may be apart, as a share of how far they have come."""
SIZES: dict[str, dict[str, Any]] = {
    "lstm_autoencoder": {"units": [5, 2]},
    "gru_autoencoder": {"units": [5, 2]},
    "dense_autoencoder": {"units": [6, 3]},
    "conv_autoencoder": {"units": [4, 2]},
}
RATES = {"adam": 0.01, "nadam": 0.01, "rmsprop": 0.003, "sgd": 0.2, "adagrad": 0.1}
CASES = [
    *((kind, "adam", "mse", {}) for kind in SIZES),
    # every optimizer with the quickest, some with those that take long
    ("lstm_autoencoder", "rmsprop", "mse", {}),
    ("conv_autoencoder", "sgd", "mae", {}),
    ("dense_autoencoder", "sgd", "mae", {}),
    ("dense_autoencoder", "rmsprop", "mse", {}),
    ("dense_autoencoder", "sgd", "mse", {}),
    ("dense_autoencoder", "rmsprop", "mae", {}),
    ("dense_autoencoder", "nadam", "huber", {}),
    ("dense_autoencoder", "adagrad", "mse", {}),
    ("lstm_autoencoder", "adam", "mae", {"dropout": 0.3}),
    ("dense_autoencoder", "adam", "mae", {"windows_per_epoch": 20}),
    ("conv_autoencoder", "adam", "mae", {"activation": "relu"}),
]


@pytest.fixture(scope="module")
def keras() -> Any:
    from backend.models.runtime import keras  # noqa: PLC0415 - TensorFlow only if this file runs

    return keras


def recurrent(keras: Any, layer: Any, activation: str) -> list[Any]:
    return [
        layer(5, activation=activation, return_sequences=True),
        layer(2, activation=activation),
        keras.layers.RepeatVector(W),
        layer(2, activation=activation, return_sequences=True),
        layer(5, activation=activation, return_sequences=True),
        keras.layers.Dense(F),
    ]


def dense(keras: Any, activation: str) -> list[Any]:
    return [
        keras.layers.Flatten(),
        *(keras.layers.Dense(units, activation=activation) for units in (6, 3, 6)),
        keras.layers.Dense(W * F),
        keras.layers.Reshape((W, F)),
    ]


def conv(keras: Any, activation: str) -> list[Any]:
    """Five rows become three, then two, and the same way back."""

    def filters(units: int, strides: int = 1) -> Any:
        return keras.layers.Conv1D(units, 3, strides=strides, padding="same", activation=activation)

    return [
        filters(4, 2),
        filters(2, 2),
        keras.layers.UpSampling1D(2),
        keras.layers.Cropping1D((0, 1)),
        filters(2),
        keras.layers.UpSampling1D(2),
        keras.layers.Cropping1D((0, 1)),
        filters(4),
        keras.layers.Dense(F),
    ]


PLAIN: dict[str, Callable[[Any, str], list[Any]]] = {
    "lstm_autoencoder": lambda keras, act: recurrent(keras, keras.layers.LSTM, act),
    "gru_autoencoder": lambda keras, act: recurrent(keras, keras.layers.GRU, act),
    "dense_autoencoder": dense,
    "conv_autoencoder": conv,
}


def lesson(rows: int, seed: int) -> Lesson:
    """A wave with noise; members have other lengths, so that they take other numbers of steps."""
    noise = np.random.default_rng(seed).normal(size=(rows, F))
    data = np.sin(np.arange(rows)[:, None] / (2 + seed) + np.arange(F)) + 0.1 * noise
    ends = np.arange(W - 1, rows)
    return Lesson(data, ends[:-12], ends[-12:], seed)


def streams(lessons: Sequence[Lesson], number: int) -> list[np.random.Generator]:
    """Where a fleet draws from: weights come from stream 0 of a member's seed, windows from 1."""
    return [np.random.default_rng(np.random.SeedSequence(x.seed).spawn(3)[number]) for x in lessons]


def drawn(spec: Any, lessons: Sequence[Lesson]) -> Iterator[Epoch]:
    """The epochs that a fleet sees."""
    rngs = streams(lessons, 1)
    sampler = Sampler(
        lessons, rngs, batch=spec.batch, most=spec.windows_per_epoch, dropout=spec.dropout
    )
    while True:
        yield sampler.draw(range(len(lessons)))


@dataclass
class Plain:
    """A Keras model of one member, and what it was like after each epoch."""

    model: Any
    rows: Floats
    stop: Floats
    loss: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    weights: list[list[Floats]] = field(default_factory=list)

    def epoch(self, index: Any, hidden: Any) -> None:
        """Steps over batches (K, B) of windows that end at rows, some with hidden channels."""
        total, count = 0.0, 0
        for ends, unseen in zip(index, hidden, strict=True):
            own = ends != NOTHING
            if not own.any():
                continue
            windows = self.windows(ends[own])
            seen = np.where(unseen[own][:, None], 0.0, windows)
            self.model.reset_metrics()
            total += float(self.model.train_on_batch(seen, windows)) * own.sum()
            count += own.sum()
        self.loss.append(total / count)
        windows = self.windows(self.stop)
        self.val_loss.append(float(self.model.evaluate(windows, windows, verbose=0)))
        self.weights.append([weight.copy() for weight in self.model.get_weights()])

    def windows(self, ends: Any) -> Floats:
        found: Floats = self.rows[ends[:, None] + np.arange(1 - W, 1)].astype(np.float32)
        return found


def plain(keras: Any, spec: Any, own: Lesson, start: list[Floats]) -> Plain:
    """A Keras model that begins with given weights."""
    model = keras.Sequential([keras.Input((W, F)), *PLAIN[spec.kind](keras, spec.activation)])
    losses = {"mse": "mean_squared_error", "mae": "mean_absolute_error", "huber": "huber"}
    optimizer = keras.optimizers.get(
        {"class_name": spec.optimizer, "config": {"learning_rate": spec.learning_rate}}
    )
    model.compile(optimizer=optimizer, loss=losses[spec.loss], run_eagerly=True)
    model.set_weights(start)
    return Plain(model, own.rows, own.stop)


@pytest.mark.parametrize(
    ("kind", "optimizer", "loss", "more"),
    [
        pytest.param(*case, id="-".join([*case[:3], *(f"{k}={v}" for k, v in case[3].items())]))
        for case in CASES
    ],
)
def test_losses_and_weights_are_those_of_plain_keras(
    keras: Any, kind: str, optimizer: str, loss: str, more: dict[str, Any]
) -> None:
    compare(keras, kind, optimizer, loss, more)


@pytest.mark.parametrize("kind", SIZES)
def test_they_are_where_the_program_is_compiled(
    keras: Any, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backend.models import training  # noqa: PLC0415

    monkeypatch.setattr(training, "COMPILED_FROM", 0)
    compare(keras, kind, "adam", "mse", {})


def compare(keras: Any, kind: str, optimizer: str, loss: str, more: dict[str, Any]) -> None:
    """Train both ways, and look at every epoch of every member."""
    settings = {
        "kind": kind,
        "window": W,
        **SIZES[kind],
        "loss": loss,
        "optimizer": optimizer,
        "learning_rate": RATES[optimizer],
        "batch": 16,
        "patience": 0,
        **more,
    }
    spec: Any = TypeAdapter(ModelSpec).validate_python({**settings, "epochs": EPOCHS})
    lessons = [lesson(46, 1), lesson(70, 2)]
    stack = build(spec, len(lessons), F).stack  # type: ignore[attr-defined]
    start = stack.initial(streams(lessons, 0))
    starts = [[weight[member] for weight in start.values()] for member in range(len(lessons))]
    models = [plain(keras, spec, *both) for both in zip(lessons, starts, strict=True)]

    for _, epoch in zip(range(EPOCHS), drawn(spec, lessons), strict=False):
        for member, model in enumerate(models):
            model.epoch(epoch.index[:, member], epoch.hidden[:, member])

    # the weights kept are those of the best epoch, so that a training of each length shows them all
    for epochs in range(1, EPOCHS + 1):
        brief: Any = build(spec.model_copy(update={"epochs": epochs}), len(lessons), F)
        curves = brief.fit(lessons, lambda share, words: None)
        for member, (curve, model) in enumerate(zip(curves, models, strict=True)):
            assert curve.best == int(np.argmin(model.val_loss[:epochs]))
            for name, old, theirs in zip(
                start, starts[member], model.weights[curve.best], strict=True
            ):
                moved = np.abs(theirs - old).max()
                apart = np.abs(brief.weights()[name][member] - theirs).max()
                assert moved > 1e-4, name
                assert apart < APART * moved, (name, epochs, apart / moved)
    for curve, model in zip(curves, models, strict=True):
        np.testing.assert_allclose(curve.loss, model.loss, rtol=1e-5)
        np.testing.assert_allclose(curve.val_loss, model.val_loss, rtol=1e-5)
