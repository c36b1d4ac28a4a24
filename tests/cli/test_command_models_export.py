"""Networks of trained detectors as files, and scores worked out from the files alone."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from backend.bootstrap import Application, bootstrap
from backend.cli import cli
from backend.cli.network_file import default_name
from backend.cli.session import Session
from backend.ports import Points, Query
from backend.records import LabelDraft, LabelKind, Verdict
from backend.settings import Settings
from backend.settings.urls import default_results, embedded_url
from backend.specs import DetectorSpec
from backend.stores.opening import open_series_store
from tests.fakes.clock import StillClock

# several small networks are trained, and looked at by a process of their own
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

STEP = 600 * 10**9
START = 1_700_000_400 * 10**9 // STEP * STEP
NORMAL, ROWS = 400, 480
ROOMS = ("a", "b 2, ost")
KEYS = {"a": "room=a", "b 2, ost": "room=b 2\\, ost"}
INPUTS = ("x", "y", "still", "load")
DENSE = {"kind": "dense_autoencoder", "window": 4, "units": [8, 3], "epochs": 4}
AER = {"kind": "aer", "window": 4, "units": [4], "epochs": 2}
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {"model": DENSE},
    "both": {
        "model": AER,
        "error": {"metric": "squared", "channels": "mean_top", "top": 1, "window": "mean"},
        "preprocessing": {"weights": {"x": 2.0}},
    },
    "places": {"model": DENSE, "preprocessing": {"order": "window_then_scale"}},
    "windows": {"model": DENSE, "preprocessing": {"order": "each_window"}},
    "bent": {"model": DENSE, "preprocessing": {"transform": {"x": "power"}, "profile": "day"}},
    "levels": {"model": {"kind": "pca"}},
    "far": {"model": DENSE, "channels": ["far"]},
    "untrained": {"model": DENSE},
}


def sensors(room: int) -> dict[str, np.ndarray]:
    t = np.arange(ROWS)
    rng = np.random.default_rng(room)
    load = np.sin(t / 9)
    return {
        "x": 20 + 3 * load + 0.2 * rng.normal(size=ROWS),
        "y": np.cos(t / 9) + 0.05 * rng.normal(size=ROWS),
        "still": np.full(ROWS, 7.0),
        "load": load,
        "far": 100_000 + 0.5 * load + 0.1 * rng.normal(size=ROWS),
    }


def detector(name: str) -> DetectorSpec:
    spec: DetectorSpec = DetectorSpec.model_validate(
        {
            "name": name,
            "measurement": "air",
            "channels": ["x", "y", "still"],
            "context": ["load"],
            "group_by": ["room"],
            "every": "10m",
            "folds": 2,
            "checks": {"constant": False, "flatline": 0, "rate": 0},
            "threshold": {"kind": "quantile", "q": 1, "margin": 1.2},
            "detection_limits": False,
            **SETTINGS[name],
        }
    )
    return spec


class Plant:
    """Two rooms in the embedded store, watched by several detectors, all trained and scored."""

    def __init__(self, home: Path) -> None:
        store = embedded_url(home / "series")
        self.settings = Settings(
            home=home,
            store=store,
            results=default_results(store),
            records=f"sqlite:///{home / 'records.sqlite3'}",
            detectors={name: detector(name) for name in SETTINGS},
        )
        times = np.arange(ROWS, dtype=np.int64) * STEP + START
        source = open_series_store(store, self.settings.store_credentials, create=True)
        for number, room in enumerate(ROOMS):
            source.write("air", [Points({"room": room}, times, sensors(number))])
        source.close()
        clock = StillClock(START + ROWS * STEP)
        self.application: Application = bootstrap(self.settings, clock=clock)

    def train(self) -> None:
        """All detectors, and score the time after it."""
        for name in set(SETTINGS) - {"untrained"}:
            normal = LabelDraft(name, LabelKind.NORMAL, START, START + NORMAL * STEP)
            self.application.labelling.add(normal, source="command", by="operator")
            self.application.retraining.run(name)
            self.application.scoring.backfill(name, START + NORMAL * STEP, START + ROWS * STEP)

    def scores(self, name: str, room: str) -> dict[str, np.ndarray]:
        """What was written of one series."""
        fields = ("error", "smoothed", "score", "judged")
        where = {"detector": name, "room": room}
        query = Query("normalcy_scores", fields, START, START + ROWS * STEP, where)
        (found,) = self.application.results.read(query)
        assert len(found) == ROWS - NORMAL
        return {key: np.asarray(column, float) for key, column in found.fields.items()}

    def __call__(self, *arguments: object, code: int = 0) -> Result:
        """Run `normalcy models export`."""
        session = Session({}, lambda settings: self.application)
        session.__dict__["settings"] = self.settings
        result = CliRunner().invoke(cli, ["models", "export", *map(str, arguments)], obj=session)
        assert result.exit_code == code, (result.output, result.exception)
        assert "Traceback" not in result.output
        return result


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    made = Plant(tmp_path_factory.mktemp("plant"))
    made.train()
    yield made
    made.application.close()


@pytest.fixture(autouse=True)
def stays_open(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The command closes what it opened; the plant is shared."""
    monkeypatch.setattr(Session, "close", lambda self: None)
    monkeypatch.chdir(tmp_path)


