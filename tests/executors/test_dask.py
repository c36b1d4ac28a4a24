"""A real Dask cluster of processes on this machine: lost workers, unlike ones, and the end."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import dask
import pytest
import trustme
from distributed import Client, LocalCluster

from backend.exceptions import (
    ClusterUnavailable,
    ConfigurationError,
    OutOfMemory,
    TaskTimeout,
    WorkerDied,
    WorkerRefused,
)
from backend.executors import InProcess
from backend.executors.versions import versions
from tests.executors.conftest import ROOT, Connect, StartScheduler, StartWorker, lets_go_on
from tests.executors.endings import LIMIT_S, ended
from tests.executors.task_functions import HERE, run_task

MB = 1_000_000
Background = Callable[..., "Future[Any]"]


def silent(done: int) -> None:
    """Tell nobody."""


# -- work and its limits ---------------------------------------------------------------------------


def test_work_is_shared_out_to_all_workers_and_answered_in_its_order(
    cluster: LocalCluster, connect: Connect, pipe: Path
) -> None:
    heard: list[int] = []
    executor = connect(cluster.scheduler_address)
    calls: list[dict[str, Any]] = [{"pipe": str(pipe)}, {"pipe": "/dev/null"}]

    # the second one ends while the first one waits
    answers = executor.run_all("meet", calls, LIMIT_S, lets_go_on(pipe, heard))

    assert answers == [{"heard": "go on"}, {"heard": ""}]
    assert [done for done in dict.fromkeys(heard) if done] == [1, 2]


def test_a_task_is_named_on_the_dashboard_as_it_is_known_here(
    cluster: LocalCluster, connect: Connect, pipe: Path, in_background: Background
) -> None:
    executor = connect(cluster.scheduler_address)
    call = {"detector": "gas-room", "pipe": str(pipe)}
    waiting = in_background(executor.run, "meet", call, LIMIT_S)
    with pipe.open("w") as writer:  # opens once the task reads
        with Client(cluster.scheduler_address, set_as_default=False) as client:
            running = [key for keys in client.processing().values() for key in keys]
        writer.write("go on")

    assert [key.rpartition("-")[0] for key in running] == ["meet-gas-room-0"]
    assert waiting.result(LIMIT_S) == {"heard": "go on"}


def test_a_task_is_ended_at_its_limit_and_its_worker_goes_on(
    cluster: LocalCluster, connect: Connect, pipe: Path, in_background: Background
) -> None:
    executor = connect(cluster.scheduler_address)
    calls: list[dict[str, Any]] = [{"pipe": str(pipe)}, {"pipe": "/dev/null"}]
    # Both are warm from now on: neither was free while the other one ran.
    executor.run_all("meet", calls, LIMIT_S, lets_go_on(pipe))

    hanging = in_background(executor.run, "hang", {"pipe": str(pipe)}, 3)
    process = int(pipe.read_text())

    with pytest.raises(TaskTimeout, match=r"hang was ended at its time limit of 3 s"):
        hanging.result(LIMIT_S)

    assert ended(process)
    echoes = [{"number": number} for number in range(4)]
    assert executor.run_all("echo", echoes, LIMIT_S, silent) == echoes


def test_a_task_that_grows_beyond_its_memory_is_ended(
    cluster: LocalCluster, connect: Connect
) -> None:
    executor = connect(cluster.scheduler_address, memory=200 * MB)

    with pytest.raises(OutOfMemory, match="more than 191 MiB"):
        executor.run("grow", {"bytes": 400 * MB}, LIMIT_S)


def test_what_still_runs_is_ended_when_the_caller_breaks_off(
    cluster: LocalCluster, connect: Connect, tmp_path: Path, pipe: Path
) -> None:
    log = str(tmp_path / "log")
    running: list[int] = []

    def told(done: int) -> None:
        running.append(int(pipe.read_text().split()[1]))
        raise KeyboardInterrupt

    executor = connect(cluster.scheduler_address)
    calls = [{"number": 0, "log": log, "pipe": str(pipe)}, {"number": 1, "log": log}]
    with pytest.raises(KeyboardInterrupt):
        executor.run_all("note", calls, LIMIT_S, told)

    assert ended(running[0])


def test_a_task_is_ended_when_nobody_wants_its_result(
    cluster: LocalCluster, connect: Connect, pipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.executors.dask._LOOK_EVERY_S", 0.01)
    running: list[int] = []

    def wanted() -> bool:
        if not running:
            running.append(int(pipe.read_text()))  # as soon as it hangs
            return True
        return False

    executor = connect(cluster.scheduler_address)
    with pytest.raises(WorkerDied, match="hang was ended: nobody waits"):
        executor.run("hang", {"pipe": str(pipe)}, LIMIT_S, wanted)

    assert ended(running[0])


def test_what_still_runs_is_ended_when_the_caller_is_killed(
    cluster: LocalCluster, pipe: Path
) -> None:
    caller = leave(cluster, "hang", {"pipe": str(pipe)})
    process = int(pipe.read_text())

    caller.kill()
    caller.communicate()

    assert ended(process)


def test_an_interpreter_that_leaves_without_close_does_not_hang(cluster: LocalCluster) -> None:
    caller = leave(cluster, "echo", {"said": "before leaving"})
    told, _ = caller.communicate(timeout=LIMIT_S)

    assert caller.returncode == 0
    assert told.decode() == "{'said': 'before leaving'}\n"


def leave(cluster: LocalCluster, task: str, arguments: dict[str, Any]) -> "subprocess.Popen[bytes]":
    """A process that has a task done and leaves."""
    program = (
        "from tests.executors.conftest import to\n"
        f"print(to({cluster.scheduler_address!r}).run({task!r}, {arguments!r}, {LIMIT_S}))"
    )
    return subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE)


# -- lost workers ----------------------------------------------------------------------------------


def test_a_lost_worker_costs_only_what_it_was_doing(
    cluster: LocalCluster, connect: Connect, tmp_path: Path, in_background: Background
) -> None:
    executor = connect(cluster.scheduler_address)
    log, pipe = tmp_path / "log", tmp_path / "pipe"
    os.mkfifo(pipe)
    calls: list[dict[str, Any]] = [{"number": n, "log": str(log)} for n in range(8)]
    undisturbed = InProcess(run_task).run_all("note", calls, LIMIT_S, silent)
    log.unlink()

    calls[0]["pipe"] = str(pipe)
    disturbed = in_background(executor.run_all, "note", calls, LIMIT_S, silent)
    worker, process = map(int, pipe.read_text().split())
    os.kill(worker, signal.SIGKILL)

    assert disturbed.result(LIMIT_S) == undisturbed
    assert sorted(log.read_text().split()) == ["0", *map(str, range(8))]
    assert ended(process)


def test_a_task_whose_process_dies_once_is_done(
    cluster: LocalCluster, connect: Connect, tmp_path: Path
) -> None:
    calls = [{}, {"file": str(tmp_path / "file")}]
    executor = connect(cluster.scheduler_address)
    died, done = executor.run_all("be mortal", calls, LIMIT_S, silent)

    assert isinstance(died, WorkerDied)
    assert "be mortal was begun twice, and its worker died each time" in str(died)
    assert done == {"done": True}


def test_a_task_that_kills_every_worker_is_given_up_and_the_others_are_done(
    cluster: LocalCluster, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dask would give up the tasks that were to follow on the same worker as well."""
    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 0)
    calls = [{"deadly": number == 0, "number": number} for number in range(4)]
    executor = connect(cluster.scheduler_address)
    died, *others = executor.run_all("kill parent", calls, LIMIT_S, silent)

    assert isinstance(died, WorkerDied)
    assert "kill parent was begun 1 times, and its Dask worker died each time" in str(died)
    assert others == calls[1:]


