"""What might be labelled next: never a label until a person says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from backend import schema
from backend.detection.grid import ceil_to, floor_to, inside, touching
from backend.detection.quiet import quiet_limit, quiet_runs
from backend.ports import Clock, Floats, Points, Query, RecordStore, SeriesStore, Times
from backend.records import Label, LabelKind, SeriesKey, series_key
from backend.services.detectors import Detectors
from backend.services.drawing import Span
from backend.services.events import Event, read_events
from backend.services.reading import matching, ranges
from backend.services.selection import check_range, chosen_series, results_query
from backend.specs import DetectorSpec

BUCKETS = 2000
"""Into so many a range is divided at most; of each the highest score is looked at."""

MOST_SERIES = 50
"""Of a larger fleet only so many are looked at, unless they are named."""

_HOUR = 3_600_000_000_000


@dataclass(frozen=True)
class Suggestion:
    """A range that a person might label, and as what.

    Attributes:
        kind: `normal` for quiet time, `anomaly` for an event to confirm or refute.
        series: whose it is.
        tags: of the series.
        start: nanoseconds.
        stop: nanoseconds.
        score: the highest within.
        why: a sentence.
    """

    kind: LabelKind
    series: SeriesKey
    tags: Mapping[str, str]
    start: int
    stop: int
    score: float
    why: str


@dataclass(frozen=True)
class _Scored:
    """One series in buckets of one length.

    Attributes:
        tags: of the series.
        every: length of a bucket, nanoseconds.
        times: (T,) starts of buckets.
        worst: (T,) highest score.
        fit: (T,) judged throughout and never flagged.
    """

    tags: Mapping[str, str]
    every: int
    times: Times
    worst: Floats
    fit: np.ndarray


class Suggesting:
    """Looks for quiet time and events that nobody has spoken of."""

    def __init__(
        self, records: RecordStore, results: SeriesStore, detectors: Detectors, clock: Clock
    ) -> None:
        self._records = records
        self._results = results
        self._detectors = detectors
        self._clock = clock

    def find(
        self, detector: str, span: Span, *, series: Sequence[str] = (), limit: int = 20
    ) -> list[Suggestion]:
        """Events to confirm or refute, the highest first, then quiet time, the longest first.

        Nothing is suggested where any label speaks already.

        Args:
            detector: its name.
            span: where to look.
            series: only these; without any, all of a small fleet.
            limit: how many of either kind at most.

        Raises:
            InputError: the range is empty.
            NotFound: there is no such detector or series.
            StoreError: the results cannot be read.
        """
        spec = self._detectors.get(detector)
        check_range(span)
        span = replace(span, stop=min(span.stop, self._clock.now()))
        if span.start >= span.stop:
            return []
        keys = tuple(sorted(chosen_series(spec, series))) or self._few(spec)
        labels = self._records.labels(detector)
        events = self._events(spec, span, keys, labels)
        quiet = [
            one for scored in self._scored(spec, span, keys) for one in _quiet(spec, scored, labels)
        ]
        quiet.sort(key=lambda one: (one.start - one.stop, one.series, one.start))
        return [*events[:limit], *quiet[:limit]]

    def _few(self, spec: DetectorSpec) -> tuple[SeriesKey, ...]:
        return tuple(sorted(self._records.watermarks(spec.name))[:MOST_SERIES])

    def _events(
        self,
        spec: DetectorSpec,
        span: Span,
        keys: Sequence[SeriesKey],
        labels: Sequence[Label],
    ) -> list[Suggestion]:
        found = [
            _of_event(event, span)
            for event in read_events(self._results, spec, span)
            if event.series in keys
        ]
        unspoken = [
            one
            for one in found
            if not any(
                label.start < one.stop and label.stop > one.start and label.matches(one.tags)
                for label in labels
            )
        ]
        return sorted(unspoken, key=lambda one: (-one.score, one.start, one.series))

    def _scored(self, spec: DetectorSpec, span: Span, keys: tuple[SeriesKey, ...]) -> list[_Scored]:
        """Scores in buckets, three reads for all series; whole buckets of the range only."""
        rows = -(-(span.stop - span.start) // spec.step)
        every = spec.step * -(-rows // BUCKETS)
        whole = Span(ceil_to(span.start, every), floor_to(span.stop, every))
        if whole.start >= whole.stop or not keys:
            return []
        query = results_query(spec, schema.SCORES, ("score", "flag"), whole)
        query = replace(query, every=every, series=keys if spec.group_by else None)
        high = self._results.read(replace(query, aggregate="max"))
        judged = self._judged(replace(query, fields=("judged",)), every // spec.step)
        return [
            _joined(points, judged[key], every)
            for points in high
            if (key := series_key(points.tags)) in judged
        ]

    def _judged(self, query: Query, rows: int) -> dict[SeriesKey, Times]:
        """Of each series the buckets in which every row is there and judged."""
        least = _holding(self._results.read(replace(query, aggregate="min")), 1.0)
        if rows == 1:
            return least
        # Where nothing was scored for a while, nobody knows what there was.
        full = _holding(self._results.read(replace(query, aggregate="count")), rows)
        return {
            key: np.intersect1d(times, full[key]) for key, times in least.items() if key in full
        }


def _holding(found: Sequence[Points], least: float) -> dict[SeriesKey, Times]:
    """Of each series the buckets whose number is not below another."""
    numbers = ((one, np.asarray(one.fields["judged"], dtype=np.float64)) for one in found)
    return {series_key(one.tags): one.times[number >= least] for one, number in numbers}


def _joined(high: Points, judged: Times, every: int) -> _Scored:
    score = np.asarray(high.fields["score"], dtype=np.float64)
    flag = np.asarray(high.fields["flag"], dtype=np.float64)
    return _Scored(high.tags, every, high.times, score, (flag == 0.0) & np.isin(high.times, judged))


def _quiet(spec: DetectorSpec, scored: _Scored, labels: Sequence[Label]) -> list[Suggestion]:
    key = series_key(scored.tags)
    spoken = matching(labels, key)
    normal = inside(scored.times, scored.every, ranges(spoken, LabelKind.NORMAL))
    taken = touching(scored.times, scored.every, ranges(spoken, *LabelKind))
    limit = quiet_limit(scored.worst, normal & scored.fit)
    quiet = scored.fit & ~taken & (scored.worst <= limit)
    return [
        _of_quiet(scored, run, key)
        for run in quiet_runs(scored.times, scored.every, quiet, _shortest(spec))
    ]


def _shortest(spec: DetectorSpec) -> int:
    """Below an hour, or a few windows, a range teaches nothing."""
    return max(_HOUR, 3 * getattr(spec.model, "window", 1) * spec.step)


def _of_quiet(scored: _Scored, run: tuple[int, int], key: SeriesKey) -> Suggestion:
    start, stop = run
    within = scored.worst[(scored.times >= start) & (scored.times < stop)]
    worst = float(np.max(within))
    why = f"{_length(stop - start)} without a flag, the score never above {worst:.2f}"
    return Suggestion(LabelKind.NORMAL, key, scored.tags, start, stop, worst, why)


def _of_event(event: Event, span: Span) -> Suggestion:
    stop = event.stop or span.stop
    channels = f" by {', '.join(event.channels)}" if event.channels else ""
    why = f"flagged for {_length(stop - event.start)}, score up to {event.peak_score:.2f}{channels}"
    return Suggestion(
        LabelKind.ANOMALY, event.series, event.tags, event.start, stop, event.peak_score, why
    )


def _length(nanosecond: int) -> str:
    hours = nanosecond / _HOUR
    if hours >= 48:
        return f"{hours / 24:.1f} days"
    return f"{hours:.1f} hours" if hours >= 1 else f"{hours * 60:.0f} minutes"
