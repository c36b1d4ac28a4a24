"""Real worker processes: limits, deaths, slots, and the end of it all."""

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from backend.exceptions import OutOfMemory, TaskTimeout, WorkerDied
from backend.executors import LocalProcesses, memory
from backend.executors.limits import Limits
from backend.executors.local import _TimeLeft
from tests.executors.conftest import lets_go_on
from tests.executors.endings import LIMIT_S as START
from tests.executors.endings import ended

ENTRY = "tests.executors.task_functions:run_task"
ROOT = Path(__file__).parents[2]
MB = 1_000_000
ENOUGH = 200 * MB
TOO_MUCH = 400 * MB


def place(task: str, arguments: Any) -> str:
    return str(arguments.get("slot", "score"))


@pytest.fixture
def executor() -> Iterator[LocalProcesses]:
    made = LocalProcesses(ENTRY, {"score": 1, "train": 1}, place)
    yield made
    made.close()


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
    executor: LocalProcesses, pipe: Path
) -> None:
    warm = executor.run("pid", {}, START)["pid"]

    # nobody reads from the pipe: how far it comes in so short a time is left to the machine
    with pytest.raises(TaskTimeout, match=r"hang was ended at its time limit of 0\.2 s") as caught:
        executor.run("hang", {"pipe": str(pipe)}, 0.2)

    assert caught.value.retry
    assert ended(warm)
    assert executor.run("pid", {}, START)["pid"] != warm


def test_a_read_that_is_never_answered_is_ended_and_its_slot_is_free(
    executor: LocalProcesses,
) -> None:
    """As of a store whose machine takes the question and then hangs, with no limit of its own."""
    with socket.create_server(("127.0.0.1", 0)) as store:  # the kernel takes the connection
        call = {"port": store.getsockname()[1], "detector": "pump"}
        with pytest.raises(TaskTimeout, match="The read of pump was ended at its time"):
            executor.run("read", call, 2)

    assert executor.run("echo", {"free": True}, START) == {"free": True}


def test_a_fit_that_never_ends_is_ended_at_its_limit(executor: LocalProcesses) -> None:
    """It computes and lets no signal through, as a library does that holds the interpreter."""
    executor.run("echo", {"slot": "train"}, START)

    with pytest.raises(TaskTimeout, match="The training of pump was ended at its time limit"):
        executor.run("retrain", {"slot": "train", "detector": "pump"}, 0.5)

    assert executor.run("echo", {"slot": "train"}, START) == {"slot": "train"}


def test_a_worker_that_does_not_get_on_at_all_is_killed_at_its_limit(
    executor: LocalProcesses,
) -> None:
    with pytest.raises(TaskTimeout):
        executor.run("stop itself", {}, 3)

    assert executor.run("echo", {"free": True}, START) == {"free": True}


