"""Child processes that are kept alive and at work, and ended together within a bound."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import click

from backend.cli.listening import Ear
from backend.executors.pulse import (
    BEAT,
    BEAT_EVERY_S,
    NOTIFY_SOCKET,
    READY,
    STOPPING,
    Looks,
    Watcher,
)
from backend.executors.signals import set_on_signals

POLL_S = 0.2
GRACE_S = 15.0
STEADY_S = 60.0
LONGEST_WAIT_S = 60.0
_DOUBLED = 10
"""More often than that makes no difference, and after a thousand times no number."""
TO_START_S = 300.0
"""So long a child may take to say that it is ready: a large record store may have to be changed."""
_TO_WRITE_S = 2.0
_LONGEST_STEP_S = 1.0


def module(name: str, *arguments: str) -> list[str]:
    """The command line that runs a module in this interpreter."""
    return [sys.executable, "-m", name, *arguments]


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set, instead of ending the process at once."""
    stop = threading.Event()
    before = set_on_signals(stop)
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
        patience_s: how long it may give no sign of life, once it is ready; None if it gives none.
        failures: how often in a row it died young.
        restart_at: monotonic seconds when it is started again, while it is down.
        ready: whether it has said so.
        proven: whether it has ever said so: its configuration was right, then.
        silent_s: how long it has said nothing.
        unheard: why it cannot be heard, where it cannot.
    """

    name: str
    command: Sequence[str]
    patience_s: float | None = None
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    failures: int = 0
    restart_at: float = 0.0
    ready: bool = False
    proven: bool = False
    silent_s: float = 0.0
    unheard: str = ""
    _ear: Ear | None = None

    def start(self, now: float) -> None:
        """Start in a session of its own, so that Ctrl-C reaches only the supervisor.

        Raises:
            OSError: the machine has no room for another process.
        """
        environ = {name: text for name, text in os.environ.items() if name != NOTIFY_SOCKET}
        self._prick_up()
        if self._ear is not None:
            environ[NOTIFY_SOCKET] = self._ear.address
        self.process = subprocess.Popen(  # nosec B603
            list(self.command), start_new_session=True, env=environ
        )
        self.started, self.ready, self.silent_s = now, self._ear is None, 0.0

    def _prick_up(self) -> None:
        """Listen anew: what hears the last words of the one before is of no use."""
        self.forget()
        self.unheard = ""
        if self.patience_s is None or not Ear.can_hear():
            return
        try:
            self._ear = Ear()
        except OSError as error:  # a full disk, say: better not heard than not started
            self.unheard = error.strerror or str(error)

    def listen(self, since_s: float) -> float | None:
        """Hear what it says; for how long it has been silent where that is too long.

        Args:
            since_s: seconds since the last time.
        """
        if self._ear is None:
            return None
        heard = self._ear.heard()
        self.ready = self.ready or READY in heard
        self.proven = self.proven or READY in heard
        self.silent_s = 0.0 if heard else self.silent_s + since_s
        limit = self.patience_s if self.ready else TO_START_S
        return self.silent_s if limit is not None and self.silent_s > limit else None

    def forget(self) -> None:
        """Listen no more."""
        if self._ear is not None:
            self._ear.close()
            self._ear = None

    def ended(self) -> int | None:
        """The exit code, or None while it runs or is down."""
        return None if self.process is None else self.process.poll()


@dataclass
class Supervisor:
    """Starts children again when they die, later each time they die young; ends those that hang.

    Attributes:
        children: what is to run.
        fatal: exit codes that trying again cannot cure; they end everything, unless it is of a
            child that has run before: what has changed since may be put right.
        tell: prints a line.
        clock: monotonic seconds.
        grace_s: how long children may take to end.
        watcher: who watches over this process, and is told that it gets on.
    """

    children: Sequence[Child]
    fatal: frozenset[int] = frozenset()
    tell: Callable[[str], None] = lambda text: click.echo(text, err=True)
    clock: Callable[[], float] = field(default=time.monotonic)
    grace_s: float = GRACE_S
    watcher: Watcher = field(default_factory=lambda: Watcher(os.environ))
    _looks: Looks = field(default_factory=lambda: Looks(_LONGEST_STEP_S))
    _beaten: float | None = None

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
        now = self.clock()
        step = self._looks.since_s(now)
        for child in self.children:
            code = child.ended()
            if code is not None and code in self.fatal and not child.proven:
                return code
            if code is not None:
                self._note_death(child, code)
            if child.process is None:
                if self.clock() >= child.restart_at:
                    self._start(child)
            elif (silent := child.listen(step)) is not None:
                self._end_hung(child, silent)
        self._beat(now)
        return 0

    def _start(self, child: Child) -> None:
        try:
            child.start(self.clock())
        except OSError as error:
            self._put_off(child, f"cannot be started ({error.strerror})", child.failures + 1)
            return
        if child.unheard:
            self.tell(f"{child.name} is not watched for signs of life: {child.unheard}")

    def _beat(self, now: float) -> None:
        """Say that this process gets on, and once all children are ready that it is, too.

        One that has died already and is tried again, as while the record store is away, is no
        reason for systemd to give up the start of the others.
        """
        if self._beaten is not None and now - self._beaten < BEAT_EVERY_S:
            return
        self._beaten = now
        down = [child.name for child in self.children if child.process is None]
        status = f"{', '.join(down)} to be started again" if down else "at work"
        words = [BEAT, f"STATUS={status}"]
        if all(child.ready or child.failures for child in self.children):
            words.append(READY)
        self.watcher.tell(*words)

    def _end_hung(self, child: Child, silent_s: float) -> None:
        """End a child that lives and does not get on; it writes down where it hangs."""
        assert child.process is not None
        self.tell(f"{child.name} has given no sign of life for {silent_s:.0f} s: ended")
        child.process.send_signal(signal.SIGABRT)
        if not _ends_within(child.process, _TO_WRITE_S):
            _signal_group(child, signal.SIGKILL)
            # One that waits for a disk for ever cannot be ended: the others are looked after first.
            _ends_within(child.process, _TO_WRITE_S)
            child.silent_s = 0.0

    def _note_death(self, child: Child, code: int) -> None:
        _signal_group(child, signal.SIGKILL)  # what it left behind would work beside its successor
        lived = self.clock() - child.started
        self._put_off(child, _how(code), 1 if lived >= STEADY_S else child.failures + 1)

    def _put_off(self, child: Child, what: str, failures: int) -> None:
        """Start a child again after a while, the longer the oftener in a row it has failed."""
        wait = min(2.0 ** min(failures - 1, _DOUBLED), LONGEST_WAIT_S)
        child.failures, child.process, child.restart_at = failures, None, self.clock() + wait
        self.tell(f"{child.name} {what}; starting it again in {wait:.0f} s")

    def end_all(self) -> None:
        """Ask every child to end, then kill what has not within the grace."""
        self.watcher.tell(STOPPING)
        for child in self.children:
            if child.process is not None and child.process.poll() is None:
                child.process.terminate()
        deadline = time.monotonic() + self.grace_s
        for child in self.children:
            if child.process is None:
                continue
            if not _ends_within(child.process, max(deadline - time.monotonic(), 0)):
                self.tell(f"{child.name} did not end within {self.grace_s:.0f} s: killed")
            _signal_group(child, signal.SIGKILL)
            _ends_within(child.process, _TO_WRITE_S)
        for child in self.children:
            child.forget()


def _ends_within(process: "subprocess.Popen[bytes]", seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _how(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    known = -code in {one.value for one in signal.Signals}
    return f"was ended by {signal.Signals(-code).name if known else f'signal {-code}'}"


def _signal_group(child: Child, number: int) -> None:
    """Signal a child and all that it started."""
    assert child.process is not None
    with suppress(ProcessLookupError, PermissionError):  # where the whole group has ended
        os.killpg(child.process.pid, number)
