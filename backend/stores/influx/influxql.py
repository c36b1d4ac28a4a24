"""InfluxQL text. Names and values are data: they come in quoted, or not at all."""

from collections.abc import Iterable, Mapping, Sequence

from backend.ports import Aggregate, FieldKind, Query
from backend.stores.rows import bounded

_FUNCTIONS: Mapping[Aggregate, str] = {
    "mean": "mean",
    "min": "min",
    "max": "max",
    "last": "last",
    "count": "count",
}
"""Looked up, so that nothing is written as it came."""


def identifier(name: str) -> str:
    """Quote the name of a database, measurement, tag or field."""
    return '"' + _escape(name).replace('"', '\\"') + '"'


def literal(value: str) -> str:
    """Quote a string value."""
    return "'" + _escape(value).replace("'", "\\'") + "'"


def select(query: Query, kinds: Mapping[str, FieldKind]) -> str:
    """The statement that reads `query`.

    Args:
        query: what to read.
        kinds: the fields to select and their kinds. Naming the kind keeps a tag of the same name
            out, and lets the server turn integers of older shards into floats.
    """
    columns = ", ".join(f"{identifier(name)}::{_cast(kind)}" for name, kind in kinds.items())
    text = f"SELECT {columns} {_source(query)}" + _grouped(_tags(query))
    if query.newest is not None:
        text += f" ORDER BY time DESC LIMIT {int(query.newest)}"
    if query.oldest is not None:
        text += f" ORDER BY time ASC LIMIT {int(query.oldest)}"
    return text


def select_aggregates(query: Query, fields: Iterable[str], every: int) -> str:
    """The statement that reads numbers of buckets; buckets of the server are aligned to 1970.

    Args:
        query: what to read.
        fields: all of them numbers.
        every: length of a bucket in nanoseconds.
    """
    function = _FUNCTIONS[query.aggregate]
    columns = ", ".join(
        f"{function}({identifier(name)}::float) AS {identifier(name)}" for name in fields
    )
    groups = [f"time({int(every)}ns)", *_tags(query)]
    return f"SELECT {columns} {_source(query)}{_grouped(groups)} fill(none)"


def delete(measurement: str, where: Mapping[str, str], start: int, stop: int) -> str:
    """The statement that deletes rows; DELETE knows tags only, so they need no cast."""
    rows = _conditions(where, start, stop)
    return f"DELETE FROM {identifier(measurement)} WHERE {rows}"  # nosec B608


def show_measurements(database: str = "", policy: str = "") -> str:
    """The statement that lists measurements; of a policy only where it is named (InfluxDB 2)."""
    place = f" ON {identifier(database)}.{identifier(policy)}" if policy else ""
    return f"SHOW MEASUREMENTS{place}"


def show_field_keys(measurement: str) -> str:
    """The statement that lists fields and their kinds."""
    return f"SHOW FIELD KEYS FROM {identifier(measurement)}"


def show_tag_keys(measurement: str) -> str:
    """The statement that lists tags."""
    return f"SHOW TAG KEYS FROM {identifier(measurement)}"


def show_tag_values(measurement: str, tag: str, limit: int | None = None) -> str:
    """The statement that lists the values of a tag."""
    text = f"SHOW TAG VALUES FROM {identifier(measurement)} WITH KEY = {identifier(tag)}"
    return text if limit is None else f"{text} LIMIT {int(limit)}"


def show_retention_policies(database: str) -> str:
    """The cheapest statement that tells whether a database is there."""
    return f"SHOW RETENTION POLICIES ON {identifier(database)}"


def create_database(database: str) -> str:
    """The statement that creates a database; harmless where it exists."""
    return f"CREATE DATABASE {identifier(database)}"


def create_retention_policy(database: str, policy: str) -> str:
    """The statement that creates a retention policy without end."""
    name, owner = identifier(policy), identifier(database)
    return f"CREATE RETENTION POLICY {name} ON {owner} DURATION INF REPLICATION 1"


def _source(query: Query) -> str:
    conditions = _conditions(query.where, query.start, query.stop, "::tag")
    if query.wanted is not None:
        conditions = f"({_any_of(query.wanted)}) AND {conditions}"
    return f"FROM {identifier(query.measurement)} WHERE {conditions}"


def _any_of(series: Sequence[Mapping[str, str]]) -> str:
    """That the tags are those of one of some series, at least one.

    Halved again and again: a server takes a statement apart by calling itself for each bracket, and
    a thousand in a row would be as many calls within each other.
    """
    if len(series) > 1:
        middle = len(series) // 2
        return f"({_any_of(series[:middle])}) OR ({_any_of(series[middle:])})"
    return " AND ".join(_equal(series[0], "::tag"))


def _tags(query: Query) -> list[str]:
    return [identifier(tag) for tag in dict.fromkeys(query.group_by)]


def _grouped(groups: Sequence[str]) -> str:
    return f" GROUP BY {', '.join(groups)}" if groups else ""


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _cast(kind: FieldKind) -> str:
    return "float" if kind == "integer" else kind


def _conditions(where: Mapping[str, str], start: int, stop: int, cast: str = "") -> str:
    return " AND ".join([*_equal(where, cast), *_bounds(start, stop)])


def _equal(tags: Mapping[str, str], cast: str) -> list[str]:
    return [f"{identifier(tag)}{cast} = {literal(value)}" for tag, value in tags.items()]


def _bounds(start: int, stop: int) -> Sequence[str]:
    start, stop = bounded(start, stop)
    return (f"time >= {start}", f"time <= {stop - 1}")
