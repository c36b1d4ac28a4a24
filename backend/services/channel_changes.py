"""Say what may have happened to the channels of a series: gone, renamed, stuck, another unit."""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from backend.detection.changed_channels import (
    FEWEST,
    Change,
    Changed,
    Ordinary,
    absent_rows,
    changes,
    renamed,
)
from backend.detection.grid import floor_to, last_closed, to_rows
from backend.detection.judging import prepare
from backend.exceptions import NormalcyError
from backend.ports import ArtifactStore, Clock, Floats, Query, RecordStore, SeriesStore
from backend.records import SeriesKey, Version
from backend.schema import NOT_DUE
from backend.services.held import Held
from backend.services.reading import aligned, read_rows
from backend.services.serving import champion_of
from backend.services.versions import unpack
from backend.specs import DetectorSpec, nanoseconds

ROWS = 60
"""Newest grid points that are looked at."""
MOST_SERIES = 50
"""Series of a detector that are looked at, at most: this is read when a person looks."""
_WIDTHS = (1, 9, 81)
"""Grid steps of a row, as far back as it takes to see when a channel has ended: each look begins
about where the one before has too few rows."""
_LASTS = 60_000_000_000
_MOST_HELD = 500
_MOST_VERSIONS = 50
_MINUTE, _LONG_MINUTES = 60_000_000_000, 600
_CHECKS = ("active", "check_low", "check_high", "check_flatline")
_SAME = ("measurement", "channels", "context", "where", "group_by", "every")
"""What a version and its detector must agree in for rows of now to be compared."""


Told = dict[SeriesKey, tuple[str, ...]]
"""Sentences by series."""


class ChannelChanges:
    """Compares the newest readings with what normal ones were."""

    def __init__(
        self, source: SeriesStore, records: RecordStore, artifacts: ArtifactStore, clock: Clock
    ) -> None:
        self._source = source
        self._records = records
        self._artifacts = artifacts
        self._clock = clock
        self._ordinary: dict[str, dict[SeriesKey, Ordinary]] = {}
        self._reading = threading.Lock()
        self._held: Held[Told] = Held(clock, lambda _: _LASTS)
        self._names: set[str] = set()

    def told(self, spec: DetectorSpec, keys: Sequence[SeriesKey]) -> Told:
        """Sentences on each of some series of which there is anything to tell.

        What cannot be read tells nothing: others say which store does not answer.
        """
        asked = tuple(keys[:MOST_SERIES])

        def find() -> Told:
            try:
                return self._look(spec, asked)
            except (NormalcyError, KeyError, ValueError):
                return {}

        name = "\n".join((spec.name, *asked))
        self._names.add(name)
        if len(self._names) > _MOST_HELD:
            self._held, self._names = Held(self._clock, lambda _: _LASTS), {name}
        return self._held.get(name, spec, find)

    def _look(self, spec: DetectorSpec, keys: tuple[SeriesKey, ...]) -> Told:
        version = champion_of(self._records, spec.name)
        if version is None or not keys:
            return {}
        plain, ordinary = spec.plain(), self._known(version)
        known = tuple(key for key in keys if key in ordinary)
        if not known or any(version.spec.get(part) != plain[part] for part in _SAME):
            return {}
        stop = last_closed(self._clock.now(), spec.step, nanoseconds(spec.delay))
        span = stop - ROWS * spec.step, stop
        rows = aligned(read_rows(self._source, spec, *span, known), known)
        active = np.stack([ordinary[key].active for key in known])
        due = ~np.isin(prepare(spec, rows, active).why.astype(np.str_), NOT_DUE)
        found = {key: changes(rows.values[s], ordinary[key], due[s]) for s, key in enumerate(known)}
        found = self._with_names(spec, found, ordinary, stop)
        told = {key: tuple(_sentences(spec, own)) for key, own in found.items()}
        return {key: sentences for key, sentences in told.items() if sentences}

    def _known(self, version: Version) -> dict[SeriesKey, Ordinary]:
        """What normal rows of each series were, from the files of a version."""
        with self._reading:
            if version.artifact not in self._ordinary:
                files = self._artifacts.load(version.artifact, "version")
                keys = json.loads(files["version.json"])["series"]
                arrays = unpack(files["version.npz"], _CHECKS)
                active, low, high, flatline = (arrays[name] for name in _CHECKS)
                self._ordinary[version.artifact] = {
                    key: Ordinary(low[s], high[s], active[s].astype(bool), flatline[s])
                    for s, key in enumerate(keys)
                }
                while len(self._ordinary) > _MOST_VERSIONS:
                    self._ordinary.pop(next(iter(self._ordinary)))
            return self._ordinary[version.artifact]

    def _with_names(
        self,
        spec: DetectorSpec,
        found: dict[SeriesKey, list[Changed]],
        ordinary: dict[SeriesKey, Ordinary],
        stop: int,
    ) -> dict[SeriesKey, list[Changed]]:
        """Channels that are gone, with since when, and the field that each may be by now."""
        gone = {one.channel for own in found.values() for one in own if _is_gone(one)}
        if not gone:
            return found
        fields = self._source.fields(spec.measurement)
        others = [n for n, kind in fields.items() if kind != "string" and n not in spec.inputs]
        names = (*(spec.inputs[f] for f in sorted(gone)), *others)
        found = {
            key: [replace(one, longer=one.longer or _is_gone(one)) for one in own]
            for key, own in found.items()
        }
        for width in _WIDTHS:
            if not (left := tuple(key for key, own in found.items() if any(map(_is_open, own)))):
                break
            every = width * spec.step
            end = floor_to(stop, every)
            span = end - ROWS * every, end
            query = Query(
                spec.measurement, names, *span, spec.where, spec.group_by, every=every, series=left
            )
            rows = aligned(to_rows(self._source.read(query), names, *span, every), left)
            for s, key in enumerate(left):
                columns = dict(zip(names, rows.values[s].T, strict=True))
                found[key] = [
                    _named(spec, one, columns, ordinary[key], width) if _is_open(one) else one
                    for one in found[key]
                ]
        return found


