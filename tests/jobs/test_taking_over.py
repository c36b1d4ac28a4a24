"""What dead processes left, over real records; who is dead is said by leases and pids."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backend.records import Request, State
from backend.services.processes import PROCESS
from jobs.taking_over import take_over
from tests.jobs.workplaces import NOON, SECOND, Bench, bench

HOST = socket.gethostname()
LONG = 3600 * SECOND


def lives(here: Bench, worker: str, length: int = LONG) -> str:
    """Let a process have shown that it lives, `length` nanoseconds from now."""
    assert here.records.take_lease(PROCESS + worker, worker, length=length)
    return worker


def dead(here: Bench, worker: str) -> str:
    return lives(here, worker, length=0)


def pid_of_nobody() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def state_of(here: Bench, worker: str) -> State:
    (run,) = [run for run in here.records.runs() if run.worker == worker]
    return run.state


def claimed(here: Bench, worker: str) -> Request:
    here.records.add_request("retrain", "gas-room", {}, by="ann", at=NOON)
    request = here.records.claim_request(worker=worker, at=NOON, deadline=NOON + 120 * SECOND)
    assert request is not None
    return request


def is_free(here: Bench) -> bool:
    """Whether somebody else would get the request that was claimed."""
    taken = here.records.claim_request(worker="new:1:f", at=NOON, deadline=NOON + SECOND)
    return taken is not None


def test_runs_of_a_process_whose_lease_ran_out_are_interrupted_wherever_it_was(
    here: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    gone, other = dead(here, "elsewhere:7:b"), lives(here, "elsewhere:8:c")
    for worker in (gone, other, here.work.worker):
        here.records.start_run("retrain", "gas-room", worker=worker, at=NOON)

    assert take_over(here.work) == 1
    assert state_of(here, gone) is State.INTERRUPTED
    assert state_of(here, other) is State.RUNNING
    assert state_of(here, here.work.worker) is State.RUNNING
    assert "process elsewhere:7:b is gone" in caplog.text
    assert [lease.holder for lease in here.records.leases()] == [other]
    assert take_over(here.work) == 0


def test_a_process_that_gave_its_lease_back_is_gone_too(here: Bench) -> None:
    here.records.start_run("score", "gas-room", worker="elsewhere:7:b", at=NOON)

    assert take_over(here.work) == 1


def test_of_commands_the_pid_tells_and_only_here(here: Bench) -> None:
    ended, lasting = f"{HOST}:{pid_of_nobody()}", f"{HOST}:{os.getpid()}"
    others = [f"elsewhere:{pid_of_nobody()}", "somebody", "a:b"]
    for worker in (ended, lasting, *others):
        here.records.start_run("retrain", "gas-room", worker=worker, at=time.time_ns())

    assert take_over(here.work) == 1
    assert state_of(here, ended) is State.INTERRUPTED
    assert {state_of(here, worker) for worker in (lasting, *others)} == {State.RUNNING}


def test_a_command_is_gone_whose_pid_another_process_was_given_since(here: Bench) -> None:
    worker = f"{HOST}:{os.getpid()}"
    here.records.start_run("retrain", "gas-room", worker=worker, at=NOON)

    assert take_over(here.work) == 1
    here.records.start_run("retrain", "gas-room", worker=worker, at=NOON)
    here.records.start_run("retrain", "gas-room", worker=worker, at=time.time_ns())
    assert take_over(here.work) == 0  # that one lives, and is not told from the other by its name


def test_what_it_was_asked_for_is_free_at_once(here: Bench) -> None:
    claimed(here, dead(here, "elsewhere:7:b"))
    before = is_free(here)
    take_over(here.work)

    assert not before
    assert is_free(here)


def test_what_one_that_lives_was_asked_for_is_not(here: Bench) -> None:
    claimed(here, lives(here, "elsewhere:7:b"))
    take_over(here.work)

    assert not is_free(here)


def test_times_that_it_had_in_hand_are_resumed_and_those_of_the_living_not(here: Bench) -> None:
    taken: list[tuple[str, int]] = []
    for name, holder, length in (
        ("score:a", "elsewhere:7:b", 0),
        ("retrain:a", "elsewhere:7:b", LONG),
        ("score:b", here.work.worker, 0),
    ):
        here.records.take_lease(name, holder, length=length, due=NOON)
    take_over(here.work, lambda name, due: taken.append((name, due)))

    assert taken == [("score:a", NOON)]


def test_times_that_were_given_back_unfinished_are_resumed(here: Bench) -> None:
    taken: list[tuple[str, int]] = []
    left = here.records.take_lease("retrain:a", "elsewhere:7:b", length=LONG, due=NOON)
    assert left is not None
    here.records.drop_lease(left.name, left.token, done=False)
    take_over(here.work, lambda name, due: taken.append((name, due)))

    assert taken == [("retrain:a", NOON)]


def test_leases_about_no_time_are_tidied_away(here: Bench) -> None:
    here.records.take_lease("backfill:a", "elsewhere:7:b", length=0)
    take_over(here.work, lambda name, due: pytest.fail(f"{name} was resumed for {due}"))

    assert here.records.leases() == []


def test_one_that_was_held_up_is_not_dead_to_itself(here: Bench, tmp_path: Path) -> None:
    """It is, to the others."""
    dead(here, here.work.worker)
    here.records.start_run("score", "gas-room", worker=here.work.worker, at=NOON)
    other = bench(tmp_path, "here:2:b")

    assert take_over(here.work) == 0
    assert take_over(other.work) == 1
    other.records.close()
