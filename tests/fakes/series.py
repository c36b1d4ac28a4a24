"""A series store in memory: one dict a row, nothing clever, so that one sees that it is right."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from backend.ports import FieldKind, Finding, Points, Query
from backend.records import series_key
from backend.stores.examining import attempted, round_trip
from backend.stores.rows import admit, aggregated, check_deletable, cut, part_conflicts, write_each

Row = dict[str, Any]
Tags = tuple[tuple[str, str], ...]


class MemorySeriesStore:
    """Keeps `measurement -> tags -> time -> {field: value}`."""

    reduces = False

    def __init__(self) -> None:
        self._data: dict[str, dict[Tags, dict[int, Row]]] = {}
        self._kinds: dict[str, dict[str, FieldKind]] = {}

    def take_from(self, other: "MemorySeriesStore") -> None:
        """Hold the same rows as another: writing them once more would take ten times as long."""
        self._kinds = {name: dict(kinds) for name, kinds in other._kinds.items()}
        self._data = {
            name: {
                tags: {time: dict(row) for time, row in rows.items()}
                for tags, rows in series.items()
            }
            for name, series in other._data.items()
        }

    def ping(self) -> str:
        return "memory"

    def read(self, query: Query) -> list[Points]:
        if query.every is not None:
            raw = self.read(replace(query, every=None))
            found = (aggregated(points, query.every, query.aggregate) for points in raw)
            return [points for points in found if len(points)]
        kinds = self._kinds.get(query.measurement, {})
        groups: dict[tuple[str, ...], list[tuple[int, Row]]] = {}
        for tags, rows in sorted(self._data.get(query.measurement, {}).items()):
            if not _matches(tags, query.where):
                continue
            own = {tag: dict(tags).get(tag, "") for tag in query.group_by}
            if query.series is not None and series_key(own) not in query.series:
                continue
            group = groups.setdefault(tuple(dict(tags).get(t, "") for t in query.group_by), [])
            group += [
                (time, row)
                for time, row in rows.items()
                if query.start <= time < query.stop and not row.keys().isdisjoint(query.fields)
            ]
        found = [
            _points(dict(zip(query.group_by, values, strict=True)), rows, query, kinds)
            for values, rows in groups.items()
        ]
        return sorted((p for p in found if len(p)), key=lambda p: series_key(p.tags))

    def stream(self, query: Query, rows: int) -> Iterator[Points]:
        if query.newest is not None or query.oldest is not None:
            raise ValueError("not for the edge of a range")
        return (piece for points in self.read(query) for piece in cut(points, rows))

    def write(self, measurement: str, batches: Sequence[Points]) -> None:
        self._store(measurement, admit(measurement, batches))

    def write_all(self, tables: Mapping[str, Sequence[Points]]) -> None:
        write_each(tables, self._store)

    def _store(self, measurement: str, admitted: Sequence[Points]) -> None:
        kinds = self._kinds.setdefault(measurement, {}) if admitted else {}
        kept, conflict = part_conflicts(measurement, admitted, kinds)
        for points in kept:
            series = self._data.setdefault(measurement, {}).setdefault(
                tuple(sorted(points.tags.items())), {}
            )
            rows = [series.setdefault(time, {}) for time in points.times.tolist()]
            for name, values in points.fields.items():
                for row, value in zip(rows, values.tolist(), strict=True):
                    if value is not None and value == value:  # noqa: PLR0124 - not NaN
                        row[name] = value
        if conflict:
            raise conflict

    def delete(self, measurement: str, where: Mapping[str, str], start: int, stop: int) -> None:
        check_deletable(measurement)
        self.expire(measurement, where, start, stop)

    def expire(self, measurement: str, where: Mapping[str, str], start: int, stop: int) -> None:
        """Take rows of any measurement away, as a server's retention does."""
        series = self._data.get(measurement, {})
        for tags in [tags for tags in series if _matches(tags, where)]:
            series[tags] = {t: row for t, row in series[tags].items() if not start <= t < stop}
            if not series[tags]:
                del series[tags]
        if not series:
            self._data.pop(measurement, None)
            self._kinds.pop(measurement, None)

    def measurements(self) -> list[str]:
        return sorted(self._data)

    def fields(self, measurement: str) -> dict[str, FieldKind]:
        return dict(sorted(self._kinds.get(measurement, {}).items()))

    def mixed_fields(self, measurement: str) -> dict[str, tuple[str, ...]]:
        return {}

    def tag_values(self, measurement: str, tag: str, limit: int | None = None) -> list[str]:
        found = {dict(t)[tag] for t in self._data.get(measurement, {}) if tag in dict(t)}
        return sorted(found)[:limit]

    def tag_keys(self, measurement: str) -> list[str]:
        return sorted({tag for tags in self._data.get(measurement, {}) for tag, _ in tags})

    def examine(self, at: int, *, writing: bool, scratch: bool) -> list[Finding]:
        steps = [("answers", self.ping), ("round trip", lambda: round_trip(self, at))]
        return attempted(steps if scratch else steps[:1])

    def close(self) -> None:
        pass


def _matches(tags: Tags, where: Mapping[str, str]) -> bool:
    return all(dict(tags).get(tag, "") == value for tag, value in where.items())


def _points(
    tags: dict[str, str],
    rows: list[tuple[int, Row]],
    query: Query,
    kinds: Mapping[str, FieldKind],
) -> Points:
    rows = sorted(rows, key=lambda pair: pair[0])
    if query.newest is not None:
        rows = rows[len(rows) - min(query.newest, len(rows)) :]
    if query.oldest is not None:
        rows = rows[: query.oldest]
    fields: dict[str, Any] = {}
    for name in query.fields:
        values = [row.get(name) for _, row in rows]
        fields[name] = np.array(values, dtype=object if kinds.get(name) == "string" else float)
    return Points(tags, np.array([time for time, _ in rows], dtype=np.int64), fields)
