"""Opening the record store: addresses, migrations, and errors that an operator can act upon."""

import sqlite3
import sys
import time
import traceback
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, make_url
from sqlalchemy import exc as sqlalchemy_errors

from backend.exceptions import (
    ConfigurationError,
    Conflict,
    InputError,
    NormalcyError,
    NotFound,
    StoreRefused,
    StoreUnavailable,
)
from backend.records import Label, LabelKind
from backend.stores.records import SqlRecordStore, tables
from backend.stores.records.database import Database
from backend.stores.records.migrating import VERSION_TABLE
from backend.stores.records.translation import translate
from tests.servers.postgres import PASSWORD, PostgresServer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "records.sqlite3"


def sqlite_store(path: Path) -> SqlRecordStore:
    return SqlRecordStore(f"sqlite:///{path}", patience_s=0.05)


def statement(url: str, sql: str) -> None:
    engine = create_engine(make_url(url).set(drivername=_driver(url)))
    with engine.begin() as connection:
        connection.exec_driver_sql(sql)
    engine.dispose()


def _driver(url: str) -> str:
    return "sqlite" if url.startswith("sqlite") else "postgresql+psycopg"


def _all_kinds() -> list[type[sqlalchemy_errors.SQLAlchemyError]]:
    base = sqlalchemy_errors.SQLAlchemyError
    found = vars(sqlalchemy_errors).values()
    return [kind for kind in found if isinstance(kind, type) and issubclass(kind, base)]


def with_state(state: str) -> sqlalchemy_errors.OperationalError:
    """An error as psycopg raises it for an SQLSTATE."""
    cause = Exception("details\nmore")
    cause.sqlstate = state  # type: ignore[attr-defined]
    return sqlalchemy_errors.OperationalError("SELECT", {}, cause)


def some_label() -> Label:
    return Label(0, "gas-room", LabelKind.NORMAL, 1, 2)


class TestAddresses:
    def test_constructing_touches_nothing(self, tmp_path: Path) -> None:
        SqlRecordStore(f"sqlite:///{tmp_path}/deep/records.sqlite3").close()
        SqlRecordStore("postgresql://nobody:secret@192.0.2.1/none").close()
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "records.sqlite3",
            "sqlite://",
            "sqlite:///:memory:",
            "sqlite:///file:x?uri=true",
            "mysql://ada:hunter2@host/x",
            "postgresql+asyncpg://ada:hunter2@host/x",
            "postgresql://ada:hunter2@host:port/x",
        ],
    )
    def test_what_cannot_be_used_is_refused_without_its_password(self, url: str) -> None:
        with pytest.raises(ConfigurationError, match="expected sqlite:////path") as caught:
            SqlRecordStore(url)
        assert "hunter2" not in "".join(traceback.format_exception(caught.value))

    def test_every_spelling_of_postgresql(self, postgres: PostgresServer) -> None:
        url = postgres.new_database()
        rest = url.removeprefix("postgresql")
        for scheme in ("postgres", "postgresql", "postgresql+psycopg"):
            store = SqlRecordStore(scheme + rest)
            assert store.ping().startswith("PostgreSQL 1")
            store.close()

    def test_a_missing_driver_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "psycopg", None)
        with pytest.raises(ConfigurationError, match=r"pip install 'normalcy\[postgres\]'"):
            SqlRecordStore("postgresql://ada@host/x")

    def test_the_directory_is_made_and_a_closed_store_opens_again(self, tmp_path: Path) -> None:
        store = SqlRecordStore(f"sqlite:///{tmp_path}/a/b/records.sqlite3")
        (added,) = store.add_labels([some_label()])
        store.close()
        assert store.labels() == [added]
        store.close()


class TestDurability:
    def test_sqlite_keeps_a_write_ahead_log_and_syncs_it(self, path: Path) -> None:
        store = sqlite_store(path)
        store.ping()
        with store._database.reading() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        store.close()

    def test_only_leases_do_not_wait_for_the_disk(self, path: Path) -> None:
        database = Database(f"sqlite:///{path}", 5.0)
        found = []
        for transaction in (database.writing, database.writing_hastily, database.writing):
            with transaction() as connection:
                found.append(connection.exec_driver_sql("PRAGMA synchronous").scalar())
        database.close()
        assert found == [2, 1, 2]  # FULL, NORMAL

    def test_nor_over_postgresql(self, postgres: PostgresServer) -> None:
        database = Database(postgres.new_database(), 5.0)
        found = []
        for transaction in (database.writing, database.writing_hastily, database.writing):
            with transaction() as connection:
                found.append(connection.exec_driver_sql("SHOW synchronous_commit").scalar())
        database.close()
        assert found == ["on", "off", "on"]


