"""Exported networks against those they are of, looked at by a process that knows Keras alone."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from backend.exceptions import ArtifactError, InputError
from backend.models import registry
from backend.models.exporting import IN_PART, WHOLE, export
from backend.models.registry import build
from backend.ports import Edges, Floats, NetworkFile, Units
from backend.specs import ModelSpec

# two dozen networks are compiled on either side
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

F = 3
COUNT = 9
MEMBER = 1

CASES: dict[str, dict[str, Any]] = {
    "dense of one row": {"kind": "dense_autoencoder", "window": 1, "units": [5, 2]},
    "dense": {"kind": "dense_autoencoder", "window": 5, "units": [6, 4, 2], "activation": "elu"},
    "lstm": {"kind": "lstm_autoencoder", "window": 5, "units": [5, 2]},
    "lstm of one row": {"kind": "lstm_autoencoder", "window": 1, "units": [3]},
    "lstm, long": {"kind": "lstm_autoencoder", "window": 19, "units": [4], "activation": "swish"},
    "lstm and dense": {
        "kind": "lstm_autoencoder",
        "window": 4,
        "units": [{"dense": 5}, 4, {"dense": 2}],
        "decoder": [{"dense": 3}, 5, {"dense": 4}],
        "activation": "gelu",
    },
    "gru": {"kind": "gru_autoencoder", "window": 7, "units": [5, {"dense": 2}]},
    "gru, own decoder": {
        "kind": "gru_autoencoder",
        "window": 3,
        "units": [3],
        "decoder": [6, 4],
        "activation": "softplus",
    },
    "rnn": {"kind": "rnn_autoencoder", "window": 6, "units": [5, 3], "activation": "sigmoid"},
    "conv": {"kind": "conv_autoencoder", "window": 7, "units": [5, 2]},
    "conv, odd": {
        "kind": "conv_autoencoder",
        "window": 11,
        "units": [4, 3],
        "kernel": 4,
        "stride": 3,
        "activation": "relu",
    },
    "conv, kernel over all": {"kind": "conv_autoencoder", "window": 2, "units": [3], "kernel": 9},
    "conv without a stride": {
        "kind": "conv_autoencoder",
        "window": 5,
        "units": [3],
        "stride": 1,
        "activation": "selu",
    },
    **{
        f"variational, {layers}": {
            "kind": "variational_autoencoder",
            "window": 5,
            "layers": layers,
            "units": [6, 4, 3],
        }
        for layers in ("dense", "gru")
    },
    **{
        f"forecaster, {core}": {
            "kind": "forecaster",
            "window": 7,
            "core": core,
            "units": [F, 4],
            "horizon": 2,
        }
        for core in ("lstm", "tcn")
    },
    "forecaster of two rows": {"kind": "forecaster", "window": 2, "units": [3]},
    "forecaster, dilated": {
        "kind": "forecaster",
        "window": 9,
        "core": "tcn",
        "units": [4, 4, 2],
        "kernel": 2,
        "activation": "relu",
    },
    "aer": {"kind": "aer", "window": 6, "units": [4, 3]},
    "aer of three rows": {"kind": "aer", "window": 3, "units": [2], "activation": "linear"},
    "gan": {"kind": "gan", "window": 4, "units": [6, 5], "latent": 2},
    "rapp": {
        "kind": "rapp",
        "network": {"kind": "gru_autoencoder", "window": 4, "units": [4, 2]},
    },
    "embedded": {"kind": "embedded", "network": {"window": 3, "units": [5, 2]}},
    "one network among others": {
        "kind": "ensemble",
        "members": [
            {"kind": "pca", "window": 8},
            {"kind": "lstm_autoencoder", "window": 5, "units": [4, 2]},
        ],
    },
}

LOOK = """
import sys
import keras
import numpy as np

assert not [name for name in sys.modules if name.split(".")[0] == "backend"]
found = {}
for name in sys.argv[1:]:
    made = keras.models.load_model(f"{name}.keras")(np.load(f"{name}.npy"))
    made = made if isinstance(made, dict) else {"reconstruction": made}
    found |= {f"{name}.{output}": keras.ops.convert_to_numpy(y) for output, y in made.items()}
