"""Everything that normalcy remembers in one file, as it was at one moment, while it goes on.

The records come first, in one look at them; the model files that they name never change, so that
they may be copied behind it. Secrets stay out: of passwords and tokens the records hold digests,
and the keys that sign links and sign-ins are left where they are.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from backend.exceptions import ArtifactError, NotFound, StoreError
from backend.ports import (
    ArtifactStore,
    BackupDraft,
    BackupFiles,
    Clock,
    Progress,
    RecordDumps,
    RecordStore,
)
from backend.records import Upkeep
from backend.services.program import program

BACKUP = "backup"
"""What the upkeep is called that says when the last backup was made."""
CONFIGURATION = "normalcy.yaml"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class BackedUp:
    """A backup that was made.

    Attributes:
        path: of the file.
        size: in bytes.
        rows: of the records, by table.
        versions: whose files are in it.
        left_out: versions whose files could not be read, each with the reason.
        extras: what else is in it.
    """

    path: Path
    size: int
    rows: Mapping[str, int]
    versions: int
    left_out: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()


@dataclass
class _Counted:
    """What went by."""

    rows: dict[str, int] = field(default_factory=dict)
    artifacts: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Remembered:
    """What is backed up and restored, and where backups are.

    Attributes:
        dumps: takes all records out and in.
        records: the same, to be told of it.
        artifacts: model files.
        files: backups as files.
    """

    dumps: RecordDumps
    records: RecordStore
    artifacts: ArtifactStore
    files: BackupFiles


class BackingUp:
    """Makes backups."""

    def __init__(
        self, remembered: Remembered, clock: Clock, configuration: bytes | None = None
    ) -> None:
        """Back up what is remembered, and the text of normalcy.yaml if there is one."""
        self._dumps = remembered.dumps
        self._records = remembered.records
        self._artifacts = remembered.artifacts
        self._files = remembered.files
        self._clock = clock
        self._configuration = configuration

    def run(
        self,
        path: Path,
        *,
        replace: bool = False,
        stores: Mapping[str, Callable[[], Iterable[bytes]]] | None = None,
        progress: Progress = lambda share, words: None,
    ) -> BackedUp:
        """Make a backup, and read it back before it has its name.

        Args:
            path: of the file, or of a directory in which it gets a name with the time.
            replace: an older file of the name.
            stores: embedded stores that go with it, by name.
            progress: told the share done.

        Raises:
            Conflict: there is such a file already.
            StoreError: something cannot be read, or the file not be written.
        """
        now = self._clock.now()
        path = path / named_by_time(now) if path.is_dir() else path
        counted, extras = _Counted(), dict(self._extras(stores or {}))
        with self._files.create(path, replace=replace) as draft:
            self._add_records(draft, counted)
            self._add_artifacts(draft, counted, progress)
            for name, chunks in extras.items():
                progress(0.95, f"writing {name}")
                draft.add(f"extra/{name}", chunks())
            draft.tell(made_at=now, program=dict(program()), left_out=counted.left_out)
            progress(0.98, "reading it back")
        made = BackedUp(
            path=path,
            size=path.stat().st_size,
            rows=counted.rows,
            versions=len(counted.artifacts) - len(counted.left_out),
            left_out=tuple(counted.left_out),
            extras=tuple(extras),
        )
        self._records.note_upkeep(Upkeep(BACKUP, now, {"size": made.size, "file": path.name}))
        progress(1.0, "done")
        return made

    def _extras(
        self, stores: Mapping[str, Callable[[], Iterable[bytes]]]
    ) -> Iterator[tuple[str, Callable[[], Iterable[bytes]]]]:
        if (text := self._configuration) is not None:
            yield CONFIGURATION, lambda: [text]
        yield from stores.items()

    def _add_records(self, draft: BackupDraft, counted: _Counted) -> None:
        with self._dumps.dump() as dump:
            for table in dump.tables():
                draft.add(f"records/{table}.jsonl", _lines(table, dump.rows(table), counted))
            draft.tell(schema=dump.schema, counters=dump.counters())

    def _add_artifacts(self, draft: BackupDraft, counted: _Counted, progress: Progress) -> None:
        """The files of all versions; that some cannot be read must not keep the rest from it."""
        for place, (artifact, version) in enumerate(counted.artifacts.items()):
            progress(0.95 * place / len(counted.artifacts), f"writing {version}")
            try:
                files = self._artifacts.load(artifact)
            except (ArtifactError, NotFound, StoreError) as error:
                counted.left_out.append(f"{version}: {error}")
                continue
            for name, content in files.items():
                draft.add(f"artifacts/{artifact}/{name}", [content])


def named_by_time(now: int) -> str:
    """How a backup is called by itself."""
    return f"normalcy-{datetime.fromtimestamp(now / 1e9, UTC):%Y%m%dT%H%M%SZ}.backup"


def _lines(table: str, rows: Iterator[Mapping[str, Any]], counted: _Counted) -> Iterator[bytes]:
    """Rows as JSON, one a line, in chunks; counted while they go by."""
    count, chunk = 0, bytearray()
    for row in rows:
        if table == "versions":
            counted.artifacts[str(row["artifact"])] = f"{row['detector']}/{row['number']}"
        chunk += _json(row) + b"\n"
        count += 1
        if len(chunk) > _CHUNK:
            yield bytes(chunk)
            chunk.clear()
    counted.rows[table] = count
    yield bytes(chunk)


def _json(row: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(row)
    except TypeError:  # half of a character, or a long number: it refuses what records may hold
        return json.dumps(row).encode()
