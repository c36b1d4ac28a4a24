"""What has to be loaded before work can begin, told apart from the work: libraries, model files.

On a slow disk a fresh worker may load for longer than its work is allowed to take. If that counted
as work it would be ended before it is warm, and so would each one that takes over.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

Told = Callable[[bool], None]
"""Told True when loading begins, and False when it has ended."""


class Loading:
    """Whether something is being loaded in this process, by any thread; said to one who counts."""

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._going_on = 0
        self._told: Told = lambda begins: None

    def tell(self, told: Told) -> None:
        """Let somebody know of it from now on; nobody else is told any more."""
        with self._changing:
            self._told = told

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """The block loads something."""
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def _count(self, more: int) -> None:
        with self._changing:
            before, self._going_on = self._going_on, self._going_on + more
            if bool(before) != bool(self._going_on):
                self._told(more > 0)


loading = Loading()
"""Of this process."""


def load_module(name: str) -> ModuleType:
    """Import a module, which is loading where it is the first time."""
    if name in sys.modules:
        return import_module(name)  # another thread may be in the middle of it
    with loading():
        return import_module(name)
