import json
from functools import partial

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from backend.cli import cli
from backend.detection.embedding import Codes
from backend.detector import Detector
from backend.exceptions import InputError
from tests.fakes.models import LinearModel

ROWS = 400
WINDOW = 5


@pytest.fixture
def frame():
    random = np.random.default_rng(0)
    index = pd.date_range("2026-03-01", periods=ROWS, freq="60s", tz="UTC", name="when")
    wave = np.sin(np.arange(ROWS) / 8)
    x, y = (wave + random.normal(0, 0.05, ROWS) for _ in range(2))
    return pd.DataFrame({"x": x, "y": y}, index=index)


@pytest.fixture
def file(frame, tmp_path):
    path = tmp_path / "rows.csv"
    frame.to_csv(path)
    return path


@pytest.fixture(autouse=True)
def linear_model(monkeypatch):
    """The command with a model that needs no network."""
    monkeypatch.setattr("backend.cli.embed_run.Detector", partial(Detector, make_model=LinearModel))


def run(*arguments):
    return CliRunner().invoke(cli, ["embed", *map(str, arguments)])


class TestFile:
    @pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
    def test_every_full_window_is_a_row(self, file, tmp_path, ending):
        out = tmp_path / f"codes.{ending}"
        result = run(file, "--normal-rows", 300, "--window", WINDOW, "--out", out, "--json")
        assert result.exit_code == 0, result.output
        facts = json.loads(result.stdout)
        assert facts["rows"] == ROWS - WINDOW + 1
        assert facts["left_out"] == WINDOW - 1
        codes = pd.read_parquet(out) if ending == "parquet" else pd.read_csv(out)
        assert list(codes.columns) == ["time", *(f"e{n + 1}" for n in range(facts["numbers"]))]
        times = pd.to_datetime(codes["time"], utc=True)
        assert times.iloc[0] == pd.Timestamp("2026-03-01T00:04Z")
        assert times.iloc[-1] == pd.Timestamp("2026-03-01T06:39Z")
        assert np.isfinite(codes.drop(columns="time").to_numpy()).all()

    def test_windows_over_a_gap_are_left_out(self, frame, tmp_path):
        path, out = tmp_path / "gap.csv", tmp_path / "codes.csv"
        pd.concat([frame.iloc[:340], frame.iloc[360:]]).to_csv(path)
        result = run(path, "--normal-rows", 300, "--window", WINDOW, "--out", out)
        assert result.exit_code == 0, result.output
        times = pd.to_datetime(pd.read_csv(out)["time"], utc=True)
        gap = (times >= frame.index[345]) & (times < frame.index[360 + WINDOW - 1])
        assert not gap.any()
        assert (times == frame.index[360 + WINDOW - 1]).any()

    def test_the_label_column_is_no_channel(self, frame, tmp_path):
        path, outs = tmp_path / "labels.csv", [tmp_path / "a.csv", tmp_path / "b.csv"]
        frame.assign(label=(np.arange(ROWS) > 350) * 1).to_csv(path)
        plain = tmp_path / "plain.csv"
        frame.to_csv(plain)
        common = ("--normal-rows", 300, "--window", WINDOW, "--out")
        assert run(path, "--label-column", "label", *common, outs[0]).exit_code == 0
        assert run(plain, *common, outs[1]).exit_code == 0
        assert outs[0].read_text() == outs[1].read_text()

    def test_a_file_may_be_learned_from_whole(self, file, tmp_path):
        result = run(file, "--train", file, "--window", WINDOW, "--out", tmp_path / "c.csv")
        assert result.exit_code == 0, result.output

    def test_a_kind_without_a_bottleneck_says_so(self, file, tmp_path, monkeypatch):
        monkeypatch.setattr("backend.cli.embed_run.Detector", Detector)
        out = tmp_path / "codes.csv"
        result = run(file, "--normal-rows", 300, "--model", "pca", "--out", out)
        assert result.exit_code == 1
        assert "has no bottleneck" in result.stderr
        assert not out.exists()

    def test_windows_longer_than_all_there_is_are_refused(self, frame, tmp_path):
        train, path = tmp_path / "train.csv", tmp_path / "few.csv"
        frame.to_csv(train)
        frame.iloc[: WINDOW - 1].to_csv(path)
        out = tmp_path / "codes.csv"
        result = run(path, "--train", train, "--window", WINDOW, "--out", out)
        assert result.exit_code == 1
        assert "No window is complete" in result.stderr

    @pytest.mark.parametrize(
        ("options", "says"),
        [
            ((), "exactly one way"),
            (("--normal-rows", 300, "--from", "now-1d"), "a file is embedded whole"),
        ],
    )
    def test_wrong_usage_is_told(self, file, tmp_path, options, says):
        result = run(file, *options, "--out", tmp_path / "codes.csv")
        assert result.exit_code == 2
        assert says in result.stderr


class Embedding:
    """Stands in for the use case."""

    def __init__(self):
        self.asked = []

    def codes(self, detector, start, stop, progress):
        self.asked.append((detector, start, stop))
        progress(1.0, "embedding")
        vectors = np.arange(12.0).reshape(2, 3, 2)
        vectors[1, 0] = np.nan
        times = np.arange(3, dtype=np.int64) * 10**9
        return Codes(("room=a", "room=b"), times, vectors)


class TestDetector:
    @pytest.fixture
    def embedding(self, normalcy):
        normalcy.application.embedding = Embedding()
        return normalcy.application.embedding

    def test_all_series_stand_below_each_other(self, normalcy, embedding, tmp_path):
        out = tmp_path / "codes.csv"
        result = normalcy("embed", "gas-room", "--from", "now-1h", "--out", str(out), "--json")
        facts = json.loads(result.stdout)
        assert (facts["series"], facts["rows"], facts["left_out"]) == (2, 5, 1)
        now = normalcy.application.clock.now()
        assert embedding.asked == [("gas-room", now - 3_600_000_000_000, now)]
        codes = pd.read_csv(out)
        assert list(codes.columns) == ["time", "series", "e1", "e2"]
        assert codes["series"].tolist() == ["room=a"] * 3 + ["room=b"] * 2
        assert codes["e1"].tolist() == [0, 2, 4, 8, 10]

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (("gas-room",), "say from when"),
            (("gas-room", "--from", "now", "--to", "now-1h"), "the range is empty"),
            (("gas-room", "--from", "now-1h", "--window", "4"), "--window is for a file"),
            (("gas-room", "--normal-range", "2026-03-01..2026-03-02"), "--normal-range is for"),
            (("gas-room", "--set", "model.epochs=3"), "--set is for a file"),
            (("nothing.csv",), "there is no file nothing.csv"),
        ],
    )
    def test_wrong_usage_is_told(self, normalcy, embedding, tmp_path, arguments, says):
        out = str(tmp_path / "codes.csv")
        assert says in normalcy("embed", *arguments, "--out", out, code=2).stderr
        assert embedding.asked == []

    def test_other_endings_are_refused(self, normalcy, embedding):
        result = normalcy("embed", "gas-room", "--from", "now-1h", "--out", "codes.txt", code=2)
        assert ".parquet" in result.stderr

    def test_what_goes_wrong_is_one_sentence(self, normalcy, embedding, tmp_path):
        def fail(*arguments):
            raise InputError("there is nothing.")

        embedding.codes = fail
        out = str(tmp_path / "codes.csv")
        result = normalcy("embed", "gas-room", "--from", "now-1h", "--out", out, code=1)
        assert result.stderr.count("\n") == 1
