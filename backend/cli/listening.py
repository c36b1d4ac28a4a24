"""Hear what a child process says of itself, in systemd's way."""

import shutil
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

_LARGEST = 4096


class Ear:
    """A datagram socket of which one child knows the name."""

    def __init__(self) -> None:
        """Begin to hear.

        Raises:
            OSError: there is no room for a socket, or its folder has too long a name for one.
        """
        self._folder = Path(tempfile.mkdtemp(prefix="normalcy-"))
        self.address = str(self._folder / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._socket.bind(self.address)
        except OSError:
            self.close()
            raise
        self._socket.setblocking(False)

    @staticmethod
    def can_hear() -> bool:
        """Whether this system has such sockets."""
        return hasattr(socket, "AF_UNIX")

    def heard(self) -> frozenset[str]:
        """What was said since the last call, each as `NAME=value`."""
        words: set[str] = set()
        with suppress(BlockingIOError):
            while True:
                words.update(self._socket.recv(_LARGEST).decode(errors="replace").splitlines())
        return frozenset(words)

    def close(self) -> None:
        """Hear no more, and leave nothing behind."""
        self._socket.close()
        shutil.rmtree(self._folder, ignore_errors=True)
