"""When processes end."""

import os
import select

LIMIT_S = 60


def ended(pid: int) -> bool:
    """Wait until a process of somebody is gone; False if it lives on."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], LIMIT_S)[0])
    finally:
        os.close(handle)
