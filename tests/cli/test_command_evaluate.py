import json
import re
from functools import partial

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from backend.cli import cli
from backend.cli.evaluate_options import Asked, RangeType, SettingType
from backend.cli.evaluate_reading import ALL, build_specs
from backend.detector import Detector
from backend.exceptions import ConfigurationError, NotEnoughNormalData
from backend.models.registry import KINDS
from backend.ports import LossCurve, Voice
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


class Distance(LinearModel):
    """Says how far a window is from the middle, and nothing else: no expected value, no channel."""

    def fit(self, lessons, progress, start=None):
        super().fit(lessons, progress)
        return [LossCurve((0.0,), (), 0) for _ in lessons]

    def assess(self, windows, times):
        flat = np.nan_to_num(windows.reshape(*windows.shape[:2], -1))
        return (Voice(raw=np.abs(flat - self._mean[:, None]).mean(axis=2)),)


def refuses(kind, error):
    """A factory that cannot build one kind of model."""

    def make(spec, series, channels):
        if spec.kind == kind:
            raise error
        return LinearModel(spec, series, channels)

    return make


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
    drawn = ("distribution", "error", "reconstruction", "contributions", "quality", "confusion")
    assert names == {f"{name}.png" for name in drawn}
    assert len(json.loads(result.stdout)["pictures"]) == 6


TWO = ("--model", "dense_autoencoder", "--model", "lstm_autoencoder", "--window", "5")
BOTH = (*TWO, "--label-column", "label", "--normal-rows", "300")


def test_several_models_are_compared_under_their_kinds(file):
    facts = json.loads(run(file, *BOTH, "--json").stdout)
    alone = json.loads(run(file, *FEW, "--normal-rows", 300, "--json").stdout)
    assert list(facts["models"]) == ["dense_autoencoder", "lstm_autoencoder"]
    assert facts["models"]["dense_autoencoder"]["vus_pr"] == alone["vus_pr"]


def test_all_means_every_kind_there_is(file, frame):
    specs, refused = build_specs(asked(file, models=(ALL,)), frame)
    assert {*specs, *refused} == {*KINDS, "auto"}


def test_figures_of_several_models_are_a_table_with_hindsight_last(file):
    result = run(file, *BOTH)
    assert result.exit_code == 0, result.output
    head = result.stdout.splitlines()[0].split()
    assert head[0] == "model"
    assert head[-1] == "best_f1"
    assert "hindsight" in result.stdout


AUTO = (
    *("--model", "auto", "--label-column", "label", "--normal-rows", "300"),
    *("--set", "model.candidates=[{kind: dense_autoencoder, window: 5}, {kind: pca, window: 5}]"),
)


def test_what_auto_chose_and_why_is_told_wherever_its_figures_are(file, tmp_path):
    path = tmp_path / "report.md"
    facts = json.loads(run(file, *AUTO, "--report", path, "--json").stdout)
    choice = facts["choice"]
    assert choice["kind"] in ("dense_autoencoder", "pca")
    sentence = f"auto chose {choice['kind']}: {choice['reason']}"
    shown = run(file, *AUTO)
    assert shown.exit_code == 0, shown.output
    assert sentence in shown.stdout.splitlines()
    assert f"{sentence}." in path.read_text().replace("\\_", "_")


def test_of_several_models_only_auto_has_chosen(file):
    models = json.loads(run(file, *AUTO, "--model", "dense_autoencoder", "--json").stdout)["models"]
    assert models["dense_autoencoder"]["choice"] is None
    sentence = f"auto chose {models['auto']['choice']['kind']}: "
    lines = run(file, *AUTO, "--model", "dense_autoencoder").stdout.splitlines()
    assert sum(" chose " in line for line in lines) == 1
    assert any(line.startswith(sentence) for line in lines)


@pytest.mark.parametrize(
    "error",
    [NotEnoughNormalData("too few rows for it"), ZeroDivisionError("too few rows for it")],
)
def test_a_model_that_fails_is_told_with_its_reason_and_the_others_go_on(file, monkeypatch, error):
    make = refuses("dense_autoencoder", error)
    monkeypatch.setattr("backend.cli.evaluate_run.Detector", partial(Detector, make_model=make))
    result = run(file, *BOTH, "--json")
    assert result.exit_code == 0, result.output
    models = json.loads(result.stdout)["models"]
    assert "too few rows for it" in models["dense_autoencoder"]["failed"]
    assert models["lstm_autoencoder"]["auroc"] > 0.9


def test_where_no_model_works_the_command_fails_with_all_reasons(file, monkeypatch):
    def make(spec, series, channels):
        raise NotEnoughNormalData(f"nothing for {spec.kind}")

    monkeypatch.setattr("backend.cli.evaluate_run.Detector", partial(Detector, make_model=make))
    result = run(file, *BOTH)
    assert result.exit_code == 1
    assert "nothing for dense_autoencoder" in result.stderr
    assert "nothing for lstm_autoencoder" in result.stderr
    assert run(file, *FEW, "--normal-rows", 300).exit_code == 1


