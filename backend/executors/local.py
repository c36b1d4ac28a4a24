"""Work in warm processes on this machine: each can be ended at its limit without hurting others."""

import atexit
import multiprocessing
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from backend.exceptions import NormalcyError, OutOfMemory, TaskTimeout, WorkerDied
from backend.executors import memory, wire
from backend.executors.limits import FREE, TO_LOAD_S, Limits
from backend.executors.worker import serve

Place = Callable[[str, Mapping[str, Any]], str]
"""(task, arguments) to the name of the slot that it runs in."""

Outcome = dict[str, Any] | NormalcyError

_TO_END_S = 2.0
"""How long a process may take to end before it is killed."""
_LOOK_EVERY_S = 1.0
"""So often it is looked whether work that goes on is wanted."""
_FRESH = "a fresh one takes over."


class Wish:
    """Whether a result is still wanted; it may be withdrawn at any time, from any thread."""

    def __init__(self) -> None:
        self.withdrawn, self._held = multiprocessing.Pipe(duplex=False)

    def withdraw(self) -> None:
        """Let the call that this wish went with be ended: `withdrawn` can then be read."""
        self._held.close()

    def close(self) -> None:
        """Release the pipe, when the calls have ended."""
        self._held.close()
        self.withdrawn.close()


@contextmanager
def wish_while(wanted: Callable[[], bool]) -> Iterator[Wish]:
    """A wish that is withdrawn as soon as a look, each second, finds that it is over."""
    wish, over = Wish(), threading.Event()

    def look() -> None:
        while not over.wait(_LOOK_EVERY_S):
            if not wanted():
                return wish.withdraw()
        return None

    looking = threading.Thread(target=look, name="wish", daemon=True)
    looking.start()
    try:
        yield wish
    finally:
        over.set()
        looking.join()
        wish.close()


