"""Every series of every detector at a glance: in which state it is, its score now and its last day.

A page asks for a hundred of thousands: states of all are told from what was read for the detectors
anyway, and only the hundred shown are drawn.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from backend import schema
from backend.exceptions import StoreError
from backend.ports import Clock, Floats, Points, Query, SeriesStore
from backend.records import SeriesKey, SetAside, series_key
from backend.services.detectors import Detectors
from backend.services.drawing import Span
from backend.services.held import Held
from backend.services.newest import recent_series
from backend.services.overview import Glance, grace
from backend.services.queries import Queries
from backend.services.selection import results_query
from backend.specs import DetectorSpec

PAGE = 100
"""Rows of a page unless another number is asked for."""

SPARK_BUCKETS = 48
SPARK_BUCKET = 1_800_000_000_000
"""Nanoseconds that one place of a small picture stands for, at least a grid step."""

_MINUTE = 60_000_000_000
_SPARK_LASTS = 5 * _MINUTE
_MOST_HELD = 20_000


class SeriesCondition(StrEnum):
    """How a series is, the most urgent first."""

    ANOMALOUS = "anomalous"
    BLIND = "blind"
    SET_ASIDE = "set aside"
    LEARNING = "learning"
    NORMAL = "normal"


class Sort(StrEnum):
    """What rows are ordered by."""

    STATE = "state"
    SCORE = "score"
    NAME = "name"
    SCORED = "scored"


@dataclass(frozen=True)
class SeriesGlance:
    """One series; `scored_to` is the first nanosecond not yet scored, `why` a reason or empty."""

    detector: str
    series: SeriesKey
    condition: SeriesCondition
    why: str
    score: float | None
    open_events: int
    scored_to: int | None
    set_aside: SetAside | None = None

    @property
    def name(self) -> tuple[str, SeriesKey]:
        """What tells it from all others."""
        return self.detector, self.series


@dataclass(frozen=True)
class Wanted:
    """Which rows, in which order, and which page of them, counted from 1."""

    search: str = ""
    condition: SeriesCondition | None = None
    detector: str | None = None
    sort: Sort = Sort.STATE
    page: int = 1
    rows: int = PAGE


@dataclass(frozen=True)
class SeriesPage:
    """Rows of a page.

    Attributes:
        rows: those shown.
        found: how many match, on all pages.
        total: how many series there are.
        counts: how many of what was searched for are in each state, whichever state is asked for.
        page: which one, of `pages`.
    """

    rows: Sequence[SeriesGlance]
    found: int
    total: int
    counts: Mapping[SeriesCondition, int]
    page: int
    pages: int


@dataclass(frozen=True)
class Spark:
    """The last day of a series in a few numbers.

    Attributes:
        start: first nanosecond.
        bucket: nanoseconds that a place stands for.
        highest: (`SPARK_BUCKETS`,) highest score of each, NaN where nothing was scored.
    """

    start: int
    bucket: int
    highest: Floats


class SeriesOverview:
    """Read-only questions about all series at once."""

    def __init__(
        self,
        queries: Queries,
        detectors: Detectors,
        source: SeriesStore,
        results: SeriesStore,
        clock: Clock,
    ) -> None:
        self._queries = queries
        self._detectors = detectors
        self._source = source
        self._results = results
        self._clock = clock
        self._sparks: dict[tuple[str, SeriesKey], tuple[int, Spark]] = {}
        self._recent: Held[set[SeriesKey]] = Held(clock, lambda _: _MINUTE)

    def rows(self, glances: Sequence[Glance] | None = None) -> list[SeriesGlance]:
        """Every series, by detector and key; of what was read already where that is given."""
        now = self._clock.now()
        found = self._queries.glances() if glances is None else glances
        return [row for one in found for row in series_glances(one, now, self._unscored(one))]

    def sparks(self, rows: Sequence[SeriesGlance]) -> dict[tuple[str, SeriesKey], Spark]:
        """The last day of some series, one read for each detector; absent where it fails."""
        now = self._clock.now()
        asked: dict[str, list[SeriesKey]] = {}
        for row in rows:
            if row.scored_to is not None and self._held_until(row) <= now:
                asked.setdefault(row.detector, []).append(row.series)
        if len(self._sparks) > _MOST_HELD:
            self._sparks.clear()
        for detector, keys in asked.items():
            self._read_sparks(detector, keys, now)
        return {row.name: _with_now(held[1], row) for row in rows if (held := self._held(row))}

    def _held(self, row: SeriesGlance) -> tuple[int, Spark] | None:
        return self._sparks.get(row.name)

    def _held_until(self, row: SeriesGlance) -> int:
        held = self._held(row)
        return held[0] if held else 0

    def _read_sparks(self, detector: str, keys: Sequence[SeriesKey], now: int) -> None:
        query = spark_query(self._detectors.get(detector), keys, now)
        assert query.every is not None
        try:
            found = {series_key(one.tags): one for one in self._results.read(query)}
        except StoreError:
            return  # the page tells which store does not answer
        until = min(now + _SPARK_LASTS, query.stop)
        for key in keys:
            highest = _places(query, found[key]) if key in found else _nothing()
            self._sparks[detector, key] = (until, Spark(query.start, query.every, highest))

    def _unscored(self, one: Glance) -> set[SeriesKey]:
        """Series with data of a detector that has scored nothing so far."""
        if one.known.watermarks or one.known.set_aside:
            return set()

        def find() -> set[SeriesKey]:
            try:
                return recent_series(self._source, one.spec, self._clock.now())
            except StoreError:
                return set()

        return self._recent.get(one.spec.name, one.spec, find)


# -- states ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Of:
    """What all series of a detector have in common."""

    glance: Glance
    now: int
    aside: Mapping[SeriesKey, SetAside]

    @property
    def late_before(self) -> int:
        """A series scored no further than this is not watched."""
        return self.now - grace(self.glance.spec)


def series_glances(
    one: Glance, now: int, unscored: set[SeriesKey] | None = None
) -> list[SeriesGlance]:
    """How each series of a detector is, by key.

    Args:
        one: what is known of the detector.
        now: UTC nanoseconds.
        unscored: series that have data and that no record tells of.
    """
    aside = {series.series: series for series in one.known.set_aside}
    of = _Of(one, now, aside)
    keys = sorted({*one.known.watermarks, *aside, *(unscored or ())})
    return [_glance(of, key) for key in keys]


def _glance(of: _Of, key: SeriesKey) -> SeriesGlance:
    results = of.glance.results
    score, _ = results.scores.get(key, (None, False))
    condition, why = _state(of, key)
    return SeriesGlance(
        detector=of.glance.spec.name,
        series=key,
        condition=condition,
        why=why,
        score=score,
        open_events=results.going_on.get(key, 0),
        scored_to=of.glance.known.watermarks.get(key),
        set_aside=of.aside.get(key),
    )


def _state(of: _Of, key: SeriesKey) -> tuple[SeriesCondition, str]:
    known, results = of.glance.known, of.glance.results
    if key in of.aside:
        return SeriesCondition.SET_ASIDE, of.aside[key].reason
    if known.champion is None:
        return SeriesCondition.LEARNING, ""
    if why := _blind(of, key):
        return SeriesCondition.BLIND, why
    if known.champion.provisional:
        return SeriesCondition.LEARNING, ""
    _, alarm = results.scores.get(key, (None, False))
    if alarm or results.going_on.get(key):
        return SeriesCondition.ANOMALOUS, ""
    return SeriesCondition.NORMAL, results.unjudged.get(key, "")


_BLIND = {
    schema.REASON_GAP: "No data comes.",
    schema.REASON_MISSING_CHANNEL: "Channels are missing, and no limit is known without them.",
}


def _blind(of: _Of, key: SeriesKey) -> str:
    """Why nobody watches a series; empty if it is watched."""
    results = of.glance.results
    if results.problem:
        return results.problem
    if of.glance.known.watermarks.get(key, 0) < of.late_before:
        return "Scoring lies behind."
    why = results.unjudged.get(key, "")
    # Marks move with the fleet, also over a series whose sensors are silent.
    if key not in results.scores:
        why = schema.REASON_GAP
    return _BLIND.get(why, "")


# -- pages -----------------------------------------------------------------------------------------

_ORDER = {condition: place for place, condition in enumerate(SeriesCondition)}


def page_of(rows: Sequence[SeriesGlance], wanted: Wanted) -> SeriesPage:
    """Search, filter, order and cut; a page beyond the last one is the last one."""
    words = wanted.search.casefold().split()
    searched = [row for row in rows if _matches(row, wanted.detector, words)]
    found = [row for row in searched if wanted.condition in (None, row.condition)]
    found.sort(key=_KEYS[wanted.sort])
    pages = max(-(-len(found) // wanted.rows), 1)
    page = min(max(wanted.page, 1), pages)
    return SeriesPage(
        rows=found[(page - 1) * wanted.rows : page * wanted.rows],
        found=len(found),
        total=len(rows),
        counts=Counter(row.condition for row in searched),
        page=page,
        pages=pages,
    )


def _matches(row: SeriesGlance, detector: str | None, words: Sequence[str]) -> bool:
    if detector is not None and row.detector != detector:
        return False
    if not words:
        return True
    text = f"{row.detector} {row.series}".casefold()
    return all(word in text for word in words)


def _urgency(row: SeriesGlance) -> tuple[int, float, str, str]:
    return _ORDER[row.condition], *_worst(row)


def _worst(row: SeriesGlance) -> tuple[float, str, str]:
    return (np.inf if row.score is None else -row.score), row.detector, row.series


def _longest_ago(row: SeriesGlance) -> tuple[int, str, str]:
    return row.scored_to or 0, row.detector, row.series


_KEYS = {
    Sort.STATE: _urgency,
    Sort.SCORE: _worst,
    Sort.NAME: lambda row: row.name,
    Sort.SCORED: _longest_ago,
}


# -- the last day ----------------------------------------------------------------------------------


def spark_query(spec: DetectorSpec, keys: Sequence[SeriesKey], now: int) -> Query:
    """The question for the highest score of each bucket of the last day."""
    bucket = -(-SPARK_BUCKET // spec.step) * spec.step
    stop = now // bucket * bucket + bucket
    span = Span(max(stop - SPARK_BUCKETS * bucket, 0), stop)
    query = results_query(spec, schema.SCORES, ("score",), span)
    return replace(query, every=bucket, aggregate="max", series=tuple(keys))


def _places(query: Query, points: Points) -> Floats:
    """Numbers of buckets, each at its place."""
    assert query.every is not None
    highest = _nothing()
    places = (points.times - query.start) // query.every
    values = np.asarray(points.fields["score"], dtype=np.float64)
    inside = (places >= 0) & (places < SPARK_BUCKETS)
    highest[places[inside]] = values[inside]
    return highest


def _nothing() -> Floats:
    return np.full(SPARK_BUCKETS, np.nan)


def _with_now(spark: Spark, row: SeriesGlance) -> Spark:
    """A picture that is some minutes old, with the score of now at its end."""
    place = ((row.scored_to or 0) - 1 - spark.start) // spark.bucket
    if row.score is None or not 0 <= place < SPARK_BUCKETS:
        return spark
    highest = spark.highest.copy()
    highest[place] = np.fmax(highest[place], row.score)
    return Spark(spark.start, spark.bucket, highest)
