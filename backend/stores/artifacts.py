"""Model files in a directory: `<name>/<files>` with a manifest that vouches for every byte.

A save writes into a directory of its own beside the target and renames it when everything is on
disk, so that an artifact is either whole or not there. What a crash leaves behind starts with a
dot, is never read, and is removed by a later save.
"""

import hashlib
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Literal

try:
    import fcntl
except ImportError:  # not on Windows, where several processes on one store are not supported
    fcntl = None  # type: ignore[assignment]

from pydantic import BaseModel, ConfigDict, ValidationError

from backend.exceptions import (
    ArtifactError,
    Conflict,
    InputError,
    NotFound,
    StoreRefused,
    StoreUnavailable,
)

_MANIFEST = "manifest.json"
_FORMAT: Final = 1
PART = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}"
_NAME = re.compile(f"{PART}(?:/{PART})?")
_FILE = re.compile(PART)
_LEFTOVER = ".unfinished-"
# A save takes seconds; the margin is for clocks of file servers.
_LEFTOVER_AGE_S = 86_400.0


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")
    sha256: str
    size: int


class _Manifest(BaseModel):
    """What an artifact holds; `name` keeps one artifact from standing in for another."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")
    format: Literal[1]
    name: str
    files: dict[str, _Entry]


class FileArtifactStore:
    """`ArtifactStore` in a directory, safe for several processes."""

    def __init__(self, directory: Path) -> None:
        """Nothing is touched; the first save creates the directory."""
        self._directory = directory

    def save(self, name: str, files: Mapping[str, bytes]) -> None:
        """Store files under a name, durable and all or none; replaces an unreadable earlier try.

        Raises:
            Conflict: the name holds a complete artifact already.
            InputError: the artifact's name or a file's is not a plain one.
        """
        target = self._path(name)
        _check_file_names(files)
        with _translated(target):
            if target.is_dir() and _is_complete(target, name):
                raise _taken(name)
            self._refuse_nesting(target)
            _make_directories(target.parent)
            unfinished = target.parent / f"{_LEFTOVER}{secrets.token_hex(8)}"
            try:
                _write(unfinished, {**files, _MANIFEST: _manifest(name, files)})
                _remove_leftovers(target.parent, unfinished)
                self._put(unfinished, target, name)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)

    def load(self, name: str, prefix: str | tuple[str, ...] = "") -> dict[str, bytes]:
        """Read an artifact back, or only its files whose names begin in one of some ways.

        Raises:
            NotFound: no artifact of that name.
            ArtifactError: a file is missing, or one that is read is damaged or foreign.
            InputError: the name is not one that an artifact can have.
        """
        directory = self._path(name)
        with _translated(directory):
            if not directory.is_dir():
                raise NotFound(
                    f"There is no artifact {name} in {self._directory}: restore the folder from a "
                    "backup, mount it if it lies on another disk, or train the detector anew."
                )
            return _read_all(directory, name, prefix)

    def remove(self, name: str) -> None:
        """Take an artifact away: first out of sight, all at once, then from the disk.

        Raises:
            InputError: the name is not one that an artifact can have.
        """
        target = self._path(name)
        with _translated(target):
            if not target.is_dir():
                return
            self._refuse_nesting(target)
            with _alone(target.parent):
                if target.is_dir():  # another may have removed it meanwhile
                    aside = target.with_name(f"{_LEFTOVER}{secrets.token_hex(8)}")
                    target.rename(aside)
                    shutil.rmtree(aside)
                    _sync_directory(target.parent)

    def names(self, *, before: int | None = None) -> list[str]:
        """Complete artifacts, sorted: all, or those that were saved before a time."""
        with _translated(self._directory):
            manifests = [
                *self._directory.glob(f"*/{_MANIFEST}"),
                *self._directory.glob(f"*/*/{_MANIFEST}"),
            ]
            old = (path for path in manifests if before is None or _saved_at(path) < before)
            found = (path.parent.relative_to(self._directory).as_posix() for path in old)
            return sorted(name for name in found if _NAME.fullmatch(name))

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise InputError(
                f"{name!r} cannot name an artifact; expected letters, digits, '_', '.' or '-', "
                "with at most one '/' in between."
            )
        return self._directory / name

    def _refuse_nesting(self, target: Path) -> None:
        """An artifact inside another would damage it, and replacing the outer lose the inner."""
        outer = target.parent != self._directory and (target.parent / _MANIFEST).exists()
        if outer or _holds_artifacts(target):
            raise Conflict(
                f"Artifact {target.relative_to(self._directory).as_posix()} would share a "
                "directory with another artifact; choose another name."
            )

    def _put(self, unfinished: Path, target: Path, name: str) -> None:
        """Rename into place; an unreadable earlier try is moved out of the way and removed."""
        with _alone(target.parent):
            if target.exists():
                if _is_complete(target, name):
                    raise _taken(name)
                aside = target.with_name(f"{_LEFTOVER}{secrets.token_hex(8)}")
                target.rename(aside)
                shutil.rmtree(aside)
            unfinished.rename(target)
            _sync_directory(target.parent)


def _saved_at(manifest: Path) -> int:
    try:
        return manifest.stat().st_mtime_ns
    except FileNotFoundError:  # removed meanwhile
        return time.time_ns()


def _holds_artifacts(directory: Path) -> bool:
    try:
        return any(directory.glob(f"*/{_MANIFEST}"))
    except FileNotFoundError:  # another save has just moved an unreadable try out of the way
        return False


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Let one writer at a time look at a place and take it; a killed one lets go."""
    if fcntl is None:
        yield
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _is_complete(directory: Path, name: str) -> bool:
    try:
        _read_all(directory, name)
    except ArtifactError:
        return False
    return True


