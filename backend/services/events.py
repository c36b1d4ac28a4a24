"""Events as they were written, read back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from backend import schema
from backend.ports import Points, SeriesStore
from backend.records import SeriesKey, series_key
from backend.services.drawing import Span
from backend.services.selection import results_query
from backend.specs import DetectorSpec

EVENT_REACH = 31 * 86_400_000_000_000
"""An event that began longer ago than this before a range is not looked for in it."""


@dataclass(frozen=True)
class Event:
    """A merged run of flagged points; `stop` is None while it goes on."""

    detector: str
    series: SeriesKey
    tags: Mapping[str, str]
    start: int
    stop: int | None
    peak_score: float
    provisional: bool
    channels: tuple[str, ...]
    model: str

    @property
    def id(self) -> str:
        """Stable over rescoring as long as the event starts where it did."""
        return f"{self.detector}/{self.series}/{self.start // 1_000_000}"


def read_events(
    results: SeriesStore, spec: DetectorSpec, span: Span, series: Sequence[SeriesKey] = ()
) -> list[Event]:
    """Valid events that overlap a range, of all series or of some, by start and series."""
    reach = Span(max(span.start - EVENT_REACH, 0), span.stop)
    query = results_query(spec, schema.EVENTS, schema.EVENT_FIELDS, reach)
    if series:
        query = replace(query, series=tuple(series))
    events = [event for points in results.read(query) for event in _events(spec.name, points)]
    overlapping = [event for event in events if event.stop is None or event.stop > span.start]
    return sorted(overlapping, key=lambda event: (event.start, event.series))


def open_events(results: SeriesStore, spec: DetectorSpec, now: int) -> list[Event]:
    """Valid events that go on, by start and series."""
    return [one for one in read_events(results, spec, Span(now - 1, now)) if one.stop is None]


def _events(detector: str, points: Points) -> list[Event]:
    columns = {name: values.tolist() for name, values in points.fields.items()}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return [
        _event(detector, points.tags, time, row)
        for time, row in zip(points.times.tolist(), rows, strict=True)
        if row["valid"] != 0.0
    ]


def _event(detector: str, tags: Mapping[str, str], start: int, row: Mapping[str, object]) -> Event:
    def number(name: str) -> float:
        value = row[name]
        return value if isinstance(value, float) and np.isfinite(value) else 0.0

    stop = None if number("open") == 1.0 else int(number("stop_ms")) * 1_000_000
    return Event(
        detector=detector,
        series=series_key(tags),
        tags=tags,
        start=start,
        stop=stop,
        peak_score=number("peak_score"),
        provisional=number("provisional") == 1.0,
        channels=tuple(str(row[top]) for top in ("top1", "top2", "top3") if row[top]),
        model=str(row["model"] or ""),
    )
