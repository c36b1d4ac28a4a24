"""How far a copy came, in a small file a measurement that survives the process."""

import hashlib
import os
from dataclasses import asdict
from pathlib import Path

import orjson

from backend.exceptions import StoreRefused
from backend.services.copying_progress import Reached


class FileCheckpoints:
    """Progress of one copy.

    Args:
        directory: of all copies; made on first use.
        identity: what is copied from where to where, so that another copy has files of its own.
    """

    def __init__(self, directory: Path, *identity: str) -> None:
        self._directory = directory
        self._identity = identity

    def last(self, measurement: str) -> Reached | None:
        """How far an earlier run came; None where there is nothing to go on from."""
        try:
            found = orjson.loads(self._file(measurement).read_bytes())
            return Reached(**{name: int(value) for name, value in found.items()})
        except (FileNotFoundError, ValueError, TypeError, AttributeError):
            return None  # a file that cannot be understood only means to copy again

    def reached(self, measurement: str, reached: Reached) -> None:
        """Another window is copied whole."""
        file = self._file(measurement)
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            written = file.with_suffix(".new")
            with written.open("wb") as stream:
                stream.write(orjson.dumps(asdict(reached)))
                stream.flush()
                os.fsync(stream.fileno())
            written.replace(file)
        except OSError as error:
            raise StoreRefused(
                f"how far the copy came cannot be kept in {file} ({error.strerror}): see to "
                "the directory's owner and to room on the disk"
            ) from error

    def forget(self, measurement: str) -> None:
        """The next copy begins anew."""
        self._file(measurement).unlink(missing_ok=True)

    def _file(self, measurement: str) -> Path:
        # as JSON, since names may hold any separator
        name = hashlib.sha256(orjson.dumps([*self._identity, measurement])).hexdigest()[:24]
        return self._directory / f"{name}.json"
