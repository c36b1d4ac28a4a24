"""What was written of detectors as a whole: coverage, trainings, the worst of their series.

These are tables over many detectors, read for overviews in Grafana and by scripts.
"""

from collections.abc import Sequence

import numpy as np

from backend import schema
from backend.ports import Aggregate, Clock, Points, Query, RecordStore, SeriesStore
from backend.records import Run, State
from backend.services.detectors import Detectors
from backend.services.downsampling import Table, table
from backend.services.drawing import Span
from backend.services.events import Event, open_events
from backend.services.selection import check_range
from backend.specs import DetectorSpec

WORST = ("score", "flag", "alarm")
LEAST_BUCKET = 1_000_000_000

LOOKED_THROUGH = 1000
"""Runs, the newest, among which those that ended in a range are looked for."""


class History:
    """Read-only questions about all detectors, or one of them."""

    def __init__(
        self, records: RecordStore, results: SeriesStore, detectors: Detectors, clock: Clock
    ) -> None:
        self._records = records
        self._results = results
        self._detectors = detectors
        self._clock = clock

    def worst(self, span: Span) -> list[Table]:
        """Score, flag and alarm of each detector's worst series, in buckets; by detector."""
        check_range(span)
        found = [self._worst(spec, span) for spec in self._detectors.all()]
        return [one for one in found if len(one)]

    def coverage(self, span: Span, detector: str | None = None) -> list[Table]:
        """How much was judged and how late, the worst of each bucket; by detector."""
        check_range(span)
        found = [self._coverage(name, span) for name in self._names(detector)]
        return [one for one in found if len(one)]

    def training(self, span: Span, detector: str | None = None) -> list[Table]:
        """Losses, thresholds and verdicts of every training; by detector."""
        check_range(span)
        found = []
        for name in self._names(detector):
            where = {schema.DETECTOR_TAG: name}
            query = Query(schema.TRAINING, schema.TRAINING_FIELDS, span.start, span.stop, where)
            found += [_named(name, points) for points in self._results.read(query)]
        return [one for one in found if len(one)]

    def open_events(self, detector: str | None = None) -> list[Event]:
        """Events that go on, the newest first."""
        now = self._clock.now()
        specs = self._specs(detector)
        found = [one for spec in specs for one in open_events(self._results, spec, now)]
        return sorted(found, key=lambda event: event.start, reverse=True)

    def failed_runs(self, span: Span, *, limit: int = 200) -> list[Run]:
        """Runs that failed and ended in a range, newest first."""
        check_range(span)
        newest = self._records.runs(limit=LOOKED_THROUGH)
        ended = [run for run in newest if run.state is State.FAILED]
        within = [run for run in ended if span.start <= (run.finished_at or 0) < span.stop]
        return within[:limit]

    def ended_runs(self, span: Span) -> list[Run]:
        """Runs that ended in a range, oldest first."""
        check_range(span)
        newest = self._records.runs(limit=LOOKED_THROUGH)
        runs = [run for run in newest if run.finished_at is not None]
        return [run for run in runs if span.start <= (run.finished_at or 0) < span.stop][::-1]

    def _names(self, detector: str | None) -> list[str]:
        return [spec.name for spec in self._specs(detector)]

    def _specs(self, detector: str | None) -> Sequence[DetectorSpec]:
        return self._detectors.all() if detector is None else [self._detectors.get(detector)]

    def _worst(self, spec: DetectorSpec, span: Span) -> Table:
        bucket = _bucket(span, spec.step)
        return self._reduced(schema.SCORES, spec.name, WORST, span, bucket, "max")

    def _coverage(self, detector: str, span: Span) -> Table:
        bucket = _bucket(span, LEAST_BUCKET)
        others = tuple(name for name in schema.COVERAGE_FIELDS if name != "coverage")
        least = self._reduced(schema.COVERAGE, detector, ("coverage",), span, bucket, "min")
        most = self._reduced(schema.COVERAGE, detector, others, span, bucket, "max")
        if not np.array_equal(least.times, most.times):
            # A point was written between the two reads.
            times = np.intersect1d(least.times, most.times)
            least = least.take(np.flatnonzero(np.isin(least.times, times)))
            most = most.take(np.flatnonzero(np.isin(most.times, times)))
        return Table(least.tags, least.times, {**least.columns, **most.columns})

    def _reduced(
        self,
        measurement: str,
        detector: str,
        fields: tuple[str, ...],
        span: Span,
        bucket: int,
        aggregate: Aggregate,
    ) -> Table:
        where = {schema.DETECTOR_TAG: detector}
        query = Query(
            measurement, fields, span.start, span.stop, where, every=bucket, aggregate=aggregate
        )
        found = self._results.read(query)
        return _named(detector, found[0]) if found else _empty(detector, fields)


def _bucket(span: Span, step: int) -> int:
    """The size of buckets that give about as many points as are wanted: whole steps."""
    steps = -((span.start - span.stop) // max(span.points, 1)) // step
    return max(steps, 1) * step


def _named(detector: str, points: Points) -> Table:
    found = table(points)
    return Table({schema.DETECTOR_TAG: detector}, found.times, found.columns)


def _empty(detector: str, fields: tuple[str, ...]) -> Table:
    none = np.empty(0, dtype=np.int64)
    columns = {name: np.empty(0) for name in fields}
    return Table({schema.DETECTOR_TAG: detector}, none, columns)
