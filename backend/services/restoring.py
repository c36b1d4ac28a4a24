"""What a backup holds becomes what normalcy remembers: all of it, or nothing is changed.

Everything is looked at before anything is changed. Then model files come first, under names that
are free, and last the records that name them, in one transaction: whenever it is cut off, either
the old records stand with their files or the new ones.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from backend.detection.progress import part_of
from backend.exceptions import Conflict, InputError, StoreRefused
from backend.ports import Backup, Clock, Progress, Restoration
from backend.records import AuditEntry, How, Upkeep
from backend.services.backing_up import CONFIGURATION, BackingUp, Remembered, named_by_time
from backend.services.processes import living

RESTORE = "restore"
_SHARE_READ = 0.4


class CopiedStore(Protocol):
    """A series store that can be copied as a whole."""

    def measurements(self) -> list[str]:
        """Names of the measurements in it."""
        ...

    def copied_out(self) -> Iterator[bytes]:
        """All of it."""
        ...

    def staged(self, chunks: Iterable[bytes]) -> AbstractContextManager[Callable[[], None]]:
        """Look at what shall take its place; it does when that is called."""
        ...


@dataclass(frozen=True)
class Restored:
    """What was restored.

    Attributes:
        made_at: when the backup was made, nanoseconds.
        rows: of the records, by table.
        versions: whose model files were in it.
        missing: versions whose files were not in it, each with the reason.
        stores: embedded series stores that were restored.
        kept: backup of what was there before; None where there was nothing.
        configuration: normalcy.yaml of the backup, for a person to put into its place.
    """

    made_at: int
    rows: Mapping[str, int]
    versions: int
    missing: tuple[str, ...]
    stores: tuple[str, ...]
    kept: Path | None
    configuration: Path | None


@dataclass(frozen=True)
class Places:
    """Where what is no record is put.

    Attributes:
        home: directory of what normalcy remembers.
        stores: embedded series stores, by their name in a backup.
        room: refuses so many bytes if the disk cannot hold them.
    """

    home: Path
    stores: Mapping[str, CopiedStore]
    room: Callable[[int], None]


class Restoring:
    """Restores backups."""

    def __init__(
        self, remembered: Remembered, backing_up: BackingUp, clock: Clock, places: Places
    ) -> None:
        self._dumps = remembered.dumps
        self._records = remembered.records
        self._artifacts = remembered.artifacts
        self._files = remembered.files
        self._backing_up = backing_up
        self._clock = clock
        self._places = places

    def run(
        self,
        path: Path,
        *,
        by: str,
        replace: bool = False,
        progress: Progress = lambda share, words: None,
    ) -> Restored:
        """Restore a backup, also one of an older normalcy, of another machine or database.

        Args:
            path: the backup.
            by: who restores it.
            replace: put it into the place of records that are there; those are backed up first.
            progress: told the share done.

        Raises:
            NotFound, InputError, StoreRefused: the file cannot be restored; nothing was changed.
            Conflict: something is there already, or is running.
        """
        with (
            self._files.open(path, part_of(progress, 0.0, _SHARE_READ)) as backup,
            ExitStack() as open_,
        ):
            made_at, missing = _made_at(backup), _left_out(backup)
            stores = self._stores_in(backup)
            self._refuse_company(stores, replace=replace)
            self._places.room(backup.size)
            records = open_.enter_context(self._dumps.staged(backup.records()))
            puts = [open_.enter_context(self._staged(backup, name)) for name in stores]
            kept = self._keep(stores)
            configuration = self._bring_configuration(backup)
            renamed = self._bring(backup, progress)
            self._refuse_company(stores, replace=replace)  # what came before took its time
            for put in puts:
                put()
            rows = records.load(self._restoration(path, made_at, by, renamed))
            versions = len(backup.artifacts())
        progress(1.0, "done")
        return Restored(made_at, rows, versions, missing, tuple(stores), kept, configuration)

    def _stores_in(self, backup: Backup) -> list[str]:
        """The embedded stores of the backup, each of which must have its place here.

        Raises:
            Conflict: this normalcy keeps its series elsewhere.
        """
        held = [name for name in backup.attachments() if name != CONFIGURATION]
        if homeless := [name for name in held if name not in self._places.stores]:
            raise Conflict(
                f"The backup holds an embedded store, {homeless[0]}, and this normalcy keeps those "
                "rows in another kind of store: let store: and results: name embedded ones. "
                "Nothing was changed."
            )
        return held

    def _refuse_company(self, stores: list[str], *, replace: bool) -> None:
        if alive := living(self._records.leases()):
            raise Conflict(
                f"Jobs are running ({', '.join(alive)}): stop normalcy everywhere, and try again "
                "half a minute later. Nothing was changed."
            )
        if replace:
            return
        if not self._dumps.is_empty():
            raise Conflict(
                "The record store holds labels, detectors, versions or accounts already: restore "
                "into an empty home, or use --replace, which backs up what is there first."
            )
        for name in stores:
            if self._places.stores[name].measurements():
                raise Conflict(
                    f"The embedded store for {name} holds measurements already: use an empty one, "
                    "or --replace, which backs up what is there first."
                )

    def _staged(self, backup: Backup, name: str) -> AbstractContextManager[Callable[[], None]]:
        return self._places.stores[name].staged(backup.attachment(name) or ())

    def _keep(self, stores: list[str]) -> Path | None:
        """Back up what other things come in the place of, if there is anything."""
        places = self._places.stores
        filled = {name: places[name].copied_out for name in stores if places[name].measurements()}
        if self._dumps.is_empty() and not filled:
            return None
        path = self._home() / f"before-restore-{named_by_time(self._clock.now())}"
        return self._backing_up.run(path, replace=True, stores=filled).path

    def _bring(self, backup: Backup, progress: Progress) -> dict[str, str]:
        """Bring the model files; those under new names whose own are taken by others."""
        renamed, names = {}, backup.artifacts()
        for place, name in enumerate(names):
            progress(_SHARE_READ + 0.5 * place / len(names), f"restoring {name}")
            files = backup.artifact(name)
            if (given := self._save(name, files)) != name:
                renamed[name] = given
        return renamed

    def _save(self, name: str, files: Mapping[str, bytes]) -> str:
        """Store an artifact, unless it is there; the name under which it is."""
        try:
            self._artifacts.save(name, files)
            return name
        except Conflict:
            if self._artifacts.load(name) == files:
                return name
        other = f"{name}-{_digest(files)}"
        try:
            self._artifacts.save(other, files)
        except Conflict:  # by a try that was cut off
            if self._artifacts.load(other) != files:
                raise
        return other

    def _bring_configuration(self, backup: Backup) -> Path | None:
        """Lay normalcy.yaml down beside: the one in force is a person's to change."""
        chunks = backup.attachment(CONFIGURATION)
        if chunks is None:
            return None
        path = self._home() / f"restored-{CONFIGURATION}"
        with _told_of(path):
            path.write_bytes(b"".join(chunks))
        return path

    def _home(self) -> Path:
        """The directory, which is not there yet where the records are in PostgreSQL."""
        with _told_of(self._places.home):
            self._places.home.mkdir(parents=True, exist_ok=True)
        return self._places.home

    def _restoration(
        self, path: Path, made_at: int, by: str, renamed: Mapping[str, str]
    ) -> Restoration:
        now, words = self._clock.now(), f"records and model files of the backup {path.name}"
        return Restoration(
            Upkeep(RESTORE, now, {"file": path.name, "made_at": made_at}),
            AuditEntry(0, now, by, How.COMMAND, "", RESTORE, "", words),
            renamed,
            self._numbers_taken(),
        )

    def _numbers_taken(self) -> dict[str, int]:
        """By detector, the last version of which there are files, whether on record or not."""
        taken: dict[str, int] = {}
        for name in self._artifacts.names():
            detector, _, version = name.rpartition("/")
            number = version.partition("-")[0]
            if number.isdecimal():
                taken[detector] = max(int(number), taken.get(detector, 0))
        return taken


@contextmanager
def _told_of(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreRefused(
            f"{path} cannot be written ({error.strerror}): check its rights and the disk. Nothing "
            "was changed."
        ) from error


def _made_at(backup: Backup) -> int:
    at: Any = backup.facts.get("made_at")
    if type(at) is not int or not 0 <= at < 2**63:
        raise InputError("The backup does not say when it was made: it is not one of normalcy's.")
    return at


def _left_out(backup: Backup) -> tuple[str, ...]:
    """Versions whose files were not in it."""
    said: Any = backup.facts.get("left_out", [])
    if not isinstance(said, list):
        raise InputError("The backup does not say what it lacks: it is not one of normalcy's.")
    return tuple(map(str, said))


def _digest(files: Mapping[str, bytes]) -> str:
    """Eight digits that tell these files from others."""
    found = hashlib.sha256()
    for name, content in sorted(files.items()):
        found.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    return found.hexdigest()[:8]
