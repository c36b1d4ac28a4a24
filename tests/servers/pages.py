"""How a server of the pages that runs in a thread of a test comes to its end."""

import threading
from typing import Any

from waitress.wasyncore import close_all

from backend.web.server import Server

WAITS_S = 20


def end(server: Server, thread: threading.Thread) -> None:
    """End its connections, the threads that answer, its loop, and then close what it has open.

    Closed in the loop, its trigger might be gone before it is pulled here.
    """
    left: dict[int, Any] = {}

    def leave() -> None:
        left.update(server._map)
        server._map.clear()  # nothing to look after: the loop ends

    server.trigger.pull_trigger(lambda: hang_up(server))
    answered(server)
    server.trigger.pull_trigger(leave)
    thread.join(WAITS_S)
    assert not thread.is_alive()
    close_all(left)


def hang_up(server: Server) -> None:
    """Close its connections; in the thread of its loop, or after that."""
    for channel in list(server.active_channels.values()):
        channel.handle_close()


def answered(server: Server) -> None:
    """Wait for the threads that answer: later they would wake it through a file of somebody else.

    Its own is closed by then, and the system has given its number to the next that opens one.
    """
    server.task_dispatcher.shutdown(timeout=WAITS_S)
    assert not server.task_dispatcher.threads
