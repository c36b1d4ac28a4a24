"""Work in warm processes on this machine: each can be ended at its limit without hurting others."""

import atexit
import multiprocessing
import queue
import signal
import threading
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

from backend.exceptions import TaskTimeout, WorkerDied
from backend.executors import wire
from backend.executors.worker import serve

Place = Callable[[str, Mapping[str, Any]], str]
"""(task, arguments) to the name of the slot that it runs in."""

_TO_END_S = 2.0
"""How long a process may take to end before it is killed."""


class LocalProcesses:
    """Runs tasks in worker processes, a fixed number for each slot.

    A worker is started on first use and kept, so that what it loaded (TensorFlow, models) stays
    loaded. Calls beyond a slot's workers wait for one to be free; slots never wait for each other.
    Workers end with this process, however it ends.
    """

    def __init__(self, entry: str, slots: Mapping[str, int], place: Place) -> None:
        """Prepare the slots; no process is started yet.

        Args:
            entry: function that runs tasks in a worker, as `module:function`.
            slots: name of each slot with its number of workers.
            place: tells the slot of a task.
        """
        self._place = place
        self._stopping = threading.Event()
        self._free: dict[str, queue.SimpleQueue[_Worker]] = {}
        self._workers: list[_Worker] = []
        for slot, count in slots.items():
            workers = [_Worker(entry, self._stopping) for _ in range(count)]
            self._workers.extend(workers)
            self._free[slot] = queue.SimpleQueue()
            for worker in workers:
                self._free[slot].put(worker)
        # Without this, an interpreter that leaves without `close` would wait for idle workers.
        atexit.register(self.close)

    def run(self, task: str, arguments: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        """Run a task to its end; `timeout_s` counts from when a worker is free. See the port."""
        call = wire.pack_call(task, arguments)
        free = self._free[self._place(task, arguments)]
        worker = free.get()
        try:
            return wire.unpack_answer(worker.call(task, call, timeout_s))
        finally:
            free.put(worker)

    def close(self) -> None:
        """End all workers within seconds; running and waiting calls raise `WorkerDied`."""
        self._stopping.set()
        for worker in self._workers:
            worker.terminate()
        for worker in self._workers:
            worker.join()
        atexit.unregister(self.close)


class _Worker:
    """One process and the pipe to it; replaced by a fresh one when it ended."""

    def __init__(self, entry: str, stopping: threading.Event) -> None:
        self._entry = entry
        self._stopping = stopping
        self._process: SpawnProcess | None = None
        self._connection: Connection | None = None

    def call(self, task: str, message: bytes, timeout_s: float) -> bytes:
        """Send a call and wait for its answer."""
        connection = self._connect(task)
        try:
            connection.send_bytes(message)
            if connection.poll(timeout_s):
                return connection.recv_bytes()
        except (EOFError, OSError) as error:
            code = self._end()
            if self._stopping.is_set():
                raise WorkerDied(f"The task {task} was ended: the service is stopping.") from error
            raise WorkerDied(_obituary(task, code)) from error
        self._end()
        raise TaskTimeout(
            f"The task {task} was ended at its time limit of {timeout_s:g} s; "
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

    def _connect(self, task: str) -> Connection:
        if self._process is not None and not self._process.is_alive():
            self._end()
        if self._connection is None and not self._stopping.is_set():
            self._start()
        # Looked at again after the start: `close` may not have seen this process.
        if self._stopping.is_set() or self._connection is None:
            self._end()
            raise WorkerDied(f"The task {task} was not run: the service is stopping.")
        return self._connection

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        # Not daemonic: a task may need processes of its own.
        self._process = context.Process(target=serve, args=(theirs, self._entry), daemon=False)
        try:
            self._process.start()
        except OSError as error:
            self._process = None
            ours.close()
            raise WorkerDied(f"A worker process could not be started: {error}.") from error
        finally:
            theirs.close()
        self._connection = ours

    def _end(self) -> int | None:
        """End the process if it still runs; its exit code."""
        if self._process is None:
            return None
        self.terminate()
        self.join()
        code = self._process.exitcode
        if self._connection is not None:
            self._connection.close()
        self._process = self._connection = None
        return code


def _obituary(task: str, code: int | None) -> str:
    if code is None or code >= 0:
        return f"The worker that ran {task} ended with exit code {code}; a fresh one takes over."
    cause = f"signal {-code} ({signal.strsignal(-code)})"
    if -code == signal.SIGKILL:
        cause += ", often for want of memory"
    return f"The worker that ran {task} was ended by {cause}; a fresh one takes over."