def test_a_setting_that_one_of_the_models_lacks_is_for_the_others(file, frame):
    settings = (("model.epochs", 3),)
    kinds = ("dense_autoencoder", "pca")
    specs, refused = build_specs(asked(file, models=kinds, settings=settings), frame)
    assert refused == {}
    assert specs["dense_autoencoder"].model.epochs == 3
    with pytest.raises(ConfigurationError):
        build_specs(asked(file, models=("pca",), settings=settings), frame)


def test_a_model_that_a_setting_does_not_fit_is_refused_alone(file, frame):
    settings = (("model.units", "many"),)
    kinds = ("dense_autoencoder", "pca")
    specs, refused = build_specs(asked(file, models=kinds, settings=settings), frame)
    assert list(specs) == ["pca"]
    assert "units" in refused["dense_autoencoder"]


def test_the_page_holds_every_picture_and_both_models(file, tmp_path):
    path = tmp_path / "deep" / "report.html"
    result = run(file, *BOTH, "--report", path, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["report"] == str(path)
    page = path.read_text()
    for kind in ("dense_autoencoder", "lstm_autoencoder"):
        assert f"<h2>{kind}</h2>" in page
    compared, each = 3, 6
    assert page.count('<img src="data:image/png;base64,') == compared + 2 * each
    assert list(path.parent.iterdir()) == [path]


def test_markdown_finds_its_pictures_beside_it(file, tmp_path):
    path = tmp_path / "report.md"
    run(file, *FEW, "--normal-rows", 300, "--report", path)
    named = re.findall(r"!\[.*?\]\(<(.*?)>\)", path.read_text())
    assert len(named) == 8
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in named)


def test_a_model_without_curve_or_expected_value_lacks_those_pictures_in_words(
    file, tmp_path, monkeypatch
):
    monkeypatch.setattr("backend.cli.evaluate_run.Detector", partial(Detector, make_model=Distance))
    path = tmp_path / "report.md"
    result = run(file, *FEW, "--normal-rows", 300, "--report", path)
    assert result.exit_code == 0, result.output
    text = path.read_text()
    assert "no notion of an expected value" in text
    assert "no loss curve" in text
    assert "reconstruction.png" not in text


def test_labels_of_one_kind_are_said_in_words_and_fail_nothing(frame, tmp_path):
    file, path = tmp_path / "rows.csv", tmp_path / "report.html"
    frame.assign(label=0).to_csv(file)
    result = run(file, *BOTH, "--report", path, "--json")
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)["models"]["lstm_autoencoder"]
    assert (facts["auroc"], facts["recall"], facts["best_f1"]) == (None, None, None)
    assert any("no anomalous row" in warning for warning in facts["warnings"])
    assert "no anomalous row" in path.read_text()


def test_a_report_of_another_kind_is_refused_before_any_work(file):
    result = run(file, *FEW, "--normal-rows", 300, "--report", "report.pdf")
    assert result.exit_code == 2
    assert ".html or .md" in result.output


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
        "models": ("dense_autoencoder",),
        "window": None,
        "settings": (),
        "seed": None,
        "every": None,
        "buffer": 100,
        "plots": None,
        "report": None,
        "as_json": False,
    }
    return Asked(**{**values, **changes})


def test_settings_reach_the_detector_by_their_dotted_names(file, frame):
    settings = (("threshold.kind", "quantile"), ("threshold.q", 0.9), ("model.units", [8, 2]))
    specs, _ = build_specs(asked(file, settings=settings, window=3, seed=7), frame)
    spec = specs["dense_autoencoder"]
    assert (spec.threshold.kind, spec.threshold.q) == ("quantile", 0.9)
    assert (spec.model.units, spec.model.window, spec.model.seed) == ((8, 2), 3, 7)
    assert spec.channels == ("x", "y")
    assert spec.every.total_seconds() == 60


def test_every_mistake_in_the_settings_is_listed(file, frame):
    settings = (("model.epochs", 0), ("trim", 2))
    with pytest.raises(ConfigurationError) as caught:
        build_specs(asked(file, settings=settings), frame)
    assert len(caught.value.problems) == 2


def test_values_are_read_as_yaml():
    convert = SettingType().convert
    assert convert("a.b=30", None, None) == ("a.b", 30)
    assert convert("a=[x, y]", None, None) == ("a", ["x", "y"])
    assert convert("a=b=c", None, None) == ("a", "b=c")


def test_ranges_are_read_as_utc():
    start, stop = RangeType().convert("2026-03-01..2026-03-02T06:00+01:00", None, None)
    assert (start, stop) == (parse_time("2026-03-01"), parse_time("2026-03-02T05:00"))
