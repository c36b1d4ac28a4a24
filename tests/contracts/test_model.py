"""What every kind of model promises, and its fake with them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter
from sklearn.metrics import roc_auc_score

from backend.exceptions import ArtifactError
from backend.models import registry
from backend.ports import Floats, Lesson, LossCurve, Model
from backend.specs import ModelSpec
from tests.fakes.models import LinearModel

WINDOW = 6
CHANNELS = 3
QUICK: dict[str, dict[str, Any]] = {
    "dense_autoencoder": {"units": [12, 4], "epochs": 25},
    "lstm_autoencoder": {"units": [8, 4], "epochs": 25, "learning_rate": 0.01},
}

CASES = [pytest.param(LinearModel, "dense_autoencoder", id="fake")] + [
    pytest.param(registry.build, kind, id=kind, marks=pytest.mark.slow) for kind in registry.KINDS
]


def spec_of(kind: str, **more: Any) -> ModelSpec:
    settings = {"kind": kind, "window": WINDOW, "batch": 32, **QUICK[kind], **more}
    spec: ModelSpec = TypeAdapter(ModelSpec).validate_python(settings)
    return spec


@pytest.fixture(params=[pytest.param(case.values, id=case.id, marks=case.marks) for case in CASES])
def make(request: pytest.FixtureRequest) -> Any:
    """(series, **settings) to an untrained model."""
    factory, kind = request.param

    def build(series: int, **more: Any) -> Model:
        model: Model = factory(spec_of(kind, **more), series, CHANNELS)
        return model

    return build


def sine(rows: int, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    phase = np.arange(rows)[:, None] / 3 + np.arange(CHANNELS)
    return np.sin(phase) + 0.05 * rng.normal(size=(rows, CHANNELS))


def lesson(rows: Floats, seed: int = 0, stop: int = 30) -> Lesson:
    ends = np.arange(WINDOW - 1, len(rows))
    return Lesson(rows, ends[: len(ends) - stop], ends[len(ends) - stop :], seed)


def windows_of(rows: Floats) -> Floats:
    index = np.arange(WINDOW - 1, len(rows))[:, None] + np.arange(1 - WINDOW, 1)
    return rows[index]


def fit(model: Model, lessons: Sequence[Lesson]) -> list[LossCurve]:
    return model.fit(lessons, lambda share, words: None)


def test_it_tells_normal_from_broken(make: Any) -> None:
    model = make(1)
    fit(model, [lesson(sine(400, 0))])
    normal, broken = sine(200, 1), sine(200, 2)
    broken[:, 1] = np.random.default_rng(3).permutation(broken[:, 1])
    errors = [
        np.abs(model.reconstruct(w[None])[0] - w).mean(axis=(1, 2))
        for w in (windows_of(normal), windows_of(broken))
    ]
    truth = np.repeat([0, 1], [len(e) for e in errors])
    assert roc_auc_score(truth, np.concatenate(errors)) > 0.9


def test_it_reports_one_curve_a_member(make: Any) -> None:
    seen: list[float] = []
    curves = make(2).fit(
        [lesson(sine(120, 0)), lesson(sine(150, 1))], lambda share, words: seen.append(share)
    )
    assert len(curves) == 2
    for curve in curves:
        assert 0 <= curve.best < len(curve.loss)
        assert len(curve.val_loss) in {0, len(curve.loss)}
        assert np.isfinite(curve.loss).all()
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_every_weight_leads_with_the_series_axis(make: Any) -> None:
    assert {len(weight) for weight in make(3).weights().values()} == {3}


def test_same_lessons_give_same_weights(make: Any) -> None:
    models = [make(2, epochs=3), make(2, epochs=3)]
    for model in models:
        fit(model, [lesson(sine(90, 0), seed=5), lesson(sine(120, 1), seed=6)])
    first, second = (model.weights() for model in models)
    for name, weight in first.items():
        np.testing.assert_array_equal(weight, second[name])


@pytest.mark.parametrize("settings", [{}, {"dropout": 0.3}])
def test_a_member_learns_the_same_alone_and_among_others(
    make: Any, settings: dict[str, Any]
) -> None:
    lessons = [lesson(sine(rows, rows), seed=rows) for rows in (75, 200, 110)]
    together = make(3, epochs=4, **settings)
    fit(together, lessons)
    for member, own in enumerate(lessons):
        alone = make(1, epochs=4, **settings)
        fit(alone, [own])
        for name, weight in alone.weights().items():
            np.testing.assert_allclose(
                together.weights()[name][member], weight[0], rtol=1e-4, atol=1e-5
            )


def test_weights_survive_the_round_trip(make: Any) -> None:
    model, other = make(2, epochs=2), make(2)
    fit(model, [lesson(sine(90, 0)), lesson(sine(90, 1))])
    windows = np.stack([windows_of(sine(40, 2)), windows_of(sine(40, 3))])
    other.load(model.weights())
    np.testing.assert_array_equal(model.reconstruct(windows), other.reconstruct(windows))


def test_weights_handed_out_are_copies(make: Any) -> None:
    model = make(1)
    before = model.weights()
    for weight in model.weights().values():
        np.add(weight, 1.0, out=weight)
    for name, weight in model.weights().items():
        np.testing.assert_array_equal(weight, before[name])


def test_foreign_weights_are_refused(make: Any) -> None:
    model = make(2)
    whole = model.weights()
    name = next(iter(whole))
    with pytest.raises(ArtifactError):
        model.load({**whole, name: whole[name][:1]})
    with pytest.raises(ArtifactError):
        model.load({key: weight for key, weight in whole.items() if key != name})
    with pytest.raises(ArtifactError):
        model.load({**whole, "stranger": whole[name]})


def test_absent_values_are_read_as_zero_and_come_back_as_numbers(make: Any) -> None:
    model = make(1, epochs=2)
    rows = sine(90, 0)
    rows[::7, 0] = np.nan
    rows[:, 2] = np.nan
    fit(model, [lesson(rows)])
    windows = windows_of(rows)[None]
    output = model.reconstruct(windows)
    assert np.isfinite(output).all()
    np.testing.assert_array_equal(output, model.reconstruct(np.nan_to_num(windows)))


def test_a_window_does_not_depend_on_how_they_are_cut(make: Any) -> None:
    model = make(2, epochs=1)
    fit(model, [lesson(sine(90, 0)), lesson(sine(90, 1))])
    windows = np.stack([windows_of(sine(300, 2)), windows_of(sine(300, 3))])
    whole = model.reconstruct(windows)
    assert whole.shape == windows.shape
    assert whole.dtype == np.float64
    for size in (1, 7, 127):
        pieces = [
            model.reconstruct(windows[:, start : start + size])
            for start in range(0, windows.shape[1], size)
        ]
        np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole, rtol=1e-9, atol=1e-12)


def test_a_window_does_not_depend_on_its_companions(make: Any) -> None:
    model = make(1)
    windows = windows_of(sine(60, 0))[None]
    expected = model.reconstruct(windows)[:, 10]
    windows[:, :10] = 1e12
    windows[:, 11:] = np.nan
    np.testing.assert_allclose(model.reconstruct(windows)[:, 10], expected, rtol=1e-9)
