"""The newest results of a detector, for the overview."""

from collections import Counter
from collections.abc import Hashable

import numpy as np

from backend import schema
from backend.exceptions import StoreError, StoreUnavailable
from backend.ports import Clock, Points, Query, SeriesStore
from backend.records import SeriesKey, series_key
from backend.services.drawing import Span
from backend.services.events import open_events
from backend.services.held import Held
from backend.services.overview import Remembered, Results
from backend.services.selection import results_query
from backend.specs import DetectorSpec, nanoseconds

NEWEST_STEPS = 10
"""The newest scores are looked for in so many grid steps before the furthest watermark."""

COVERAGE_REACH = 2 * 86_400_000_000_000
"""Coverage older than this says nothing of today."""

HELD_NS = 60_000_000_000
"""Results are read again after so long although nothing is known to have been written."""

PROBLEM_HELD_NS = 2_000_000_000
"""A store that failed is asked again after so long."""


class Newest:
    """The newest results of each detector, read once after each tick of scoring.

    A fleet of thousands of series takes a second to read, and pages ask again and again.
    """

    def __init__(self, results: SeriesStore, clock: Clock) -> None:
        self._results = results
        self._clock = clock
        self._held: Held[Results] = Held(
            clock, lambda found: PROBLEM_HELD_NS if found.problem else HELD_NS
        )

    def read(self, spec: DetectorSpec, known: Remembered) -> Results:
        """What was written last, as far as the records tell that it is still that."""

        def find() -> Results:
            return newest(self._results, spec, known, self._clock.now())

        return self._held.get(spec.name, _basis(spec, known), find)


def _basis(spec: DetectorSpec, known: Remembered) -> Hashable:
    """Changes when results may have: a tick moves the marks, a backfill ends its run."""
    marks = known.watermarks
    runs = tuple((run.id, run.state) for run in known.runs[:10])
    return spec.step, spec.group_by, max(marks.values(), default=0), len(marks), runs


def newest(results: SeriesStore, spec: DetectorSpec, known: Remembered, now: int) -> Results:
    """What was written last; a store that fails is told in `problem`, not raised."""
    if not known.watermarks:
        return Results()
    try:
        found = _scores(results, spec, max(known.watermarks.values()))
        return Results(
            scores={series_key(points.tags): _score(points) for points in found},
            coverage=_coverage(results, spec.name, now),
            unjudged={series_key(one.tags): why for one in found if (why := _unjudged(one))},
            going_on=_going_on(results, spec, now),
        )
    except StoreError as error:
        return Results(problem=str(error), down=isinstance(error, StoreUnavailable))


def recent_series(source: SeriesStore, spec: DetectorSpec, now: int) -> set[SeriesKey]:
    """Series with data inside the detector's `catch_up`, for a detector not scored so far."""
    query = Query(
        spec.measurement,
        spec.channels,
        max(now - nanoseconds(spec.schedule.catch_up), 0),
        now,
        where=spec.where,
        group_by=spec.group_by,
        newest=1,
    )
    return {series_key(points.tags) for points in source.read(query)}


def _scores(results: SeriesStore, spec: DetectorSpec, mark: int) -> list[Points]:
    """The newest row of each series that has a score."""
    span = Span(max(mark - NEWEST_STEPS * spec.step, 0), mark)
    fields = ("score", "alarm", "judged", "reason")
    query = results_query(spec, schema.SCORES, fields, span, newest=1)
    return [one for one in results.read(query) if np.isfinite(float(one.fields["score"][-1]))]


def _score(points: Points) -> tuple[float, bool]:
    score, alarm = (float(points.fields[name][-1]) for name in ("score", "alarm"))
    return score, alarm > 0.5


def _unjudged(points: Points) -> str:
    """Why the newest row is not judged, or not by all channels; empty if it is."""
    reason = str(points.fields["reason"][-1])
    if float(points.fields["judged"][-1]) != 0.0:
        return reason if reason == schema.REASON_DEGRADED else ""
    return reason or schema.REASON_GAP


def _coverage(results: SeriesStore, detector: str, now: int) -> float | None:
    where = {schema.DETECTOR_TAG: detector}
    query = Query(schema.COVERAGE, ("coverage",), now - COVERAGE_REACH, now, where=where, newest=1)
    values = [float(points.fields["coverage"][-1]) for points in results.read(query)]
    return values[-1] if values else None


def _going_on(results: SeriesStore, spec: DetectorSpec, now: int) -> dict[SeriesKey, int]:
    return dict(Counter(event.series for event in open_events(results, spec, now)))
