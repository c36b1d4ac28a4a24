"""Which executor the pieces of a fleet get, wired by the settings, with the product's own tasks."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from distributed import LocalCluster

from backend.bootstrap import Application, bootstrap
from backend.exceptions import NoData, NotFound, WorkerRefused
from backend.executors import InProcess, LocalProcesses
from backend.records import StoredDetector
from backend.settings import load
from tests.executors.conftest import LOOPBACK, ROOT
from tests.executors.endings import LIMIT_S

Build = Callable[..., Application]


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Build]:
    """The product over one home, which workers find by their environment."""
    monkeypatch.setenv("NORMALCY_HOME", str(tmp_path / "home"))
    made: list[Application] = []

    def begin(**environ: str) -> Application:
        made.append(bootstrap(load({**os.environ, **environ})))
        return made[-1]

    yield begin
    for application in made:
        application.close()


def test_dask_is_loaded_when_it_is_used_and_not_before() -> None:
    program = "import sys, backend.bootstrap; sys.exit('distributed' in sys.modules)"

    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_in_this_process_the_same_application_does_them(build: Build, tmp_path: Path) -> None:
    """Only the one that is asked knows its home: another would be built by the environment."""
    application = build(NORMALCY_HOME=str(tmp_path / "elsewhere"))
    body = {"measurement": "air", "channels": ["a"], "every": "1m"}
    application.records.save_detector(StoredDetector("here", body, "me", 1))

    assert isinstance(application.pieces, InProcess)
    with pytest.raises(NotFound, match="nowhere"):
        application.pieces.run("retrain", {"detector": "nowhere"}, LIMIT_S)
    with pytest.raises(NoData):
        application.pieces.run("retrain", {"detector": "here"}, LIMIT_S)


def test_processes_of_this_machine_do_them(build: Build) -> None:
    application = build(NORMALCY_TRAINING_EXECUTOR="processes", NORMALCY_TRAINING_PROCESSES="2")

    assert isinstance(application.pieces, LocalProcesses)
    (outcome,) = application.pieces.run_all(
        "retrain", [{"detector": "nowhere"}], LIMIT_S, lambda done: None
    )
    assert isinstance(outcome, NotFound)


def test_a_cluster_does_them_over_the_same_stores_only(build: Build, tmp_path: Path) -> None:
    file = tmp_path / "home"
    with LocalCluster(n_workers=1, threads_per_worker=1, **LOOPBACK) as cluster:
        dask = {
            "NORMALCY_TRAINING_EXECUTOR": "dask",
            "NORMALCY_TRAINING_DASK": cluster.scheduler_address,
        }
        (outcome,) = build(**dask).pieces.run_all(
            "retrain", [{"detector": "nowhere"}], LIMIT_S, lambda done: None
        )
        with pytest.raises(WorkerRefused) as caught:
            build(**dask, NORMALCY_HOME=str(tmp_path / "other")).pieces.run(
                "retrain", {"detector": "nowhere"}, LIMIT_S
            )

    assert isinstance(outcome, NotFound)
    for part in (f"store embedded://{file}", "records sqlite:///", "artifacts the directory mar"):
        assert part in str(caught.value)
