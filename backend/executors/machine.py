"""What the machine has, or the container that this process is kept in."""

from contextlib import suppress
from pathlib import Path

import psutil

_LIMITS = ("memory.max", "memory/memory.limit_in_bytes")
"""Where control groups, version 2 and 1, say how much memory a container may use."""


def memory(groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes of memory that there are to use, by all processes together.

    Args:
        groups: where the control groups of this process are found.
    """
    total = int(psutil.virtual_memory().total)
    for name in _LIMITS:
        with suppress(OSError, ValueError):  # there is no such limit, or it is `max`
            total = min(total, int((groups / name).read_text()))
    return total
