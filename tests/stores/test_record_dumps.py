"""All records at once, out of one database and into another."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from backend.exceptions import InputError, StoreRefused, StoreUnavailable
from backend.ports import Restoration
from backend.records import AuditEntry, Delivery, How, Label, LabelKind, State, Upkeep
from backend.stores.records import SqlRecordStore, dumping, tables
from backend.stores.records.dumping import MOMENTARY, SqlRecordDumps
from backend.stores.records.migrating import migrate, schemas
from tests.stores.recording import NOW, ROWS, fill
from tests.stores.test_released_schemas import as_recorded

LASTING = sorted(set(ROWS) - set(MOMENTARY))


class Written:
    """A dump that is kept in memory, or made up."""

    def __init__(
        self,
        rows: dict[str, list[Any]],
        schema: str = schemas()[-1],
        counters: dict[str, int] | None = None,
    ) -> None:
        self.schema = schema
        self._rows = rows
        self._counters = counters or {}

    def tables(self) -> list[str]:
        return list(self._rows)

    def rows(self, table: str) -> Iterator[Any]:
        return iter(self._rows[table])

    def counters(self) -> dict[str, int]:
        return self._counters

    def all(self) -> dict[str, list[Any]]:
        return dict(self._rows)


def taken(dumps: SqlRecordDumps) -> Written:
    with dumps.dump() as dump:
        rows = {name: [dict(row) for row in dump.rows(name)] for name in dump.tables()}
        return Written(rows, dump.schema, dump.counters())


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """What a full record store in SQLite is dumped as."""
    path = tmp_path_factory.mktemp("full") / "records.sqlite3"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        migrate(connection, "The test")
        fill(connection)
    engine.dispose()
    with opened(f"sqlite:///{path}") as (_, dumps):
        return taken(dumps)


def restored(dumps: SqlRecordDumps, dump: Written, **given: Any) -> dict[str, int]:
    upkeep = Upkeep("restore", NOW, {})
    entry = AuditEntry(0, NOW, "ada", How.COMMAND, "", "restore", "", "a backup")
    with dumps.staged(dump) as staged:
        return staged.load(Restoration(upkeep, entry, **given))


@contextmanager
def opened(url: str) -> Iterator[tuple[SqlRecordStore, SqlRecordDumps]]:
    store, dumps = SqlRecordStore(url), SqlRecordDumps(url)
    yield store, dumps
    store.close()
    dumps.close()


def test_a_dump_holds_every_table_but_what_is_momentary(full: Written) -> None:
    assert sorted(full.tables()) == LASTING
    assert {name: list(full.rows(name)) for name in LASTING} == {n: ROWS[n] for n in LASTING}
    assert set(tables.metadata.tables) == set(LASTING) | set(MOMENTARY)


def test_what_is_loaded_is_what_was_dumped(url: str, full: Written) -> None:
    with opened(url) as (store, dumps):
        assert dumps.is_empty()
        counts = restored(dumps, full, renamed={"gas-room/2": "gas-room/2-00ff"})
        assert not dumps.is_empty()
        again = taken(dumps)

        assert counts == {name: len(ROWS[name]) for name in LASTING}
        assert store.version("gas-room", 2).artifact == "gas-room/2-00ff"
        assert store.run(2).state is State.INTERRUPTED
        assert store.run(2).finished_at == NOW + 7
        claimed = store.claim_request(worker="me", at=NOW, deadline=NOW + 1, kinds=["retrain"])
        assert claimed is not None
        assert claimed.id == 3
    settled = {"versions", "runs", "requests", "audit", "upkeep"}
    for name in set(LASTING) - settled:
        assert list(again.rows(name)) == ROWS[name], name


def test_numbers_are_never_given_twice(url: str, full: Written) -> None:
    with opened(url) as (store, dumps):
        for _ in range(6):
            store.next_number("gas-room")
        store.next_number("pump")
        store.add_labels([Label(0, "gas-room", LabelKind.NORMAL, n, n + 1) for n in range(5)])
        restored(dumps, full)

        assert store.next_number("gas-room") == 7
        assert store.next_number("pump") == 2
        (label,) = store.add_labels([Label(0, "gas-room", LabelKind.NORMAL, 1, 2)])
        assert label.id == 6
        assert store.start_run("score", "gas-room", worker="me", at=NOW).id == 3


def test_that_it_was_restored_is_on_record_in_the_same_transaction(url: str, full: Written) -> None:
    with opened(url) as (_, dumps):
        restored(dumps, full)
        again = taken(dumps)

    assert [row["action"] for row in again.rows("audit")] == ["label.add", "restore"]
    assert [row["name"] for row in again.rows("upkeep")] == ["backup", "restore"]


def test_numbers_of_files_that_no_record_names_are_not_given_either(
    url: str, full: Written
) -> None:
    with opened(url) as (store, dumps):
        restored(dumps, full, numbers={"gas-room": 9, "pump": 3})
        assert store.next_number("gas-room") == 10
        assert store.next_number("pump") == 4


def test_a_message_that_waited_is_not_sent_weeks_later(url: str, full: Written) -> None:
    waiting = {**ROWS["messages"][0], "state": "pending", "ended_at": None}
    rows = {**full.all(), "messages": [waiting]}
    with opened(url) as (store, dumps):
        restored(dumps, Written(rows))
        assert store.due_messages(2**62) == []
        message = store.messages([1])[1]
        assert message.state is Delivery.FAILED
        assert message.ended_at == NOW
        assert "not sent again" in message.problem


def test_what_was_revoked_or_used_stays_so(url: str, full: Written) -> None:
    (token,) = ROWS["tokens"]
    with opened(url) as (store, dumps):
        restored(dumps, full)
        store.revoke_token(token["id"], at=NOW + 9)
        for digest in ("7" * 64, ROWS["spent_links"][0]["digest"]):
            store.spend_link(digest, at=NOW + 9)
        restored(dumps, full)

        known = store.token_by_digest(token["digest"])
        assert known is not None
        assert known.revoked_at == NOW + 9
        assert store.is_spent("7" * 64)


def test_a_full_disk_is_no_fault_of_the_backup(
    full: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite tells of a file that may grow no further as of a full disk."""

    def small(connection: Any, dump: Any) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
        connection.exec_driver_sql("CREATE TABLE more (x)")

    monkeypatch.setattr(dumping, "_fill", small)
    with opened(f"sqlite:///{tmp_path}/records.sqlite3") as (store, dumps):
        with pytest.raises(StoreUnavailable, match=r"temporary file .* the disk is full"):
            restored(dumps, full)
        assert store.audit() == []


