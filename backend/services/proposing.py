"""A detector to start with, from what the source holds of a measurement, and why it is so."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from backend.detection.profile.advice import LABELS, Advice, advise, duration
from backend.detection.profile.look import look_at
from backend.detection.sampling import evenly
from backend.exceptions import InputError, NoData
from backend.ports import FieldKind, Floats, Points, Query, SeriesStore
from backend.records import SeriesKey, series_key
from backend.services.catalogue import MOST_VALUES, Catalogue, MeasurementFacts
from backend.services.names import mixed_kinds
from backend.services.reading import earliest, latest
from backend.specs import NAME

Use = Literal["channel", "context", "group_by", "left out"]

_EVER = (-(2**63), 2**63 - 1)
_RECENT = 30 * 86_400_000_000_000
"""Series that wrote within so long before the newest row count."""
_LOOKED_AT = 8
"""Series that are looked at."""
_ROWS = (200, 5_000)
_CELLS = 2_000_000
_MOST_SERIES = 20_000
_LONGEST_NAME = 63


@dataclass(frozen=True)
class Considered:
    """A field or tag, what it is proposed to be, and why."""

    name: str
    use: Use
    reason: str


@dataclass(frozen=True)
class Proposal:
    """A detector to start with.

    Attributes:
        name: a free one.
        body: as it would stand below the name in normalcy.yaml.
        fields: all of the measurement.
        tags: all of the measurement.
        window: rows that a kind of model with one window may start with.
        reasons: why grid and window are so, a sentence each.
        warnings: what to know before, a sentence each.
        first: time of the oldest row, nanoseconds.
        last: time of the newest row.
        series: keys of the series, sorted.
    """

    name: str
    body: Mapping[str, Any]
    fields: tuple[Considered, ...]
    tags: tuple[Considered, ...]
    window: int
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    first: int
    last: int
    series: tuple[SeriesKey, ...]


class Proposing:
    """Proposes detectors; reads a bounded part of the source."""

    def __init__(self, source: SeriesStore) -> None:
        self._source = source
        self._catalogue = Catalogue(source)

    def propose(self, measurement: str, taken: Sequence[str] = ()) -> Proposal:
        """Propose a detector for a measurement.

        Args:
            measurement: its name.
            taken: names of detectors that there are.

        Raises:
            NotFound: there is no such measurement.
            InputError: it holds no numbers.
            NoData: it holds no rows.
        """
        facts = self._catalogue.measurement(measurement)
        numbers = tuple(name for name, kind in facts.fields.items() if kind != "string")
        if not numbers:
            raise InputError(
                f"The measurement {measurement!r} holds only text: a detector watches numbers."
            )
        first, last = self._ends(measurement, numbers)
        recent = Query(measurement, numbers, max(first, last - _RECENT), last + 1)
        tags, keys = self._tags(facts, recent)
        group_by = tuple(one.name for one in tags if one.use == "group_by")
        sample = self._sample(replace(recent, group_by=group_by), keys)
        fields = tuple(_fields(facts.fields, sample))
        useful = [one.name for one in fields if one.use in ("channel", "context")]
        advice = _advice(sample, useful or list(numbers))
        return Proposal(
            name=free_name(measurement, taken),
            body=_body(measurement, fields, group_by, advice),
            fields=fields,
            tags=tags,
            window=advice.window,
            reasons=advice.reasons,
            warnings=tuple(_warnings(facts, fields, group_by, advice)),
            first=first,
            last=last,
            series=tuple(keys),
        )

    def series(self, query: Query) -> list[SeriesKey]:
        """Keys of the series that a query parts rows into, of the time before its end alone."""
        return sorted(self._keys(replace(query, start=max(query.start, query.stop - _RECENT))))

    def _ends(self, measurement: str, numbers: tuple[str, ...]) -> tuple[int, int]:
        query = Query(measurement, numbers, *_EVER)
        first, last = earliest(self._source, query), latest(self._source, query)
        if first is None or last is None:
            raise NoData(f"The measurement {measurement!r} holds no numbers: write some first.")
        return first, last

    def _tags(
        self, facts: MeasurementFacts, recent: Query
    ) -> tuple[tuple[Considered, ...], list[SeriesKey]]:
        """What each tag is for, and the series that those taken make."""
        found: dict[str, Considered] = {}
        chosen: tuple[str, ...] = ()
        keys = [""]
        by_size = sorted(facts.tags, key=lambda tag: (-len(facts.tags[tag]), tag))
        for tag in by_size:
            values = facts.tags[tag]
            if len(values) <= 1:
                found[tag] = Considered(tag, "left out", f"it has one value, {_first(values)}")
                continue
            parted = self._keys(replace(recent, group_by=(*chosen, tag)))
            reason = _why_not(tag, facts, len(parted), len(keys), chosen)
            if reason:
                found[tag] = Considered(tag, "left out", reason)
                continue
            count = f"more than {MOST_VALUES}" if tag in facts.cut else str(len(values))
            found[tag] = Considered(tag, "group_by", f"it has {count} values, a series each")
            chosen, keys = (*chosen, tag), parted
        return tuple(found[tag] for tag in facts.tags), sorted(keys)

    def _keys(self, query: Query) -> list[SeriesKey]:
        return [series_key(points.tags) for points in self._source.read(replace(query, newest=1))]

    def _sample(self, query: Query, keys: Sequence[SeriesKey]) -> list[Points]:
        some = tuple(str(key) for key in evenly(np.array(list(keys), dtype=object), _LOOKED_AT))
        rows = _CELLS // (len(some) * len(query.fields))
        newest = int(np.clip(rows, *_ROWS))
        return self._source.read(replace(query, newest=newest, series=some))


def free_name(measurement: str, taken: Sequence[str]) -> str:
    """A name for a detector of a measurement that none of those taken has."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", measurement).strip("-._")[: _LONGEST_NAME - 4]
    name = plain if NAME.fullmatch(plain) else "detector"
    numbered = (name if number == 1 else f"{name}-{number}" for number in range(1, len(taken) + 2))
    return next(one for one in numbered if one not in taken)


