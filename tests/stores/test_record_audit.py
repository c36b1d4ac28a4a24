"""The database itself refuses to alter what the audit log says."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.records import AuditEntry, How
from backend.stores.records import SqlRecordStore
from tests.servers.postgres import binaries_or_skip, running_postgres

ENTRY = AuditEntry(0, 5, "anna", How.PAGE, "10.0.0.1", "label.add", "pump", "label 1")


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: Any, tmp_path: Path) -> Iterator[SqlRecordStore]:
    if request.param == "sqlite":
        opened = SqlRecordStore(f"sqlite:///{tmp_path}/records.sqlite3")
        yield opened
        opened.close()
        return
    with running_postgres(binaries_or_skip()) as server:
        opened = SqlRecordStore(server.new_database())
        yield opened
        opened.close()


def test_an_entry_cannot_be_altered(store: SqlRecordStore) -> None:
    kept = store.add_audit(ENTRY)
    with store._database._writer.connect() as connection:
        with pytest.raises(DBAPIError, match="never changed"):
            connection.execute(text("UPDATE audit SET who = 'eve'"))
        connection.rollback()
    assert store.audit() == [kept]