# -- unlike workers --------------------------------------------------------------------------------


@pytest.fixture
def old_numpy(tmp_path: Path) -> dict[str, str]:
    """An environment whose numpy says that it is another one."""
    place = tmp_path / "old" / "numpy-1.0.dist-info"
    place.mkdir(parents=True)
    (place / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 1.0\n")
    return {"PYTHONPATH": f"{place.parent}{os.pathsep}{ROOT}"}


def present(cluster: LocalCluster, count: int) -> None:
    """Wait until so many workers are there."""
    with Client(cluster.scheduler_address, set_as_default=False) as client:
        client.wait_for_workers(count, timeout=LIMIT_S)


def test_a_worker_with_other_versions_is_refused_before_the_first_task(
    empty_cluster: LocalCluster,
    connect: Connect,
    start_worker: StartWorker,
    old_numpy: dict[str, str],
    tmp_path: Path,
) -> None:
    start_worker(empty_cluster.scheduler_address, **old_numpy)
    present(empty_cluster, 1)
    here = versions()["numpy"]

    with pytest.raises(WorkerRefused) as caught:
        connect(empty_cluster.scheduler_address).run(
            "note", {"number": 1, "log": str(tmp_path / "log")}, LIMIT_S
        )

    (address,) = empty_cluster.scheduler.workers
    assert str(caught.value) == (
        f"The Dask worker {address} has numpy 1.0 (here {here}): run both from the same image."
    )
    assert not (tmp_path / "log").exists()


def test_a_late_worker_with_other_versions_gets_nothing_and_the_work_goes_on(
    empty_cluster: LocalCluster,
    connect: Connect,
    start_worker: StartWorker,
    old_numpy: dict[str, str],
    pipe: Path,
    in_background: Background,
) -> None:
    """The good one waits until the bad one has refused, by what is logged then."""

    class GoOn(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())
            pipe.write_text("go on")

    said: list[str] = []
    handler = GoOn()
    logger = logging.getLogger("backend.executors.dask")
    logger.addHandler(handler)
    address = empty_cluster.scheduler_address
    start_worker(address)
    present(empty_cluster, 1)
    calls = [{"pipe": str(pipe)}, *({"pipe": "/dev/null", "n": n} for n in range(4))]
    try:
        work = in_background(connect(address).run_all, "meet", calls, LIMIT_S, silent)
        start_worker(address, **old_numpy)
        answers = work.result(LIMIT_S)
    finally:
        logger.removeHandler(handler)

    assert answers == [{"heard": "go on"}, *[{"heard": ""}] * 4]
    assert len(said) == 1
    assert "has numpy 1.0 (here" in said[0]


def test_a_worker_with_other_stores_is_refused(cluster: LocalCluster, connect: Connect) -> None:
    executor = connect(
        cluster.scheduler_address, here=lambda: {"store": "influxdb://elsewhere:8086/sensors"}
    )

    with pytest.raises(WorkerRefused) as caught:
        executor.run("echo", {}, LIMIT_S)

    assert f"store {HERE['store']} (here influxdb://elsewhere:8086/sensors)" in str(caught.value)
    assert "give it the same normalcy.yaml" in str(caught.value)


# -- no cluster ------------------------------------------------------------------------------------


def test_a_scheduler_that_is_not_there_is_told(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.executors.dask._CONNECT_S", 0.5)

    with pytest.raises(ClusterUnavailable, match=r"at tcp://127\.0\.0\.1:9 does not .*") as caught:
        connect("tcp://127.0.0.1:9").run("echo", {}, LIMIT_S)

    assert caught.value.retry
    assert "\n" not in str(caught.value)


def test_a_cluster_without_workers_is_told(empty_cluster: LocalCluster, connect: Connect) -> None:
    executor = connect(empty_cluster.scheduler_address, patience_s=0.0)

    with pytest.raises(ClusterUnavailable, match="no workers for 0 s") as caught:
        executor.run("echo", {}, LIMIT_S)

    assert caught.value.retry


def test_work_waits_for_the_first_worker(
    empty_cluster: LocalCluster,
    connect: Connect,
    start_worker: StartWorker,
    in_background: Background,
) -> None:
    executor = connect(empty_cluster.scheduler_address)
    waiting = in_background(executor.run, "echo", {"was": "early"}, LIMIT_S)
    start_worker(empty_cluster.scheduler_address)

    assert waiting.result(LIMIT_S) == {"was": "early"}


def test_a_scheduler_that_is_lost_in_the_middle_is_told(
    connect: Connect, start_worker: StartWorker, start_scheduler: StartScheduler, tmp_path: Path
) -> None:
    scheduler, address = start_scheduler()
    start_worker(address)
    log, pipe = str(tmp_path / "log"), tmp_path / "pipe"
    os.mkfifo(pipe)
    running: list[int] = []

    def kill_it(done: int) -> None:
        if not done:
            return
        running.append(int(pipe.read_text().split()[1]))
        scheduler.kill()

    calls = [{"number": 0, "log": log}, {"number": 1, "log": log, "pipe": str(pipe)}]
    # which of the two depends on who notices first, the one that waits or the one that asks
    said = f"at {address} (was lost|does not answer)"
    with pytest.raises(ClusterUnavailable, match=said) as caught:
        connect(address).run_all("note", calls, LIMIT_S, kill_it)

    assert caught.value.retry
    assert ended(running[0])


def test_a_cluster_is_reached_by_tls_as_dask_is_configured(
    connect: Connect, start_worker: StartWorker, start_scheduler: StartScheduler, tmp_path: Path
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    tls = {"ca-file": str(tmp_path / "ca.pem")}
    for role in ("scheduler", "worker", "client"):
        tls |= {f"{role}.{part}": str(tmp_path / "both.pem") for part in ("cert", "key")}
    environ = {
        f"DASK_DISTRIBUTED__COMM__TLS__{key.replace('.', '__').replace('-', '_').upper()}": path
        for key, path in tls.items()
    }
    _, address = start_scheduler(protocol="tls://", **environ)
    start_worker(address, **environ)

    with dask.config.set({f"distributed.comm.tls.{key}": path for key, path in tls.items()}):
        assert connect(address).run("echo", {"said": "unheard"}, LIMIT_S) == {"said": "unheard"}


def test_tls_that_is_not_configured_is_told(connect: Connect) -> None:
    with pytest.raises(ConfigurationError, match=r"wants TLS, .* below distributed\.comm\.tls"):
        connect("tls://127.0.0.1:9").run("echo", {}, LIMIT_S)


def test_without_dask_it_is_told_how_to_get_it(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)

    with pytest.raises(ConfigurationError, match=r"pip install 'normalcy\[cluster\]'"):
        connect("tcp://127.0.0.1:9").run("echo", {}, LIMIT_S)


def test_a_connection_that_was_lost_is_closed_before_another_is_made(
    cluster: LocalCluster, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its thread and its sockets would stay for as long as the service runs."""
    executor = connect(cluster.scheduler_address)
    executor.run("echo", {"number": 1}, LIMIT_S)
    lost = executor._connected
    assert lost is not None
    lost.close()
    closed: list[float] = []
    monkeypatch.setattr(lost, "close", lambda timeout: closed.append(float(timeout)))

    assert executor.run("echo", {"number": 2}, LIMIT_S) == {"number": 2}
    assert len(closed) == 1
    assert executor._connected is not lost