def _first(values: Sequence[str]) -> str:
    return repr(values[0]) if values else "and rows lack it"


def _why_not(
    tag: str, facts: MeasurementFacts, parted: int, before: int, chosen: Sequence[str]
) -> str:
    """Why a tag is left out; empty where it is not."""
    if parted > _MOST_SERIES:
        return f"it would make {parted} series: rather a number of something than a machine"
    if parted == before:
        said = " and ".join(chosen) or "the measurement"
        return f"{said} tells the series apart already"
    return ""


def _fields(kinds: Mapping[str, FieldKind], sample: Sequence[Points]) -> Iterator[Considered]:
    only_states = not any(
        kind in ("float", "integer") and not _lacking(name, sample) for name, kind in kinds.items()
    )
    for name, kind in kinds.items():
        if kind == "string":
            yield Considered(name, "left out", "it holds text")
        elif reason := _lacking(name, sample):
            yield Considered(name, "left out", reason)
        elif kind == "boolean" and not only_states:
            yield Considered(name, "context", "a state: it tells the model, and is not judged")
        else:
            yield Considered(name, "channel", "it holds numbers that vary")


def _lacking(name: str, sample: Sequence[Points]) -> str:
    if name.lower() in LABELS:
        return "by its name it says what was an anomaly, and is no sensor"
    columns = [_numbers(points, name) for points in sample]
    columns = [column[np.isfinite(column)] for column in columns]
    known = [column for column in columns if column.size]
    if not known:
        return "it has no value in the newest rows"
    if all(np.ptp(column) == 0 for column in known):
        return f"it is constant in the newest rows, at {known[0][0]:g}"
    return ""


def _numbers(points: Points, name: str) -> Floats:
    column = points.fields[name]
    absent: Floats = np.full(len(points), np.nan)
    return absent if column.dtype == np.object_ else np.asarray(column, dtype=np.float64)


def _advice(sample: Sequence[Points], names: Sequence[str]) -> Advice:
    """What follows from the series with most values."""
    tables = [
        (points.times, np.column_stack([_numbers(points, name) for name in names]))
        for points in sample
    ]
    times, values = max(tables, key=lambda table: int(np.isfinite(table[1]).sum()))
    there = np.isfinite(values).any(axis=1)
    return advise(look_at(times[there], values[there], names), network=False)


def _body(
    measurement: str, fields: Sequence[Considered], group_by: Sequence[str], advice: Advice
) -> dict[str, Any]:
    taken = {use: [one.name for one in fields if one.use == use] for use in ("channel", "context")}
    return {
        "measurement": measurement,
        "channels": taken["channel"],
        **({"context": taken["context"]} if taken["context"] else {}),
        **({"group_by": list(group_by)} if group_by else {}),
        "every": duration(advice.every),
        **({"preprocessing": dict(advice.preprocessing)} if advice.preprocessing else {}),
        **({"error": dict(advice.error)} if advice.error else {}),
    }


def _warnings(
    facts: MeasurementFacts,
    fields: Sequence[Considered],
    group_by: Sequence[str],
    advice: Advice,
) -> Iterator[str]:
    channels = [one.name for one in fields if one.use == "channel"]
    if not channels:
        yield "No field varies: there is nothing to watch yet."
        return
    if len(channels) == 1 and group_by:
        yield (
            f"There is one channel, and {' and '.join(group_by)} parts it into series that are "
            "learned each by itself: what moves together should be stored as fields of one row."
        )
    yield from advice.warnings
    for name in channels:
        if name in facts.mixed:
            sentence = mixed_kinds(name, facts.mixed[name])
            yield f"{sentence[0].upper()}{sentence[1:]}."
