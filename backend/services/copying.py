"""Moving series from one store to another: a window of time after the other, each looked at again.

A copy that was cut off goes on behind its last whole window. Copying a window again is safe, since
rows overwrite themselves.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from backend.exceptions import InputError, NoData, PartialWrite, StoreRefused, StoreUnavailable
from backend.ports import Points, Progress, Query, SeriesStore
from backend.services.names import mixed_kinds, unknown_name

ROWS = 20_000
"""Rows in memory at once."""

_HOUR = 3_600 * 10**9
_WINDOWS = 100
_PAUSES = (1.0, 5.0)


class Checkpoints(Protocol):
    """Remembers how far a copy came, so that it survives the process."""

    def done_until(self, measurement: str) -> int | None:
        """The first nanosecond not yet copied; None where nothing was."""
        ...

    def reached(self, measurement: str, until: int) -> None:
        """A window is copied whole."""
        ...

    def finished(self) -> None:
        """Forget it all: the next copy begins anew."""
        ...


@dataclass
class Copied:
    """What became of one measurement.

    Attributes:
        measurement: its name.
        rows: rows written by this run.
        series: series seen by this run.
        dropped: rows that the target refused for ever.
        resumed_from: where a copy that was cut off went on, if it did.
        notes: what is not the same over there, a sentence each.
    """

    measurement: str
    rows: int = 0
    series: int = 0
    dropped: int = 0
    resumed_from: int | None = None
    notes: list[str] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return dict(vars(self))


def refuse_losses(copied: Sequence[Copied]) -> None:
    """Raise if the target dropped rows.

    Raises:
        PartialWrite: with their number and the reasons.
    """
    if dropped := sum(one.dropped for one in copied):
        reasons = "; ".join(note for one in copied if one.dropped for note in one.notes)
        raise PartialWrite(f"The target dropped {dropped} rows for ever: {reasons}", dropped)


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
        """Copy all rows of `[start, stop)`.

        Raises:
            StoreUnavailable: a store does not answer; the next run goes on from there.
            StoreRefused: the target does not hold what was written to it, or says no.
        """
        copied = []
        for number, measurement in enumerate(measurements):
            told = _told(progress, number, len(measurements), measurement)
            copied.append(self._measurement(measurement, start, stop, told))
        self._checkpoints.finished()
        return copied

    def restart(self) -> None:
        """Forget how far an earlier run came."""
        self._checkpoints.finished()

    def close(self) -> None:
        """Close both stores."""
        self._source.close()
        self._target.close()

    def _measurement(
        self, measurement: str, start: int, stop: int, progress: Callable[[float], None]
    ) -> Copied:
        fields = tuple(self._source.fields(measurement))
        tags = tuple(self._source.tag_keys(measurement))
        query = Query(measurement, fields, start, stop, group_by=tags)
        copied = Copied(measurement, notes=self._differences(measurement))
        extent = self._extent(query)
        if extent is None:
            return copied
        begin, end = extent
        done = self._checkpoints.done_until(measurement)
        if done is not None and done > begin:
            copied.resumed_from = done
        seen: set[tuple[str, ...]] = set()
        for window in _windows(query, max(begin, done or begin), end, (end - begin) // _WINDOWS):
            self._patiently(window, copied, seen)
            self._checkpoints.reached(measurement, window.stop)
            progress((window.stop - begin) / (end - begin))
        copied.series = len(seen)
        return copied

    def _extent(self, query: Query) -> tuple[int, int] | None:
        """The times of the first row and behind the last one."""
        oldest = self._source.read(replace(query, oldest=1))
        newest = self._source.read(replace(query, newest=1))
        if not oldest or not newest:
            return None
        first = min(int(points.times[0]) for points in oldest)
        return first, max(int(points.times[-1]) for points in newest) + 1

    def _differences(self, measurement: str) -> list[str]:
        kinds = self._source.fields(measurement)
        whole = [name for name, kind in kinds.items() if kind in ("integer", "boolean")]
        notes = [f"{', '.join(whole)}: integers and booleans are stored as floats"] if whole else []
        mixed = self._source.mixed_fields(measurement)
        return [*notes, *(mixed_kinds(name, kinds) for name, kinds in mixed.items())]

    def _patiently(self, window: Query, copied: Copied, seen: set[tuple[str, ...]]) -> None:
        """Copy a window; all of it again if a store goes away for a moment."""
        for pause in _PAUSES:
            try:
                return self._window(window, copied, seen)
            except StoreUnavailable:
                self._sleep(pause)
        return self._window(window, copied, seen)

    def _window(self, window: Query, copied: Copied, seen: set[tuple[str, ...]]) -> None:
        rows, dropped = 0, 0
        for batch in _batches(self._source.stream(window, ROWS)):
            try:
                self._target.write(window.measurement, batch)
            except PartialWrite as error:
                dropped += error.dropped
                if str(error) not in copied.notes:
                    copied.notes.append(str(error))
            rows += sum(map(len, batch))
            seen |= {tuple(points.tags.values()) for points in batch}
        self._look_again(window, rows - dropped)
        copied.rows += rows - dropped
        copied.dropped += dropped

    def _look_again(self, window: Query, written: int) -> None:
        """Count what the target holds of a window; other rows may have been there before."""
        held = sum(map(len, self._target.stream(window, ROWS)))
        if held < written:
            raise StoreRefused(
                f"The target took {written} rows of {window.measurement!r} and holds {held} of "
                "them: see to its retention and its log, then copy again."
            )


def _told(progress: Progress, number: int, count: int, measurement: str) -> Callable[[float], None]:
    return lambda share: progress((number + share) / count, measurement)


def _windows(query: Query, start: int, stop: int, length: int) -> Iterator[Query]:
    length = max(length, _HOUR)
    while start < stop:
        end = min(start + length, stop)
        yield replace(query, start=start, stop=end)
        start = end


def _batches(pieces: Iterator[Points]) -> Iterator[list[Points]]:
    """Gather small series, so that each write carries many rows."""
    batch: list[Points] = []
    for piece in pieces:
        # "" says that the series lacks the tag
        tags = {tag: value for tag, value in piece.tags.items() if value}
        if batch and sum(map(len, batch)) + len(piece) > ROWS:
            yield batch
            batch = []
        batch.append(replace(piece, tags=tags))
    if batch:
        yield batch
