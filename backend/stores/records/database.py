"""Connections and transactions: what SQLite and PostgreSQL need to behave alike."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from backend.exceptions import ConfigurationError, NotFound, StoreRefused
from backend.stores.records.migrating import is_current, migrate
from backend.stores.records.translation import translated

_DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "sqlite+pysqlite": "sqlite+pysqlite",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
}
_CONNECT_S = 10
_EXPECTED = "expected sqlite:////path/to/file or postgresql://user:password@host:5432/database"


class Database:
    """One database, reached lazily and migrated at first use."""

    def __init__(self, url: str, patience_s: float, *, create: bool = True) -> None:
        """Nothing is touched yet.

        Args:
            url: address in SQLAlchemy's form.
            patience_s: how long to wait for a lock or a connection that others hold.
            create: make and migrate what is not there.

        Raises:
            ConfigurationError: the address is not one of a database that normalcy can use.
        """
        self._url = _parse(url)
        self._create = create
        self._engine = _engine(self._url, patience_s)
        self._writer = self._engine.execution_options(writing=True)
        self._hasty = self._engine.execution_options(writing=True, hasty=True)
        self._ready = False
        self._opening = threading.Lock()
        self._held = threading.local()
        self.place = _describe(self._url)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A look at the data, which never waits for writers."""
        with self._transaction(self._engine) as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A look at the data as they are at one moment, however long it takes."""
        engine = self._engine
        if self._url.get_backend_name() == "postgresql":
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with translated(self.place):
            self._open()
            with engine.begin() as connection:
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction: durable when the block ends, undone when it raises."""
        with self._transaction(self._writer) as connection:
            yield connection

    @contextmanager
    def writing_hastily(self) -> Iterator[Connection]:
        """A transaction that others see when the block ends, and that a power cut may undo.

        For what has no meaning any more after one: nothing waits for the disk.
        """
        with self._transaction(self._hasty) as connection:
            yield connection

    @contextmanager
    def together(self) -> Iterator[None]:
        """One durable transaction for whatever this thread reads and writes inside."""
        with self.writing() as connection:
            outer = getattr(self._held, "connection", None)
            self._held.connection = connection
            try:
                yield
            finally:
                self._held.connection = outer

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        """The transaction that this thread is in already, else a new one."""
        with translated(self.place):
            held: Connection | None = getattr(self._held, "connection", None)
            if held is not None:
                yield held
                return
            self._open()
            with engine.begin() as connection:
                yield connection

    def close(self) -> None:
        """Release all connections."""
        with translated(self.place):
            self._engine.dispose()

    def _open(self) -> None:
        with self._opening:
            if self._ready:
                return
            if self._url.get_backend_name() == "sqlite":
                self._prepare_file()
            with self._engine.begin() as connection:
                current = is_current(connection, self.place)
            if not current:
                self._require_leave()
                with self._writer.begin() as connection:
                    migrate(connection, self.place)
            self._ready = True

    def _prepare_file(self) -> None:
        if self._create:
            _make_directory(self._url, self.place)
        elif not Path(str(self._url.database)).is_file():
            raise NotFound(f"{self.place} is not there: check the path.")

    def _require_leave(self) -> None:
        if not self._create:
            raise StoreRefused(
                f"{self.place} holds no records in the form of this normalcy, and is only to be "
                "read: check the address; where an older normalcy wrote it, start this one on it "
                "once."
            )


def _parse(text: str) -> URL:
    # `from None`: the original error repeats the address, and with it the password.
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ConfigurationError(f"The record store's address is not a URL: {_EXPECTED}.") from None
    if url.drivername not in _DRIVERS:
        raise ConfigurationError(
            f"The record store cannot be of kind {url.drivername!r}: {_EXPECTED}."
        )
    if url.get_backend_name() == "sqlite" and not _is_file(url):
        raise ConfigurationError(
            "The record store must outlive the program, so it needs a file: "
            "expected sqlite:////path/to/file."
        )
    return url.set(drivername=_DRIVERS[url.drivername])


def _is_file(url: URL) -> bool:
    name = url.database or ":memory:"
    return not name.startswith((":memory:", "file:"))


def _describe(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        return f"The record store {url.database}"
    port = f":{url.port}" if url.port else ""
    return f"The record store PostgreSQL {url.host or 'localhost'}{port}/{url.database or ''}"


def _make_directory(url: URL, place: str) -> None:
    directory = Path(str(url.database)).parent
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreRefused(
            f"{place} cannot be made: its directory cannot be created ({error.strerror}); "
            "check the path and the rights."
        ) from error


def _engine(url: URL, patience_s: float) -> Engine:
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url, patience_s)
    try:
        engine = create_engine(
            url,
            pool_pre_ping=True,  # a restarted server is met with a fresh connection
            pool_timeout=patience_s,
            isolation_level="READ COMMITTED",  # a statement that waited sees what others changed
            connect_args={"connect_timeout": _CONNECT_S},
        )
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "PostgreSQL needs a driver that is not installed: pip install 'normalcy[postgres]'."
        ) from error

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: object) -> None:
        connection.execute(f"SET lock_timeout = {round(patience_s * 1000)}")
        connection.commit()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get("hasty", False):
            connection.exec_driver_sql("SET LOCAL synchronous_commit TO off")

    return engine


def _sqlite_engine(url: URL, patience_s: float) -> Engine:
    engine = create_engine(url, pool_timeout=patience_s, connect_args={"timeout": patience_s})

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where `begin` below says so
        _use_write_ahead_log(connection, patience_s)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that turns to writing later may find that it cannot: take the lock at once.
        options = connection.get_execution_options()
        hasty, writing = options.get("hasty", False), options.get("writing", False)
        connection.exec_driver_sql(f"PRAGMA synchronous={'NORMAL' if hasty else 'FULL'}")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _use_write_ahead_log(connection: sqlite3.Connection, patience_s: float) -> None:
    """Switch on the write-ahead log; SQLite's own patience does not cover this one statement."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
