"""Moving series from one store to another: a window of time after the other, each looked at again.

A copy that was cut off goes on behind its last whole window. Copying a window again is safe, since
rows overwrite themselves.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from backend.exceptions import InputError, NoData, StoreRefused, StoreUnavailable
from backend.ports import Progress, Query, SeriesStore
from backend.services.copying_progress import Checkpoints, Reached
from backend.services.copying_summary import Copied
from backend.services.copying_window import Carried, carry, first_length, next_length, rows_held
from backend.services.names import mixed_kinds, unknown_name

_PAUSES = (1.0, 5.0)


class Copying:
    """Copies measurements from one series store, which is only read, to another.

    Args:
        source: where the rows are.
        target: where they go.
        checkpoints: how far it came.
        sleep: waits before a window is tried again.
    """

    def __init__(
        self,
        source: SeriesStore,
        target: SeriesStore,
        checkpoints: Checkpoints,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._source = source
        self._target = target
        self._checkpoints = checkpoints
        self._sleep = sleep

    def chosen(self, asked: Sequence[str], *, everything: bool = False) -> list[str]:
        """The measurements to copy, none twice.

        Raises:
            InputError: one is not in the source.
            NoData: the source holds none at all.
        """
        known = self._source.measurements()
        if not known:
            raise NoData("The source holds no measurement: there is nothing to copy.")
        for name in asked:
            if name not in known:
                raise InputError(unknown_name("measurement", name, known))
        return known if everything else list(dict.fromkeys(asked))

    def run(
        self, measurements: Sequence[str], start: int, stop: int, progress: Progress
    ) -> list[Copied]:
        """Copy all rows of `[start, stop)`; a measurement that is refused does not stop the others.

        Raises:
            StoreUnavailable: a store does not answer; the next run goes on from there.
        """
        copied = []
        for number, measurement in enumerate(measurements):
            told = _told(progress, number, len(measurements), measurement)
            copied.append(self._measurement(measurement, start, stop, told))
        self.restart([one.measurement for one in copied if not one.failed])
        return copied

    def restart(self, measurements: Sequence[str]) -> None:
        """Forget how far an earlier run came with some measurements."""
        for measurement in measurements:
            self._checkpoints.forget(measurement)

    def close(self) -> None:
        """Close both stores."""
        self._source.close()
        self._target.close()

    def _measurement(
        self, measurement: str, start: int, stop: int, progress: Callable[[float], None]
    ) -> Copied:
        copied = Copied(measurement)
        try:
            copied.notes += self._differences(measurement)
            fields = tuple(self._source.fields(measurement))
            if not fields:
                copied.notes.append("the source names no field of it: nothing was copied")
            tags = tuple(self._source.tag_keys(measurement))
            extent = self._extent(Query(measurement, fields, start, stop, group_by=tags))
            if extent is not None:
                self._windows(extent, copied, progress)
        except (InputError, StoreRefused) as error:
            copied.failed = str(error)
        return copied

    def _windows(self, extent: Query, copied: Copied, progress: Callable[[float], None]) -> None:
        reached = self._reached(extent, copied)
        whole = extent.stop - extent.start
        length = first_length(whole)
        while reached.until < extent.stop:
            stop = min(reached.until + length, extent.stop)
            carried = self._patiently(replace(extent, start=reached.until, stop=stop))
            copied.add(carried)
            reached = reached.after(stop, carried.kept)
            self._checkpoints.reached(extent.measurement, reached)
            progress((stop - extent.start) / whole)
            length = next_length(length, carried.rows.total(), whole)

    def _reached(self, extent: Query, copied: Copied) -> Reached:
        """Where to go on; at the beginning if what an earlier run did no longer holds."""
        anew = Reached(begin=extent.start, until=extent.start)
        before = self._checkpoints.last(extent.measurement)
        if before is None or before.until <= extent.start:
            return anew
        if extent.start < before.begin:
            copied.notes.append("older rows came to the source since the copy was cut: began anew")
            return anew
        if not self._still_holds(extent, before):
            copied.notes.append("the target lost what was copied before the cut: began anew")
            return anew
        copied.resumed_from = before.until
        return before

    def _still_holds(self, extent: Query, before: Reached) -> bool:
        last = replace(extent, start=before.last_start, stop=before.last_stop)
        return sum(rows_held(self._target, last).values()) >= before.last_rows

    def _extent(self, query: Query) -> Query | None:
        """The query from its first row to behind its last one; None where it has no rows."""
        oldest = self._source.read(replace(query, oldest=1))
        newest = self._source.read(replace(query, newest=1))
        if not oldest or not newest:
            return None
        first = min(int(points.times[0]) for points in oldest)
        last = max(int(points.times[-1]) for points in newest)
        return replace(query, start=first, stop=last + 1)

    def _differences(self, measurement: str) -> list[str]:
        kinds = self._source.fields(measurement)
        whole = [name for name, kind in kinds.items() if kind in ("integer", "boolean")]
        notes = [f"{', '.join(whole)}: integers and booleans are stored as floats"] if whole else []
        mixed = self._source.mixed_fields(measurement)
        return [*notes, *(mixed_kinds(name, kinds) for name, kinds in mixed.items())]

    def _patiently(self, window: Query) -> Carried:
        """Copy a window; all of it again if a store goes away for a moment."""
        for pause in _PAUSES:
            try:
                return carry(self._source, self._target, window)
            except StoreUnavailable:
                self._sleep(pause)
        return carry(self._source, self._target, window)


def _told(progress: Progress, number: int, count: int, measurement: str) -> Callable[[float], None]:
    return lambda share: progress((number + share) / count, measurement)
