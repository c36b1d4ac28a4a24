"""Real worker processes: limits, deaths, slots, and the end of it all."""

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from backend.exceptions import TaskTimeout, WorkerDied
from backend.executors import LocalProcesses

ENTRY = "tests.executors.task_functions:run_task"
ROOT = Path(__file__).parents[2]
START = 60


def place(task: str, arguments: Any) -> str:
    return str(arguments.get("slot", "score"))


@pytest.fixture
def executor() -> Iterator[LocalProcesses]:
    made = LocalProcesses(ENTRY, {"score": 1, "train": 1}, place)
    yield made
    made.close()


@pytest.fixture
def in_background() -> Iterator[Callable[..., "Future[dict[str, Any]]"]]:
    with ThreadPoolExecutor() as threads:
        yield threads.submit


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def ended(pid: int) -> bool:
    """Wait until a process of somebody is gone; False if it lives on."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], START)[0])
    finally:
        os.close(handle)


def test_no_process_is_started_before_the_first_task(executor: LocalProcesses) -> None:
    assert [worker._process for worker in executor._workers] == [None, None]


def test_a_worker_stays_warm(executor: LocalProcesses) -> None:
    first = executor.run("pid", {}, START)

    assert first != {"pid": os.getpid()}
    assert executor.run("pid", {}, START) == first


def test_a_slot_has_workers_of_its_own(executor: LocalProcesses) -> None:
    score = executor.run("pid", {"slot": "score"}, START)

    assert executor.run("pid", {"slot": "train"}, START) != score


def test_a_busy_slot_never_blocks_another(
    executor: LocalProcesses, pipe: Path, in_background: Callable[..., "Future[dict[str, Any]]"]
) -> None:
    training = in_background(executor.run, "meet", {"slot": "train", "pipe": str(pipe)}, START)

    scored = executor.run("echo", {"slot": "score"}, START)
    still_training = not training.done()
    pipe.write_text("go on")

    assert scored == {"slot": "score"}
    assert still_training
    assert training.result(START) == {"heard": "go on"}


def test_calls_beyond_the_workers_wait_for_their_turn(
    executor: LocalProcesses, pipe: Path, in_background: Callable[..., "Future[dict[str, Any]]"]
) -> None:
    first = in_background(executor.run, "meet", {"pipe": str(pipe)}, START)
    with pipe.open("w") as writer:  # opens once the first task reads
        second = in_background(executor.run, "echo", {"second": True}, START)
        waiting = not second.done()
        writer.write("go on")

    assert waiting
    assert first.result(START) == {"heard": "go on"}
    assert second.result(START) == {"second": True}


def test_a_task_is_ended_at_its_limit_and_the_slot_goes_on(
    executor: LocalProcesses, pipe: Path, in_background: Callable[..., "Future[dict[str, Any]]"]
) -> None:
    warm = executor.run("pid", {}, START)["pid"]
    hanging = in_background(executor.run, "hang", {"pipe": str(pipe)}, 0.2)
    assert int(pipe.read_text()) == warm

    with pytest.raises(TaskTimeout, match=r"hang was ended at its time limit of 0\.2 s") as caught:
        hanging.result(START)

    assert caught.value.retry
    assert ended(warm)
    assert executor.run("pid", {}, START)["pid"] != warm


def test_a_killed_worker_is_reported_and_replaced(executor: LocalProcesses) -> None:
    with pytest.raises(WorkerDied, match=r"ran kill was ended by signal 9 .*memory") as caught:
        executor.run("kill", {}, START)
    assert caught.value.retry
    assert executor.run("echo", {"fresh": True}, START) == {"fresh": True}


def test_a_worker_that_left_is_reported_and_replaced(executor: LocalProcesses) -> None:
    with pytest.raises(WorkerDied, match="exit code 7"):
        executor.run("exit", {}, START)
    assert executor.run("echo", {"fresh": True}, START) == {"fresh": True}


def test_a_worker_that_died_idle_is_replaced_unnoticed(executor: LocalProcesses) -> None:
    idle = executor.run("pid", {}, START)["pid"]
    os.kill(idle, signal.SIGKILL)
    assert ended(idle)

    assert executor.run("pid", {}, START)["pid"] != idle


def test_workers_leave_an_interrupt_from_the_terminal_to_the_parent(
    executor: LocalProcesses,
) -> None:
    pid = executor.run("pid", {}, START)["pid"]
    os.kill(pid, signal.SIGINT)

    assert executor.run("pid", {}, START)["pid"] == pid


def test_close_ends_what_runs_and_what_waits(
    executor: LocalProcesses, pipe: Path, in_background: Callable[..., "Future[dict[str, Any]]"]
) -> None:
    running = in_background(executor.run, "hang", {"pipe": str(pipe)}, START)
    pid = int(pipe.read_text())
    waiting = in_background(executor.run, "echo", {}, START)

    executor.close()

    with pytest.raises(WorkerDied, match="hang was ended: the service is stopping"):
        running.result(START)
    with pytest.raises(WorkerDied, match="echo was not run: the service is stopping"):
        waiting.result(START)
    assert ended(pid)


def test_nothing_runs_after_close(executor: LocalProcesses) -> None:
    executor.close()
    executor.close()

    with pytest.raises(WorkerDied, match="echo was not run: the service is stopping"):
        executor.run("echo", {}, START)


def test_an_entry_that_is_not_there_is_an_error_of_the_task() -> None:
    executor = LocalProcesses("tests.executors.nowhere:run", {"score": 1}, place)
    try:
        with pytest.raises(Exception, match="ModuleNotFoundError"):
            executor.run("echo", {}, START)
    finally:
        executor.close()


PARENT = f"""
import sys, threading
from backend.executors import LocalProcesses
if __name__ == "__main__":
    executor = LocalProcesses({ENTRY!r}, {{"score": 1}}, lambda task, arguments: "score")
    if sys.argv[2] == "busy":
        executor.run("hang", {{"pipe": sys.argv[1]}}, {START})
    else:
        open(sys.argv[1], "w").write(str(executor.run("pid", {{}}, {START})["pid"]))
        if sys.argv[2] == "idle":
            threading.Event().wait()
"""


@pytest.mark.parametrize("state", ["busy", "idle"])
def test_workers_end_when_their_parent_is_killed(pipe: Path, state: str) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(pipe), state], cwd=ROOT)
    worker = int(pipe.read_text())

    parent.kill()
    parent.wait(START)

    assert ended(worker)


def test_an_interpreter_that_leaves_without_close_does_not_hang(pipe: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(pipe), "leave"], cwd=ROOT)
    worker = int(pipe.read_text())

    assert parent.wait(START) == 0
    assert ended(worker)


def test_threads_share_one_executor(
    executor: LocalProcesses, in_background: Callable[..., "Future[dict[str, Any]]"]
) -> None:
    barrier = threading.Barrier(4)

    def ask(number: int) -> dict[str, Any]:
        barrier.wait(START)
        return executor.run("echo", {"number": number}, START)

    answers = [in_background(ask, number) for number in range(4)]

    assert [answer.result(START) for answer in answers] == [{"number": n} for n in range(4)]
