"""Record stores as older programs left them: rows of every table, by the schema that had them.

`python -m tests.stores.recording 0010` writes the file of a schema in `released_schemas/`, a dump
in SQL. Those of released schemas are kept as they are.
"""

import json
import sqlite3
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, MetaData, create_engine, insert

from backend.stores.records.migrating import VERSION_TABLE, migrate, schemas

FOLDER = Path(__file__).parent / "released_schemas"
NOW = 1_780_000_000_123_456_789
HOUR = 3_600_000_000_000
_SPEC = {"measurement": "air", "channels": ["temp", "H₂S"], "group_by": ["room"], "every": "10m"}
_ALERT = {
    "fingerprint": "f00d",
    "state": "firing",
    "start": NOW,
    "stop": None,
    "detector": "gas-room",
    "tags": {"room": "A1"},
    "rule": "alarm",
    "title": "Gas room",
    "summary": "Score 3.1",
    "description": "",
    "labels": {"severity": "high"},
    "annotations": {},
    "values": {"A": 3.1},
    "panel_url": "http://grafana/d/1",
    "received_at": NOW,
    "heard_at": NOW + 5,
    "message": 1,
}
_RUN = {
    "kind": "retrain",
    "detector": "gas-room",
    "state": "done",
    "started_at": NOW,
    "worker": "host:1:abc",
    "finished_at": NOW + HOUR,
    "message": "",
    "details": {"version": 2, "took_s": 12.5},
    "progress": 1.0,
    "words": "done",
    "told_at": NOW + 7,
    "cancelled_by": None,
}
_REQUEST = {
    "kind": "backfill",
    "detector": "gas-room",
    "payload": {"start": NOW, "stop": NOW + HOUR},
    "fingerprint": "ab" * 32,
    "created_by": "ada",
    "created_at": NOW,
    "state": "waiting",
    "worker": None,
    "claimed_at": None,
    "deadline": None,
    "finished_at": None,
    "progress": 0.0,
    "result": {},
    "message": "",
    "words": "",
    "cancelled_by": None,
}
_VERSION = {
    "detector": "gas-room",
    "number": 1,
    "created_at": NOW,
    "artifact": "gas-room/1",
    "spec": _SPEC,
    "label_hash": "1f" * 32,
    "data_hash": "2e" * 32,
    "provisional": False,
    "verdict": "retired",
    "training": {"rows": 1000, "warnings": ["little normal data"], "series": {"room=A1": {}}},
}
_LABEL = {
    "id": 1,
    "detector": "gas-room",
    "kind": "normal",
    "start": NOW,
    "stop": NOW + HOUR,
    "tags": {"room": "A1"},
    "note": "after the overhaul: „gut“",
    "source": "command",
    "created_by": "ada",
    "created_at": NOW,
    "removed_by": None,
    "removed_at": None,
}