def test_a_task_is_ended_when_nobody_wants_its_result(
    executor: LocalProcesses, pipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.executors.local._LOOK_EVERY_S", 0.01)
    running: list[int] = []

    def wanted() -> bool:
        if not running:
            running.append(int(pipe.read_text()))  # as soon as it hangs
            return True
        return False

    with pytest.raises(WorkerDied, match="hang was ended: nobody waits for its result"):
        executor.run("hang", {"pipe": str(pipe)}, START, wanted)

    assert ended(running[0])
    assert executor.run("echo", {"still": "here"}, START, lambda: True) == {"still": "here"}


def test_a_killed_worker_is_reported_and_replaced(executor: LocalProcesses) -> None:
    with pytest.raises(WorkerDied, match=r"kill lost its worker, .* signal 9 .*memory") as caught:
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


def test_a_worker_computes_in_its_share_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    executor = LocalProcesses(ENTRY, {"score": 1}, place, Limits(threads=1))
    try:
        assert executor.run("threads", {}, START) == {"threads": [1]}
    finally:
        executor.close()


def test_the_workers_of_a_slot_step_back_for_those_of_another() -> None:
    """What trains yields the processor to what scores, and is what the kernel would end first."""
    slots = {"score": Limits(), "train": Limits(nice=7)}
    executor = LocalProcesses(ENTRY, dict.fromkeys(slots, 1), place, slots)
    try:
        score, train = (executor.run("standing", {"slot": slot}, START) for slot in slots)
    finally:
        executor.close()

    assert train["nice"] == score["nice"] + 7
    assert train["end_first"] > score["end_first"]


# -- loading ---------------------------------------------------------------------------------------

SLOW = "tests.executors.slow_functions:run_task"


@pytest.fixture
def slow() -> Iterator[LocalProcesses]:
    """Its worker takes longer to start, and then to load a library, than its work may take."""
    made = LocalProcesses(SLOW, {"score": 1}, place)
    yield made
    made.close()


def test_what_a_worker_has_to_load_first_does_not_count_as_its_work(slow: LocalProcesses) -> None:
    """Else it would be ended before it is warm, and so would each that takes over."""
    first = slow.run("score", {}, 1.8)

    assert slow.run("score", {}, 1.8) == first


def test_a_worker_that_is_never_done_with_loading_is_ended(
    slow: LocalProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = slow.run("score", {}, START)["pid"]
    monkeypatch.setattr("backend.executors.local.TO_LOAD_S", 0.2)

    with pytest.raises(TaskTimeout, match=r"not done with loading .* after 0\.2 s") as caught:
        slow.run("for ever", {}, START)

    assert caught.value.retry
    assert ended(pid)


def test_work_and_loading_have_a_time_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("backend.executors.local.time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr("backend.executors.local.TO_LOAD_S", 100.0)
    left = _TimeLeft(10.0, loading=True)

    seen = []
    for now[0], loads in ((60.0, False), (64.0, True), (94.0, False)):
        seen.append(left.seconds())
        left.switch(loading=loads)
    now[0] = 99.0

    assert seen == [40.0, 6.0, 10.0]
    assert left.seconds() == 1.0


def test_a_machine_without_room_for_a_worker_is_said(executor: LocalProcesses) -> None:
    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, usual[1]))
    try:
        with pytest.raises(WorkerDied, match=r"could not be started: .*Too many open"):
            executor.run("echo", {}, START)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, usual)

    assert executor.run("echo", {"now": True}, START) == {"now": True}


# -- many calls ------------------------------------------------------------------------------------


@pytest.fixture
def pair() -> Iterator[LocalProcesses]:
    made = LocalProcesses(ENTRY, {"score": 2}, place)
    yield made
    made.close()


def test_calls_are_shared_out_to_all_workers_and_answered_in_their_order(
    pair: LocalProcesses, pipe: Path
) -> None:
    heard: list[int] = []
    calls: list[dict[str, Any]] = [{"pipe": str(pipe)}, {"pipe": "/dev/null"}]

    # the second one ends while the first one waits
    answers = pair.run_all("meet", calls, START, lets_go_on(pipe, heard))
    assert answers == [{"heard": "go on"}, {"heard": ""}]
    assert [done for done in dict.fromkeys(heard) if done] == [1, 2]


def test_a_call_whose_worker_died_is_begun_once_more(pair: LocalProcesses, tmp_path: Path) -> None:
    calls = [{"file": str(tmp_path / str(number))} for number in range(3)]

    assert pair.run_all("be mortal", calls, START, lambda done: None) == [{"done": True}] * 3


def test_a_second_death_is_what_becomes_of_a_call(pair: LocalProcesses, tmp_path: Path) -> None:
    calls = [{}, {"file": str(tmp_path / "file")}]
    died, done = pair.run_all("be mortal", calls, START, lambda done: None)

    assert isinstance(died, WorkerDied)
    assert "be mortal was begun twice, and its worker died each time" in str(died)
    assert done == {"done": True}


def test_a_call_that_takes_too_long_is_ended_and_the_others_go_on(
    pair: LocalProcesses, pipe: Path
) -> None:
    calls: list[dict[str, Any]] = [{"pipe": str(pipe)}, {"pipe": "/dev/null"}]
    # Both are warm from now on: neither was free while the other one ran.
    pair.run_all("meet", calls, START, lets_go_on(pipe))

    slow, quick = pair.run_all("meet", calls, 3, lambda done: None)

    assert isinstance(slow, TaskTimeout)
    assert quick == {"heard": ""}


