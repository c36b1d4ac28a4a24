"""Memory that the C library keeps for itself: GNU's keeps much, and elsewhere nothing happens."""

import ctypes
import os
from contextlib import suppress

_M_ARENA_MAX = -8
_ARENAS = 2


def give_back_memory() -> None:
    """Let the system have what was used for a moment: the C library keeps hundreds of megabytes."""
    with suppress(OSError, AttributeError):
        _c_library().malloc_trim(0)


def keep_few_arenas() -> None:
    """Have all threads share a few heaps, before the first thread is started.

    By default each thread gets one, up to eight a core, and each keeps what its largest answer
    took: a process that answers many threads grows for days. Python runs one thread at a time
    anyway. `MALLOC_ARENA_MAX` in the environment goes before this.
    """
    if "MALLOC_ARENA_MAX" not in os.environ:
        with suppress(OSError, AttributeError):
            _c_library().mallopt(_M_ARENA_MAX, _ARENAS)


def _c_library() -> ctypes.CDLL:
    return ctypes.CDLL("libc.so.6")
