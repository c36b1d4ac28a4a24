"""What every kind of model promises, and its fake with them."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import numpy as np
import pytest
from pydantic import BaseModel, TypeAdapter
from sklearn.metrics import roc_auc_score

from backend.exceptions import ArtifactError
from backend.models import registry
from backend.models.robust_z import RobustZ
from backend.models.seasonal_quantile import SeasonalQuantile
from backend.ports import Floats, Lesson, LossCurve, Model, Voice
from backend.specs import ModelSpec
from tests.fakes.models import LinearModel

WINDOW = 6
CHANNELS = 3
QUICK: dict[str, dict[str, Any]] = {
    "dense_autoencoder": {"units": [12, 4], "epochs": 25},
    "lstm_autoencoder": {"units": [8, 4], "epochs": 25, "learning_rate": 0.01},
    "gru_autoencoder": {"units": [8, 4], "epochs": 25, "learning_rate": 0.01},
    "rnn_autoencoder": {"units": [8, 4], "epochs": 25, "learning_rate": 0.01},
    "conv_autoencoder": {"units": [12, 4], "epochs": 25, "learning_rate": 0.01},
    "variational_autoencoder": {"units": [12, 4], "epochs": 25, "learning_rate": 0.01},
    "forecaster": {"units": [8], "epochs": 25, "learning_rate": 0.01},
    "aer": {"units": [6], "epochs": 25, "learning_rate": 0.01},
    "rapp": {"units": [12, 4], "epochs": 25},
    "embedded": {"units": [12, 6], "epochs": 25},
    "deep_svdd": {"units": [16, 8], "epochs": 15},
    "transformation": {"units": [16, 8], "epochs": 30, "transformations": 12, "values": 8},
    "ensemble": {
        "members": [
            {"kind": "dpca", "window": WINDOW},
            {"kind": "gaussian_mixture", "window": WINDOW},
        ]
    },
    "gan": {"units": [16, 8], "epochs": 60, "latent": 3},
}


def specs_in(union: Any) -> list[type[BaseModel]]:
    """The specs that a union names, however deep."""
    if isinstance(union, type) and issubclass(union, BaseModel):
        return [union]
    return [spec for part in get_args(union) for spec in specs_in(part)]


SPECS = {spec.model_fields["kind"].default: spec for spec in specs_in(ModelSpec)}

CASES = [pytest.param(LinearModel, "dense_autoencoder", id="fake")] + [
    pytest.param(registry.build, kind, id=kind, marks=pytest.mark.slow) for kind in registry.KINDS
]


def spec_of(kind: str, **more: Any) -> ModelSpec:
    settings = {"window": WINDOW, "batch": 32, **QUICK.get(kind, {}), **more}
    spec: ModelSpec = TypeAdapter(ModelSpec).validate_python(placed(kind, settings))
    return spec


def placed(kind: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings where the kind has them: by itself or in its network, or nowhere."""
    fields = SPECS[kind].model_fields
    found = {"kind": kind, **{key: settings[key] for key in settings if key in fields}}
    if "network" in fields:
        network = dict(settings.get("network", {"kind": "dense_autoencoder"}))
        others = {key: value for key, value in settings.items() if key not in fields}
        found["network"] = placed(network["kind"], {**others, **network})
    return found


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


def assess(model: Model, windows: Floats) -> tuple[Voice, ...]:
    times = np.broadcast_to(np.arange(windows.shape[1], dtype=np.int64), windows.shape[:2])
    return model.assess(windows, times)


def said(model: Model, windows: Floats) -> dict[str, Floats]:
    """Everything that all voices say, by name."""
    return {
        f"{v}.{name}": array
        for v, voice in enumerate(assess(model, windows))
        for name, array in vars(voice).items()
        if array is not None
    }


def unusual(model: Model, windows: Floats) -> Floats:
    """(S, N) what the first voice says: its raw value, or the distance from what it expects."""
    voice = assess(model, windows)[0]
    if voice.raw is not None:
        return voice.raw
    assert voice.expected is not None
    distance: Floats = np.abs(voice.expected - windows).mean(axis=(2, 3))
    return distance


def test_it_tells_normal_from_broken(make: Any) -> None:
    model = make(1)
    fit(model, [lesson(sine(400, 0))])
    normal, broken = sine(200, 1), sine(200, 2)
    broken[:, 1] = np.random.default_rng(3).permutation(broken[:, 1])
    if isinstance(model, RobustZ | SeasonalQuantile):
        broken[:, 1] += 3.0  # these see each row of each channel by itself
    errors = [unusual(model, windows_of(rows)[None])[0] for rows in (normal, broken)]
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
    windows = windows_of(sine(40, 7))
    of_all = said(together, np.stack([windows] * 3))
    for member, own in enumerate(lessons):
        alone = make(1, epochs=4, **settings)
        fit(alone, [own])
        for name, array in said(alone, windows[None]).items():
            np.testing.assert_allclose(of_all[name][member], array[0], rtol=1e-3, atol=1e-5)