def test_what_still_runs_is_ended_when_the_caller_breaks_off(
    pair: LocalProcesses, tmp_path: Path, pipe: Path
) -> None:
    """As Ctrl+C does; nobody waits for an hour-long piece that nobody wants."""
    log = str(tmp_path / "log")
    running: list[int] = []

    def told(done: int) -> None:
        running.append(int(pipe.read_text().split()[1]))
        raise KeyboardInterrupt

    calls = [{"number": 0, "log": log}, {"number": 1, "log": log, "pipe": str(pipe)}]
    with pytest.raises(KeyboardInterrupt):
        pair.run_all("note", calls, START, told)

    assert ended(running[0])
    assert pair.run("echo", {"still": "here"}, START) == {"still": "here"}


def test_while_none_is_done_it_is_told_that_they_go_on(
    pair: LocalProcesses, pipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.executors.local._LOOK_EVERY_S", 0.01)
    heard: list[int] = []

    def told(done: int) -> None:
        heard.append(done)
        if heard == [0, 0]:
            pipe.write_text("go on")

    assert pair.run_all("meet", [{"pipe": str(pipe)}], START, told) == [{"heard": "go on"}]
    assert heard[:2] == [0, 0]
    assert heard[-1] == 1


def test_calls_that_run_when_it_is_closed_are_told_so(
    pair: LocalProcesses, pipe: Path, in_background: Callable[..., "Future[Any]"]
) -> None:
    calls = [{"pipe": str(pipe)}]
    hanging = in_background(pair.run_all, "hang", calls, START, lambda done: None)
    pipe.read_text()

    pair.close()

    (outcome,) = hanging.result(START)
    assert str(outcome) == "The task hang was ended: the service is stopping."


# -- memory ----------------------------------------------------------------------------------------


@pytest.fixture
def small() -> Iterator[LocalProcesses]:
    made = LocalProcesses(ENTRY, {"score": 1}, place, Limits(ENOUGH, setting="workers.memory"))
    yield made
    made.close()


def test_a_worker_that_grows_beyond_its_limit_is_ended_and_replaced(small: LocalProcesses) -> None:
    before = small.run("pid", {}, START)["pid"]

    with pytest.raises(OutOfMemory) as caught:
        small.run("grow", {"bytes": TOO_MUCH, "detector": "gas-room"}, START)

    assert str(caught.value).startswith(
        "The grow of gas-room needs more than 191 MiB of memory and was ended: raise workers.memory"
    )
    assert not caught.value.retry
    assert ended(before)
    assert small.run("pid", {}, START)["pid"] != before


def test_a_call_that_grows_beyond_the_limit_is_not_begun_again(
    small: LocalProcesses, tmp_path: Path
) -> None:
    calls = [{"bytes": TOO_MUCH}]
    (outcome,) = small.run_all("grow", calls, START, lambda done: None)

    assert isinstance(outcome, OutOfMemory)
    assert "twice" not in str(outcome)


def test_processes_that_a_task_starts_count_and_are_ended_with_it(
    small: LocalProcesses, pipe: Path, in_background: Callable[..., "Future[Any]"]
) -> None:
    growing = in_background(small.run, "grow child", {"bytes": TOO_MUCH, "pipe": str(pipe)}, START)
    child = int(pipe.read_text())

    with pytest.raises(OutOfMemory):
        growing.result(START)
    assert ended(child)


def test_workers_that_have_a_limit_of_their_own_do_not_count_in_another() -> None:
    free = LocalProcesses(ENTRY, {"score": 1}, place)
    limited = LocalProcesses(ENTRY, {"score": 1}, place, Limits(2 * TOO_MUCH))
    try:
        before = memory.used()
        limited.run("keep", {"bytes": TOO_MUCH}, START)
        beside = memory.used()
        free.run("keep", {"bytes": TOO_MUCH}, START)

        assert beside - before < TOO_MUCH / 2
        assert memory.used() - beside > TOO_MUCH / 2
    finally:
        free.close()
        limited.close()


def test_a_worker_may_have_workers_of_its_own(executor: LocalProcesses) -> None:
    outer = executor.run("inner pid", {}, START)

    assert len({outer["outer"], outer["inner"], os.getpid()}) == 3
    executor.close()
    assert ended(outer["inner"])
