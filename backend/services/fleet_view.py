"""Which series deviate together, and a picture of all that deviate: one fleet, or all of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from backend import schema
from backend.detection.together import (
    Cause,
    Part,
    cause,
    groups,
    in_common,
    narrowest,
    order_together,
)
from backend.exceptions import InputError, StoreError
from backend.ports import Clock, Floats, SeriesStore, Times
from backend.records import SeriesKey, parse_series_key
from backend.services.drawing import Span
from backend.services.events import Event, read_events
from backend.services.outlines import bucket_length, read_buckets
from backend.services.overview import Glance
from backend.services.pieces import Deadline
from backend.services.queries import Queries
from backend.services.selection import check_range, results_query

MOST_ROWS = 200
"""Series drawn at most, the worst ones."""

MOST_EVENTS = 2000
"""Newest events of a detector that are looked at."""

BUCKETS = 120

_TOGETHER_STEPS = 5
_TOGETHER_NS = 15 * 60_000_000_000
_NEVER = np.iinfo(np.int64).max

Name = tuple[str, SeriesKey]
"""Detector and series."""


@dataclass(frozen=True)
class Share:
    """How many series of a detector deviate, of how many that had data."""

    detector: str
    deviating: int
    present: int


@dataclass(frozen=True)
class Together:
    """Events that began together.

    Attributes:
        start: first nanosecond of the earliest.
        stop: end of the last one; None while one goes on.
        peak: highest score.
        cause: where to look first.
        shares: by detector, of those with such an event.
        series: those that deviate, the worst first.
        channels: what stood out in at least half of the events.
        part: what those that deviate have in common and others have not.
    """

    start: int
    stop: int | None
    peak: float
    cause: Cause
    shares: tuple[Share, ...]
    series: tuple[Name, ...]
    channels: tuple[str, ...]
    part: Part | None


@dataclass(frozen=True)
class Heat:
    """Highest scores of series over time, those that deviate together side by side.

    Attributes:
        rows: (R,) series.
        times: (B,) starts of buckets, nanoseconds.
        every: length of a bucket.
        scores: (R, B), NaN where nothing was scored.
    """

    rows: tuple[Name, ...]
    times: Times
    every: int
    scores: Floats


@dataclass(frozen=True)
class FleetPicture:
    """What is found in a range.

    Attributes:
        groups: those that go on first, then the newest first.
        heat: the worst series.
        series: how many there are.
        problem: why the scores could not be read; else empty.
    """

    groups: tuple[Together, ...]
    heat: Heat
    series: int
    problem: str = ""


class FleetView:
    """Read-only questions about series side by side."""

    def __init__(self, queries: Queries, results: SeriesStore, clock: Clock) -> None:
        self._queries = queries
        self._results = results
        self._clock = clock

    def look(self, span: Span, detector: str | None = None) -> FleetPicture:
        """What deviates together in a range, of a detector or of all.

        Raises:
            InputError: the range is empty.
            NotFound: there is no such detector.
            StoreError: the events cannot be read.
        """
        check_range(span)
        glances = self._queries.glances(detector)
        events = [event for one in glances for event in self._events(one, span)]
        heat, problem = self._heat(glances, events, span)
        fleet = _Fleet(glances, events, heat, self._clock.now())
        return FleetPicture(fleet.groups(events), heat, fleet.known, problem)

    def _events(self, one: Glance, span: Span) -> list[Event]:
        return read_events(self._results, one.spec, span)[-MOST_EVENTS:]

    def _heat(
        self, glances: Sequence[Glance], events: Sequence[Event], span: Span
    ) -> tuple[Heat, str]:
        rows = worst_series(glances, events)
        step = max((one.spec.step for one in glances), default=1)
        every = bucket_length(span.start, span.stop, step, BUCKETS)
        first, last = span.start // every, (span.stop - 1) // every
        times = every * np.arange(first, last + 1, dtype=np.int64)
        scores = np.full((len(rows), len(times)), np.nan)
        heat, problem = Heat(rows, times, every, scores), ""
        try:
            self._fill(glances, heat, span)
        except (InputError, StoreError) as error:
            problem = str(error)
        order = order_together(scores)
        return replace(heat, rows=tuple(rows[row] for row in order), scores=scores[order]), problem

    def _fill(self, glances: Sequence[Glance], heat: Heat, span: Span) -> None:
        """One read of numbers of buckets for each detector."""
        places = {name: place for place, name in enumerate(heat.rows)}
        deadline = Deadline.of(self._clock)
        for one in glances:
            keys = tuple(series for detector, series in heat.rows if detector == one.spec.name)
            if not keys:
                continue
            query = results_query(one.spec, schema.SCORES, ("score",), span)
            query = replace(query, every=heat.every, aggregate="max", series=keys)
            found = read_buckets(self._results, query, one.spec.step, deadline)
            for key, table in found.items():
                columns = table.times // heat.every - heat.times[0] // heat.every
                heat.scores[places[one.spec.name, key], columns] = table.columns["score"]


def worst_series(glances: Sequence[Glance], events: Sequence[Event]) -> tuple[Name, ...]:
    """At most `MOST_ROWS` series: by their highest event, then by their score now."""
    peaks = _peaks(events)
    scores = {
        (one.spec.name, key): score
        for one in glances
        for key, (score, _) in one.results.scores.items()
    }
    known = {*peaks, *((one.spec.name, key) for one in glances for key in one.known.watermarks)}
    order = sorted(known, key=lambda name: (-peaks.get(name, 0.0), -scores.get(name, 0.0), name))
    return tuple(order[:MOST_ROWS])


def _peaks(events: Sequence[Event]) -> dict[Name, float]:
    """The highest score of each series that has an event."""
    peaks: dict[Name, float] = {}
    for event in events:
        name = event.detector, event.series
        peaks[name] = max(peaks.get(name, 0.0), event.peak_score)
    return peaks


class _Fleet:
    """All series side by side: which of them had data, and which events belong together."""

    def __init__(
        self, glances: Sequence[Glance], events: Sequence[Event], heat: Heat, now: int
    ) -> None:
        self._now = now
        self._heat = heat
        self._steps = {one.spec.name: one.spec.step for one in glances}
        marks: dict[Name, int] = {}
        aside: dict[Name, int] = {}
        for one in glances:
            name = one.spec.name
            marks |= {(name, key): mark for key, mark in one.known.watermarks.items()}
            aside |= {(name, each.series): each.since for each in one.known.set_aside}
        self.known = len(marks.keys() | aside.keys())
        names = sorted({*marks, *aside, *_peaks(events)})
        self._place = {name: place for place, name in enumerate(names)}
        self._tags = [parse_series_key(key) for _, key in names]
        self._of: dict[str, list[int]] = {}
        for (detector, _), place in self._place.items():
            self._of.setdefault(detector, []).append(place)
        self._marks = np.array([marks.get(name, 0) for name in names], dtype=np.int64)
        self._aside = np.array([aside.get(name, _NEVER) for name in names], dtype=np.int64)
        self._drawn = [self._place[name] for name in heat.rows]

    def groups(self, events: Sequence[Event]) -> tuple[Together, ...]:
        """Events that began together, those that go on first, then the newest."""
        found = [self._together(members) for members in self._parted(events)]
        return tuple(sorted(found, key=lambda one: (one.stop is not None, -one.start)))

    def _parted(self, events: Sequence[Event]) -> Iterator[list[Event]]:
        starts = np.array([one.start for one in events], dtype=np.int64)
        stops = np.array([self._end(one.stop, one.start) for one in events], dtype=np.int64)
        steps = [self._steps[one.detector] for one in events]
        within = np.array([max(_TOGETHER_STEPS * step, _TOGETHER_NS) for step in steps], np.int64)
        parts: dict[int, list[Event]] = {}
        for event, number in zip(events, groups(starts, stops, within).tolist(), strict=True):
            parts.setdefault(number, []).append(event)
        yield from parts.values()

    def _end(self, stop: int | None, start: int) -> int:
        return max(self._now, start + 1) if stop is None else stop

    def _together(self, events: Sequence[Event]) -> Together:
        start = min(event.start for event in events)
        ends = [event.stop for event in events if event.stop is not None]
        stop = max(ends) if len(ends) == len(events) else None
        peaks = _peaks(events)
        deviates = np.zeros(len(self._tags), dtype=np.bool_)
        deviates[[self._place[name] for name in peaks]] = True
        present = self._had_data(start, self._end(stop, start)) | deviates
        parts = {name: self._of[name] for name in sorted({detector for detector, _ in peaks})}
        shares = tuple(
            Share(name, int(deviates[places].sum()), int(present[places].sum()))
            for name, places in parts.items()
        )
        fleet = [place for places in parts.values() for place in places]
        tags = [self._tags[place] for place in fleet]
        part = narrowest(tags, deviates[fleet], present[fleet])
        return Together(
            start=start,
            stop=stop,
            peak=max(peaks.values()),
            cause=_cause(shares, part),
            shares=shares,
            series=tuple(sorted(peaks, key=lambda name: (-peaks[name], name))),
            channels=in_common([event.channels for event in events]),
            part=part,
        )

    def _had_data(self, start: int, stop: int) -> NDArray[np.bool_]:
        """(S,) Whether each was scored meanwhile, as far as the scores that were read tell."""
        there = (self._marks > start) & (self._aside > start)
        times = self._heat.times
        meanwhile = (times < stop) & (times + self._heat.every > start)
        if meanwhile.any():
            there[self._drawn] &= np.isfinite(self._heat.scores[:, meanwhile]).any(axis=1)
        return there


def _cause(shares: Sequence[Share], part: Part | None) -> Cause:
    """Of all detectors together; what is common to one of them is a common cause too."""
    total = cause(sum(s.deviating for s in shares), sum(s.present for s in shares), part)
    if total is not Cause.SEVERAL:
        return total
    common = any(cause(s.deviating, s.present) is Cause.COMMON for s in shares)
    return Cause.COMMON if common else total
