"""Bytes of an answer as they arrive, with a look ahead."""

from collections.abc import Callable

_PIECE = 1 << 18
_LARGEST = 1 << 28
"""Bytes that belong together: a chunk of ten thousand rows with two thousand columns has fewer."""


class Truncated(Exception):
    """The bytes ended before what they announced."""


class Inflow:
    """A buffer that is filled on demand.

    Args:
        read: gives about so many more bytes, none at the end.
    """

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._buffer = b""
        self._position = 0
        self._ended = False

    def ended(self) -> bool:
        """Whether nothing is left."""
        return self.offer(1) == 0

    def offer(self, size: int) -> int:
        """Have `size` bytes ready if there are so many; how many there are.

        Raises:
            Truncated: so many bytes are never sent in one piece.
        """
        if size > _LARGEST:
            raise Truncated
        ready = len(self._buffer) - self._position
        if ready < size and not self._ended:
            pieces = [self._buffer[self._position :]]
            while ready < size and not self._ended:
                piece = self._read(max(size - ready, _PIECE))
                self._ended = not piece
                pieces.append(piece)
                ready += len(piece)
            self._buffer, self._position = b"".join(pieces), 0
        return ready

    def look(self, size: int) -> memoryview:
        """The next bytes, at most `size`, without taking them."""
        self.offer(size)
        return memoryview(self._buffer)[self._position : self._position + size]

    def skip(self, size: int) -> None:
        """Let go of bytes that were looked at."""
        self._position += size

    def take(self, size: int) -> bytes:
        """The next bytes.

        Raises:
            Truncated: there are fewer.
        """
        if self.offer(size) < size:
            raise Truncated
        taken = self._buffer[self._position : self._position + size]
        self._position += size
        return taken

    def line(self) -> bytes:
        """The bytes up to the next line break, or to the end."""
        searched = 0
        while (end := self._buffer.find(b"\n", self._position + searched)) < 0:
            searched = len(self._buffer) - self._position
            # half as much again: piece by piece the beginning would be copied each time
            if self.offer(searched + searched // 2 + 1) == searched:
                return self.take(searched)
        line = self.take(end - self._position)
        self.skip(1)
        return line
