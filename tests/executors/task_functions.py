"""Tasks for the executors' tests; imported by name in worker processes."""

import os
import signal
import threading
from pathlib import Path
from typing import Any

from backend.exceptions import (
    ConfigurationError,
    NormalcyError,
    NotEnoughNormalData,
    PartialWrite,
    StoreUnavailable,
)


class OfAnotherRoom(StoreUnavailable):
    """An error class that only this module knows."""


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
    }
    raise errors[arguments["error"]]


def _kill(arguments: dict[str, Any]) -> dict[str, Any]:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def _exit(arguments: dict[str, Any]) -> dict[str, Any]:
    os._exit(7)


TASKS = {
    "echo": lambda arguments: arguments,
    "pid": lambda arguments: {"pid": os.getpid()},
    "not json": lambda arguments: {"value": object()},
    "hang": _hang,
    "meet": _meet,
    "fail": _fail,
    "raise": _raise,
    "kill": _kill,
    "exit": _exit,
}
