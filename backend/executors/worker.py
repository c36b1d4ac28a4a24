"""The life of a worker process: take a call from the pipe, do it, answer; end with the parent."""

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from contextlib import nullcontext, suppress
from multiprocessing.connection import Connection, wait
from typing import Any

from backend.exceptions import NormalcyError
from backend.executors import memory, wire
from backend.executors.limits import Limits
from backend.executors.logs import log_to_stderr
from backend.services.loading import load_module, loading

logger = logging.getLogger(__name__)


def serve(connection: Connection, entry: str, limits: Limits) -> None:
    """Answer calls until the pipe is closed; first of all say that what answers them is loaded.

    Args:
        connection: where calls come from and answers go.
        entry: the function that runs tasks, as `module:function`.
        limits: what this process may take; with more memory than that it ends itself.
    """
    limits.take_effect()
    # The parent may end it unasked at its own end; a task may still need processes of its own.
    multiprocessing.current_process().daemon = False
    # Ctrl+C in a terminal reaches every process of the group; only the parent decides to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    log_to_stderr()
    threading.Thread(target=_end_with_parent, name="end with parent", daemon=True).start()
    watched = nullcontext if limits.memory is None else memory.Watch(limits.memory).on
    line = _Line(connection)
    loading.tell(line.tell_loading)
    try:
        with watched(), suppress(Exception):  # the first call says what is wrong with it
            resolve(entry)
        line.send(wire.LOADED)
        while True:
            message = connection.recv_bytes()
            with watched():
                answer = _answer(entry, message)
            line.send(answer)
    except (EOFError, OSError):
        return


class _Line:
    """The way to whoever called, for all threads of this process."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sending = threading.Lock()

    def send(self, message: bytes) -> None:
        """Send a message.

        Raises:
            OSError: nobody is there any more.
        """
        with self._sending:
            self._connection.send_bytes(message)

    def tell_loading(self, begins: bool) -> None:
        """Say that loading begins, or has ended: the time between does not count as work."""
        with suppress(OSError):  # the answer finds out
            self.send(wire.LOADING if begins else wire.LOADED)


def resolve(entry: str) -> Callable[..., dict[str, Any]]:
    """Import the function that `module:function` names."""
    module, _, name = entry.partition(":")
    function: Callable[..., dict[str, Any]] = getattr(load_module(module), name)
    return function


def _answer(entry: str, message: bytes) -> bytes:
    task, arguments = wire.unpack_call(message)
    try:
        return wire.pack_result(resolve(entry)(task, arguments))
    except NormalcyError as error:
        return wire.pack_error(error)
    except Exception as error:
        logger.exception("task %s failed", task)
        return wire.pack_error(wire.unexpected(task, error))


def _end_with_parent() -> None:
    """Leave at once when the parent is gone, even in the middle of a training."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