def _is_gone(one: Changed) -> bool:
    return one.change is Change.GONE


def _is_open(one: Changed) -> bool:
    """Whether it is gone, and not seen yet since when."""
    return _is_gone(one) and one.longer


def _named(
    spec: DetectorSpec, one: Changed, columns: Mapping[str, Floats], ordinary: Ordinary, width: int
) -> Changed:
    """A channel that is gone, by columns (T,) whose rows are so many grid steps wide."""
    own, f = columns[spec.inputs[one.channel]], one.channel
    absent = absent_rows(own)
    one = replace(one, rows=absent * width, longer=len(own) - absent < FEWEST)
    others = {name: column for name, column in columns.items() if name not in spec.inputs}
    named = next(renamed(own, others, float(ordinary.low[f]), float(ordinary.high[f])), None)
    return one if named is None else replace(one, change=Change.RENAMED, hint=named)


def _sentences(spec: DetectorSpec, found: Sequence[Changed]) -> Iterator[str]:
    for one in found:
        channel, since = spec.inputs[one.channel], _since(one, spec.step)
        if one.change is Change.GONE:
            yield f"{channel} has not reported {since}, while others do: look at its sensor."
        elif one.change is Change.RENAMED:
            yield (
                f"{channel} has not reported {since}, and {one.hint} began then and looks like it: "
                "if it was renamed, name it so in the detector."
            )
        elif one.change is Change.STUCK:
            yield f"{channel} has not changed {since}: it may be stuck."
        else:
            yield (
                f"{channel} may be in another unit {since} ({one.hint}): if it is, have it written "
                "in the former one, or train on the new."
            )


def _since(one: Changed, step: int) -> str:
    minutes = one.rows * step // _MINUTE
    if not minutes:
        told = f"{one.rows} points"
    elif minutes < _LONG_MINUTES:
        told = f"{minutes} min"
    else:
        told = f"{minutes // 60} h"
    return f"for at least {told}" if one.longer else f"for {told}"


__all__ = ["MOST_SERIES", "ChannelChanges"]
