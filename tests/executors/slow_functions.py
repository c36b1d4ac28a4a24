"""Tasks of a worker that loads slowly, as from a cold disk; imported by name in workers."""

import os
import threading
import time
from typing import Any

from backend.services.loading import loading

TO_LOAD_S = 2.0
"""Stands for what a slow disk makes of reading libraries."""

time.sleep(TO_LOAD_S)


def run_task(task: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Load a library first, as scoring does; one `for ever` is never there."""
    with loading():
        if task == "for ever":
            threading.Event().wait()
        time.sleep(TO_LOAD_S)
    return {"pid": os.getpid()}
