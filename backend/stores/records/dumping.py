"""All records at once: out of a database at one moment, and into one, all or none.

The rows are plain values, the same for SQLite and PostgreSQL, so that what was dumped from one can
be loaded into the other. Rows of an older form are loaded into a database of that form first, in a
temporary file, and migrated there: the steps are those that the database itself would have gone.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    Table,
    bindparam,
    column,
    create_engine,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from backend.exceptions import InputError, StoreRefused
from backend.ports import RecordDump, Restoration, StagedRecords
from backend.records import Delivery, State
from backend.stores.records import audit, tables, upkeep
from backend.stores.records.database import Database
from backend.stores.records.migrating import VERSION_TABLE, migrate, schemas
from backend.stores.records.rows import insert_into
from backend.stores.records.translation import translated

MOMENTARY = ("leases", "process_reports", "sessions")
"""What processes hold and who is signed in just now: means nothing at another time or place."""
_PRECIOUS = ("labels", "detectors", "versions", "users", "tokens")
_BATCH = 500
_LARGEST = 2**63 - 1
_UNSENT = "A backup was restored: whether this was sent is not known, and it is not sent again."

Row = Mapping[str, Any]


class SqlRecordDumps:
    """`RecordDumps` of SQLite and PostgreSQL."""

    def __init__(self, url: str, *, patience_s: float = 30.0) -> None:
        """Nothing is opened yet; see `SqlRecordStore`."""
        self._database = Database(url, patience_s)

    @contextmanager
    def dump(self) -> Iterator[RecordDump]:
        """All records of this moment."""
        with self._database.snapshot() as connection:
            yield _Dump(connection)

    def is_empty(self) -> bool:
        """Whether the store holds nothing that a person made or a training found."""
        with self._database.reading() as connection:
            found = (_table(name) for name in _PRECIOUS)
            return all(connection.execute(select(t).limit(1)).first() is None for t in found)

    @contextmanager
    def staged(self, dump: RecordDump) -> Iterator[StagedRecords]:
        """A dump that was looked at, in the form of this program; nothing is changed so far."""
        if dump.schema not in schemas():
            raise StoreRefused(
                f"The records were dumped by a newer normalcy: their schema is {dump.schema}, this "
                f"one knows up to {schemas()[-1]}. Install the newer normalcy. Nothing was changed."
            )
        with _staged(dump) as staged:
            yield _Staged(self._database, staged)

    def close(self) -> None:
        """Release connections."""
        self._database.close()


class _Dump:
    """What a connection sees, by the tables of this program."""

    schema = schemas()[-1]

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def tables(self) -> list[str]:
        """All but what is momentary."""
        return [table.name for table in tables.metadata.sorted_tables if _lasts(table)]

    def rows(self, table: str) -> Iterator[Row]:
        """The rows of a table, by its key."""
        known = _table(table)
        asked = select(known).order_by(*known.primary_key.columns)
        names = [str(one.name) for one in known.columns]
        with self._connection.execution_options(yield_per=_BATCH).execute(asked) as found:
            for row in found:
                yield dict(zip(names, row, strict=True))

    def counters(self) -> dict[str, int]:
        """The last number given in each table that numbers its rows."""
        return _counters(self._connection)


class _Staged:
    """`StagedRecords` in a temporary file."""

    def __init__(self, database: Database, rows: _Dump) -> None:
        self._database = database
        self._rows = rows

    def load(self, restoration: Restoration) -> dict[str, int]:
        """Let these be the records, all or none, and put on record that they were restored."""
        with self._database.writing() as connection:
            known = _Known(connection)
            counts = _replace(connection, self._rows)
            known.keep(connection, restoration.numbers)
            _set_counters(connection, self._rows.counters())
            _settle(connection, restoration)
            upkeep.note(connection, restoration.upkeep)
            audit.add(connection, restoration.entry)
        return counts


def _table(name: str) -> Table:
    return tables.metadata.tables[name]


def _lasts(table: Table) -> bool:
    return table.name not in MOMENTARY


# -- an older form, brought to this one ------------------------------------------------------------


@contextmanager
def _staged(dump: RecordDump) -> Iterator[_Dump]:
    """The rows of a dump in the form of this program."""
    with tempfile.TemporaryDirectory(prefix="normalcy-records-") as folder:
        engine = create_engine(f"sqlite:///{Path(folder) / 'staged.sqlite3'}")
        try:
            _stage(engine, dump)
            with engine.connect() as connection:
                yield _Dump(connection)
        finally:
            engine.dispose()


def _stage(engine: Engine, dump: RecordDump) -> None:
    with translated(f"The temporary file {engine.url.database}"):
        try:
            with engine.begin() as connection:
                migrate(connection, "The backup", dump.schema)
                _fill(connection, dump)
                migrate(connection, "The backup")
        except IntegrityError as error:
            raise InputError(
                f"The records do not belong together ({error.orig}): the backup is not one that "
                "normalcy made. Nothing was changed."
            ) from error


def _fill(connection: Connection, dump: RecordDump) -> None:
    """Put the rows into the tables as their form has them."""
    found = MetaData()
    found.reflect(connection)
    names = set(found.tables) - {*MOMENTARY, VERSION_TABLE, "sqlite_sequence"}
    if unknown := set(dump.tables()) - names:
        raise InputError(f"The records have a table {min(unknown)!r} that normalcy has not.")
    for name in sorted(names & set(dump.tables())):
        table = found.tables[name]
        _insert(connection, table, (_checked(table, row) for row in dump.rows(name)))
    _set_counters(connection, dump.counters())


def _checked(table: Table, row: Row) -> Row:
    """A row whose values are of the kinds that its columns hold; SQLite would take any."""
    if set(row) != set(table.columns.keys()):
        raise InputError(f"A row of {table.name} has other columns than that table has.")
    for known in table.columns:
        if not _fits(known, row[known.name]):
            raise InputError(f"A row of {table.name} has no {known.name} that can be stored.")
    return row


def _fits(known: Column[Any], value: Any) -> bool:
    if value is None:
        return bool(known.nullable)
    if isinstance(known.type, JSON):
        return isinstance(value, (dict, list))
    kind = known.type.python_type
    if kind is int:
        return type(value) is int and abs(value) <= _LARGEST
    return isinstance(value, (int, float)) if kind is float else type(value) is kind


def _insert(connection: Connection, table: Table, rows: Iterator[Row]) -> int:
    count = 0
    while batch := list(islice(rows, _BATCH)):
        connection.execute(insert(table), batch)
        count += len(batch)
    return count


# -- into the records ------------------------------------------------------------------------------


class _Known:
    """What a restore takes back from nobody: numbers given, tokens revoked, links used."""

    def __init__(self, connection: Connection) -> None:
        """Read it before the rows are replaced."""
        numbers, links, tokens = tables.version_numbers, tables.spent_links, tables.tokens.c
        revoked = select(tokens.digest, tokens.revoked_at).where(tokens.revoked_at.is_not(None))
        given = connection.execute(select(numbers))
        self._numbers = {row.detector: row.last for row in given}
        self._links = connection.execute(select(links)).mappings().all()
        self._revoked = connection.execute(revoked).all()

    def keep(self, connection: Connection, numbers: Mapping[str, int]) -> None:
        """Bring it in again, with numbers of versions that are taken otherwise."""
        for given in (self._numbers, numbers):
            _raise_numbers(connection, given)
        if self._links:
            spent = insert_into(connection, tables.spent_links).on_conflict_do_nothing()
            connection.execute(spent, [dict(link) for link in self._links])
        if self._revoked:
            tokens = tables.tokens
            same = tokens.c.digest == bindparam("known")
            again = update(tokens).where(same, tokens.c.revoked_at.is_(None))
            rows = [{"known": digest, "since": since} for digest, since in self._revoked]
            connection.execute(again.values(revoked_at=bindparam("since")), rows)


def _raise_numbers(connection: Connection, given: Mapping[str, int]) -> None:
    numbers, larger = tables.version_numbers, _larger(connection)
    for detector, last in given.items():
        stated = insert_into(connection, numbers).values(detector=detector, last=last)
        raised = {"last": larger(numbers.c.last, last)}
        connection.execute(stated.on_conflict_do_update(index_elements=["detector"], set_=raised))


def _larger(connection: Connection) -> Callable[..., Any]:
    """The larger one of two: SQLite and PostgreSQL call it differently."""
    return func.max if connection.dialect.name == "sqlite" else func.greatest


def _replace(connection: Connection, staged: _Dump) -> dict[str, int]:
    """Other rows in place of those that are there."""
    known = tables.metadata.sorted_tables
    for table in reversed(known):
        if _lasts(table) or table.name == "sessions":
            connection.execute(table.delete())
    return {
        table.name: _insert(connection, table, staged.rows(table.name))
        for table in known
        if _lasts(table)
    }


def _settle(connection: Connection, restoration: Restoration) -> None:
    """Let what went on be over, and find artifacts under their new names."""
    runs, requests, messages = tables.runs, tables.requests, tables.messages
    going_on = runs.c.state == State.RUNNING.value
    last_heard = func.coalesce(runs.c.told_at, runs.c.started_at)
    ended = update(runs).where(going_on)
    connection.execute(ended.values(state=State.INTERRUPTED.value, finished_at=last_heard))
    claimed = requests.c.state == State.RUNNING.value
    connection.execute(update(requests).where(claimed).values(deadline=0))
    unsent = update(messages).where(messages.c.state == Delivery.PENDING.value)
    failed = {"state": Delivery.FAILED.value, "problem": _UNSENT, "ended_at": restoration.upkeep.at}
    connection.execute(unsent.values(failed))
    artifact = tables.versions.c.artifact
    for before, now in restoration.renamed.items():
        connection.execute(update(tables.versions).where(artifact == before).values(artifact=now))


# -- numbers that the databases give ---------------------------------------------------------------


def _counters(connection: Connection) -> dict[str, int]:
    if connection.dialect.name == "sqlite":
        found = connection.execute(text("SELECT name, seq FROM sqlite_sequence")).all()
        return {str(name): int(last) for name, last in found if name not in MOMENTARY}
    counted = {}
    for table in _numbered():
        state = select(column("last_value", Integer), column("is_called", Boolean))
        asked = state.select_from(text(_sequence(connection, table)))
        last, is_called = connection.execute(asked).one()
        counted[table] = int(last) if is_called else 0
    return counted


def _set_counters(connection: Connection, counters: Mapping[str, int]) -> None:
    """Let counters go on behind what was given, here or there."""
    given = _counters(connection)
    for table in _numbered():
        last = max(counters.get(table, 0), given.get(table, 0))
        if last < 1:
            continue
        if connection.dialect.name == "sqlite":
            _set_sqlite_counter(connection, table, last)
        else:
            name = _sequence(connection, table)
            connection.execute(text("SELECT setval(:name, :last)"), {"name": name, "last": last})


def _set_sqlite_counter(connection: Connection, table: str, last: int) -> None:
    at = {"table": table, "last": last}
    connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :table"), at)
    connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :last)"), at)


def _numbered() -> list[str]:
    """Tables whose rows the database numbers."""
    return [
        table.name
        for table in tables.metadata.sorted_tables
        if _lasts(table) and table.autoincrement_column is not None
    ]


def _sequence(connection: Connection, table: str) -> str:
    asked = text("SELECT pg_get_serial_sequence(:table, 'id')")
    return str(connection.execute(asked, {"table": table}).scalar_one())
