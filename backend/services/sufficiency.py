"""Is there enough labelled normal time to learn from, and does it stand for what a series does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backend.detection.enough import what_is_lacking, windows_needed
from backend.detection.runs import spans
from backend.detection.sufficiency import (
    MOST_ROWS,
    Figures,
    Levels,
    absent,
    days,
    learn_known,
    levels,
    overlap,
    verdict_of,
    week,
)
from backend.detection.thresholds.budget import wanted_hours
from backend.exceptions import NotFound
from backend.ports import Clock, Floats, Query
from backend.records import Label, LabelKind, SeriesKey, Version
from backend.services.contradictions import Contradiction, Contradictions, denied
from backend.services.contradictions import Seen as Against
from backend.services.detectors import Detectors
from backend.services.labelling import Labelling
from backend.services.normal_rows import Looked, NormalRows, Range
from backend.services.reading import firsts, matching, merged, ranges
from backend.services.selection import chosen_series
from backend.services.stores import Stores
from backend.services.sufficiency_words import Part, Seen, parts_of, sentence_of
from backend.specs import BudgetThreshold, DetectorSpec

LIVE = 14 * 86_400_000_000_000
"""How much recent data is compared with the labels."""
MOST_LISTED = 20
"""Gaps and uncovered ranges that are listed, the longest ones; all are counted."""
_HOUR = 3_600_000_000_000
_MERGED = 3
"""Rows that do not part two uncovered ranges."""


@dataclass(frozen=True)
class Uncovered:
    """A range of live data like nothing that was called normal, and where that shows most."""

    start: int
    stop: int
    channel: str


@dataclass(frozen=True)
class Sufficient:
    """The verdict on one series and the figures behind it.

    Attributes:
        detector: its name.
        series: its key.
        verdict: enough, thin, not enough or contradictory.
        figures: what it follows from.
        days: on how many days of the detector's time zone normal rows lie.
        needed_hours: so many in one piece can be trained and calibrated.
        timezone: of hours and weekdays.
        normal_week: (7, 24) hours of normal rows, Monday first.
        live_week: (7, 24) the same of live rows.
        live: range of the recent data looked at; None where there are none.
        levels: of each channel that has live values.
        outside: ranges of live data outside of all labels, the longest, in order.
        outside_count: all of them.
        contradictions: what speaks against labels, in order.
        gaps: ranges within normal labels that hold no data, the longest, in order.
        gap_hours: all of them.
        step: of the grid looked at, nanoseconds; coarser than the detector's for long ranges.
    """

    detector: str
    series: SeriesKey
    verdict: str
    figures: Figures
    days: int
    needed_hours: float
    timezone: str
    normal_week: Floats
    live_week: Floats
    live: Range | None
    levels: Mapping[str, Levels]
    outside: tuple[Uncovered, ...]
    outside_count: int
    contradictions: tuple[Contradiction, ...]
    gaps: tuple[Range, ...]
    gap_hours: float
    step: int

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        return sentence_of(self.verdict, self.figures, self.seen)

    @property
    def parts(self) -> list[Part]:
        """What the sentence is made of."""
        return parts_of(self.verdict, self.figures, self.seen)

    @property
    def seen(self) -> Seen:
        """What is told beside the figures."""
        return Seen(self.days, self.absent_hours, self.absent_days, len(self.contradictions))

    @property
    def absent_hours(self) -> list[tuple[int, int]]:
        """Hours of the day that live data have and no label covers; may go on over midnight."""
        return absent(self.normal_week.sum(axis=0), self.live_week.sum(axis=0))

    @property
    def absent_days(self) -> list[tuple[int, int]]:
        """The same of weekdays, Monday is 0; may go on over Sunday."""
        return absent(self.normal_week.sum(axis=1), self.live_week.sum(axis=1))


@dataclass(frozen=True)
class Brief:
    """What labels alone say of a series, and its newest training: no data are read.

    Attributes:
        series: its key.
        verdict: as far as that can be told.
        sentence: in words.
        hours: labelled normal, without what other labels take away; gaps are not known.
        learned_hours: those that the newest version learned from; None where it does not know it.
        parts: what the sentence is made of.
    """

    series: SeriesKey
    verdict: str
    sentence: str
    hours: float
    learned_hours: float | None
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True)
class _Regimes:
    """What of the live rows is outside of all labels."""

    share: float | None = None
    ranges: list[Uncovered] = field(default_factory=list)


class Sufficiency:
    """Judges labels; reads only."""

    def __init__(
        self, stores: Stores, detectors: Detectors, labelling: Labelling, clock: Clock
    ) -> None:
        self._stores = stores
        self._detectors = detectors
        self._labelling = labelling
        self._rows = NormalRows(stores, clock)
        self._clock = clock

    def judge(self, detector: str, series: str, *, last: int = LIVE) -> Sufficient:
        """The verdict on one series.

        Args:
            detector: its name.
            series: key of the series; empty where the detector has one without tags.
            last: how much recent data is compared with the labels, nanoseconds.

        Raises:
            NotFound: there is no such detector, or the key is none of its series.
        """
        spec = self._detectors.get(detector)
        key = next(iter(chosen_series(spec, [series])))
        labels = matching(self._labelling.list(detector), key)
        version = next(iter(self._stores.records.versions(detector, limit=1)), None)
        span = self._rows.live_range(spec, key, last)
        parts = self._rows.parts(spec, key, labels)
        if span is None:
            self._refuse_unknown(spec, key, version)
        grid = self._rows.coarser(spec, *parts)
        if span is not None:
            other = self._rows.coarser(spec, span)
            grid = max(grid, other, key=lambda one: one.every)
        normal = self._rows.normal(grid, key, labels, version, parts)
        live = None if span is None else self._rows.live(grid, key, labels, span)
        against = Contradictions(self._stores, spec).of(key, labels, normal)
        return _judged(spec, grid, normal, live, span, against)

    def overview(self, detector: str) -> list[Brief]:
        """What labels alone say of every series, by key; one question to the source for all.

        Raises:
            NotFound: there is no such detector.
        """
        spec = self._detectors.get(detector)
        labels = self._labelling.list(detector)
        version = next(iter(self._stores.records.versions(detector, limit=1)), None)
        now = self._clock.now()
        query = Query(spec.measurement, spec.inputs, 0, now, spec.where, spec.group_by)
        begins = firsts(self._stores.source, query)
        told = None if version is None else version.training.get("series")
        learned = told if isinstance(told, dict) else {}
        return [
            _brief(spec, key, labels, (begins.get(key, now), now), learned.get(key))
            for key in sorted({*begins, *learned})
        ]

    def _refuse_unknown(self, spec: DetectorSpec, key: SeriesKey, version: Version | None) -> None:
        if version is not None and key in version.training.get("series", ()):
            return
        what = f"the series {key!r} of {spec.name!r}" if key else repr(spec.name)
        raise NotFound(
            f"The source holds no data of {what}: measurement {spec.measurement!r} with channels "
            f"{', '.join(spec.inputs)} was expected. Check the names and the tags."
        )


def _judged(
    spec: DetectorSpec,
    grid: DetectorSpec,
    normal: Looked,
    live: Looked | None,
    span: Range | None,
    against: Against,
) -> Sufficient:
    """The verdict by rows on a grid that may be coarser than the detector's own."""
    zone, step = spec.schedule.timezone, grid.step
    (key,) = normal.rows.keys
    regimes = _regimes(grid, normal, live)
    learned = normal.rows.times[normal.normal]
    present = np.empty(0, np.int64) if live is None else live.rows.times[live.there]
    gaps = normal.ranges(normal.said & ~normal.there)
    figures = Figures(
        hours=len(learned) * step / _HOUR,
        wanted_hours=_wanted(spec),
        lacking=_lacking(grid, normal),
        outside_share=regimes.share,
        contradicted_hours=against.hours,
        denied=denied(against.found),
    )
    return Sufficient(
        detector=spec.name,
        series=key,
        verdict=verdict_of(figures),
        figures=figures,
        days=days(learned, zone),
        needed_hours=_needed(spec),
        timezone=zone,
        normal_week=week(learned, step, zone),
        live_week=week(present, step, zone),
        live=span,
        levels=_levels(grid, normal, live),
        outside=tuple(_longest(regimes.ranges)),
        outside_count=len(regimes.ranges),
        contradictions=against.found,
        gaps=tuple(_longest(gaps)),
        gap_hours=sum(b - a for a, b in gaps) / _HOUR,
        step=step,
    )