class TestClock:
    def test_leases_follow_the_servers_clock_whatever_that_of_the_host_says(
        self, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = SqlRecordStore(postgres.new_database())
        assert store.take_lease("score:a", "here", length=60 * 10**9)
        ahead = time.time_ns() + 3600 * 10**9
        monkeypatch.setattr(time, "time_ns", lambda: ahead)
        assert store.take_lease("score:a", "there", length=60 * 10**9) is None
        assert [lease.expired for lease in store.leases()] == [False]
        store.close()


class TestMigrations:
    def test_they_arrive_at_the_tables(self, url: str) -> None:
        store = SqlRecordStore(url)
        store.ping()
        with store._database.reading() as connection:
            context = MigrationContext.configure(
                connection, opts={"version_table": VERSION_TABLE, "compare_type": True}
            )
            assert compare_metadata(context, tables.metadata) == []
        store.close()

    def test_a_second_opening_changes_nothing(self, url: str) -> None:
        for expected in ([], [1]):
            store = SqlRecordStore(url)
            assert [label.id for label in store.labels()] == expected
            store.add_labels([some_label()])
            store.close()

    def test_a_newer_database_is_refused_and_left_alone(self, url: str) -> None:
        store = SqlRecordStore(url)
        store.add_labels([some_label()])
        with store._database.reading() as connection:
            newest = MigrationContext.configure(
                connection, opts={"version_table": VERSION_TABLE}
            ).get_current_revision()
        store.close()
        statement(url, f"UPDATE {VERSION_TABLE} SET version_num = '0999'")
        for call in (store_again := SqlRecordStore(url)).labels, store_again.ping:
            with pytest.raises(StoreRefused, match=r"newer normalcy.*0999.*backup"):
                call()
        statement(url, f"UPDATE {VERSION_TABLE} SET version_num = '{newest}'")
        assert len(store_again.labels()) == 1  # refusing is not remembered
        store_again.close()

    def test_a_migration_that_fails_leaves_nothing_half_done(self, url: str) -> None:
        statement(url, "CREATE TABLE runs (id INTEGER)")  # in the way of the first schema
        store = SqlRecordStore(url)
        with pytest.raises(StoreRefused, match="runs"):
            store.ping()
        statement(url, "DROP TABLE runs")
        assert store.labels() == []
        store.close()


class TestErrors:
    @pytest.mark.parametrize("kind", _all_kinds())
    def test_none_of_sqlalchemys_errors_is_left_untranslated(
        self, kind: type[sqlalchemy_errors.SQLAlchemyError]
    ) -> None:
        error = kind.__new__(kind)  # some take arguments that only SQLAlchemy can make
        if isinstance(error, sqlalchemy_errors.DBAPIError):
            error.__init__("SELECT 1", {}, Exception("the cause"))  # type: ignore[misc]
        elif isinstance(error, sqlalchemy_errors.StatementError):
            error.__init__("wrong", "SELECT 1", {}, Exception("the cause"))  # type: ignore[misc]
        ours = translate(error, "The record store x")
        assert isinstance(ours, NormalcyError)
        assert str(ours).startswith("The record store x ")
        assert "SELECT" not in str(ours)

    @pytest.mark.parametrize("state", ["40001", "40P01", "53300", "55P03", "57P03", "08006"])
    def test_states_of_postgresql_that_are_worth_a_retry(self, state: str) -> None:
        assert translate(with_state(state), "Store x").retry is True

    @pytest.mark.parametrize("state", ["42501", "22P05", "25006", "3F000"])
    def test_states_of_postgresql_that_stay_as_they_are(self, state: str) -> None:
        assert isinstance(translate(with_state(state), "Store x"), StoreRefused)

    def test_a_value_that_it_has_no_room_for_is_the_callers_mistake(self) -> None:
        cause = Exception("PostgreSQL text fields cannot contain NUL (0x00) bytes")
        ours = translate(sqlalchemy_errors.DataError("SELECT 1", {}, cause), "Store x")
        assert isinstance(ours, InputError)
        assert "cannot contain NUL" in str(ours)

    def test_a_duplicate_is_a_conflict(self, path: Path) -> None:
        store = sqlite_store(path)
        rows = [{"detector": "a", "last": 1}] * 2
        with pytest.raises(Conflict, match=r"records\.sqlite3"), store._database.writing() as one:
            one.execute(tables.version_numbers.insert(), rows)
        store.close()

    def test_a_lock_that_is_kept_is_unavailable(self, path: Path) -> None:
        store = sqlite_store(path)
        store.ping()
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked by another process"):
            store.add_labels([some_label()])
        assert store.labels() == []  # reading goes on
        other.execute("ROLLBACK")
        other.close()
        assert len(store.add_labels([some_label()])) == 1
        store.close()

    def test_a_file_that_is_no_database_is_refused(self, path: Path) -> None:
        path.write_text("precious notes\n" * 1000)
        store = sqlite_store(path)
        with pytest.raises(StoreRefused, match=r"records\.sqlite3 is damaged or not an SQLite"):
            store.labels()
        store.close()
        assert path.read_text().startswith("precious notes")

    def test_a_directory_that_cannot_be_made_is_refused(self, path: Path) -> None:
        path.write_text("")
        store = sqlite_store(path / "inside.sqlite3")
        with pytest.raises(StoreRefused, match="directory cannot be created"):
            store.labels()
        store.close()

    def test_a_directory_in_place_of_the_file_is_refused(self, path: Path) -> None:
        path.mkdir()
        store = sqlite_store(path)
        with pytest.raises(StoreRefused, match="cannot be opened; check the rights"):
            store.labels()
        store.close()

    @pytest.mark.parametrize(
        "wrong", [{"note": "\ud800"}, {"start": 2**63}, {"stop": -(2**63) - 1}]
    )
    def test_a_value_that_cannot_be_held_is_refused(self, url: str, wrong: dict[str, int]) -> None:
        store = SqlRecordStore(url)
        values = {"note": "", "start": 1, "stop": 2, **wrong}
        with pytest.raises(StoreRefused):
            store.add_labels([Label(0, "gas-room", LabelKind.NORMAL, **values)])  # type: ignore[arg-type]
        assert store.labels() == []
        store.close()

    def test_no_account_has_a_name_with_a_nul(self, url: str) -> None:
        store = SqlRecordStore(url)
        with pytest.raises((NotFound, InputError)):
            store.user("ada\0")
        store.close()

    @pytest.mark.parametrize("value", [2**63 - 1, -(2**63)])
    def test_every_nanosecond_of_64_bits_is_held(self, url: str, value: int) -> None:
        store = SqlRecordStore(url)
        store.set_watermarks("gas-room", {"": value})
        assert store.watermarks("gas-room") == {"": value}
        store.close()


class TestPostgresErrors:
    def refused(self, url: str, kind: type[NormalcyError]) -> str:
        store = SqlRecordStore(url, patience_s=2)
        with pytest.raises(kind) as caught:
            store.labels()
        store.close()
        text = "".join(traceback.format_exception(caught.value))
        assert PASSWORD not in text
        assert "hunter2" not in text
        return str(caught.value)

    def test_nobody_there(self) -> None:
        message = self.refused("postgresql://ada:hunter2@127.0.0.1:1/x", StoreUnavailable)
        assert "PostgreSQL 127.0.0.1:1/x cannot be reached" in message
        assert "refused" in message

    def test_wrong_password(self, postgres: PostgresServer) -> None:
        url = f"postgresql://normalcy:hunter2@127.0.0.1:{postgres.port}/postgres"
        assert "check user, password and database" in self.refused(url, StoreRefused)

    def test_a_password_in_the_query(self, postgres: PostgresServer) -> None:
        url = f"postgresql://127.0.0.1:{postgres.port}/postgres?user=normalcy&password=hunter2"
        assert "check user, password and database" in self.refused(url, StoreRefused)

    def test_missing_database(self, postgres: PostgresServer) -> None:
        assert '"nothing" does not exist' in self.refused(postgres.url("nothing"), StoreRefused)

    def test_missing_rights(self, postgres: PostgresServer) -> None:
        database = make_url(postgres.new_database()).database
        postgres.execute("CREATE ROLE reader LOGIN PASSWORD 'hunter2'")
        url = f"postgresql://reader:hunter2@127.0.0.1:{postgres.port}/{database}"
        message = self.refused(url, StoreRefused)
        assert "check the rights of its user" in message
        assert "permission denied" in message

    def test_a_lock_that_is_kept_is_unavailable(self, postgres: PostgresServer) -> None:
        url = postgres.new_database()
        store = SqlRecordStore(url, patience_s=0.05)
        store.ping()
        holder = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
        with holder.begin() as connection:
            connection.exec_driver_sql("LOCK TABLE labels")
            with pytest.raises(StoreUnavailable, match="try again"):
                store.add_labels([some_label()])
        holder.dispose()
        assert len(store.add_labels([some_label()])) == 1
        store.close()

    def test_a_dropped_connection_is_replaced(self, postgres: PostgresServer) -> None:
        url = postgres.new_database()
        store = SqlRecordStore(url)
        (added,) = store.add_labels([some_label()])
        database = make_url(url).database
        postgres.execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
        )
        assert store.labels() == [added]
        store.close()
