"""What the jobs' workers may take of the machine, by file."""

from pathlib import Path

import pytest

from backend import bootstrap
from backend.exceptions import ConfigurationError
from backend.executors.limits import Limits
from backend.settings import Settings, WorkerSettings, WorkersSettings, load
from backend.settings.workers import WorkerPart, WorkersPart

GIB = 1 << 30


def read(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "normalcy.yaml"
    file.write_text(text)
    return load({"NORMALCY_CONFIG": str(file), "NORMALCY_HOME": str(tmp_path)})


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of 16 GiB and 8 processors."""
    monkeypatch.setattr(bootstrap.machine, "memory", lambda: 16 * GIB)
    monkeypatch.setattr(bootstrap, "processors", lambda: 8)


def test_training_steps_back_for_scoring_unless_told(tmp_path: Path) -> None:
    assert read(tmp_path, "").workers == WorkersSettings(
        WorkerSettings(None, None, 0),
        WorkerSettings(None, None, 10),
        WorkerSettings(None, None, 10),
    )


def test_everything_can_be_said_of_each_place(tmp_path: Path) -> None:
    text = """
workers:
  score: {memory: 2GiB, threads: 1}
  train: {memory: 3GiB, threads: 4, nice: 19}
  backfill: {nice: 0}
"""
    assert read(tmp_path, text).workers == WorkersSettings(
        WorkerSettings(2 * GIB, 1, 0),
        WorkerSettings(3 * GIB, 4, 19),
        WorkerSettings(None, None, 0),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{train: {memory: 500MB}}", "workers.train.memory: expected at least 1GiB"),
        ("{train: {memory: much}}", "workers.train.memory: expected a size such as 4GiB"),
        ("{train: {threads: 0}}", r"workers.train.threads: expected .*1"),
        ("{score: {nice: 20}}", r"workers.score.nice: expected .*19"),
        ("{training: {nice: 5}}", "workers.training"),
        ("4", "workers: expected"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        read(tmp_path, f"workers: {text}")


@pytest.mark.usefixtures("machine")
def test_without_a_word_each_worker_may_take_half_of_the_memory(tmp_path: Path) -> None:
    limits = bootstrap.worker_limits(read(tmp_path, ""))

    assert limits == {
        "score": Limits(8 * GIB, None, 0, "workers.score.memory"),
        "train": Limits(8 * GIB, None, 10, "workers.train.memory"),
        "backfill": Limits(8 * GIB, None, 10, "workers.backfill.memory"),
    }


@pytest.mark.usefixtures("machine")
def test_a_training_that_starts_processes_may_take_more(tmp_path: Path) -> None:
    limits = bootstrap.worker_limits(read(tmp_path, "training: {executor: processes}"))

    assert limits["train"].memory == 12 * GIB
    assert limits["score"].memory == 8 * GIB


def test_on_a_small_machine_there_is_enough_for_the_libraries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap.machine, "memory", lambda: GIB)

    assert bootstrap.worker_limits(read(tmp_path, ""))["score"].memory == GIB


@pytest.mark.usefixtures("machine")
def test_what_is_said_of_a_place_goes_before_what_is_said_of_all(tmp_path: Path) -> None:
    text = "training: {memory: 5GiB}\nworkers: {score: {memory: 2GiB}}"
    limits = bootstrap.worker_limits(read(tmp_path, text))

    assert [limits[place].memory for place in ("score", "train")] == [2 * GIB, 5 * GIB]


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("text", "workers", "threads"),
    [
        ("training: {executor: processes}", 8, 1),
        ("training: {executor: processes, processes: 2}", 2, 4),
        ("training: {executor: processes}\nworkers: {train: {threads: 4}}", 4, 1),
        ("training: {executor: processes, processes: 2}\nworkers: {train: {threads: 4}}", 2, 2),
        ("training: {executor: processes, processes: 8}\nworkers: {train: {threads: 4}}", 8, 1),
    ],
)
def test_processes_of_a_training_share_its_threads(
    tmp_path: Path, text: str, workers: int, threads: int
) -> None:
    pieces = bootstrap.open_pieces(read(tmp_path, text), lambda task, arguments: {})

    made = pieces._workers  # type: ignore[attr-defined]
    assert len(made) == workers
    assert {worker._limits.threads for worker in made} == {threads}
    pieces.close()


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("", 4 * GIB),
        ("workers: {train: {memory: 3GiB}}", 2 * GIB),
        ("training: {memory: 2GiB}\nworkers: {train: {memory: 9GiB}}", GIB),
        (
            "training: {executor: processes, processes: 2}\nworkers: {train: {memory: 6GiB}}",
            2 * GIB,
        ),
        (
            "training: {executor: dask, dask: tcp://s:8786}\nworkers: {train: {memory: 3GiB}}",
            4 * GIB,
        ),
    ],
)
def test_pieces_fit_into_what_a_training_may_use(tmp_path: Path, text: str, size: int) -> None:
    assert bootstrap.piece_sizing(read(tmp_path, text)).memory == size


def test_every_key_is_documented_with_its_default() -> None:
    document = (Path(__file__).parents[2] / "docs/configuration.md").read_text()
    table = document.partition("\n## workers\n")[2].partition("\n## ")[0]
    rows = dict(line.split(" | ")[:2] for line in table.splitlines() if line.startswith("| `"))

    assert {row.strip("|` ") for row in rows} == set(WorkerPart.model_fields)
    assert all(f"`{place}`" in table for place in WorkersPart.model_fields)
