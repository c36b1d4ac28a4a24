"""How far a copy came, in a small file that survives the process."""

import hashlib
import os
from pathlib import Path

import orjson

from backend.exceptions import StoreRefused


class FileCheckpoints:
    """Progress of one copy.

    Args:
        directory: of all copies; made on first use.
        identity: what is copied from where to where, so that another copy has a file of its own.
    """

    def __init__(self, directory: Path, *identity: str) -> None:
        name = hashlib.sha256("\0".join(identity).encode()).hexdigest()[:24]
        self._file = directory / f"{name}.json"

    def done_until(self, measurement: str) -> int | None:
        """The first nanosecond not yet copied; None where nothing was."""
        return self._read().get(measurement)

    def reached(self, measurement: str, until: int) -> None:
        """A window is copied whole."""
        text = orjson.dumps({**self._read(), measurement: until})
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            written = self._file.with_suffix(".new")
            with written.open("wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            written.replace(self._file)
        except OSError as error:
            raise StoreRefused(
                f"how far the copy came cannot be kept in {self._file} ({error.strerror}): see to "
                "the directory's owner and to room on the disk"
            ) from error

    def finished(self) -> None:
        """Forget it all: the next copy begins anew."""
        self._file.unlink(missing_ok=True)

    def _read(self) -> dict[str, int]:
        try:
            found = orjson.loads(self._file.read_bytes())
            return {str(name): int(until) for name, until in found.items()}
        except (FileNotFoundError, ValueError, AttributeError):
            return {}  # a file that cannot be understood only means to copy again
