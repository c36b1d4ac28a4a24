"""Bring a database to the schema that this normalcy knows, or refuse it."""

from functools import cache
from pathlib import Path

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from backend.exceptions import StoreRefused

VERSION_TABLE = "normalcy_schema"

# Any number will do, as long as nothing else in the same PostgreSQL database locks it.
_LOCK = 7_466_211_903


def is_current(connection: Connection, place: str) -> bool:
    """Whether nothing is left to migrate.

    Raises:
        StoreRefused: the database was made by a newer normalcy.
    """
    found = _context(connection).get_current_revision()
    known = schemas()
    if found is not None and found not in known:
        raise StoreRefused(
            f"{place} was made by a newer normalcy: its schema is {found}, this one knows up to "
            f"{known[-1]}. Install the newer normalcy, or restore a backup from before the update "
            "into an empty record store."
        )
    return found == known[-1]


def schemas() -> list[str]:
    """The forms that this normalcy knows, oldest first; the last is its own."""
    return [script.revision for script in reversed(list(_scripts().walk_revisions()))]


def migrate(connection: Connection, place: str, schema: str = "head") -> None:
    """Run the steps that are missing, inside the caller's transaction.

    Several processes may come at once: SQLite's caller holds the write lock already, PostgreSQL
    waits here; whoever comes second finds nothing left to do.

    Args:
        connection: a writing one.
        place: how messages call the database.
        schema: where to stop; an older one is for what an older normalcy wrote.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    if is_current(connection, place):
        return
    context, scripts = _context(connection), _scripts()
    missing = scripts.iterate_revisions(schema, context.get_current_revision() or "base")
    with Operations.context(context):
        for script in reversed(list(missing)):
            script.module.upgrade()
    context.stamp(scripts, schema)


def _context(connection: Connection) -> MigrationContext:
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory(Path(__file__).parent / "migrations")
