"""Questions that change nothing, asked by the pages, the API, Grafana and the command.

Measurement, tag and field names come from the detector's spec and the schema, never from what was
asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from backend import schema
from backend.exceptions import StoreError
from backend.ports import Aggregate, Clock, Query, RecordStore, SeriesStore
from backend.records import Label, Promotion, Request, Run, SeriesKey, State, Version
from backend.services.detectors import Detectors
from backend.services.downsampling import Table
from backend.services.drawing import SERIES_ASKED_ONE_BY_ONE, Drawing, Span, draw_chosen
from backend.services.events import Event, read_events
from backend.services.newest import Newest, recent_series
from backend.services.overview import (
    Glance,
    Overview,
    Remembered,
    Results,
    SeriesState,
    overview,
)
from backend.services.selection import check_range, chosen_channels, chosen_series, results_query
from backend.specs import DetectorSpec

_LOOKED_THROUGH = 5000
"""Runs that are looked through for those in a state."""

SCORE_SHAPE = ("score", "error", "flag", "alarm")
"""The columns whose peaks decide which rows of the scores are kept."""


@dataclass(frozen=True)
class Part:
    """Whether one part of the system answers, and what it says."""

    name: str
    ok: bool
    detail: str


class Queries:
    """Read-only questions."""

    def __init__(
        self,
        records: RecordStore,
        source: SeriesStore,
        results: SeriesStore,
        detectors: Detectors,
        clock: Clock,
    ) -> None:
        self._records = records
        self._source = source
        self._results = results
        self._detectors = detectors
        self._clock = clock
        self._newest = Newest(results, clock)

    # -- how things are ----------------------------------------------------------------------------

    def parts(self) -> list[Part]:
        """Whether records, source and results answer, by name."""
        return [
            _ping("records", self._records),
            _ping("source", self._source),
            _ping("results", self._results),
        ]

    def overviews(self) -> list[Overview]:
        """Every detector at a glance; a store that is down is told, not raised."""
        now = self._clock.now()
        return [overview(one.spec, one.known, one.results, now) for one in self.glances()]

    def glances(self, detector: str | None = None) -> list[Glance]:
        """What records and results say of every detector, or of one."""
        specs = self._detectors.all() if detector is None else [self._detectors.get(detector)]
        found: list[Glance] = []
        results = Results()
        for spec in specs:
            known = self._remembered(spec.name)
            # A store that is down is not waited for again with every detector.
            results = results if results.down else self._newest.read(spec, known)
            found.append(Glance(spec, known, results))
        return found

    def overview(self, detector: str) -> Overview:
        """One detector at a glance."""
        (one,) = self.glances(detector)
        return overview(one.spec, one.known, one.results, self._clock.now())

    def series(self, detector: str) -> list[SeriesState]:
        """The series of a detector, by key."""
        (one,) = self.glances(detector)
        known, scores = one.known, one.results.scores
        aside = {one.series: one for one in known.set_aside}
        states = []
        for key in sorted({*known.watermarks, *aside}):
            score, alarm = scores.get(key, (None, False))
            mark = known.watermarks.get(key)
            states.append(SeriesState(detector, key, mark, score, alarm, aside.get(key)))
        return states

    def series_keys(self, detector: str) -> list[SeriesKey]:
        """Keys of the known series; before anything was scored, those with recent data."""
        spec = self._detectors.get(detector)
        known = set(self._records.watermarks(detector))
        known |= {one.series for one in self._records.series_set_aside(detector)}
        return sorted(known or recent_series(self._source, spec, self._clock.now()))

    # -- what is drawn -----------------------------------------------------------------------------

    def channels(
        self,
        detector: str,
        span: Span,
        *,
        channels: Sequence[str] = (),
        series: Sequence[str] = (),
        aggregate: Aggregate | None = None,
    ) -> list[Table]:
        """Measured values from the source, one table for each series and channel."""
        spec = self._detectors.get(detector)
        names = chosen_channels(spec, channels)
        query = Query(
            spec.measurement, names, span.start, span.stop, where=spec.where, group_by=spec.group_by
        )
        drawing = _drawing(spec, query, span, aggregate)
        return self._draw(self._source, spec, drawing, series)

    def scores(
        self,
        detector: str,
        span: Span,
        *,
        fields: Sequence[str] = schema.SCORE_NUMBERS,
        series: Sequence[str] = (),
        aggregate: Aggregate | None = None,
    ) -> list[Table]:
        """Error, threshold, score, flag and what else is written, one table for each series.

        Of a very long range, numbers alone may come as an outline; see `outlines.py`.
        """
        spec = self._detectors.get(detector)
        read = tuple(dict.fromkeys([*fields, *SCORE_SHAPE]))
        drawing = Drawing(
            query=results_query(spec, schema.SCORES, read, span),
            points=span.points,
            rows=span.rows,
            step=spec.step,
            look_at=SCORE_SHAPE,
            shown=tuple(dict.fromkeys(fields)),
            outlined=set(fields) <= set(schema.SCORE_NUMBERS),
            aggregate=aggregate,
            wanted=span.wanted,
        )
        return self._draw(self._results, spec, drawing, series)

    def expected(
        self,
        detector: str,
        span: Span,
        *,
        channels: Sequence[str] = (),
        series: Sequence[str] = (),
        aggregate: Aggregate | None = None,
    ) -> list[Table]:
        """The reconstruction in the sensor's unit, one table for each series and channel."""
        spec = self._detectors.get(detector)
        query = results_query(spec, schema.EXPECTED, chosen_channels(spec, channels), span)
        drawing = _drawing(spec, query, span, aggregate)
        return self._draw(self._results, spec, drawing, series)

    def contributions(
        self,
        detector: str,
        span: Span,
        *,
        channels: Sequence[str] = (),
        series: Sequence[str] = (),
        aggregate: Aggregate | None = None,
    ) -> list[Table]:
        """Each channel's share of the error, all on one time axis, one table for each series."""
        spec = self._detectors.get(detector)
        names = chosen_channels(spec, channels)
        query = results_query(spec, schema.CONTRIBUTIONS, names, span)
        drawing = replace(_drawing(spec, query, span, aggregate), look_at=names)
        return self._draw(self._results, spec, drawing, series)

    def events(
        self, detector: str, span: Span, *, series: Sequence[str] = (), limit: int = 1000
    ) -> list[Event]:
        """Events that overlap a range, by start and series; of more than `limit`, the newest."""
        spec = self._detectors.get(detector)
        check_range(span)
        chosen = chosen_series(spec, series)
        few = len(chosen) <= SERIES_ASKED_ONE_BY_ONE
        events = read_events(self._results, spec, span, list(chosen) if few else ())
        return [event for event in events if not chosen or event.series in chosen][-limit:]

    # -- what is remembered ------------------------------------------------------------------------

    def labels(self, detector: str | None = None, *, span: Span | None = None) -> list[Label]:
        """Labels in force, all or those that overlap a range."""
        if detector is not None:
            self._detectors.get(detector)
        found = self._records.labels(detector)
        if span is None:
            return found
        check_range(span)
        return [one for one in found if one.start < span.stop and one.stop > span.start]

    def versions(self, detector: str) -> list[Version]:
        """Model versions, newest first."""
        self._detectors.get(detector)
        return self._records.versions(detector)

    def version(self, detector: str, number: int) -> Version:
        """One model version."""
        self._detectors.get(detector)
        return self._records.version(detector, number)

    def runs(
        self, detector: str | None = None, *, state: State | None = None, limit: int = 100
    ) -> list[Run]:
        """Runs of jobs, newest first; with `state` those of the newest ones that are in it."""
        if detector is not None:
            self._detectors.get(detector)
        found = self._records.runs(detector, limit=limit if state is None else _LOOKED_THROUGH)
        return [run for run in found if state in (None, run.state)][:limit]

    def request(self, request: int) -> Request:
        """One request for work."""
        return self._records.request(request)

    def requests(self, *, limit: int = 100) -> list[Request]:
        """Requests for work, newest first."""
        return self._records.requests(limit=limit)

    # -- the work behind ---------------------------------------------------------------------------

    def _draw(
        self, store: SeriesStore, spec: DetectorSpec, drawing: Drawing, series: Sequence[str]
    ) -> list[Table]:
        check_range(Span(drawing.query.start, drawing.query.stop))
        return draw_chosen(store, drawing, chosen_series(spec, series), self._clock)

    def _remembered(self, detector: str) -> Remembered:
        promotions = self._records.promotions(detector)
        newest_version = next(iter(self._records.versions(detector, limit=1)), None)
        return Remembered(
            newest=newest_version,
            champion=self._champion(promotions, newest_version),
            runs=self._records.runs(detector, limit=50),
            watermarks=self._records.watermarks(detector),
            set_aside=self._records.series_set_aside(detector),
        )

    def _champion(self, promotions: Sequence[Promotion], newest: Version | None) -> Version | None:
        if not promotions:
            return None
        last = promotions[-1]
        if newest is not None and newest.number == last.number:
            return newest
        return self._records.version(last.detector, last.number)


def _drawing(spec: DetectorSpec, query: Query, span: Span, aggregate: Aggregate | None) -> Drawing:
    return Drawing(
        query,
        span.points,
        span.rows,
        spec.step,
        outlined=True,
        aggregate=aggregate,
        wanted=span.wanted,
    )


def _ping(name: str, store: SeriesStore | RecordStore) -> Part:
    try:
        return Part(name, True, store.ping())
    except StoreError as error:
        return Part(name, False, str(error))
