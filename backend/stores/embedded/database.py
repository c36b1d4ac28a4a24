"""The SQLite file of an embedded store: connections, schema, transactions, errors."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

from backend.exceptions import StoreError, StoreRefused, StoreUnavailable

_FILE = "series.sqlite3"
LAYOUT = 1
_BUSY_SECONDS = 30.0
PAGE_BYTES = 8192  # segments are far larger than SQLite's usual 4096
_WAL_BYTES = 64 << 20

_SCHEMA = """
CREATE TABLE IF NOT EXISTS series (
    id INTEGER PRIMARY KEY,
    measurement TEXT NOT NULL,
    tags TEXT NOT NULL,
    UNIQUE (measurement, tags)
);
CREATE TABLE IF NOT EXISTS fields (
    measurement TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    PRIMARY KEY (measurement, name)
) WITHOUT ROWID;
-- AUTOINCREMENT: ids tell the order of writing and are never given twice
CREATE TABLE IF NOT EXISTS segments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    series INTEGER NOT NULL REFERENCES series (id),
    level INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    payload BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS segments_of_series ON segments (series, level, first, last, rows);
"""


class Database:
    """Connections to one file; threads and processes may share it.

    Args:
        directory: where the file lies; made on first use.
        busy_seconds: how long to wait for another process that writes.
    """

    def __init__(self, directory: Path, busy_seconds: float = _BUSY_SECONDS) -> None:
        self.path = directory / _FILE
        self._busy_seconds = busy_seconds
        self._idle: list[sqlite3.Connection] = []
        self._process = os.getpid()
        self._lock = Lock()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A transaction that sees one state of the store throughout."""
        with self._transaction("BEGIN DEFERRED") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is durable when the block is left, and undone if it raises."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    def overwrite(self, source: sqlite3.Connection) -> None:
        """Let the file hold what another one does, all at once or not at all."""
        with self.translated():
            connection = self._take()
            try:
                source.backup(connection, progress=self._refuse_waiting)
            finally:
                connection.close()

    def _refuse_waiting(self, status: int, remaining: int, total: int) -> None:
        """A copy would wait for another process without end: SQLite has waited for it already."""
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise self._busy()

    def close(self) -> None:
        """Close idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self.translated():
            connection = self._take()
            try:
                connection.execute(begin)
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                connection.close()
                raise
            self._give(connection)

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._process != os.getpid():
                # SQLite's connections do not survive a fork; closing them here would harm the
                # parent's locks, so they are only forgotten
                self._idle, self._process = [], os.getpid()
            if self._idle:
                return self._idle.pop()
        return self._open()

    def _give(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if self._process == os.getpid():
                self._idle.append(connection)

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self.path,
            timeout=self._busy_seconds,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        self._use_wal(connection)
        # FULL: a commit is on the disk before `write` returns, even if the power fails. What was
        # scored is remembered in another database, which must not be ahead of this one.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
        layout: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if layout > LAYOUT:
            raise StoreRefused(
                f"{self.path} was written by a newer normalcy (layout {layout}, this one knows "
                f"{LAYOUT}); update normalcy"
            )
        if layout < LAYOUT:
            connection.executescript(
                f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {LAYOUT}; COMMIT;"
            )

    def _use_wal(self, connection: sqlite3.Connection) -> None:
        """Switch to write-ahead logging; SQLite does not wait here when several start at once."""
        deadline = time.monotonic() + self._busy_seconds
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if not _is_busy(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return

    @contextmanager
    def translated(self) -> Iterator[None]:
        """The seam where SQLite's and the disk's errors become ours."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._explained(error) from error
        except OSError as error:
            raise StoreRefused(
                f"cannot use the embedded store at {self.path} ({error.strerror or error}); check "
                "that the directory can be written"
            ) from error

    def _explained(self, error: sqlite3.Error) -> StoreError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if _is_busy(error):
            return self._busy()
        if code == sqlite3.SQLITE_FULL:
            return StoreUnavailable(f"the disk of {self.path} is full; make room")
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return StoreRefused(
                f"{self.path} is damaged or not an embedded store ({error}); restore a backup"
            )
        return StoreRefused(
            f"cannot use the embedded store at {self.path} ({error}); check that its directory "
            "exists and can be written"
        )

    def _busy(self) -> StoreUnavailable:
        return StoreUnavailable(
            f"another process has been writing to {self.path} for more than "
            f"{self._busy_seconds:g} seconds; try again"
        )


def _is_busy(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
