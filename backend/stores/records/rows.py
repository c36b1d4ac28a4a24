"""Between records and rows: columns are named as attributes, mappings are kept as JSON."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

from backend.exceptions import StoreRefused

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def insert_into(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that knows ON CONFLICT, which both databases spell alike."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def columns(record: "DataclassInstance", *, without: str = "") -> dict[str, Any]:
    """A record's attributes as column values, leaving out the column that the database fills."""
    names = (field.name for field in fields(record) if field.name != without)
    return {name: _value(getattr(record, name)) for name in names}


def _value(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return plain(value) if isinstance(value, Mapping) else value


def plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping as it will be read back: tuples become lists.

    Raises:
        StoreRefused: JSON cannot express it; NaN and infinity are not JSON.
    """
    result: dict[str, Any] = json.loads(_json(value, ordered=False))
    return result


def fingerprint(value: Mapping[str, Any]) -> str:
    """A digest that is the same for mappings with equal content."""
    return hashlib.sha256(_json(value, ordered=True).encode()).hexdigest()


def _json(value: Mapping[str, Any], *, ordered: bool) -> str:
    try:
        return json.dumps(dict(value), allow_nan=False, sort_keys=ordered)
    except (TypeError, ValueError) as error:
        raise StoreRefused(
            f"A record holds what JSON cannot express ({error}); expected texts, finite numbers, "
            "booleans, lists and mappings of them."
        ) from error