def _taken(name: str) -> Conflict:
    return Conflict(f"Artifact {name} exists already; artifacts are never replaced.")


def _check_file_names(files: Mapping[str, bytes]) -> None:
    for file in files:
        if not _FILE.fullmatch(file) or file == _MANIFEST:
            raise InputError(
                f"{file!r} cannot name a file of an artifact; expected letters, digits, '_', '.' "
                f"or '-', and not {_MANIFEST}."
            )


# -- writing ---------------------------------------------------------------------------------------


def _manifest(name: str, files: Mapping[str, bytes]) -> bytes:
    entries = {
        file: _Entry(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
        for file, content in files.items()
    }
    manifest = _Manifest(format=_FORMAT, name=name, files=entries)
    return manifest.model_dump_json(indent=1).encode()


def _write(directory: Path, files: Mapping[str, bytes]) -> None:
    directory.mkdir()
    for name, content in files.items():
        with (directory / name).open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    _sync_directory(directory)


def _make_directories(directory: Path) -> None:
    """Create a directory and its parents so that they survive a power cut."""
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    if os.name != "posix":  # elsewhere directories cannot be opened, and need not be
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_leftovers(directory: Path, newest: Path) -> None:
    """Remove what crashed saves left; the age is told by the file system's own clock."""
    now = newest.stat().st_mtime
    for path in directory.glob(f"{_LEFTOVER}*"):
        with suppress(FileNotFoundError):  # another save ended meanwhile
            if path != newest and now - path.stat().st_mtime > _LEFTOVER_AGE_S:
                shutil.rmtree(path, ignore_errors=True)


# -- reading ---------------------------------------------------------------------------------------


def _read_manifest(directory: Path, name: str) -> _Manifest:
    try:
        content = (directory / _MANIFEST).read_bytes()
    except FileNotFoundError as error:
        raise _damaged(name, f"{_MANIFEST} is missing") from error
    try:
        plain = json.loads(content)
        _check_format(plain, name)
        manifest = _Manifest.model_validate(plain)
    except (ValueError, ValidationError) as error:
        raise _damaged(name, f"{_MANIFEST} cannot be read") from error
    if manifest.name != name:
        raise _damaged(name, f"it holds the files of {manifest.name!r}")
    return manifest


def _check_format(plain: Any, name: str) -> None:
    written = plain.get("format") if isinstance(plain, dict) else None
    if isinstance(written, int) and written > _FORMAT:
        raise ArtifactError(
            f"Artifact {name} was written by a newer normalcy (format {written}, this one reads "
            f"{_FORMAT}); install that one, or retrain."
        )


def _read_all(directory: Path, name: str, prefix: str | tuple[str, ...] = "") -> dict[str, bytes]:
    manifest = _read_manifest(directory, name)
    _check_listing(directory, name, manifest)
    wanted = [file for file in manifest.files if file.startswith(prefix)]
    return {file: _read(directory / file, name, manifest) for file in wanted}


def _check_listing(directory: Path, name: str, manifest: _Manifest) -> None:
    """The directory holds the manifest's files and nothing else; no other path is ever opened."""
    present = {path.name for path in directory.iterdir()} - {_MANIFEST}
    if missing := sorted(manifest.files.keys() - present):
        raise _damaged(name, f"{missing[0]} is missing")
    if foreign := sorted(present - manifest.files.keys()):
        raise _damaged(name, f"{foreign[0]} does not belong to it")


def _read(path: Path, name: str, manifest: _Manifest) -> bytes:
    if path.is_symlink() or not path.is_file():
        raise _damaged(name, f"{path.name} is not a plain file")
    content, expected = path.read_bytes(), manifest.files[path.name]
    if len(content) != expected.size:
        raise _damaged(name, f"{path.name} has {len(content)} bytes, {expected.size} were written")
    if hashlib.sha256(content).hexdigest() != expected.sha256:
        raise _damaged(name, f"{path.name} was changed (its SHA-256 differs)")
    return content


def _damaged(name: str, why: str) -> ArtifactError:
    return ArtifactError(
        f"Artifact {name} is damaged: {why}. Restore it from a backup, or retrain and promote."
    )


# -- the seam --------------------------------------------------------------------------------------


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turn the operating system's errors into ours."""
    try:
        yield
    except PermissionError as error:
        raise StoreRefused(
            f"{error.filename or path} may not be read or written; check its rights."
        ) from error
    except (FileExistsError, NotADirectoryError, IsADirectoryError, FileNotFoundError) as error:
        raise StoreRefused(
            f"{error.filename or path} is in the way or was moved meanwhile ({error.strerror}); "
            "expected a directory that only normalcy changes."
        ) from error
    except OSError as error:
        raise StoreUnavailable(
            f"{error.filename or path} cannot be read or written ({error.strerror}); "
            "check the disk and try again."
        ) from error
