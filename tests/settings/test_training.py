"""Where fleets are trained, by file and environment."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from backend.exceptions import ConfigurationError
from backend.settings import Settings, TrainingSettings, load, shared_places
from backend.settings.training import TrainingPart
from backend.specs import format_duration

GIB = 1 << 30


def read(tmp_path: Path, text: str, **environ: str) -> Settings:
    file = tmp_path / "normalcy.yaml"
    file.write_text(text)
    return load({"NORMALCY_CONFIG": str(file), "NORMALCY_HOME": str(tmp_path), **environ})


def test_pieces_are_trained_in_this_process_unless_told(tmp_path: Path) -> None:
    assert read(tmp_path, "").training == TrainingSettings(
        "in_process", None, None, None, timedelta(hours=1)
    )


def test_everything_can_be_said(tmp_path: Path) -> None:
    text = "training: {executor: dask, dask: tcp://s:8786, memory: 4GiB, processes: 3, timeout: 2h}"

    assert read(tmp_path, text).training == TrainingSettings(
        "dask", 3, 4 * GIB, "tcp://s:8786", timedelta(hours=2)
    )


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        "training: {executor: processes, processes: 2, memory: 2GiB, timeout: 5m}",
        NORMALCY_TRAINING_EXECUTOR="dask",
        NORMALCY_TRAINING_PROCESSES="4",
        NORMALCY_TRAINING_MEMORY="8000MB",
        NORMALCY_TRAINING_DASK="tls://[::1]:8786",
        NORMALCY_TRAINING_TIMEOUT="90m",
    )

    assert settings.training == TrainingSettings(
        "dask", 4, 8_000_000_000, "tls://[::1]:8786", timedelta(minutes=90)
    )


@pytest.mark.parametrize(
    ("size", "size_in_bytes"),
    [
        ("1GiB", GIB),
        ("1.5 GiB", 3 * GIB // 2),
        ("1100MB", 1_100_000_000),
        ("1TB", 10**12),
        ("1TiB", 1 << 40),
        ("2048MiB", 2 * GIB),
        ("2147483648", 2 * GIB),
    ],
)
def test_sizes_are_read(tmp_path: Path, size: str, size_in_bytes: int) -> None:
    assert read(tmp_path, f"training: {{memory: {size}}}").training.memory == size_in_bytes


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{executor: cluster}", r"executor: expected 'in_process', 'processes' or 'dask'"),
        ("{processes: 0}", r"processes: expected at least 1, got 0"),
        ("{memory: much}", r"memory: expected a size such as 4GiB or 1500MB, got 'much'"),
        ("{memory: 4G}", r"memory: expected a size such as 4GiB or 1500MB, got '4G'"),
        ("{memory: 100MB}", r"memory: expected at least 1GiB"),
        ("{executor: dask}", r"line 1, training\.dask: is missing: expected the address"),
        ("{dask: s:8786}", r"dask: expected the address of a Dask scheduler such as tcp://"),
        ("{dask: tcp://s}", r"dask: expected the address"),
        ("{dask: tcp://s:port}", r"dask: expected the address"),
        ("{dask: http://s:8787}", r"dask: expected the address"),
        ("{timeout: 0}", r"timeout: expected "),
        ("{workers: 3}", r"workers: unknown key"),
    ],
)
def test_what_is_wrong_in_the_file_is_told_with_its_place(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        read(tmp_path, f"training: {text}")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("EXECUTOR", "cluster", "expected 'in_process', 'processes' or 'dask', got 'cluster'"),
        ("PROCESSES", "many", "expected a whole number, got 'many'"),
        ("MEMORY", "4G", "expected a size such as 4GiB or 1500MB, got '4G'"),
        ("DASK", "s:8786", "expected the address of a Dask scheduler"),
        ("TIMEOUT", "soon", "expected a duration"),
    ],
)
def test_what_is_wrong_in_a_variable_is_told_with_its_name(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, "", **{f"NORMALCY_TRAINING_{name}": text})

    (problem,) = caught.value.problems
    assert str(problem).startswith(f"NORMALCY_TRAINING_{name}: {words}")


def test_every_key_is_documented_with_its_default() -> None:
    document = (Path(__file__).parents[2] / "docs/configuration.md").read_text()
    table = document.partition("\n## training\n")[2].partition("\n## ")[0]
    rows = dict(line.split(" | ")[:2] for line in table.splitlines() if line.startswith("| `"))
    defaults = {"processes": "one for each core"}
    for name, field in TrainingPart.model_fields.items():
        value = field.default
        assert value is not PydanticUndefined
        if isinstance(value, timedelta):
            value = format_duration(value)
        shown = defaults.get(name, "none" if value is None else f"`{value}`")
        assert rows.pop(f"| `{name}`") == shown
    assert not rows


# -- what several machines share -------------------------------------------------------------------


def test_servers_are_named_without_secrets(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        "store: influxdb://influx:8086/sensors",
        NORMALCY_STORE_TOKEN="hunter2",
        NORMALCY_RECORDS_URL="postgresql://me:hunter2@db/records",
    )

    assert shared_places(settings) == {
        "store": "influxdb://influx:8086/sensors",
        "results": "influxdb://influx:8086/normalcy",
        "records": "postgresql://db/records",
    }


def test_what_only_this_machine_reaches_is_told_apart_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = read(
        tmp_path, "store: embedded:///data/sensors\nresults: influxdb://127.0.0.1:8086/normalcy"
    )
    places = []
    for host in ("one", "other"):
        monkeypatch.setattr("socket.gethostname", lambda host=host: host)
        places.append(shared_places(settings))

    assert places[0]["store"] == "embedded:///data/sensors of one"
    assert all(places[0][key] != places[1][key] for key in ("store", "results", "records"))
