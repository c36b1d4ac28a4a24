"""Backups as single files: a ZIP whose manifest vouches for every byte in it.

A backup is written beside its place, synced, read back, and only then given its name, so that a
file of that name is a whole backup. One that is read may come from anywhere: names are compared
with what a backup can hold, nothing is unpacked by its name, what is said of sizes is looked at
before anything is, and no more is read than was said.
"""

import hashlib
import json
import os
import re
import secrets
import shutil
import struct
import time
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backend.exceptions import (
    Conflict,
    InputError,
    NotFound,
    StoreRefused,
    StoreUnavailable,
)
from backend.ports import Progress
from backend.stores.artifacts import PART

_MANIFEST = "manifest.json"
_FORMAT: Final = 1
_CHUNK = 1 << 20
_LONGEST_LINE = 64 << 20
_LARGEST_MANIFEST = 64 << 20
_MOST_TIMES, _FREE_OF_DOUBT = 200, 64 << 20
"""Records pack to a tenth or a twentieth; what claims to be far larger than its file is a bomb."""
_RECORDS = re.compile(r"records/([a-z_]{1,63})\.jsonl")
_ARTIFACT = re.compile(rf"artifacts/({PART}(?:/{PART})?)/({PART})")
_EXTRA = re.compile(rf"extra/({PART})")
# NotImplementedError and RecursionError are RuntimeErrors, and so is that a password is wanted.
_UNREADABLE = (zipfile.BadZipFile, EOFError, RuntimeError, ValueError, struct.error, zlib.error)
_UNFINISHED = ".normalcy-backup-"
_UNFINISHED_AGE_S = 86_400.0
_EPOCH = (1980, 1, 1, 0, 0, 0)


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")
    sha256: str
    size: int = Field(ge=0)


class _Manifest(BaseModel):
    """What a backup holds."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")
    format: int
    facts: dict[str, Any]
    files: dict[str, _Entry]


class ZipBackups:
    """`BackupFiles` as ZIP files."""

    @contextmanager
    def create(self, path: Path, *, replace: bool = False) -> Iterator["Draft"]:
        """A new backup, which has its name once it is whole.

        Raises:
            NotFound: there is no such directory.
            Conflict: there is such a file already.
            StoreError: it cannot be written.
        """
        with _translated(path):
            if not path.parent.is_dir():
                raise NotFound(f"There is no directory {path.parent}: make it, or name another.")
            if path.exists() and not replace:
                raise Conflict(f"{path} is there already: name another file, or use --force.")
            _remove_unfinished(path.parent)
            unfinished = path.parent / f"{_UNFINISHED}{secrets.token_hex(8)}"
            try:
                yield from _written(unfinished)
                with self.open(unfinished):
                    pass  # every byte of it was looked at
                unfinished.replace(path)
                _sync_directory(path.parent)
            finally:
                unfinished.unlink(missing_ok=True)

    @contextmanager
    def open(self, path: Path, told: Progress = lambda share, words: None) -> Iterator["ZipBackup"]:
        """Read a backup, after every byte of it was looked at.

        Raises:
            NotFound: there is no such file.
            InputError: it is no backup, is damaged, or tries what a backup would not.
            StoreRefused: a newer normalcy has made it.
        """
        if not path.is_file():
            raise NotFound(f"There is no file {path}.")
        with _translated(path), _archive(path) as archive:
            manifest = _read_manifest(archive, path)
            backup = ZipBackup(archive, manifest, path)
            backup.verify(told)
            yield backup


# -- writing ---------------------------------------------------------------------------------------


class Draft:
    """`BackupDraft` in a ZIP file."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._files: dict[str, _Entry] = {}
        self._facts: dict[str, Any] = {}

    def add(self, name: str, chunks: Iterable[bytes]) -> None:
        """Write a file of it."""
        if not _can_be_held(name) or name in self._files:
            raise ValueError(f"a backup cannot hold {name!r}, or holds it already")
        digest, size = hashlib.sha256(), 0
        with self._archive.open(_member(name), "w", force_zip64=True) as stream:
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                stream.write(chunk)
        self._files[name] = _Entry(sha256=digest.hexdigest(), size=size)

    def tell(self, **facts: Any) -> None:
        """Say something of the backup as a whole."""
        self._facts |= facts

    def close(self) -> None:
        """Write down what is in it."""
        manifest = _Manifest(format=_FORMAT, facts=self._facts, files=self._files)
        self._archive.writestr(_member(_MANIFEST), manifest.model_dump_json(indent=1))


