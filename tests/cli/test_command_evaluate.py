import json
from functools import partial

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from backend.cli import cli
from backend.cli.evaluate_options import Asked, RangeType, SettingType
from backend.cli.evaluate_reading import build_spec
from backend.detector import Detector
from backend.exceptions import ConfigurationError
from backend.settings import parse_time
from tests.fakes.models import LinearModel

ROWS = 400


@pytest.fixture
def frame():
    random = np.random.default_rng(0)
    index = pd.date_range("2026-03-01", periods=ROWS, freq="60s", tz="UTC", name="when")
    wave = np.sin(np.arange(ROWS) / 8)
    x, y = (wave + random.normal(0, 0.05, ROWS) for _ in range(2))
    y[350:380] += 2.0
    label = np.zeros(ROWS, int)
    label[350:380], label[380:390] = 1, 2
    return pd.DataFrame({"x": x, "y": y, "label": label}, index=index)


@pytest.fixture
def file(frame, tmp_path):
    path = tmp_path / "rows.csv"
    frame.to_csv(path)
    return path


@pytest.fixture(autouse=True)
def linear_model(monkeypatch):
    """The command with a model that needs no network."""
    linear = partial(Detector, make_model=LinearModel)
    monkeypatch.setattr("backend.cli.evaluate_run.Detector", linear)


def run(*arguments):
    return CliRunner().invoke(cli, ["evaluate", *map(str, arguments)])


FEW = ("--model", "dense_autoencoder", "--window", "5", "--label-column", "label")


def test_the_figures_are_one_json_document(file):
    result = run(file, *FEW, "--normal-rows", 300, "--json")
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert facts["rows"] == 100
    assert facts["auroc"] > 0.9
    assert facts["event_recall"] == 1
    assert facts["model"] == "dense_autoencoder"
    assert facts["best_f1"] >= facts["f1"]


def test_figures_for_people_are_lines_with_names(file):
    result = run(file, *FEW, "--normal-rows", 300)
    assert result.exit_code == 0, result.output
    assert "vus_pr" in result.stdout
    assert "best_f1" in result.stdout


def test_pictures_are_drawn_where_asked(file, tmp_path):
    result = run(file, *FEW, "--normal-rows", 300, "--plots", tmp_path / "p", "--json")
    assert result.exit_code == 0, result.output
    names = {path.name for path in (tmp_path / "p").iterdir()}
    drawn = ("distribution", "error", "reconstruction", "contributions", "quality", "loss")
    assert names == {f"{name}.png" for name in drawn}
    assert len(json.loads(result.stdout)["pictures"]) == 6


@pytest.mark.parametrize(
    "way",
    [
        ("--normal-range", "2026-03-01..2026-03-01T05:00"),
        (
            "--normal-range",
            "2026-03-01..2026-03-01T02:00",
            "--normal-range",
            "2026-03-01T02..2026-03-01T05",
        ),
        ("--normal-rows", "300"),
    ],
)
def test_ways_to_name_the_same_rows_give_the_same_figures(file, way):
    facts = json.loads(run(file, *FEW, *way, "--json").stdout)
    assert (facts["rows"], facts["trained_rows"]) == (100, 300)


def test_another_file_may_hold_the_normal_rows(frame, file, tmp_path):
    train = tmp_path / "train.csv.gz"
    frame.iloc[:300].to_csv(train)
    facts = json.loads(run(file, *FEW, "--train", train, "--json").stdout)
    assert (facts["rows"], facts["trained_rows"]) == (400, 300)


def test_a_column_of_normal_rows_is_no_channel(frame, tmp_path):
    path = tmp_path / "rows.parquet"
    frame.assign(calm=np.arange(ROWS) < 300).to_parquet(path)
    facts = json.loads(run(path, *FEW, "--normal-column", "calm", "--json").stdout)
    assert facts["trained_rows"] == 300


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "exactly one way"),
        (("--normal-rows", "5", "--normal-column", "x"), "exactly one way"),
        (("--normal-range", "yesterday"), "expected A..B"),
        (("--normal-range", "a..b"), "expected a time"),
        (("--normal-rows", "300", "--set", "epochs"), "expected key=value"),
        (("--normal-rows", "300", "--set", "threshold.kind=magic"), "threshold"),
        (("--normal-rows", "300", "--set", "model.epoch=3"), "epoch"),
        (("--normal-rows", "300", "--every", "often"), "every"),
        (("--normal-rows", "300", "--model", "oracle"), "model"),
    ],
)
def test_options_that_are_wrong_are_a_usage_error(file, arguments, message):
    result = run(file, "--label-column", "label", *arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_a_file_that_is_wrong_is_a_failure(file):
    result = run(file, "--label-column", "truth", "--normal-rows", "300")
    assert result.exit_code == 1
    assert "no column 'truth'" in result.output


def asked(file, **changes):
    values = {
        "file": file,
        "time_column": None,
        "label_column": "label",
        "normal_rows": 300,
        "normal_ranges": (),
        "normal_column": None,
        "train": None,
        "model": "dense_autoencoder",
        "window": None,
        "settings": (),
        "seed": None,
        "every": None,
        "buffer": 100,
        "plots": None,
        "as_json": False,
    }
    return Asked(**{**values, **changes})


def test_settings_reach_the_detector_by_their_dotted_names(file, frame):
    settings = (("threshold.kind", "quantile"), ("threshold.q", 0.9), ("model.units", [8, 2]))
    spec = build_spec(asked(file, settings=settings, window=3, seed=7), frame)
    assert (spec.threshold.kind, spec.threshold.q) == ("quantile", 0.9)
    assert (spec.model.units, spec.model.window, spec.model.seed) == ((8, 2), 3, 7)
    assert spec.channels == ("x", "y")
    assert spec.every.total_seconds() == 60


def test_every_mistake_in_the_settings_is_listed(file, frame):
    settings = (("model.epochs", 0), ("trim", 2))
    with pytest.raises(ConfigurationError) as caught:
        build_spec(asked(file, settings=settings), frame)
    assert len(caught.value.problems) == 2


def test_values_are_read_as_yaml():
    convert = SettingType().convert
    assert convert("a.b=30", None, None) == ("a.b", 30)
    assert convert("a=[x, y]", None, None) == ("a", ["x", "y"])
    assert convert("a=b=c", None, None) == ("a", "b=c")


def test_ranges_are_read_as_utc():
    start, stop = RangeType().convert("2026-03-01..2026-03-02T06:00+01:00", None, None)
    assert (start, stop) == (parse_time("2026-03-01"), parse_time("2026-03-02T05:00"))
