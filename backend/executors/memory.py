"""How much memory a worker uses, and its end when that is too much.

A worker watches itself: what it grows by is known nowhere sooner, and nobody has to ask. It looks
only while it works, so that one that waits costs nothing.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

TOO_MUCH = 86
"""Exit code of a process that ended for want of memory; one that programs do not use."""

_LOOK_EVERY_S = 0.1
_LOOKS_A_ROUND = 5
"""Each so many looks those that it started are looked for: the system has a long list of them."""

workers: set[int] = set()
"""Processes started here that watch themselves, by id; they do not count again."""


class Watch:
    """Ends this process and those it started when they use too much while it works."""

    def __init__(self, limit: int) -> None:
        """Prepare to look.

        Args:
            limit: bytes in use (resident), all of them together.
        """
        self._limit = limit
        self._working = threading.Event()
        threading.Thread(target=self._go_on, name="memory", daemon=True).start()

    @contextmanager
    def on(self) -> Iterator[None]:
        """Look while the block runs."""
        self._working.set()
        try:
            yield
        finally:
            self._working.clear()

    def _go_on(self) -> None:
        pause, itself = threading.Event(), psutil.Process()
        while self._working.wait():
            others = _family(itself)[1:]
            for _ in range(_LOOKS_A_ROUND):
                if sum(map(_resident, [itself, *others])) > self._limit:
                    _end(others)
                pause.wait(_LOOK_EVERY_S)


def used() -> int:
    """Bytes that this process and those it started use, without workers of its own."""
    return sum(map(_resident, _family(psutil.Process())))


def _end(others: list[psutil.Process]) -> None:
    for process in others:
        with suppress(psutil.Error):
            process.kill()
    os._exit(TOO_MUCH)


def _family(process: psutil.Process) -> list[psutil.Process]:
    """A process and, below it, those it started."""
    found = [process]
    with suppress(psutil.Error):  # gone meanwhile
        for child in process.children():
            if child.pid not in workers:
                found += _family(child)
    return found


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