class LocalProcesses:
    """Runs tasks in worker processes, a fixed number for each slot.

    A worker is started on first use and kept, so that what it loaded (TensorFlow, models) stays
    loaded. Calls beyond a slot's workers wait for one to be free; slots never wait for each other.
    Workers end with this process, however it ends.
    """

    def __init__(
        self,
        entry: str,
        slots: Mapping[str, int],
        place: Place,
        limits: Limits | Mapping[str, Limits] = FREE,
    ) -> None:
        """Prepare the slots; no process is started yet.

        Args:
            entry: function that runs tasks in a worker, as `module:function`.
            slots: name of each slot with its number of workers.
            place: tells the slot of a task.
            limits: what a worker may take of the machine, or that of each slot.
        """
        self._place = place
        self._counts = dict(slots)
        self._stopping = threading.Event()
        # Last in, first out: a warm worker is taken before one that has yet to be started.
        self._free: dict[str, queue.LifoQueue[_Worker]] = {}
        self._workers: list[_Worker] = []
        for slot, count in slots.items():
            allowed = limits if isinstance(limits, Limits) else limits.get(slot, FREE)
            workers = [_Worker(entry, self._stopping, allowed, slot) for _ in range(count)]
            self._workers.extend(workers)
            self._free[slot] = queue.LifoQueue()
            for worker in workers:
                self._free[slot].put(worker)
        # Without this, an interpreter that leaves without `close` would wait for idle workers.
        atexit.register(self.close)

    def run(
        self,
        task: str,
        arguments: Mapping[str, Any],
        timeout_s: float,
        wanted: Callable[[], bool] | None = None,
    ) -> dict[str, Any]:
        """Run a task to its end; `timeout_s` counts from when a worker is free. See the port.

        What the worker loads before it can begin (itself, libraries, model files) does not count.
        For that it has `TO_LOAD_S`.
        """
        if wanted is None:
            return self._run(task, arguments, timeout_s, None)
        with wish_while(wanted) as wish:
            return self._run(task, arguments, timeout_s, wish)

    def _run(
        self, task: str, arguments: Mapping[str, Any], timeout_s: float, wish: Wish | None
    ) -> dict[str, Any]:
        """Run a task to its end, as long as the wish is not withdrawn."""
        call = wire.pack_call(task, arguments)
        free = self._free[self._place(task, arguments)]
        worker = free.get()
        try:
            subject = wire.subject(task, arguments)
            return wire.unpack_answer(worker.call(subject, call, timeout_s, wish))
        finally:
            free.put(worker)

    def run_all(
        self,
        task: str,
        calls: Sequence[Mapping[str, Any]],
        timeout_s: float,
        told: Callable[[int], None],
    ) -> list[Outcome]:
        """Run a task for each of `calls`, as many at once as there are workers; see the port.

        A call whose worker died is begun once more, on a fresh one. Whatever ends this early, as
        Ctrl+C or an error of `told`, ends what still runs.
        """
        for arguments in calls:
            wire.pack_call(task, arguments)  # refuses all of them before any is begun
        width = sum(self._counts[slot] for slot in {self._place(task, one) for one in calls})
        wish = Wish()
        try:
            with ThreadPoolExecutor(max(width, 1)) as threads:
                futures = [
                    threads.submit(self._outcome, task, arguments, timeout_s, wish)
                    for arguments in calls
                ]
                try:
                    _tell(futures, told)
                except BaseException:
                    threads.shutdown(wait=False, cancel_futures=True)
                    wish.withdraw()
                    raise
            return [future.result() for future in futures]
        finally:
            wish.close()

    def close(self) -> None:
        """End all workers within seconds; running and waiting calls raise `WorkerDied`."""
        self._stopping.set()
        for worker in self._workers:
            worker.terminate()
        for worker in self._workers:
            worker.join()
        atexit.unregister(self.close)

    def _outcome(
        self, task: str, arguments: Mapping[str, Any], timeout_s: float, wish: Wish
    ) -> Outcome:
        """What a call came to; where its worker died, the second time."""
        outcome = self._attempt(task, arguments, timeout_s, wish)
        if not isinstance(outcome, WorkerDied) or self._stopping.is_set():
            return outcome
        outcome = self._attempt(task, arguments, timeout_s, wish)
        subject = wire.subject(task, arguments)
        return died_again(subject, outcome) if isinstance(outcome, WorkerDied) else outcome

    def _attempt(
        self, task: str, arguments: Mapping[str, Any], timeout_s: float, wish: Wish
    ) -> Outcome:
        try:
            return self._run(task, arguments, timeout_s, wish)
        except NormalcyError as error:
            return error


def _tell(futures: Sequence[Future[Outcome]], told: Callable[[int], None]) -> None:
    """Tell how many are done, after each, and each second in which none has ended."""
    done, waiting = 0, set(futures)
    while waiting:
        ended, waiting = wait_for(waiting, _LOOK_EVERY_S, FIRST_COMPLETED)
        for _ in ended:
            done += 1
            told(done)
        if not ended:
            told(done)


def died_again(subject: str, error: WorkerDied) -> WorkerDied:
    """What becomes of a call that lost a second worker; `subject` as `wire.subject` names it."""
    return WorkerDied(f"{subject} was begun twice, and its worker died each time. {error}")


