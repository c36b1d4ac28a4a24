"""How much memory a worker uses, and its end when that is too much.

A worker watches itself: what it grows by is known nowhere sooner, and nobody has to ask.
"""

import os
import threading
from contextlib import suppress

import psutil

TOO_MUCH = 86
"""Exit code of a process that ended for want of memory; one that programs do not use."""

_LOOK_EVERY_S = 0.1

workers: set[int] = set()
"""Processes started here that watch themselves, by id; they do not count again."""


def watch(limit: int) -> None:
    """Look from now on, and end this process and those it started when they use too much.

    Args:
        limit: bytes in use (resident), all of them together.
    """
    threading.Thread(target=_end_beyond, args=(limit,), name="memory", daemon=True).start()


def used() -> int:
    """Bytes that this process and those it started use, without workers of its own."""
    return sum(_resident(process) for process in _counted(psutil.Process()))


def _end_beyond(limit: int) -> None:
    pause = threading.Event()
    while used() <= limit:
        pause.wait(_LOOK_EVERY_S)
    for process in _counted(psutil.Process())[1:]:
        with suppress(psutil.Error):
            process.kill()
    os._exit(TOO_MUCH)


def _counted(process: psutil.Process) -> list[psutil.Process]:
    """A process and, below it, those it started."""
    found = [process]
    with suppress(psutil.Error):  # gone meanwhile
        for child in process.children():
            if child.pid not in workers:
                found += _counted(child)
    return found


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
