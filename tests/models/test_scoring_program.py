"""One program scores any number of windows, and says the same of each."""

import numpy as np
import pytest
from pydantic import TypeAdapter

from backend.models import network, program, registry
from backend.models.network import Network
from backend.specs import ModelSpec

SERIES, CHANNELS = 7, 3


def made(kind: str, **settings: object) -> Network:
    spec: ModelSpec = TypeAdapter(ModelSpec).validate_python({"kind": kind, **settings})
    model = registry.build(spec, SERIES, CHANNELS)
    assert isinstance(model, Network)
    return model


def windows_for(model: Network, count: int) -> np.ndarray:
    shape = (SERIES, count, model.window, CHANNELS)
    return np.random.default_rng(0).normal(size=shape)


@pytest.mark.parametrize("kind", ["lstm_autoencoder", "dense_autoencoder", "conv_autoencoder"])
def test_it_is_traced_once_whatever_number_of_points_is_new(kind: str) -> None:
    model = made(kind, window=6)
    windows = windows_for(model, 100)
    run = program.scoring(model.stack, network._reconstruction)
    before = run.experimental_get_tracing_count()

    for count in (1, 2, 5, 100, 31, 64):
        model.reconstruct(windows[:, :count])

    assert run.experimental_get_tracing_count() == max(before, 1)


@pytest.mark.parametrize("kind", ["lstm_autoencoder", "dense_autoencoder", "conv_autoencoder"])
@pytest.mark.parametrize("chunk", [1, 1 << 12, 1 << 22])
def test_what_is_said_of_a_window_does_not_depend_on_how_many_there_are(
    kind: str, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = made(kind, window=6)
    windows = windows_for(model, 70)
    whole = model.reconstruct(windows)
    monkeypatch.setattr(network, "CHUNK", chunk)

    for count in (1, 2, 3, 5, 17, 33, 70):
        part = model.reconstruct(windows[:, :count])
        np.testing.assert_allclose(part, whole[:, :count], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("count", "looked_at"), [(1, 1), (2, 2), (3, 4), (31, 32), (33, 64)])
def test_few_windows_cost_little(
    count: int, looked_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = made("dense_autoencoder", window=6)
    seen: list[int] = []
    real = program.scoring(model.stack, network._reconstruction)

    def noting(weights: object, windows: np.ndarray) -> object:
        seen.append(windows.shape[1])
        return real(weights, windows)

    monkeypatch.setattr(program, "scoring", lambda stack, view: noting)
    model.reconstruct(windows_for(model, count))

    assert sum(seen) == looked_at
