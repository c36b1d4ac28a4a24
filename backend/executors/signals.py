"""How a process that is told to stop by a signal hears of it."""

import _thread
import signal
import threading
from typing import Any

ENDING = (signal.SIGINT, signal.SIGTERM)


def set_on_signals(stop: threading.Event) -> dict[signal.Signals, Any]:
    """Let SIGINT and SIGTERM set an event, however often; the handlers of before."""

    def handle(_number: int, _frame: Any) -> None:
        if not stop.is_set():
            # Not in this thread: it may be within `wait`, and hold the lock that `set` wants.
            _thread.start_new_thread(stop.set, ())

    return {number: signal.signal(number, handle) for number in ENDING}
