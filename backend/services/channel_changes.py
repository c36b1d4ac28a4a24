"""Say what may have happened to the channels of a series: gone, renamed, stuck, another unit."""

import json
from collections.abc import Iterator, Sequence

import numpy as np

from backend.detection.changed_channels import Change, Changed, Ordinary, changes, renamed
from backend.detection.grid import last_closed
from backend.exceptions import NormalcyError
from backend.ports import ArtifactStore, Clock, Floats, Query, RecordStore, SeriesStore
from backend.records import SeriesKey, Version, series_key
from backend.services.held import Held
from backend.services.reading import aligned, read_rows
from backend.services.serving import champion_of
from backend.services.versions import unpack
from backend.specs import DetectorSpec, nanoseconds

ROWS = 60
"""Newest grid points that are looked at."""
MOST_SERIES = 50
"""Series of a detector that are looked at, at most: this is read when a person looks."""
_LASTS = 60_000_000_000
_MOST_HELD = 500
_CHECKS = ("active", "check_low", "check_high", "check_flatline")


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
        ordinary = self._known(version)
        known = tuple(key for key in keys if key in ordinary)
        then = (*version.spec.get("channels", ()), *version.spec.get("context", ()))
        if not known or then != spec.inputs:
            return {}
        stop = last_closed(self._clock.now(), spec.step, nanoseconds(spec.delay))
        span = stop - ROWS * spec.step, stop
        rows = aligned(read_rows(self._source, spec, *span, known), known)
        found: Told = {}
        for s, key in enumerate(known):
            own = changes(rows.values[s], ordinary[key])
            own = [
                self._with_name(spec, key, one, rows.values[s], ordinary[key], span) for one in own
            ]
            if told := tuple(_sentences(spec, own)):
                found[key] = told
        return found

    def _known(self, version: Version) -> dict[SeriesKey, Ordinary]:
        """What normal rows of each series were, from the files of a version."""
        if version.artifact not in self._ordinary:
            files = self._artifacts.load(version.artifact, "version")
            keys = json.loads(files["version.json"])["series"]
            arrays = unpack(files["version.npz"], _CHECKS)
            active, low, high, flatline = (arrays[name] for name in _CHECKS)
            self._ordinary[version.artifact] = {
                key: Ordinary(low[s], high[s], active[s].astype(bool), flatline[s])
                for s, key in enumerate(keys)
            }
            while len(self._ordinary) > MOST_SERIES:
                self._ordinary.pop(next(iter(self._ordinary)))
        return self._ordinary[version.artifact]

    def _with_name(
        self,
        spec: DetectorSpec,
        key: SeriesKey,
        one: Changed,
        values: Floats,
        ordinary: Ordinary,
        span: tuple[int, int],
    ) -> Changed:
        """A channel that is gone, with the field that it may be by now."""
        if one.change is not Change.GONE:
            return one
        fields = self._source.fields(spec.measurement)
        numbers = [n for n, kind in fields.items() if kind != "string" and n not in spec.inputs]
        if not numbers:
            return one
        query = Query(
            spec.measurement,
            tuple(numbers),
            *span,
            spec.where,
            spec.group_by,
            every=spec.step,
            series=(key,),
        )
        others = {name: np.full(len(values), np.nan) for name in numbers}
        for points in self._source.read(query):
            if series_key(points.tags) == key:
                place = (points.times - span[0]) // spec.step
                for name, column in points.fields.items():
                    others[name][place] = column.astype(np.float64)
        own, low, high = values[:, one.channel], ordinary.low, ordinary.high
        f = one.channel
        named = next(renamed(own, others, float(low[f]), float(high[f]), one.rows), None)
        return one if named is None else Changed(f, Change.RENAMED, named, one.rows)


def _sentences(spec: DetectorSpec, found: Sequence[Changed]) -> Iterator[str]:
    for one in found:
        channel, minutes = spec.inputs[one.channel], one.rows * spec.step // 60_000_000_000
        since = f"for {minutes} min" if minutes else f"for {one.rows} points"
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


__all__ = ["MOST_SERIES", "ChannelChanges"]
