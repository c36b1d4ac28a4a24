"""Child processes that are kept alive, and ended together within a bound."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import click

POLL_S = 0.2
GRACE_S = 15.0
STEADY_S = 60.0
LONGEST_WAIT_S = 60.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def module(name: str, *arguments: str) -> list[str]:
    """The command line that runs a module in this interpreter."""
    return [sys.executable, "-m", name, *arguments]


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set, instead of ending the process at once."""
    stop = threading.Event()

    def set_stop(_number: int, _frame: Any) -> None:
        stop.set()

    before = {number: signal.signal(number, set_stop) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass
class Child:
    """A process of the service.

    Attributes:
        name: for messages.
        command: what runs.
        failures: how often in a row it died young.
        restart_at: monotonic seconds when it is started again, while it is down.
    """

    name: str
    command: Sequence[str]
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    failures: int = 0
    restart_at: float = 0.0

    def start(self, now: float) -> None:
        """Start in a session of its own, so that Ctrl-C reaches only the supervisor."""
        self.process = subprocess.Popen(list(self.command), start_new_session=True)
        self.started = now

    def ended(self) -> int | None:
        """The exit code, or None while it runs or is down."""
        return None if self.process is None else self.process.poll()


@dataclass
class Supervisor:
    """Starts children again when they die, later each time they die young.

    Attributes:
        children: what is to run.
        fatal: exit codes that trying again cannot cure; they end everything.
        tell: prints a line.
        clock: monotonic seconds.
    """

    children: Sequence[Child]
    fatal: frozenset[int] = frozenset()
    tell: Callable[[str], None] = lambda text: click.echo(text, err=True)
    clock: Callable[[], float] = field(default=time.monotonic)
    grace_s: float = GRACE_S

    def run(self, stop: threading.Event) -> int:
        """Keep all children running until `stop` is set or one ends fatally; the exit code."""
        code = 0
        try:
            while not stop.is_set() and not code:
                code = self.tend()
                stop.wait(POLL_S)
        finally:
            self.end_all()
        return code

    def tend(self) -> int:
        """Look once at every child; returns a fatal exit code, or 0."""
        for child in self.children:
            code = child.ended()
            if code is not None and code in self.fatal:
                return code
            if code is not None:
                self._note_death(child, code)
            if child.process is None and self.clock() >= child.restart_at:
                child.start(self.clock())
        return 0

    def _note_death(self, child: Child, code: int) -> None:
        _signal_group(child, signal.SIGKILL)  # what it left behind would work beside its successor
        now = self.clock()
        child.failures = 1 if now - child.started >= STEADY_S else child.failures + 1
        wait = min(2.0 ** (child.failures - 1), LONGEST_WAIT_S)
        child.process, child.restart_at = None, now + wait
        self.tell(f"{child.name} {_how(code)}; starting it again in {wait:.0f} s")

    def end_all(self) -> None:
        """Ask every child to end, then kill what has not within the grace."""
        for child in self.children:
            if child.process is not None and child.process.poll() is None:
                child.process.terminate()
        deadline = time.monotonic() + self.grace_s
        for child in self.children:
            if child.process is None:
                continue
            try:
                child.process.wait(max(deadline - time.monotonic(), 0))
            except subprocess.TimeoutExpired:
                self.tell(f"{child.name} did not end within {self.grace_s:.0f} s: killed")
            _signal_group(child, signal.SIGKILL)
            child.process.wait()


def _how(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    return f"was ended by {signal.Signals(-code).name}"


def _signal_group(child: Child, number: int) -> None:
    """Signal a child and all that it started."""
    assert child.process is not None
    with suppress(ProcessLookupError, PermissionError):  # where the whole group has ended
        os.killpg(child.process.pid, number)
