"""The newest results of a detector, for the overview."""

import numpy as np

from backend import schema
from backend.exceptions import StoreError, StoreUnavailable
from backend.ports import Query, SeriesStore
from backend.records import SeriesKey, series_key
from backend.services.drawing import Span
from backend.services.events import read_events
from backend.services.overview import Remembered, Results
from backend.services.selection import results_query
from backend.specs import DetectorSpec, nanoseconds

NEWEST_STEPS = 10
"""The newest scores are looked for in so many grid steps before the furthest watermark."""

COVERAGE_REACH = 2 * 86_400_000_000_000
"""Coverage older than this says nothing of today."""


def newest(results: SeriesStore, spec: DetectorSpec, known: Remembered, now: int) -> Results:
    """What was written last; a store that fails is told in `problem`, not raised."""
    if not known.watermarks:
        return Results()
    try:
        return Results(
            _scores(results, spec, max(known.watermarks.values())),
            _coverage(results, spec.name, now),
            _open_events(results, spec, now),
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


def _scores(
    results: SeriesStore, spec: DetectorSpec, mark: int
) -> dict[SeriesKey, tuple[float, bool]]:
    span = Span(max(mark - NEWEST_STEPS * spec.step, 0), mark)
    query = results_query(spec, schema.SCORES, ("score", "alarm"), span, newest=1)
    found = {}
    for points in results.read(query):
        score, alarm = (float(points.fields[name][-1]) for name in ("score", "alarm"))
        if np.isfinite(score):
            found[series_key(points.tags)] = (score, alarm > 0.5)
    return found


def _coverage(results: SeriesStore, detector: str, now: int) -> float | None:
    where = {schema.DETECTOR_TAG: detector}
    query = Query(schema.COVERAGE, ("coverage",), now - COVERAGE_REACH, now, where=where, newest=1)
    values = [float(points.fields["coverage"][-1]) for points in results.read(query)]
    return values[-1] if values else None


def _open_events(results: SeriesStore, spec: DetectorSpec, now: int) -> int:
    return sum(event.stop is None for event in read_events(results, spec, Span(now - 1, now)))
