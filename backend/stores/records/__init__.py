"""What normalcy remembers, in SQLite or PostgreSQL."""

from backend.stores.records.store import SqlRecordStore

__all__ = ["SqlRecordStore"]