class _Worker:
    """One process and the pipe to it; replaced by a fresh one when it ended."""

    def __init__(self, entry: str, stopping: threading.Event, limits: Limits, slot: str) -> None:
        self._slot = slot
        self._entry = entry
        self._stopping = stopping
        self._limits = limits
        self._process: SpawnProcess | None = None
        self._connection: Connection | None = None
        self._is_warm = False

    def call(self, subject: str, message: bytes, timeout_s: float, wish: Wish | None) -> bytes:
        """Send a call and wait for its answer; errors name it as `subject`."""
        withdrawn = [wish.withdrawn] if wish is not None else []
        if wait(withdrawn, 0):
            raise WorkerDied(f"{subject} was not run: nobody waits for its result any more.")
        connection = self._connect(subject)
        left = _TimeLeft(timeout_s, loading=not self._is_warm)
        try:
            connection.send_bytes(message)
            while connection in (ready := wait([connection, *withdrawn], left.seconds())):
                answer = connection.recv_bytes()
                self._is_warm = True
                if answer not in (wire.LOADING, wire.LOADED):
                    return answer
                left.switch(loading=answer == wire.LOADING)
        except (EOFError, OSError) as error:
            raise self._lost(subject) from error
        self._end()
        if ready:
            raise WorkerDied(f"{subject} was ended: nobody waits for its result any more.")
        if left.loading:
            raise TaskTimeout(
                f"{subject} was ended: its worker was not done with loading libraries and models "
                f"after {TO_LOAD_S:g} s; look at the disk and the processors of this machine."
            )
        raise TaskTimeout(
            f"{subject} was ended at its time limit of {timeout_s:g} s; "
            "give it more time or less data."
        )

    def terminate(self) -> None:
        """Ask the process to end; the call that waits for it, if any, then cleans up."""
        if (process := self._process) is not None:
            process.terminate()

    def join(self) -> None:
        """Wait for the end; kill when it takes too long."""
        if (process := self._process) is not None:
            process.join(_TO_END_S)
            process.kill()
            process.join(_TO_END_S)

    def _connect(self, subject: str) -> Connection:
        if self._process is not None and not self._process.is_alive():
            self._end()
        if self._connection is None and not self._stopping.is_set():
            self._start()
        # Looked at again after the start: `close` may not have seen this process.
        if self._stopping.is_set() or self._connection is None:
            self._end()
            raise WorkerDied(f"{subject} was not run: the service is stopping.")
        return self._connection

    def _start(self) -> None:
        try:
            self._process, self._connection = self._spawned()
        except OSError as error:
            raise WorkerDied(f"A worker process could not be started: {error}.") from error
        self._is_warm = False
        if self._limits.memory is not None and self._process.pid is not None:
            memory.workers.add(self._process.pid)

    def _spawned(self) -> tuple[SpawnProcess, Connection]:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        try:
            arguments = (theirs, self._entry, self._limits)
            process = context.Process(target=serve, args=arguments, name=self._slot, daemon=True)
            process.start()
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        return process, ours

    def _lost(self, subject: str) -> NormalcyError:
        """Say why the process ended in the middle of a task."""
        code = self._end()
        if self._stopping.is_set():
            return WorkerDied(f"{subject} was ended: the service is stopping.")
        if code == memory.TOO_MUCH and self._limits.memory is not None:
            return OutOfMemory(self._limits.exceeded(subject))
        return WorkerDied(_obituary(subject, code))

    def _end(self) -> int | None:
        """End the process if it still runs; its exit code."""
        if self._process is None:
            return None
        self.terminate()
        self.join()
        code = self._process.exitcode
        memory.workers.discard(self._process.pid or 0)
        if self._connection is not None:
            self._connection.close()
        self._process = self._connection = None
        return code


class _TimeLeft:
    """How much longer a call may go on: apart from its work there is a time for loading."""

    def __init__(self, work_s: float, *, loading: bool) -> None:
        self.loading = loading
        self._left = {True: TO_LOAD_S, False: work_s}
        self._since = time.monotonic()

    def seconds(self) -> float:
        """Of what it is at, work or loading; never negative."""
        return max(0.0, self._left[self.loading] - (time.monotonic() - self._since))

    def switch(self, *, loading: bool) -> None:
        """Count for the other from now on."""
        self._left[self.loading] = self.seconds()
        self.loading, self._since = loading, time.monotonic()


def _obituary(subject: str, code: int | None) -> str:
    if code is None or code >= 0:
        return f"{subject} lost its worker, which ended with exit code {code}; {_FRESH}"
    cause = f"signal {-code} ({signal.strsignal(-code)})"
    if -code == signal.SIGKILL:
        cause += ", often for want of memory"
    return f"{subject} lost its worker, which was ended by {cause}; {_FRESH}"
