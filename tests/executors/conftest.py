"""Real clusters on this machine, and what waits beside them."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from distributed import LocalCluster

from backend.executors.dask import DaskCluster
from tests.executors import task_functions

ROOT = Path(__file__).parents[2]
LOOPBACK: dict[str, Any] = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}

Connect = Callable[..., DaskCluster]
StartScheduler = Callable[..., tuple["subprocess.Popen[str]", str]]
StartWorker = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def in_background() -> Iterator[Callable[..., "Future[Any]"]]:
    with ThreadPoolExecutor() as threads:
        yield threads.submit


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def to(address: str, **options: Any) -> DaskCluster:
    options = {"here": task_functions.identity, **options}
    module = "tests.executors.task_functions"
    return DaskCluster(address, f"{module}:run_task", identify=f"{module}:identity", **options)


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """Two workers of one thread each, which their nannies start again."""
    with LocalCluster(processes=True, n_workers=2, threads_per_worker=1, **LOOPBACK) as made:
        yield made


@pytest.fixture
def empty_cluster() -> Iterator[LocalCluster]:
    """A scheduler without workers."""
    with LocalCluster(n_workers=0, **LOOPBACK) as made:
        yield made


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """An executor on the cluster at an address, which a busy machine may take long to reach."""
    monkeypatch.setattr("backend.executors.dask._CONNECT_S", 60.0)
    made: list[DaskCluster] = []

    def begin(address: str, **options: Any) -> DaskCluster:
        made.append(to(address, **options))
        return made[-1]

    yield begin
    for executor in made:
        executor.close()


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[StartWorker]:
    """A worker as the command starts it, without a nanny."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(address: str, **environ: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "distributed.cli.dask_worker", address]
        options = ["--no-nanny", "--no-dashboard", "--nthreads", "1", "--host", "127.0.0.1"]
        environ = {**os.environ, "PYTHONPATH": str(ROOT), **environ}
        place = ["--local-directory", str(tmp_path / "dask")]
        process = subprocess.Popen(
            [*command, *options, *place], env=environ, cwd=tmp_path, stderr=subprocess.DEVNULL
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def start_scheduler(tmp_path: Path) -> Iterator[StartScheduler]:
    """A scheduler as the command starts it, and its address."""
    started: list[subprocess.Popen[str]] = []

    def begin(protocol: str = "tcp://", **environ: str) -> tuple["subprocess.Popen[str]", str]:
        command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--no-dashboard"]
        process = subprocess.Popen(
            [*command, "--host", f"{protocol}127.0.0.1", "--port", "0"],
            env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stderr is not None
        address = next(line.split()[-1] for line in process.stderr if "Scheduler at:" in line)
        return process, address

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def lets_go_on(pipe: Path, heard: list[int] | None = None) -> Callable[[int], None]:
    """Lets the call that waits at a named pipe go on when another one is done, once.

    What is told is put into `heard`.
    """
    heard = [] if heard is None else heard

    def told(done: int) -> None:
        heard.append(done)
        if done == 1 == heard.count(1):
            pipe.write_text("go on")

    return told
