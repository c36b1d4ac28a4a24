"""That a process lives and gets on, said to whoever watches over it.

Systemd and `normalcy up` hear it in the same way, through the datagram socket that they name to the
processes they start; a container's health check finds it in a file.
"""

import logging
import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

logger = logging.getLogger(__name__)

NOTIFY_SOCKET = "NOTIFY_SOCKET"
"""The variable that names the socket, as systemd calls it."""
BEAT_EVERY_S = 5.0
READY, BEAT, STOPPING = "READY=1", "WATCHDOG=1", "STOPPING=1"


class Watcher:
    """Whoever started this process and wants to hear of it; nobody, where no socket is named."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        named = environ.get(NOTIFY_SOCKET, "")
        # A name that begins with @ is one of Linux' abstract sockets, which lie in no folder.
        self._address = "\0" + named[1:] if named.startswith("@") else named

    @property
    def is_there(self) -> bool:
        """Whether there is one."""
        return bool(self._address)

    def tell(self, *words: str) -> None:
        """Say something, each as `NAME=value`; one that is gone or deaf holds nothing up."""
        if not self._address or not hasattr(socket, "AF_UNIX"):
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mine:
            mine.setblocking(False)
            mine.sendto("\n".join(words).encode(), self._address)


class Looks:
    """How much silence lies between one look at others and the next.

    Not more than looks usually lie apart: who was held up itself, as all is on a machine that is
    paused, holds nothing against the others.
    """

    def __init__(self, apart_s: float) -> None:
        self._apart_s = apart_s
        self._before: float | None = None

    def since_s(self, now: float) -> float:
        """Seconds that count since the last look, by a clock that is never set."""
        before, self._before = self._before, now
        return 0.0 if before is None else min(now - before, self._apart_s)


class SignOfLife:
    """A file that shows when a process was last seen to get on.

    What stands in it is the time since the machine was started, which no setting of a clock moves;
    it is overwritten in place, for which a full disk has room.
    """

    def __init__(self, home: Path, part: str) -> None:
        """Name the file.

        Args:
            home: directory of what normalcy itself keeps; several hosts may share it.
            part: of the service, as `jobs`.
        """
        self.file = home / "run" / f"{part}.{socket.gethostname()}"
        self._told = False

    def show(self) -> None:
        """Note that it lives now; what hinders that is said once."""
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.file, os.O_WRONLY | os.O_CREAT, 0o644)
            try:
                os.write(handle, f"{time.monotonic_ns():020d} {os.getpid():010d}\n".encode())
            finally:
                os.close(handle)
        except OSError as error:
            if not self._told:
                logger.warning("%s cannot be written: %s", self.file, error.strerror)
            self._told = True

    def remove(self) -> None:
        """Leave nothing behind that looks like a process that died."""
        with suppress(OSError):
            self.file.unlink()

    def age_s(self) -> float | None:
        """Seconds since it was shown; None where it was not since the machine was started."""
        try:
            shown = int(self.file.read_text(encoding="ascii").split()[0])
        except (OSError, ValueError, IndexError):
            return None
        age = (time.monotonic_ns() - shown) / 1e9
        return age if age >= 0 else None
