"""The door for notebooks: frames in, frames out."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from backend.detector import Detector, Fleet
from backend.exceptions import (
    ArtifactError,
    InputError,
    MissingChannel,
    NotEnoughNormalData,
    NotFound,
)
from tests.fakes.models import LinearModel

SPEC = {
    "channels": ["x", "온도"],
    "every": "10m",
    "model": {"kind": "dense_autoencoder", "window": 5},
    "threshold": {"kind": "quantile", "q": 1, "margin": 1.5},
}


def frame(rows: int = 700, seed: int = 0, start: str = "2026-03-02") -> pd.DataFrame:
    t = np.arange(rows) / 20
    noise = 0.05 * np.random.default_rng(seed).normal(size=(rows, 2))
    index = pd.date_range(start, periods=rows, freq="10min", tz="UTC")
    values = np.stack([np.sin(t), np.cos(t)], axis=1) + noise
    return pd.DataFrame(values, index=index, columns=["x", "온도"])


def broken() -> pd.DataFrame:
    made = frame()
    made.iloc[650:670, 1] += np.where(np.arange(20) % 2, 2.0, -2.0)
    return made


def first(rows: int, of: pd.DataFrame) -> np.ndarray:
    return np.arange(len(of)) < rows


@pytest.fixture(scope="module")
def trained() -> Detector:
    data = frame()
    return Detector(SPEC, LinearModel).fit(data, normal=first(600, data))


def test_it_scores_every_grid_point_with_the_columns_of_the_contract(trained):
    scored = trained.score(broken())
    assert list(scored.columns) == [
        *("error", "smoothed", "threshold", "score", "flag", "alarm", "judged", "outside"),
        "reason",
        "contribution_x",
        "contribution_온도",
    ]
    assert scored.index.equals(broken().index.as_unit("ns").rename("time"))
    assert scored["flag"].iloc[650:672].sum() > 10
    assert scored["flag"].iloc[100:640].sum() == 0
    assert scored["contribution_온도"].iloc[660] > 0.5


def test_the_expected_values_are_in_the_sensors_unit(trained):
    expected = trained.expected(frame())
    assert np.abs(expected["x"].iloc[10:] - frame()["x"].iloc[10:]).max() < 0.5


@pytest.mark.parametrize(
    "normal",
    [
        lambda data: first(600, data),
        lambda data: pd.Series(first(600, data), index=data.index),
        lambda data: [(data.index[0], data.index[600])],
        lambda data: [("2026-03-02", "2026-03-04"), ("2026-03-04", data.index[600])],
        lambda data: [(data.index[0].tz_convert("Asia/Seoul"), data.index[600])],
    ],
    ids=["mask", "series", "range", "text", "zone"],
)
def test_normal_rows_are_given_as_mask_or_ranges(trained, normal):
    data = frame()
    other = Detector(SPEC, LinearModel).fit(data, normal=normal(data))
    assert other.training["series"] == trained.training["series"]


def test_times_without_a_zone_are_taken_as_utc(trained):
    data = frame()
    naive = data.set_axis(data.index.tz_localize(None))
    pd.testing.assert_frame_equal(trained.score(naive), trained.score(data))


def test_a_gap_in_the_frame_is_not_judged(trained):
    data = frame().drop(frame().index[300:320])
    scored = trained.score(data)
    assert len(scored) == 700
    assert scored["judged"].iloc[310] == 0
    assert scored["reason"].iloc[310] == "gap"


def test_several_rows_in_a_bucket_are_averaged_and_one_not_normal_row_spoils_it(trained):
    data = frame()
    doubled = pd.concat([data, data.set_axis(data.index + pd.Timedelta("5min"))]).sort_index()
    mask = np.repeat(first(600, data), 2)
    other = Detector(SPEC, LinearModel).fit(doubled, normal=mask)
    assert other.training["rows"] == 600
    mask[1] = False
    assert Detector(SPEC, LinearModel).fit(doubled, normal=mask).training["rows"] == 599


def test_saved_and_loaded_it_gives_the_same_scores(trained, tmp_path):
    trained.save(tmp_path / "room")
    again = Detector.load(tmp_path / "room", LinearModel)
    assert again.spec == trained.spec
    pd.testing.assert_frame_equal(again.score(broken()), trained.score(broken()))


def test_a_damaged_file_is_refused(trained, tmp_path):
    trained.save(tmp_path / "room")
    path = tmp_path / "room" / "weights.npz"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ArtifactError):
        Detector.load(tmp_path / "room", LinearModel)


def test_a_fleet_trains_and_scores_its_series_together(tmp_path):
    frames = {"a": frame(seed=1), "b": frame(seed=2, start="2026-03-03"), "c": frame(40)}
    fleet = Fleet(SPEC, LinearModel).fit(frames, {k: first(600, v) for k, v in frames.items()})
    assert "too little normal data" in fleet.rejected["c"]
    scored = fleet.score({"b": frames["b"]})
    assert set(scored) == {"b"}
    assert scored["b"]["judged"].mean() > 0.9
    with pytest.raises(NotFound, match="'c' has no model: too little normal data"):
        fleet.score({"c": frames["c"]})


@pytest.mark.parametrize(
    ("given", "normal", "error", "words"),
    [
        (frame().drop(columns="온도"), None, MissingChannel, "lacks the channel '온도'"),
        (frame().reset_index(drop=True), None, InputError, "not a DatetimeIndex"),
        (frame().iloc[:0], None, InputError, "no rows"),
        (frame(30), None, NotEnoughNormalData, "too little normal data"),
        (frame(), np.zeros(700, dtype=bool), NotEnoughNormalData, "no normal range"),
        (frame(), np.ones(5, dtype=bool), InputError, r"shape \(5,\)"),
        (frame() * np.nan, None, NotEnoughNormalData, "no values of channel"),
    ],
    ids=["channel", "index", "empty", "short", "nothing normal", "mask", "all NaN"],
)
def test_what_cannot_be_trained_on_is_refused_with_a_sentence(given, normal, error, words):
    with pytest.raises(error, match=words):
        Detector(SPEC, LinearModel).fit(given, normal=normal)


def test_an_untrained_detector_says_so():
    with pytest.raises(NotFound, match="call fit"):
        Detector(SPEC, LinearModel).score(frame())


def test_importing_the_package_loads_nothing():
    program = "import sys, backend; sys.exit('numpy' in sys.modules or 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
