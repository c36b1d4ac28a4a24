"""Tables as the flat rows that Infinity and scripts read."""

from collections.abc import Mapping
from typing import Any

from backend.services.downsampling import Table

Row = dict[str, Any]


def times_of(table: Table) -> list[int]:
    """The times in epoch milliseconds."""
    times: list[int] = (table.times // 1_000_000).tolist()
    return times


def wide(table: Table, named: Mapping[str, Any]) -> list[Row]:
    """One row a time with every column; `named` says in each what the table is about."""
    names = list(table.columns)
    columns = [values.tolist() for values in table.columns.values()]
    return [
        {"time": time, **named, **dict(zip(names, values, strict=True))}
        for time, *values in zip(times_of(table), *columns, strict=True)
    ]