def test_every_kind_can_be_given_what_it_leaves_to_begin_with(make: Any) -> None:
    lessons = [lesson(sine(90, 0), seed=5), lesson(sine(120, 1), seed=6)]
    first, second, again = (make(2, epochs=3) for _ in range(3))
    fit(first, lessons)
    start = first.starts()
    whole = first.weights()
    for name, weight in start.items():
        np.testing.assert_array_equal(weight, whole[name])
    for model in (second, again):
        curves = model.fit(lessons, lambda share, words: None, start)
        assert all(0 <= curve.best < len(curve.loss) for curve in curves)
        assert {name: w.shape[:1] for name, w in model.starts().items()} == dict.fromkeys(
            start, (2,)
        )
    for name, weight in second.weights().items():
        np.testing.assert_array_equal(weight, again.weights()[name])


def test_nothing_to_begin_with_is_as_good_as_none(make: Any) -> None:
    lessons = [lesson(sine(90, 0), seed=5)]
    models = [make(1, epochs=3), make(1, epochs=3)]
    nothing = {name: np.full_like(weight, np.nan) for name, weight in models[0].starts().items()}
    models[0].fit(lessons, lambda share, words: None, nothing)
    fit(models[1], lessons)
    for name, weight in models[0].weights().items():
        np.testing.assert_array_equal(weight, models[1].weights()[name])


def test_weights_survive_the_round_trip(make: Any) -> None:
    model, other = make(2, epochs=2), make(2)
    fit(model, [lesson(sine(90, 0)), lesson(sine(90, 1))])
    windows = np.stack([windows_of(sine(40, 2)), windows_of(sine(40, 3))])
    other.load(model.weights())
    again = said(other, windows)
    for name, array in said(model, windows).items():
        np.testing.assert_array_equal(array, again[name])


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
    filled = said(model, np.nan_to_num(windows))
    for name, array in said(model, windows).items():
        assert np.isfinite(array).all()
        np.testing.assert_array_equal(array, filled[name])


def test_whatever_it_sees_it_says_a_number(make: Any) -> None:
    model = make(1, epochs=2)
    fit(model, [lesson(sine(90, 0))])
    windows = windows_of(sine(40, 1))[None]
    for place, value in enumerate((np.inf, -np.inf, 1e300, -1e300, 1e30)):
        windows[0, place, :, 1] = value
    windows[0, 10:12] = np.nan
    for name, array in said(model, windows).items():
        assert np.isfinite(array).all(), name


def test_a_voice_says_what_it_promises(make: Any) -> None:
    model = make(2, epochs=2)
    fit(model, [lesson(sine(90, 0)), lesson(sine(90, 1))])
    windows = np.stack([windows_of(sine(40, 2)), windows_of(sine(40, 3))])
    voices = assess(model, windows)
    assert len(voices) == model.voices
    for voice in voices:
        assert voice.expected is not None or voice.raw is not None
        assert voice.expected is None or voice.expected.shape == windows.shape
        assert voice.raw is None or voice.raw.shape == windows.shape[:2]
        if voice.parts is not None:
            assert voice.parts.shape == (*windows.shape[:2], CHANNELS)
            assert (voice.parts >= 0).all()


def test_a_window_does_not_depend_on_how_they_are_cut(make: Any) -> None:
    model = make(2, epochs=1)
    fit(model, [lesson(sine(90, 0)), lesson(sine(90, 1))])
    windows = np.stack([windows_of(sine(300, 2)), windows_of(sine(300, 3))])
    whole = said(model, windows)
    for size in (1, 7, 127):
        pieces = [
            said(model, windows[:, start : start + size])
            for start in range(0, windows.shape[1], size)
        ]
        for name, array in whole.items():
            assert array.dtype == np.float64
            together = np.concatenate([piece[name] for piece in pieces], axis=1)
            np.testing.assert_allclose(together, array, rtol=1e-9, atol=1e-12)


def test_a_window_does_not_depend_on_its_companions(make: Any) -> None:
    model = make(1)
    windows = windows_of(sine(60, 0))[None]
    expected = said(model, windows)
    windows[:, :10] = 1e12
    windows[:, 11:] = np.nan
    for name, array in said(model, windows).items():
        np.testing.assert_allclose(array[:, 10], expected[name][:, 10], rtol=1e-9)