ALONE = """
import json
import sys

import keras
import numpy as np

assert not [name for name in sys.modules if name.split(".")[0] == "backend"]


def scaled(windows, about):
    order = about["preprocessing"]["order"]
    scale = np.array([one["scale"] for one in about["channels"]]).T
    if order == "each_window":
        center = windows.mean(axis=1, keepdims=True)
        scale = np.maximum(windows.std(axis=1, keepdims=True), scale)
    else:
        center = np.array([one["center"] for one in about["channels"]]).T
    seen = (windows - center) / scale
    seen[:, :, [one["role"] == "constant" for one in about["channels"]]] = 0.0
    return seen, scale


def error_of(residual, about, output):
    spread = np.array([one["spread"][output] for one in about["channels"]])
    asked = about["error"]
    ratio = np.abs(residual) / spread
    ratio = ratio**2 if asked["metric"] == "squared" else ratio
    ratio = ratio[:, -1] if asked["window"] == "last" else ratio.mean(axis=1)
    ratio = ratio[:, [one["role"] == "judged" for one in about["channels"]]]
    error = ratio.mean(axis=1)
    if asked["channels"] == "mean_top":
        error = (error + np.sort(ratio)[:, ::-1][:, : asked["top"]].mean(axis=1)) / 2
    return error / asked["unit"][output]


for name in sys.argv[1:]:
    about = json.load(open(f"{name}.keras.json"))
    rows = np.load(f"{name}.npy")
    count = about["input"]["shape"][1]
    windows = np.stack([rows[end - count : end] for end in range(count, len(rows) + 1)])
    seen, scale = windows, 1.0
    if about["input"]["units"] == "scaled":
        seen, scale = scaled(windows, about)
    network = keras.models.load_model(f"{name}.keras")
    made = network(seen.astype(np.float32))
    made = made if isinstance(made, dict) else {"reconstruction": made}
    errors = [
        error_of((seen - keras.ops.convert_to_numpy(made[output])) * scale, about, output)
        for output in about["outputs"]
    ]
    error = np.mean(errors, axis=0)
    weights = (1 - 2 / (about["smoothing"]["span"] + 1)) ** np.arange(about["smoothing"]["length"])
    smoothed = np.convolve(error, weights / weights.sum())[: len(error)]
    np.savez(f"{name}.npz", error=error, smoothed=smoothed,
             score=smoothed / about["threshold"]["value"])
"""
"""Scores of sensor rows by the two files of each name, as the file of words tells it."""


