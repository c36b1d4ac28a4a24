"""Record stores of every schema there was are brought to this one, and nothing is lost."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, MetaData, create_engine, insert, make_url, select

from backend.exceptions import StoreRefused
from backend.records import Verdict
from backend.stores.records import SqlRecordStore, tables
from backend.stores.records.migrating import VERSION_TABLE, migrate, schemas
from tests.servers.postgres import PostgresServer
from tests.stores.recording import FOLDER, NOW, ROWS, record, tables_without_rows

RELEASED = schemas()


def as_recorded(schema: str, path: Path) -> Path:
    """The file that a program with this schema has left."""
    connection = sqlite3.connect(path)
    connection.executescript((FOLDER / f"{schema}.sql").read_text(encoding="utf-8"))
    connection.close()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Engine]]:
    """The address of a database, and a way into it."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/records.sqlite3"
        engine = create_engine(url)
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.new_database()
        engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    yield url, engine
    engine.dispose()


def leave(schema: str, engine: Engine, directory: Path) -> dict[str, list[dict[str, Any]]]:
    """Let a database be as a program with this schema left it; what was in it."""
    recorded = create_engine(f"sqlite:///{as_recorded(schema, directory / 'recorded.sqlite3')}")
    with recorded.connect() as origin:
        found = _content(origin)
    recorded.dispose()
    if engine.dialect.name == "sqlite":
        as_recorded(schema, Path(str(engine.url.database)))
        return found
    with engine.begin() as connection:
        migrate(connection, "The test", schema)
        known = MetaData()
        known.reflect(connection)
        for name, rows in found.items():
            connection.execute(insert(known.tables[name]), rows)
    return found


def _content(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    known = MetaData()
    known.reflect(connection)
    return {
        name: [dict(row._mapping) for row in connection.execute(select(table))]
        for name, table in known.tables.items()
        if name not in (VERSION_TABLE, "sqlite_sequence")
    }


@pytest.mark.parametrize("schema", RELEASED)
def test_nothing_is_lost_on_the_way_from_a_released_schema(
    schema: str, place: tuple[str, Engine], tmp_path: Path
) -> None:
    url, engine = place
    before = leave(schema, engine, tmp_path)
    store = SqlRecordStore(url)

    labels = store.labels(removed=True)
    versions = store.versions("gas-room")
    store.close()

    assert [label.id for label in labels] == [1, 2]
    assert labels[0].note == "after the overhaul: „gut“"
    assert [(v.number, v.verdict) for v in versions] == [
        (2, Verdict.CHAMPION),
        (1, Verdict.RETIRED),
    ]
    with engine.connect() as connection:
        after = _content(connection)
        differences = compare_metadata(
            MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}),
            tables.metadata,
        )
    assert not differences
    assert sum(map(len, before.values())) >= 15
    for name, rows in before.items():
        kept = [{key: row[key] for key in rows[0]} for row in after[name]] if rows else []
        assert kept == rows, name


def test_every_schema_is_recorded_and_every_table_has_rows() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.sql")) == RELEASED
    assert tables_without_rows() == set()


@pytest.mark.parametrize("schema", RELEASED)
def test_a_step_that_was_released_is_never_changed(schema: str) -> None:
    """What a program with this schema made is what it makes now."""
    assert record(schema) == (FOLDER / f"{schema}.sql").read_text(encoding="utf-8")


def test_a_database_of_a_newer_program_is_left_alone(
    place: tuple[str, Engine], tmp_path: Path
) -> None:
    url, engine = place
    leave(RELEASED[-1], engine, tmp_path)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    store = SqlRecordStore(url)

    with pytest.raises(StoreRefused, match="made by a newer normalcy: its schema is 9999"):
        store.labels()
    store.close()
    with engine.connect() as connection:
        assert len(_content(connection)["labels"]) == len(ROWS["labels"])


def test_numbers_go_on_behind_what_was_recorded(tmp_path: Path) -> None:
    store = SqlRecordStore(f"sqlite:///{as_recorded('0001', tmp_path / 'records.sqlite3')}")

    assert store.next_number("gas-room") == 5
    assert store.start_run("score", "gas-room", worker="me", at=NOW).id == 3
    store.close()
