"""What a database holds, and whether it is there at all."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from backend.ports import FieldKind
from backend.stores.influx import influxql
from backend.stores.influx.administration import Administration
from backend.stores.influx.answers import pairs
from backend.stores.influx.client import InfluxClient
from backend.stores.influx.refusals import DatabaseMissing
from backend.stores.rows import holdable

_log = logging.getLogger(__name__)
_NUMBERS = ("float", "integer", "unsigned")
_PRECEDENCE: tuple[FieldKind, ...] = ("float", "integer", "string", "boolean")
_Result = TypeVar("_Result")
_KEPT_S = 60.0


class Catalog:
    """Measurements, fields and tags of one database.

    Args:
        client: asks the server.
        administration: mends what is missing on InfluxDB 2.
        create: create the database on first use if it is missing.
        monotonic: seconds that pass.
    """

    def __init__(
        self,
        client: InfluxClient,
        administration: Administration,
        *,
        create: bool,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        self._kept: dict[str, tuple[dict[str, FieldKind], float]] = {}
        self._client = client
        self._administration = administration
        self._create = create
        self._reported: set[tuple[str, str]] = set()

    def measurements(self) -> list[str]:
        """All measurements, sorted."""
        address = self._client.address
        place = (address.database, address.policy or "") if self._beside_default() else ("", "")
        statement = influxql.show_measurements(*place)
        return sorted({name for (name,) in self._list(statement, "name")})

    def fields(self, measurement: str) -> dict[str, FieldKind]:
        """Fields of a measurement with their kinds; a field of several kinds has the foremost."""
        kinds = self._kinds(measurement)
        for name, mixed in _mixed(kinds).items():
            self._report_mixed(measurement, name, mixed)
        return {name: _foremost(kinds[name]) for name in sorted(kinds)}

    def kinds(self, measurement: str, names: Sequence[str]) -> dict[str, FieldKind]:
        """Kinds of those of some fields that are stored.

        Once all of them are, they are not asked for again for a minute: what is scored each second
        would else ask twice each time.
        """
        known, until = self._kept.get(measurement, ({}, 0.0))
        if self._monotonic() >= until or not set(names) <= set(known):
            known = self.fields(measurement)
            self._kept[measurement] = known, self._monotonic() + _KEPT_S
        return {name: known[name] for name in names if name in known}

    def mixed_fields(self, measurement: str) -> dict[str, tuple[str, ...]]:
        """Fields stored under kinds that cannot be read together, foremost first."""
        return _mixed(self._kinds(measurement))

    def _kinds(self, measurement: str) -> dict[str, set[str]]:
        """All kinds under which each field is stored; several where it changed between shards."""
        if not measurement or not holdable(measurement):
            return {}
        found: dict[str, set[str]] = {}
        statement = influxql.show_field_keys(measurement)
        for name, kind in self._list(statement, "fieldKey", "fieldType"):
            found.setdefault(name, set()).add(kind)
        return found

    def tag_keys(self, measurement: str) -> list[str]:
        """Tags of a measurement, sorted."""
        if not measurement or not holdable(measurement):
            return []
        if self._beside_default():
            return sorted(self.ensured(lambda: self._administration.tag_keys(measurement)))
        return sorted({tag for (tag,) in self._list(influxql.show_tag_keys(measurement), "tagKey")})

    def tag_values(self, measurement: str, tag: str, limit: int | None) -> list[str]:
        """Values of a tag, sorted."""
        if not measurement or not tag or not holdable(measurement, tag) or limit == 0:
            return []
        if self._beside_default():
            found = self.ensured(lambda: self._administration.tag_values(measurement, tag))
            return sorted(found)[:limit]
        statement = influxql.show_tag_values(measurement, tag, limit)
        return sorted({value for (value,) in self._list(statement, "value")})[:limit]

    def _beside_default(self) -> bool:
        """Whether the bucket is one that InfluxDB 2 leaves out when it lists."""
        named = self._client.address.policy is not None
        return named and self._client.generation().major == 2

    def ensured(self, action: Callable[[], _Result]) -> _Result:
        """Run an action; where the database is missing and may be created, create it first.

        Raises:
            DatabaseMissing: it is missing; with the command that mends it.
        """
        try:
            return action()
        except DatabaseMissing as error:
            if not self._create:
                raise DatabaseMissing(f"{error}; {self._remedy(str(error))}") from error
        self._make()
        return action()

    def require_database(self) -> None:
        """Look whether the database is there; raises as `ensured` does."""
        self.ensured(self._look)

    def _look(self) -> None:
        """Ask for the database.

        Raises:
            DatabaseMissing: it is not there, or has no such policy.
        """
        address = self._client.address
        third = self._client.generation().major == 3
        database = address.bucket if third else address.database
        statement = influxql.show_retention_policies(database)
        found = self._client.query(statement, database=False)
        names = {name for part in found if "name" in part.columns for name in part.columns["name"]}
        if not names and not third:
            raise DatabaseMissing(f"{address}: database not found: {database!r}")
        if address.policy and not third and address.policy not in names:
            raise DatabaseMissing(
                f"{address}: retention policy not found: {database!r} has no {address.policy!r}"
            )

    def _make(self) -> None:
        address, generation = self._client.address, self._client.generation()
        if generation.major == 1:
            statement = influxql.create_database(address.database)
            self._client.query(statement, database=False)
            if address.policy:
                statement = influxql.create_retention_policy(address.database, address.policy)
                self._client.query(statement, database=False)
        elif generation.major == 2:
            self._administration.create()
        # InfluxDB 3 creates a database with the first row that is written to it

    def _remedy(self, said: str) -> str:
        address, generation = self._client.address, self._client.generation()
        if generation.major == 2:
            return self._administration.remedy()
        if generation.major == 3:
            return f"create it with: influxdb3 create database '{address.bucket}'"
        if address.policy and "retention policy" in said:
            statement = influxql.create_retention_policy(address.database, address.policy)
        else:
            statement = influxql.create_database(address.database)
        return f"create it with: influx -execute '{statement}'"

    def _list(self, statement: str, *columns: str) -> Iterator[tuple[Any, ...]]:
        answer = self.ensured(lambda: self._client.query(statement))
        if not any(map(len, answer)):
            # SHOW gives an unknown database the same empty answer as one without data
            self.require_database()
        return pairs(answer, *columns)

    def _report_mixed(self, measurement: str, name: str, kinds: tuple[str, ...]) -> None:
        if (measurement, name) in self._reported:
            return
        self._reported.add((measurement, name))
        _log.warning(
            "field %r of %r is stored as %s in different shards; only the %s values are read",
            name,
            measurement,
            " and ".join(kinds),
            kinds[0],
        )


def _foremost(kinds: set[str]) -> FieldKind:
    return next((kind for kind in _PRECEDENCE if kind in kinds), "integer")


def _mixed(kinds: dict[str, set[str]]) -> dict[str, tuple[str, ...]]:
    """The fields whose kinds cannot be read together; all numbers can."""
    found: dict[str, tuple[str, ...]] = {}
    for name in sorted(kinds):
        first = _foremost(kinds[name])
        readable = set(_NUMBERS) if first in _NUMBERS else {first}
        if others := kinds[name] - readable:
            found[name] = (first, *sorted(others))
    return found