def alone(folder: Path, rows: dict[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """What a process makes of rows (T, F) that has Keras and the files, and nothing of ours."""
    for name, own in rows.items():
        np.save(folder / f"{name}.npy", own)
    command = [sys.executable, "-c", ALONE, *rows]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = {}
    for name in rows:
        with np.load(folder / f"{name}.npz") as arrays:
            found[name] = dict(arrays)
    return found


def rows_of(room: int) -> np.ndarray:
    values = sensors(room)
    return np.stack([values[name] for name in INPUTS], axis=1)


EXPORTED = [
    ("plain", 0, "scaled"),
    ("plain", 1, "sensor"),
    ("both", 1, "scaled"),
    ("both", 0, "sensor"),
    ("places", 0, "scaled"),
    ("places", 1, "sensor"),
    ("windows", 1, "scaled"),
]
"""Each detector in each way that it can be exported, each way of one of the rooms."""


def test_scores_follow_from_the_files_alone(plant: Plant, tmp_path: Path) -> None:
    """Error, smoothed and score as they were written, with windows scaled and in sensor units."""
    rows, written = {}, {}
    for name, number, units in EXPORTED:
        file, room = f"{name}-{units}", ROOMS[number]
        with_scaling = ["--with-scaling"] if units == "sensor" else []
        plant(name, "--series", KEYS[room], "--out", f"{file}.keras", *with_scaling)
        rows[file] = rows_of(number)
        written[file] = plant.scores(name, room)
    found = alone(tmp_path, rows)
    for file, own in written.items():
        judged = own["judged"] == 1.0
        assert judged.all()
        for key in ("error", "smoothed", "score"):
            theirs = found[file][key][NORMAL - ROWS :]
            np.testing.assert_allclose(theirs, own[key], rtol=2e-3, atol=1e-4, err_msg=file)


def test_it_says_what_one_has_to_know(plant: Plant, tmp_path: Path) -> None:
    told = json.loads(
        plant("both", "--series", "room=a", "--out", "nets/one.keras", "--json").stdout
    )
    assert told["model"] == "both/1"
    assert told["file"] == "nets/one.keras"
    assert told["outputs"] == ["reconstruction", "forecast"]
    about = json.loads((tmp_path / told["about"]).read_text())
    assert told["about"] == "nets/one.keras.json"
    assert (about["detector"], about["version"], about["series"]) == ("both", 1, "room=a")
    assert about["tags"] == {"room": "a"}
    assert about["made_with"].keys() == {"normalcy", "keras"}
    assert about["input"]["shape"] == ["windows", 4, 4]
    assert about["input"]["every"] == "10m"
    assert [(one["name"], one["role"]) for one in about["channels"]] == [
        ("x", "judged"),
        ("y", "judged"),
        ("still", "constant"),
        ("load", "context"),
    ]
    assert about["channels"][0]["absent"] == 0.0
    assert about["channels"][2]["usual"] == 7.0
    assert about["channels"][0]["center"] == pytest.approx(20, abs=1)
    assert about["threshold"]["kind"] == "quantile"
    assert about["threshold"]["basis"]
    assert any("(residual / spread) ** 2" in sentence for sentence in about["how"])


def test_people_are_told_where_it_is(plant: Plant) -> None:
    lines = plant("plain", "--series", "room=a").stdout.splitlines()
    assert dict(line.split(maxsplit=1) for line in lines)["file"] == "plain-1-room=a.keras"
    assert Path("plain-1-room=a.keras").exists()


def test_preprocessing_is_told_with_what_was_learned(plant: Plant) -> None:
    plant("bent", "--series", "room=a", "--out", "bent.keras")
    about = json.loads(Path("bent.keras.json").read_text())
    assert about["preprocessing"]["profile"] == "day"
    assert about["preprocessing"]["curves"]["x"].keys() == {"curve", "center", "width", "power"}
    assert np.array(about["preprocessing"]["usual_at"]).shape == (96, 4)
    assert any("bent by its curve" in sentence for sentence in about["how"])


def test_it_warns_where_sensor_units_are_coarse(plant: Plant) -> None:
    asked = ("far", "--series", "room=a")
    assert "far lies" in plant(*asked, "--with-scaling", "--out", "far.keras").stdout
    assert "warning" not in plant(*asked, "--out", "scaled.keras").stdout
    near = ("plain", "--series", "room=a", "--with-scaling", "--out", "near.keras")
    assert "warning" not in plant(*near).stdout


@pytest.mark.parametrize(("name", "why"), [("bent", "transform"), ("windows", "each_window")])
def test_scaling_alone_must_lie_between_for_sensor_units(plant: Plant, name: str, why: str) -> None:
    says = plant(name, "--series", "room=a", "--with-scaling", code=1).stderr
    assert "cannot be exported with its scaling" in says
    assert why in says
    assert not list(Path().iterdir())


def test_what_is_there_is_not_replaced_unless_told(plant: Plant) -> None:
    asked = ("plain", "--series", "room=a", "--out", "net.keras")
    for name in ("net.keras", "net.keras.json"):
        Path(name).write_text("mine")
        says = plant(*asked, code=1).stderr
        assert f"{name} exists already" in says
        assert Path(name).read_text() == "mine"
        Path(name).unlink()
    plant(*asked)
    Path("net.keras").write_text("mine")
    plant(*asked, "--force")
    assert Path("net.keras").read_bytes()[:2] == b"PK"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("plain", "--series", "room=a", "--out", "net.h5"), 2, "ends in .keras"),
        (("plain",), 1, "has 2 series: name one with --series"),
        (("plain", "--series", "room=aa"), 1, "did you mean 'room=a'? It has 2"),
        (("plain", "--series", "zzz"), 1, "it has 2: room=a, room=b"),
        (("plain", "--series", "room=a", "--version", 7), 1, "no version 7"),
        (("plain", "--series", "room=a", "--part", 1), 1, "leave the part"),
        (("levels", "--series", "room=a"), 1, "kind pca has no network"),
        (("nothing", "--series", "room=a"), 1, "no detector 'nothing'"),
        (("plain", "--series", "room=a", "--out", "here/net.keras"), 1, "cannot be written"),
    ],
)
def test_refusals(plant: Plant, arguments: tuple[Any, ...], code: int, says: str) -> None:
    Path("here").write_text("a file, no directory")
    told = plant(*arguments, code=code).stderr
    assert says in told
    assert [path.name for path in Path().iterdir()] == ["here"]


def test_before_any_training_it_says_to_train(plant: Plant) -> None:
    assert "normalcy retrain untrained" in plant("untrained", code=1).stderr


def test_a_version_that_does_not_serve_is_named(plant: Plant) -> None:
    records = plant.application.records
    trained = records.version("plain", 1)
    records.add_version(replace(trained, detector="waiting", number=3, verdict=Verdict.CHALLENGER))
    says = plant("waiting", "--series", "room=a", code=1).stderr
    assert "No version of 'waiting' serves yet: name one with --version, the newest is 3" in says


def test_a_series_that_was_set_aside_is_said_to_be(plant: Plant) -> None:
    records = plant.application.records
    trained = records.version("plain", 1)
    training = {**trained.training, "set_aside": {"room=c": "no values of channel 'x'"}}
    records.add_version(replace(trained, number=2, training=training))
    says = plant("plain", "--series", "room=c", "--version", 2, code=1).stderr
    assert "set aside in training, no values of channel 'x'" in says


def test_names_of_files_hold_no_path() -> None:
    assert default_name("gas-room/3", "room=a/../b c") == Path("gas-room-3-room=a_.._b_c.keras")
    assert default_name("gas-room/3", None) == Path("gas-room-3.keras")