ROWS: Mapping[str, list[dict[str, Any]]] = {
    "labels": [
        _LABEL,
        {**_LABEL, "id": 2, "kind": "anomaly", "removed_by": "bob", "removed_at": NOW + 9},
    ],
    "detectors": [{"name": "pump", "spec": _SPEC, "changed_by": "ada", "changed_at": NOW}],
    "version_numbers": [{"detector": "gas-room", "last": 4}],
    "versions": [
        _VERSION,
        {**_VERSION, "number": 2, "artifact": "gas-room/2", "verdict": "champion"},
    ],
    "promotions": [
        {"id": n, "detector": "gas-room", "number": n, "serves_from": NOW, "at": NOW, "by": "ada"}
        for n in (1, 2)
    ],
    "watermarks": [{"detector": "gas-room", "series": "room=A1", "mark": NOW}],
    "set_aside": [
        {
            "detector": "gas-room",
            "series": "room=B2",
            "reason": "no values of channel 'temp'",
            "since": NOW,
            "retry_at": NOW + HOUR,
        }
    ],
    "runs": [
        {**_RUN, "id": 1},
        {**_RUN, "id": 2, "state": "running", "finished_at": None, "progress": 0.25},
    ],
    "run_log": [{"id": 1, "run": 1, "at": NOW, "words": "epoch 3 of 10"}],
    "requests": [
        {**_REQUEST, "id": 1, "state": "done", "finished_at": NOW, "result": {"points": 3}},
        {**_REQUEST, "id": 2},
        {
            **_REQUEST,
            "id": 3,
            "kind": "retrain",
            "state": "running",
            "worker": "host:1:abc",
            "claimed_at": NOW,
            "deadline": NOW + HOUR,
        },
    ],
    "messages": [
        {
            "id": 1,
            "created_at": NOW,
            "state": "delivered",
            "next_try": NOW,
            "tries": 1,
            "ended_at": NOW,
            "problem": "",
        },
    ],
    "alerts": [{**_ALERT, "id": 1}],
    "annotation_links": [
        {
            "book": "grafana/1",
            "annotation": "17",
            "tie": "drawn",
            "start": NOW,
            "stop": NOW + HOUR,
            "content": "c0",
            "updated": 5,
            "labels": [1],
            "dashboard": "",
            "rid": "",
            "revision": 3,
        },
    ],
    "annotation_problems": [
        {"id": 1, "book": "grafana/1", "annotation": "18", "message": "too long", "since": NOW}
    ],
    "leases": [
        {
            "name": "score:gas-room",
            "holder": "host:1:abc",
            "token": "t",
            "until": NOW,
            "due": None,
            "served": NOW,
            "formerly": "",
        },
    ],
    "users": [
        {
            "name": "ada",
            "password_hash": "scrypt$1",
            "role": "admin",
            "created_by": "bob",
            "created_at": NOW,
            "changed_at": NOW,
        },
    ],
    "tokens": [
        {
            "id": 1,
            "name": "grafana",
            "digest": "d" * 64,
            "role": "viewer",
            "detectors": ["pump"],
            "created_by": "ada",
            "created_at": NOW,
            "expires_at": None,
            "revoked_at": None,
            "used_at": NOW,
        },
    ],
    "audit": [
        {
            "id": 1,
            "at": NOW,
            "who": "ada",
            "how": "api",
            "address": "10.0.0.7",
            "action": "label.add",
            "detector": "gas-room",
            "words": "1 label",
        },
    ],
    "sessions": [
        {
            "id": 1,
            "digest": "5" * 64,
            "kind": "account",
            "name": "ada",
            "proof": "p",
            "began_at": NOW,
            "seen_at": NOW,
            "address": "10.0.0.7",
            "agent": "Firefox",
        },
    ],
    "spent_links": [{"digest": "6" * 64, "at": NOW}],
    "identities": [
        {"issuer": "https://id", "subject": "42", "name": "eve", "first_at": NOW, "last_at": NOW}
    ],
    "process_reports": [
        {
            "name": "host:1:abc",
            "role": "jobs",
            "host": "host",
            "pid": 1,
            "program": "0.1",
            "started_at": NOW,
            "at": NOW,
            "families": [],
        },
    ],
    "drift_watches": [
        {"detector": "gas-room", "number": 2, "until": NOW, "state": {"sum": 0.5, "seen": 1000}}
    ],
    "drift_proposals": [
        {
            "id": 1,
            "detector": "gas-room",
            "number": 2,
            "found_at": NOW,
            "reason": "the error rises",
            "details": {"ratio": 1.5},
            "answer": "open",
            "by": "",
            "answered_at": None,
        }
    ],
    "upkeep": [{"name": "backup", "at": NOW, "details": {"size": 7}}],
}
"""Of each table, with the columns of the newest schema."""


def fill(connection: Connection) -> None:
    """Put the rows into the tables and columns that there are."""
    found = MetaData()
    found.reflect(connection)
    for name in sorted(set(found.tables) & set(ROWS)):
        table = found.tables[name]
        kept = [{key: row[key] for key in map(str, table.columns.keys())} for row in ROWS[name]]
        connection.execute(insert(table), kept)


def record(schema: str) -> str:
    """The SQL of a database of SQLite that a program with this schema has filled."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / f".{schema}.sqlite3"
    engine = create_engine(f"sqlite:///{file}")
    try:
        with engine.begin() as connection:
            migrate(connection, "The recording", schema)
            fill(connection)
        engine.dispose()
        return _as_sql(file)
    finally:
        file.unlink(missing_ok=True)


def _as_sql(file: Path) -> str:
    connection = sqlite3.connect(file)
    try:
        return "\n".join(connection.iterdump()) + "\n"
    finally:
        connection.close()


def tables_without_rows() -> set[str]:
    """Tables of the newest schema that a recording would leave empty."""
    from backend.stores.records import tables  # noqa: PLC0415

    return set(tables.metadata.tables) - set(ROWS) - {VERSION_TABLE}


def main(wanted: list[str]) -> None:
    """Write recordings of these schemas, or of all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for schema in wanted or schemas():
        (FOLDER / f"{schema}.sql").write_text(record(schema), encoding="utf-8")
    print(json.dumps(sorted(path.name for path in FOLDER.glob("*.sql"))))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
