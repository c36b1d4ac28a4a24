"""A tick of a fleet by the code that scores, with nothing around it: no store is read or written.

Shapes: S series, T rows, F channels.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from backend.detection.pipeline import Fitted
from backend.ports import Clock, Floats, Points, Query, RecordStore, SeriesStore
from backend.records import SetAside, Verdict, Version, parse_series_key
from backend.services.carrying import Tail
from backend.services.fencing import unfenced
from backend.services.scored_part import Part, PartScoring, Task
from backend.services.serving import Served
from backend.services.stores import Stores
from backend.specs import nanoseconds


@dataclass
class _Sensors:
    """A source that has the same rows (S', T, F) again and again, a reading in each bucket.

    Attributes:
        seconds: spent in reading, which is measured on the real one.
    """

    fitted: Fitted
    values: Floats
    seconds: float = 0.0

    def read(self, query: Query) -> list[Points]:
        """The rows of a range, or how many there are."""
        began, step = time.perf_counter(), self.fitted.spec.step
        at = np.arange(query.start // step, query.stop // step)
        times, names = at * step, self.fitted.spec.inputs
        found = []
        for number, key in enumerate(self.fitted.keys):
            own = self.values[number % len(self.values)][at % self.values.shape[1]]
            if query.aggregate == "count":
                own = np.ones_like(own)
            columns = {name: own[:, names.index(name)] for name in query.fields}
            found.append(Points(parse_series_key(key), times, columns))
        self.seconds += time.perf_counter() - began
        return found


class _Nothing:
    """Results and records that hold nothing and keep nothing."""

    def read(self, query: Query) -> list[Points]:
        """There is nothing."""
        return []

    def write_all(self, tables: Mapping[str, Sequence[Points]]) -> None:
        """Keep nothing."""

    def series_set_aside(self, detector: str) -> list[SetAside]:
        """There is none."""
        return []

    def set_aside(self, series: SetAside) -> None:
        """Keep nothing."""


class _Ready(Served):
    """One version, in memory."""

    def __init__(self, fitted: Fitted) -> None:
        self._fitted = fitted

    def load(self, detector: str, number: int) -> tuple[Version, Fitted]:
        """That one."""
        version = Version(
            detector=detector,
            number=number,
            created_at=0,
            artifact="",
            spec={},
            label_hash="",
            data_hash="",
            provisional=False,
            verdict=Verdict.CHAMPION,
            training={},
        )
        return version, self._fitted

    def is_provisional(self, name: str) -> bool:
        """It is not."""
        return False


class Ticking:
    """A fleet that is scored tick after tick, as a job does that has been running for a while.

    Args:
        fitted: the fleet, S series.
        values: (S', T, F) rows of some series that it is given again and again.
        new: buckets that close from one tick to the next.
        clock: the time.
    """

    def __init__(self, fitted: Fitted, values: Floats, new: int, clock: Clock) -> None:
        self._fitted = fitted
        self._sensors = _Sensors(fitted, values)
        nothing: Any = _Nothing()
        stores = Stores(
            cast(SeriesStore, self._sensors),
            cast(SeriesStore, nothing),
            cast(RecordStore, nothing),
            nothing,
        )
        self._parts = PartScoring(stores, _Ready(fitted), clock)
        self._step, spec = fitted.spec.step, fitted.spec
        self._late = -(-nanoseconds(spec.schedule.lateness) // self._step)
        self._new = new
        self._done = fitted.lookback + 1
        self._tail: Tail | None = None
        # what memory does not reach yet is looked up in the results: some rows settle that
        settled = self._late + spec.alarm.merge + spec.alarm.points
        self._run(self._done, self._done + max(settled, new) + fitted.lookback)

    def tick(self) -> float:
        """Score what is new; the seconds without reading and writing."""
        self._sensors.seconds, began = 0.0, time.perf_counter()
        self._run(self._done - self._late, self._done + self._new)
        return time.perf_counter() - began - self._sensors.seconds

    def _run(self, start: int, stop: int) -> None:
        """Score the buckets from one to another, by their numbers."""
        done, step, spec = self._done * self._step, self._step, self._fitted.spec
        task = Task(spec, (), stop * step, done, done, unfenced)
        part = Part(1, start * step, stop * step)
        self._tail = self._parts.run(task, part, self._tail).tail
        self._done = stop