np.savez("found.npz", **found)
"""
"""What somebody does who has Keras and the files, and nothing of ours."""


def spec_of(settings: Mapping[str, Any]) -> Any:
    return TypeAdapter(ModelSpec).validate_python(settings)


def taught(spec: ModelSpec) -> Any:
    """A fleet of two whose weights are all different from zero, biases too."""
    model: Any = build(spec, 2, F)
    rng = np.random.default_rng(5)
    weights = {name: w + 0.6 * rng.normal(size=w.shape) for name, w in model.weights().items()}
    model.load(weights)
    return model


def one_of(model: Any) -> dict[str, Any]:
    return {name: weight[MEMBER : MEMBER + 1] for name, weight in model.weights().items()}


def networks(model: Any, windows: Floats) -> dict[str, Floats]:
    """What the fleet itself gives in place of windows (N, W, F), by output."""
    both = np.stack([np.zeros_like(windows), windows])
    times = np.zeros(both.shape[:2], np.int64)
    said = [v.expected[MEMBER] for v in model.assess(both, times) if v.expected is not None]
    return dict(zip(("reconstruction", "forecast"), said, strict=False))


def inside(model: Any, spec: Any) -> Any:
    """The network that is written, with what its outputs are compared with."""
    if spec.kind == "embedded":
        return model._network  # it tells nothing of what its network reconstructs
    return model._members[1] if spec.kind == "ensemble" else model


def look(folder: Path, files: Mapping[str, NetworkFile], seen: Mapping[str, Floats]) -> Any:
    """What a process that knows Keras alone makes of windows, by `<number>.<output>`."""
    for name, file in files.items():
        (folder / f"{name}.keras").write_bytes(file.data)
        np.save(folder / f"{name}.npy", seen[name].astype(np.float32))
    done = subprocess.run(
        [sys.executable, "-c", LOOK, *files],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with np.load(folder / "found.npz") as found:
        return dict(found)


def draw(window: int) -> Floats:
    """Windows as single precision holds them, so that either side sees the same."""
    windows = np.random.default_rng(window).normal(size=(COUNT, window, F))
    return windows.astype(np.float32).astype(np.float64)


class Files:
    """All cases, exported and looked at once."""

    def __init__(self, folder: Path) -> None:
        self.numbers = {case: str(number) for number, case in enumerate(CASES)}
        self.files: dict[str, NetworkFile] = {}
        self.expected: dict[str, dict[str, Floats]] = {}
        seen = {}
        for case, number in self.numbers.items():
            spec = spec_of(CASES[case])
            model = taught(spec)
            self.files[number] = export(spec, one_of(model), F)
            seen[number] = draw(self.files[number].window)
            self.expected[case] = networks(inside(model, spec), seen[number])
        self.found = look(folder, self.files, seen)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("exported"))


@pytest.mark.parametrize("case", CASES)
def test_plain_keras_gives_the_same_reconstruction(files: Files, case: str) -> None:
    number, expected = files.numbers[case], files.expected[case]
    assert files.files[number].outputs == tuple(expected)
    for output, own in expected.items():
        theirs = files.found[f"{number}.{output}"]
        assert theirs.dtype == np.float32
        np.testing.assert_allclose(theirs, own, rtol=1e-5, atol=1e-5)
        assert np.ptp(own[:, -1], axis=0).min() > 5e-4  # there is something to compare


def test_every_kind_that_can_be_exported_is_compared() -> None:
    assert {case["kind"] for case in CASES.values()} == {*WHOLE, *IN_PART, "ensemble"}


def test_every_layer_that_is_translated_is_compared() -> None:
    from backend.models.plain_keras import applied  # noqa: PLC0415 - it loads TensorFlow
    from backend.models.recurrent_layers import Recurrent  # noqa: PLC0415

    used = {
        type(layer)
        for case in CASES.values()
        for layer in getattr(build(spec_of(case), 1, F), "stack", _NoStack).layers
    }
    known = set(applied.registry) - {object}
    assert {kind for kind in known if any(issubclass(one, kind) for one in used)} == known
    assert len([kind for kind in used if issubclass(kind, Recurrent)]) == 3


class _NoStack:
    layers = ()


def test_only_what_says_all_by_its_outputs_is_whole(files: Files) -> None:
    whole = {case for case, number in files.numbers.items() if files.files[number].whole}
    assert whole == {case for case, settings in CASES.items() if settings["kind"] in WHOLE}


def test_a_layer_without_a_counterpart_is_named() -> None:
    from backend.models.plain_keras import applied  # noqa: PLC0415

    class Stranger:
        shapes: dict[str, tuple[int, ...]] = {}  # noqa: RUF012

    with pytest.raises(NotImplementedError, match="Stranger has no counterpart"):
        applied(Stranger(), None, {})


class TestEdges:
    center = np.array([[1013.0, -40.0, 0.0]])
    scale = np.array([[3.0, 0.002, 1.0]])

    def test_sensor_units_go_in_and_come_out(self, tmp_path: Path) -> None:
        """Also by place of the window, of a member of an ensemble that sees its newest places."""
        rng = np.random.default_rng(1)
        by_place = rng.normal(size=(8, F)), rng.uniform(0.5, 2, size=(8, F))
        cases = {
            "1": ("lstm", self.center, self.scale),
            "2": ("aer", self.center, self.scale),
            "3": ("one network among others", *by_place),
        }
        exported, seen, expected = {}, {}, {}
        for name, (case, center, scale) in cases.items():
            spec = spec_of(CASES[case])
            model = taught(spec)
            edges = Edges(Units(1 / scale, -center / scale), Units(scale, center))
            exported[name] = export(spec, one_of(model), F, edges=edges)
            window = exported[name].window
            mine, own = center[-window:], scale[-window:]
            seen[name] = (draw(window) * own + mine).astype(np.float32).astype(np.float64)
            made = networks(inside(model, spec), (seen[name] - mine) / own)
            expected |= {f"{name}.{key}": (y * own + mine, own, mine) for key, y in made.items()}
        found = look(tmp_path, exported, seen)
        assert found.keys() == expected.keys()
        for key, (own, scale, center) in expected.items():
            # what single precision holds of values so far from zero; channels mix in between
            coarse = 1e-5 + 4e-7 * np.abs(center / scale).max()
            assert (np.abs(found[key] - own) / scale < coarse).all(), key

    def test_a_channel_that_is_not_seen_changes_nothing(self, tmp_path: Path) -> None:
        spec = spec_of(CASES["dense"])
        model = taught(spec)
        factor, offset = np.array([[1.0, 0.0, 1.0]]), np.array([[0.0, 7.0, 0.0]])
        edges = Edges(Units(factor, np.zeros((1, F))), Units(factor, offset))
        file = export(spec, one_of(model), F, edges=edges)
        windows = draw(file.window)
        moved = windows.copy()
        moved[:, :, 1] += 5.0
        found = look(tmp_path, {"1": file, "2": file}, {"1": windows, "2": moved})
        np.testing.assert_array_equal(found["1.reconstruction"], found["2.reconstruction"])
        assert (found["1.reconstruction"][:, :, 1] == 7.0).all()


class TestRefusals:
    @pytest.mark.parametrize(
        "kind", sorted(set(registry.KINDS) - {*WHOLE, *IN_PART}), ids=lambda kind: kind
    )
    def test_a_kind_without_such_a_network_says_which_have_one(self, kind: str) -> None:
        with pytest.raises(InputError, match=r"no network that gives a window back.*aer") as caught:
            export(spec_of({"kind": kind}), {}, F)
        assert kind in str(caught.value)
        assert "lstm_autoencoder" in str(caught.value)

    def test_a_search_is_no_network(self) -> None:
        with pytest.raises(InputError, match="search: latent"):
            export(spec_of({"kind": "gan", "search": "latent"}), {}, F)

    def test_of_several_networks_one_is_named(self) -> None:
        spec = spec_of(
            {
                "kind": "ensemble",
                "members": [
                    {"kind": "dense_autoencoder", "window": 2, "units": [3]},
                    {"kind": "pca"},
                    {"kind": "rnn_autoencoder", "window": 3, "units": [3]},
                ],
            }
        )
        weights = one_of(taught(spec))
        with pytest.raises(InputError, match=r"--part: 1 dense_autoencoder, 3 rnn_autoencoder\.$"):
            export(spec, weights, F)
        assert export(spec, weights, F, part=3).kind == "rnn_autoencoder"
        with pytest.raises(InputError, match="has no part 4: it has 1 dense_autoencoder, 2 pca"):
            export(spec, weights, F, part=4)
        with pytest.raises(InputError, match="kind pca has no network"):
            export(spec, weights, F, part=2)

    def test_a_single_network_has_no_parts(self) -> None:
        with pytest.raises(InputError, match="leave the part"):
            export(spec_of({"kind": "dense_autoencoder"}), {}, F, part=1)

    def test_foreign_weights_are_refused(self) -> None:
        weights = one_of(taught(spec_of(CASES["lstm"])))
        with pytest.raises(ArtifactError, match="of another model"):
            export(spec_of(CASES["gru"]), weights, F)
