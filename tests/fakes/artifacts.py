"""The artifact store in memory: the same contract, nothing kept."""

import re
import threading
import time
from collections.abc import Mapping

from backend.exceptions import Conflict, InputError, NotFound

_PART = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}"


class MemoryArtifactStore:
    """Twin of `FileArtifactStore` for tests of the rooms above."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._artifacts: dict[str, dict[str, bytes]] = {}
        self._saved: dict[str, int] = {}

    def save(self, name: str, files: Mapping[str, bytes]) -> None:
        _check(name)
        if "manifest.json" in files or not all(re.fullmatch(_PART, file) for file in files):
            raise InputError("A file cannot have such a name in an artifact.")
        with self._lock:
            if name in self._artifacts:
                raise Conflict(f"Artifact {name} exists already.")
            if any(_nested(name, other) or _nested(other, name) for other in self._artifacts):
                raise Conflict(f"Artifact {name} would share a directory with another artifact.")
            self._artifacts[name] = dict(files)
            self._saved[name] = time.time_ns()

    def load(self, name: str, prefix: str | tuple[str, ...] = "") -> dict[str, bytes]:
        _check(name)
        if name not in self._artifacts:
            raise NotFound(f"There is no artifact {name}.")
        return {n: file for n, file in self._artifacts[name].items() if n.startswith(prefix)}

    def remove(self, name: str) -> None:
        _check(name)
        with self._lock:
            self._artifacts.pop(name, None)

    def names(self, *, before: int | None = None) -> list[str]:
        return sorted(n for n in self._artifacts if before is None or self._saved[n] < before)


class BlankArtifactStore(MemoryArtifactStore):
    """Holds every artifact, and nothing in it: for versions that only the records know."""

    def load(self, name: str, prefix: str | tuple[str, ...] = "") -> dict[str, bytes]:
        _check(name)
        return {}


def _check(name: str) -> None:
    if not re.fullmatch(f"{_PART}(?:/{_PART})?", name):
        raise InputError(f"{name!r} cannot name an artifact.")


def _nested(inner: str, outer: str) -> bool:
    return inner.startswith(f"{outer}/")
