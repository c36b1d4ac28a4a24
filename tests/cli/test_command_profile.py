"""`normalcy profile`, as it is typed."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib.image import imread

from backend.ports import Points
from backend.settings import load
from tests.cli.conftest import NOW, Command
from tests.fakes.series import MemorySeriesStore

MINUTE = 60 * 10**9


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = np.arange(8 * 144)
    noise = np.random.default_rng(0).normal(size=(len(rows), 2))
    index = pd.date_range("2026-03-01", periods=len(rows), freq="10min", tz="UTC", name="time")
    frame = pd.DataFrame(
        {"temp": 20 + 5 * np.sin(rows * 2 * np.pi / 144), "flow": 3.0}, index=index
    )
    frame["temp"] += noise[:, 0]
    frame["level"], frame["label"] = np.exp(noise[:, 1]), 0
    path = tmp_path / "plant.csv"
    frame.drop(frame.index[300:320]).to_csv(path)
    return path


@pytest.fixture
def watching(normalcy: Command) -> Command:
    """The command over two series of the detector in memory."""
    source = MemorySeriesStore()
    for place, rows in (("a", 200), ("b", 900)):
        times = NOW - np.arange(rows, 0, -1) * 10 * MINUTE
        values = np.random.default_rng(rows).normal(size=rows)
        source.write("air", [Points({"room": place}, times, {"temp": values})])
    normalcy.application.source = source
    return normalcy


def test_a_file_is_looked_at(normalcy: Command, file: Path) -> None:
    text = normalcy("profile", str(file), "--without", "label").stdout

    assert "every     10m" in text
    assert "2026-03-03T02:00:00Z to 2026-03-03T05:20:00Z" in text
    assert "1d: " in text
    assert "constant" in text
    assert "skewed" in text


def test_what_is_proposed_for_a_file_is_a_configuration(
    normalcy: Command, file: Path, tmp_path: Path
) -> None:
    text = normalcy("profile", str(file), "--without", "label").stdout
    config = tmp_path / "normalcy.yaml"
    config.write_text("detectors:" + text.partition("detectors:")[2])

    spec = load({"NORMALCY_CONFIG": str(config)}).detectors["plant"]

    assert spec.channels == ("temp", "level")
    assert spec.preprocessing.profile == "day"
    assert spec.preprocessing.transform == {"level": "power"}


def test_the_same_as_json(normalcy: Command, file: Path) -> None:
    shown = json.loads(normalcy("profile", str(file), "--json").stdout)

    (series,) = shown["series"]
    assert (series["rows"], series["gaps"], series["cadence_s"]) == (8 * 144 - 20, 1, 600)
    assert {c["name"]: c["constant"] for c in series["channels"]}["flow"]
    assert series["periods"][0]["period"] == "1d"
    assert series["settings"] == {
        key: value
        for key, value in shown["proposed"]["detectors"]["plant"].items()
        if key != "measurement"
    }
    assert any("By their names labels" in text for text in series["warnings"])


def test_pictures_are_drawn(normalcy: Command, file: Path, tmp_path: Path) -> None:
    pictures = json.loads(
        normalcy("profile", str(file), "--plots", str(tmp_path / "p"), "--json").stdout
    )["pictures"]

    assert {Path(path).stem for path in pictures} == {"gaps", "channels", "spectrum"}
    for path in pictures:
        assert imread(path)[..., :3].std() > 0.01


def test_the_series_of_a_detector_are_looked_at(watching: Command, tmp_path: Path) -> None:
    shown = json.loads(watching("profile", "gas-room", "--json").stdout)

    assert {s["series"]: s["rows"] for s in shown["series"]} == {"room=a": 200, "room=b": 900}
    proposed = shown["proposed"]["detectors"]["gas-room"]
    assert proposed["group_by"] == ["room"]
    assert proposed["measurement"] == "air"
    assert proposed["every"] == "10m"

    watching("profile", "gas-room", "--plots", str(tmp_path / "p"))
    assert (tmp_path / "p" / "room=b" / "channels.png").exists()


def test_how_much_of_a_detector_is_looked_at(watching: Command) -> None:
    shown = json.loads(watching("profile", "gas-room", "--last", "1d", "--json").stdout)

    assert {s["rows"] for s in shown["series"]} == {144}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("nothing.csv",), 1, "no file 'nothing.csv'"),
        (("nothing",), 1, "no detector 'nothing'"),
        (("gas-room", "--every", "1m"), 2, "are for files"),
        (("gas-room", "--last", "soon"), 2, "--last: expected a duration"),
        (("gas-room", "--last", "1m"), 1, "shorter than the detector's grid"),
    ],
)
def test_what_cannot_be_looked_at_is_said(
    watching: Command, arguments: tuple[str, ...], code: int, words: str
) -> None:
    result = watching("profile", *arguments, code=code)

    assert words in result.output
    assert "Traceback" not in result.output


def test_a_detector_without_data_is_said(normalcy: Command) -> None:
    normalcy.application.source = MemorySeriesStore()

    result = normalcy("profile", "gas-room", code=1)

    assert "no data of 'gas-room' in the last 2w" in result.output


def test_a_column_that_is_not_there(normalcy: Command, file: Path) -> None:
    result = normalcy("profile", str(file), "--without", "stage", code=1)

    assert "no column 'stage'" in result.output


@pytest.mark.parametrize("text", ["time,x\n", "time,x\n2026-03-01,1\n", "time,x\n2026-03-01,a\n"])
def test_hardly_any_file(normalcy: Command, tmp_path: Path, text: str) -> None:
    path = tmp_path / "few.csv"
    path.write_text(text)

    result = normalcy(
        "profile", str(path), "--plots", str(tmp_path / "p"), code=int("1\n" not in text)
    )

    assert "Traceback" not in result.output
    if result.exit_code == 0:
        assert "1 rows: too few" in result.stdout
        assert yaml.safe_load(
            "detectors:" + result.stdout.partition("detectors:")[2].partition("drawn")[0]
        )