def _written(path: Path) -> Iterator[Draft]:
    """Write a file, readable by its owner alone, and see it safely on the disk."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w+b") as file:
        with zipfile.ZipFile(file, "w") as archive:
            draft = Draft(archive)
            yield draft
            draft.close()
        file.flush()
        os.fsync(file.fileno())


def _member(name: str) -> zipfile.ZipInfo:
    """Model files are packed already; and one that is not packed cannot be larger than it looks."""
    info = zipfile.ZipInfo(name, _EPOCH)
    packed = not name.startswith("artifacts/")
    info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    info.external_attr = 0o600 << 16
    return info


def _can_be_held(name: str) -> bool:
    return any(kind.fullmatch(name) for kind in (_RECORDS, _ARTIFACT, _EXTRA))


def _remove_unfinished(directory: Path) -> None:
    """Remove what a backup left that was killed."""
    for path in directory.glob(f"{_UNFINISHED}*"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _UNFINISHED_AGE_S:
                path.unlink()


def _sync_directory(directory: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# -- reading ---------------------------------------------------------------------------------------


class ZipBackup:
    """`Backup` in a ZIP file."""

    def __init__(self, archive: zipfile.ZipFile, manifest: _Manifest, path: Path) -> None:
        self._archive = archive
        self._files = manifest.files
        self._artifacts = _artifacts(manifest.files)
        self._path = path
        self.facts: Mapping[str, Any] = manifest.facts
        self.size = sum(entry.size for entry in manifest.files.values())

    def verify(self, told: Progress) -> None:
        """Look at every byte."""
        self._check_members()
        whole, done = self.size, 0
        for name, entry in self._files.items():
            digest = hashlib.sha256()
            for chunk in self._chunks(name):
                digest.update(chunk)
                done += len(chunk)
                told(done / max(whole, 1), f"reading {name}")
            if digest.hexdigest() != entry.sha256:
                raise _damaged(self._path, f"{name} was changed (its SHA-256 differs)")

    def records(self) -> "ZippedRecords":
        """The records in it."""
        return ZippedRecords(self, self._path)

    def artifacts(self) -> list[str]:
        """Names of the artifacts in it, sorted."""
        return sorted(self._artifacts)

    def artifact(self, name: str, prefix: str | tuple[str, ...] = "") -> dict[str, bytes]:
        """The files of an artifact in it, or only those whose names begin in one of some ways."""
        if name not in self._artifacts:
            raise NotFound(f"{self._path} holds no model files {name}.")
        return {
            own: b"".join(self._chunks(file))
            for own, file in self._artifacts[name].items()
            if own.startswith(prefix)
        }

    def attachments(self) -> list[str]:
        """Names of its files of other kinds."""
        found = (_EXTRA.fullmatch(name) for name in self._files)
        return [match[1] for match in found if match]

    def attachment(self, name: str) -> Iterator[bytes] | None:
        """A file of another kind, in chunks."""
        file = f"extra/{name}"
        return self._chunks(file) if file in self._files else None

    def tables(self) -> list[str]:
        """Names of the tables whose rows it holds."""
        found = (_RECORDS.fullmatch(name) for name in self._files)
        return [match[1] for match in found if match]

    def lines(self, table: str) -> Iterator[bytes]:
        """The rows of a table, one a line; none of a table that it does not hold."""
        name = f"records/{table}.jsonl"
        if name not in self._files:
            return
        with self._open(name) as stream:
            while line := stream.readline(_LONGEST_LINE):
                if not line.endswith(b"\n"):
                    raise _damaged(self._path, f"a line of {name} is cut off or too long")
                yield line

    def _check_members(self) -> None:
        """The members are those of the manifest, each once, and as large as it says."""
        members = [info for info in self._archive.infolist() if info.filename != _MANIFEST]
        names = [info.filename for info in members]
        if len(set(names)) < len(names) or set(names) != set(self._files):
            raise _damaged(self._path, "it holds other files than its manifest says")
        if self.size > _MOST_TIMES * self._path.stat().st_size + _FREE_OF_DOUBT:
            raise _damaged(self._path, f"it would unpack to {self.size:,} bytes")
        for info in members:
            if wrong := _oddity(info, self._files[info.filename].size):
                raise _damaged(self._path, f"{info.filename[:80]!r} {wrong}")

    def _chunks(self, name: str) -> Iterator[bytes]:
        left = self._files[name].size
        with self._open(name) as stream:
            while chunk := stream.read(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    break
                yield chunk
        if left:
            raise _damaged(self._path, f"{name} is longer or shorter than its manifest says")

    @contextmanager
    def _open(self, name: str) -> Iterator[IO[bytes]]:
        try:
            with self._archive.open(name) as stream:
                yield stream
        except _UNREADABLE as error:
            raise _damaged(self._path, f"{name} cannot be read ({error})") from error


class ZippedRecords:
    """`RecordDump` in a backup."""

    def __init__(self, backup: ZipBackup, path: Path) -> None:
        self._backup = backup
        self._path = path
        schema, counters = backup.facts.get("schema"), backup.facts.get("counters")
        if not isinstance(schema, str) or not isinstance(counters, dict):
            raise _damaged(path, "its manifest does not say what its records are")
        self.schema = schema
        self._given: dict[Any, Any] = counters

    def tables(self) -> list[str]:
        """Names of the tables."""
        return self._backup.tables()

    def rows(self, table: str) -> Iterator[Mapping[str, Any]]:
        """The rows of a table."""
        for line in self._backup.lines(table):
            try:
                row = _value(line)
            except (ValueError, RecursionError) as error:
                raise _damaged(self._path, f"a row of {table} is no JSON") from error
            if not isinstance(row, dict):
                raise _damaged(self._path, f"a row of {table} is no row")
            yield row

    def counters(self) -> dict[str, int]:
        """By table, the last number given."""
        if any(type(last) is not int or not 0 <= last < 2**62 for last in self._given.values()):
            raise _damaged(self._path, "its manifest holds a counter that is no number")
        return dict(self._given)


def _artifacts(files: Iterable[str]) -> dict[str, dict[str, str]]:
    """By artifact its files, each with its name in the backup."""
    found: dict[str, dict[str, str]] = {}
    for file in files:
        if match := _ARTIFACT.fullmatch(file):
            found.setdefault(match[1], {})[match[2]] = file
    return found


def _value(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:  # half of a character, which it refuses and records may hold
        return json.loads(line)


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(path)
    except _UNREADABLE as error:
        raise InputError(f"{path} is no backup of normalcy, or is cut off ({error}).") from error
    with archive:
        yield archive


def _read_manifest(archive: zipfile.ZipFile, path: Path) -> _Manifest:
    try:
        info = archive.getinfo(_MANIFEST)
        if info.file_size > _LARGEST_MANIFEST:
            raise _damaged(path, "its manifest is larger than any would be")
        with archive.open(info) as stream:
            plain = json.loads(stream.read(_LARGEST_MANIFEST + 1))
        written = plain.get("format") if isinstance(plain, dict) else None
        if isinstance(written, int) and written > _FORMAT:
            raise StoreRefused(
                f"{path} was made by a newer normalcy (format {written}, this one reads "
                f"{_FORMAT}): install that one."
            )
        manifest = _Manifest.model_validate(plain)
    except KeyError:
        raise InputError(f"{path} is no backup of normalcy: it has no {_MANIFEST}.") from None
    except (*_UNREADABLE, ValidationError):
        raise _damaged(path, "its manifest cannot be read") from None
    if odd := sorted(name for name in manifest.files if not _can_be_held(name)):
        raise _damaged(path, f"{odd[0][:80]!r} is no name that a backup holds")
    return manifest


def _oddity(info: zipfile.ZipInfo, size: int) -> str:
    """What is wrong with a member, from what is said of it alone."""
    if info.flag_bits & 0x1:
        return "is encrypted"
    if (info.external_attr >> 16) & 0o170000 not in (0, 0o100000):
        return "is no plain file"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is packed in another way than backups are"
    if info.filename.startswith("artifacts/") and info.compress_type != zipfile.ZIP_STORED:
        return "is packed in another way than model files are"
    return "" if info.file_size == size else "has another size than the manifest says"


def require_room(directory: Path, size: int) -> None:
    """Refuse to write what the disk cannot hold; the directory need not be there yet.

    Raises:
        StoreRefused: there is too little room.
    """
    there = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    if size > free:
        raise StoreRefused(
            f"{directory} has room for {free:,} bytes, and {size:,} are to be written: make room "
            "first. Nothing was changed."
        )


def _damaged(path: Path, why: str) -> InputError:
    return InputError(f"{path} is damaged or was tampered with: {why}. Nothing was changed.")


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turn the operating system's errors into ours."""
    try:
        yield
    except PermissionError as error:
        raise StoreRefused(f"{error.filename or path} may not be read or written.") from error
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise StoreRefused(
            f"{error.filename or path} cannot be used ({error.strerror}): expected a file in a "
            "directory that is there."
        ) from error
    except OSError as error:
        raise StoreUnavailable(
            f"{error.filename or path} cannot be read or written ({error.strerror}): check the "
            "disk and try again."
        ) from error
