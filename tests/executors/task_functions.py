"""Tasks for the executors' tests; imported by name in worker processes."""

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from backend.exceptions import (
    ConfigurationError,
    NormalcyError,
    NotEnoughNormalData,
    PartialWrite,
    StoreUnavailable,
    TrainingFailed,
)
from backend.executors import LocalProcesses


class OfAnotherRoom(StoreUnavailable):
    """An error class that only this module knows."""


HERE = {"store": "influxdb://localhost:8086/sensors"}


def identity() -> dict[str, str]:
    """What a worker has in common with the tests."""
    return HERE


def run_task(task: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return TASKS[task](arguments)


def _hang(arguments: dict[str, Any]) -> dict[str, Any]:
    """Say who hangs, through the named pipe given, and never come back."""
    Path(arguments["pipe"]).write_text(str(os.getpid()))
    threading.Event().wait()
    return {}


def _meet(arguments: dict[str, Any]) -> dict[str, Any]:
    """Wait until somebody writes to the named pipe given."""
    return {"heard": Path(arguments["pipe"]).read_text()}


def _fail(arguments: dict[str, Any]) -> dict[str, Any]:
    raise KeyError("a line\nand another")


def _raise(arguments: dict[str, Any]) -> dict[str, Any]:
    errors: dict[str, NormalcyError] = {
        "too little": NotEnoughNormalData("Too little is marked normal."),
        "partial": PartialWrite("Some points were dropped.", dropped=3),
        "foreign": OfAnotherRoom("The annex is closed."),
        "configuration": ConfigurationError("The configuration is wrong."),
        "training": TrainingFailed("Two did not learn.", members=(1, 4)),
    }
    raise errors[arguments["error"]]


def _kill(arguments: dict[str, Any]) -> dict[str, Any]:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def _exit(arguments: dict[str, Any]) -> dict[str, Any]:
    os._exit(7)


def _be_mortal(arguments: dict[str, Any]) -> dict[str, Any]:
    """Die, with a file only when begun for the first time: it is left behind."""
    if "file" in arguments and Path(arguments["file"]).exists():
        return {"done": True}
    if "file" in arguments:
        Path(arguments["file"]).touch()
    return _kill(arguments)


def _note(arguments: dict[str, Any]) -> dict[str, Any]:
    """Note each begin in a file; a call that is given a pipe hangs when first begun.

    Through the pipe go the ids of the process that started this one, and of this one.
    """
    number, log = arguments["number"], Path(arguments["log"])
    first = str(number) not in (log.read_text().split() if log.exists() else ())
    with log.open("a") as file:
        file.write(f"{number}\n")
    if first and "pipe" in arguments:
        Path(arguments["pipe"]).write_text(f"{os.getppid()} {os.getpid()}")
        threading.Event().wait()
    return {"number": number, "square": number**2}


def _kill_parent(arguments: dict[str, Any]) -> dict[str, Any]:
    """End the process that started this one, if so asked."""
    if not arguments["deadly"]:
        return arguments
    os.kill(os.getppid(), signal.SIGKILL)
    threading.Event().wait()
    return {}


def _grow(arguments: dict[str, Any]) -> dict[str, Any]:
    """Hold so many bytes, and never come back."""
    held = b"x" * arguments["bytes"]
    threading.Event().wait()
    return {"held": len(held)}


def _keep(arguments: dict[str, Any]) -> dict[str, Any]:
    """Hold so many bytes for good."""
    KEPT.append(b"x" * arguments["bytes"])
    return {}


def _grow_child(arguments: dict[str, Any]) -> dict[str, Any]:
    """Have a process of its own hold so many bytes; its id goes through the pipe."""
    program = f"held = b'x' * {arguments['bytes']}; input()"
    child = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE)
    Path(arguments["pipe"]).write_text(str(child.pid))
    child.wait()
    return {}


def _inner_pid(arguments: dict[str, Any]) -> dict[str, Any]:
    """Ask a worker that this worker starts."""
    inner = LocalProcesses(f"{__name__}:run_task", {"one": 1}, lambda task, arguments: "one")
    INNER.append(inner)
    return {"outer": os.getpid(), "inner": inner.run("pid", {}, 60)["pid"]}


def _read(arguments: dict[str, Any]) -> dict[str, Any]:
    """Ask a store that takes the question and never answers."""
    with socket.create_connection(("127.0.0.1", arguments["port"])) as store:
        store.sendall(b"SELECT 1")
        return {"answer": store.recv(1).decode()}


def _fit_for_ever(arguments: dict[str, Any]) -> dict[str, Any]:
    """Compute without an end, whatever it is told."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    while True:
        sum(range(100_000))


def _stop_itself(arguments: dict[str, Any]) -> dict[str, Any]:
    """Be as a process that the machine no longer lets run."""
    os.kill(os.getpid(), signal.SIGSTOP)
    return {}


def _threads(arguments: dict[str, Any]) -> dict[str, Any]:
    """How many threads the libraries of linear algebra take that numpy loads."""
    import numpy  # noqa: F401, PLC0415
    from threadpoolctl import threadpool_info  # noqa: PLC0415

    return {"threads": sorted({pool["num_threads"] for pool in threadpool_info()})}


def _standing(arguments: dict[str, Any]) -> dict[str, Any]:
    """How a process stands among others."""
    end_first = Path("/proc/self/oom_score_adj")
    return {"nice": os.nice(0), "end_first": int(end_first.read_text())}


INNER: list[LocalProcesses] = []
KEPT: list[bytes] = []

TASKS = {
    "echo": lambda arguments: arguments,
    "pid": lambda arguments: {"pid": os.getpid()},
    "threads": _threads,
    "standing": _standing,
    "read": _read,
    "retrain": _fit_for_ever,
    "stop itself": _stop_itself,
    "not json": lambda arguments: {"value": object()},
    "hang": _hang,
    "meet": _meet,
    "fail": _fail,
    "raise": _raise,
    "kill": _kill,
    "be mortal": _be_mortal,
    "kill parent": _kill_parent,
    "note": _note,
    "grow": _grow,
    "keep": _keep,
    "inner pid": _inner_pid,
    "grow child": _grow_child,
    "exit": _exit,
}