def _needed(spec: DetectorSpec) -> float:
    return windows_needed(spec) * spec.step / _HOUR


def _wanted(spec: DetectorSpec) -> float:
    threshold = spec.threshold
    return wanted_hours(threshold) if isinstance(threshold, BudgetThreshold) else 0.0


def _lacking(spec: DetectorSpec, normal: Looked) -> str:
    return what_is_lacking(spec, normal.rows.values[0], normal.said, normal.normal) or ""


def _levels(spec: DetectorSpec, normal: Looked, live: Looked | None) -> dict[str, Levels]:
    if live is None:
        return {}
    told, said = live.rows.values[0, live.there & live.said], normal.rows.values[0, normal.said]
    found = {name: levels(told[:, f], said[:, f]) for f, name in enumerate(spec.inputs)}
    return {name: own for name, own in found.items() if own is not None}


def _regimes(spec: DetectorSpec, normal: Looked, live: Looked | None) -> _Regimes:
    """Live rows outside of all that was called normal, by complete rows of both."""
    if live is None:
        return _Regimes()
    lives = live.rows.values[0]
    use = np.flatnonzero(np.isfinite(lives).any(axis=0))
    complete = live.usable & live.said & np.isfinite(lives[:, use]).all(axis=1)
    learned = normal.rows.values[0, normal.normal][:, use]
    learned = learned[np.isfinite(learned).all(axis=1)]
    known = learn_known(learned, lives[complete][:, use], spec.model.window)
    if known is None or not len(use):
        return _Regimes()
    place = np.flatnonzero(complete)
    # a bounded number of rows, evenly: what lies between two that are outside is taken as they are
    every = -(-len(place) // (4 * MOST_ROWS))
    place = place[::every]
    outside, channel = known.outside(lives[place][:, use])
    found = []
    times, step = live.rows.times, live.rows.step
    for start, stop in spans(outside, _MERGED):
        worst = np.bincount(channel[start:stop]).argmax()
        begin, end = int(times[place[start]]), int(times[place[stop - 1]]) + every * step
        found.append(Uncovered(begin, end, spec.inputs[int(use[worst])]))
    return _Regimes(float(outside.mean()), found)


def _longest(found: Sequence[Any]) -> list[Any]:
    """The longest of ranges, in order."""

    def bounds(one: Any) -> Range:
        return one if isinstance(one, tuple) else (one.start, one.stop)

    longest = sorted(found, key=lambda one: bounds(one)[0] - bounds(one)[1])[:MOST_LISTED]
    return sorted(longest, key=bounds)


def _brief(
    spec: DetectorSpec,
    key: SeriesKey,
    labels: Sequence[Label],
    bounds: Range,
    learned: Mapping[str, Any] | None,
) -> Brief:
    own = matching(labels, key)
    normal = merged(ranges(own, LabelKind.NORMAL))
    against = merged(ranges(own, LabelKind.ANOMALY, LabelKind.EXCLUDE))
    parts = [(max(a, bounds[0]), min(b, bounds[1])) for a, b in normal]
    time = sum(b - a - overlap(against, a, b) for a, b in parts if a < b)
    taught = None if learned is None else float(learned.get("hours", 0.0))
    # what the source has lost since is still in the version
    hours = max(time / _HOUR, taught or 0.0) if normal else 0.0
    needed = _needed(spec)
    lacking = ""
    if not hours:
        lacking = "no normal range is marked for it: mark one, or let a label speak for all series"
    elif hours < needed:
        lacking = f"too little normal data: at least {needed:.1f} h are needed: mark more of it"
    figures = Figures(hours, _wanted(spec), lacking)
    verdict = verdict_of(figures)
    told = tuple(parts_of(verdict, figures))
    return Brief(key, verdict, sentence_of(verdict, figures), hours, taught, told)