def test_what_was_there_is_gone_but_for_who_works_now(url: str, full: Written) -> None:
    with opened(url) as (store, dumps):
        store.add_labels([Label(0, "pump", LabelKind.NORMAL, 1, 2)])
        lease = store.take_lease("chore:x", holder="me", length=60 * 10**9)
        restored(dumps, full)

        assert {label.detector for label in store.labels()} == {"gas-room"}
        assert lease is not None
        assert store.holds_lease("chore:x", lease.token)


@pytest.mark.parametrize("schema", schemas())
def test_a_dump_of_an_older_program_goes_the_way_its_database_would(
    schema: str, tmp_path: Path
) -> None:
    engine = create_engine(f"sqlite:///{as_recorded(schema, tmp_path / 'old.sqlite3')}")
    with engine.connect() as connection:
        names = [
            name
            for (name,) in connection.exec_driver_sql(
                "SELECT name FROM sqlite_schema WHERE type = 'table'"
            )
            if name in LASTING
        ]
    engine.dispose()
    columns = _columns(tmp_path / "old.sqlite3", names)
    rows = {n: [{c: row[c] for c in columns[n]} for row in ROWS[n]] for n in names}

    with opened(f"sqlite:///{tmp_path}/new.sqlite3") as (store, dumps):
        restored(dumps, Written(rows, schema, {"labels": 9}))
        assert [label.id for label in store.labels(removed=True)] == [1, 2]
        (label,) = store.add_labels([Label(0, "gas-room", LabelKind.NORMAL, 1, 2)])
        assert label.id == 10


def _columns(path: Path, names: list[str]) -> dict[str, list[str]]:
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        found = {
            name: [row[1] for row in connection.exec_driver_sql(f"PRAGMA table_info({name})")]
            for name in names
        }
    engine.dispose()
    return found


def label_row(**changes: Any) -> dict[str, Any]:
    return {**ROWS["labels"][0], **changes}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ({"secrets": [{"a": 1}]}, "have a table 'secrets' that normalcy has not"),
        ({"leases": ROWS["leases"]}, "have a table 'leases'"),
        ({"labels": [{"id": 1}]}, "has other columns"),
        ({"labels": [label_row(extra=1)]}, "has other columns"),
        ({"labels": [label_row(start="soon")]}, "has no start that can be stored"),
        ({"labels": [label_row(start=2**63)]}, "has no start that can be stored"),
        ({"labels": [label_row(start=True)]}, "has no start that can be stored"),
        ({"labels": [label_row(note=None)]}, "has no note that can be stored"),
        ({"labels": [label_row(tags="room=a")]}, "has no tags that can be stored"),
        ({"labels": [label_row(), label_row()]}, "do not belong together"),
    ],
)
def test_rows_that_do_not_belong_change_nothing(
    rows: dict[str, list[Any]], words: str, tmp_path: Path
) -> None:
    with opened(f"sqlite:///{tmp_path}/records.sqlite3") as (store, dumps):
        store.add_labels([Label(0, "pump", LabelKind.NORMAL, 1, 2)])
        with pytest.raises(InputError, match=words):
            restored(dumps, Written(rows))
        assert [label.detector for label in store.labels()] == ["pump"]


def test_a_dump_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    with (
        opened(f"sqlite:///{tmp_path}/records.sqlite3") as (_, dumps),
        pytest.raises(StoreRefused, match="newer normalcy: their schema is 9999"),
    ):
        restored(dumps, Written({}, "9999"))


def test_a_dump_is_of_one_moment_while_others_write(url: str) -> None:
    with opened(url) as (store, dumps):
        store.add_labels([Label(0, "pump", LabelKind.NORMAL, 1, 2)])
        with dumps.dump() as dump:
            assert len(list(dump.rows("labels"))) == 1
            store.add_labels([Label(0, "pump", LabelKind.NORMAL, 3, 4)])
            store.next_number("pump")
            assert len(list(dump.rows("labels"))) == 1
            assert list(dump.rows("version_numbers")) == []
        assert len(store.labels()) == 2
