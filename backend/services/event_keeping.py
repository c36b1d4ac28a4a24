"""Keep stored events true to the stored scores, whatever range was scored anew."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from backend.detection.events import find_events
from backend.detection.grid import floor_to
from backend.ports import Points, Query, SeriesStore
from backend.records import SeriesKey, series_key
from backend.schema import DETECTOR_TAG, EVENT_NUMBERS, EVENT_STRINGS, EVENTS
from backend.services.results import one_point, read_scores, result_tags
from backend.specs import DetectorSpec

_FIELDS = ("score", "judged", "top1", "top2", "top3", "model")
_MILLISECOND = 1_000_000
_LOOK_AT = 50
"""Newest stored events looked through for one that reaches into the range: withdrawn ones stay."""

_READ_ONE_BY_ONE = 16
"""Up to so many series with an event that reaches further are read apart; beyond, all are."""

Span = tuple[int, int]


@dataclass(frozen=True)
class Rescored:
    """A range whose scores were just written.

    Attributes:
        start: first grid point, nanoseconds.
        stop: end of the last bucket.
        live: the end up to which the detector is scored; an event that reaches it may still grow.
        is_provisional: whether the version of that name was learned without labels.
    """

    start: int
    stop: int
    live: int
    is_provisional: Callable[[str], bool]


def update_events(
    results: SeriesStore, spec: DetectorSpec, keys: tuple[SeriesKey, ...], done: Rescored
) -> int:
    """Find the events around a rescored range anew; returns how many there are in it.

    Events are derived from the stored scores, not from what one run had in memory: however a range
    was cut, the same events result. One that is no longer there is withdrawn (`valid` 0), since
    not every InfluxDB can delete.
    """
    gap = (spec.alarm.merge + spec.alarm.points) * spec.step
    near = done.start - gap, done.stop + gap
    known = _stored_events(results, spec, near)
    scores = _scores_around(results, spec, near, _reaching_out(known, near, gap))
    batches, count = [], 0
    for key in keys:
        fresh = _events_of(spec, key, scores[key], done) if key in scores else []
        count += len(fresh)
        batches += fresh
        starts = {int(event.times[0]) for event in fresh}
        batches += [
            _withdrawn(spec, key, begin, end)
            for begin, end in known.get(key, [])
            if begin not in starts
        ]
    if batches:
        results.write(EVENTS, batches)
    return count


def _reaching_out(
    known: Mapping[SeriesKey, Sequence[Span]], near: Span, gap: int
) -> dict[SeriesKey, Span]:
    """The ranges of series whose stored events reach out of `near`."""
    found = {}
    for key, events in known.items():
        start = min(near[0], *(begin for begin, _ in events))
        stop = max(near[1], *(end + gap for _, end in events))
        if (start, stop) != near:
            found[key] = start, stop
    return found


def _scores_around(
    results: SeriesStore, spec: DetectorSpec, near: Span, wider: Mapping[SeriesKey, Span]
) -> dict[SeriesKey, Points]:
    """Scores of `near`, and of a few series more: one event of weeks is no reason to read all."""
    if len(wider) > _READ_ONE_BY_ONE:
        starts, stops = zip(*wider.values(), strict=True)
        return read_scores(results, spec, _FIELDS, (min(starts), max(stops)))
    scores = read_scores(results, spec, _FIELDS, near)
    for key, span in wider.items():
        own = read_scores(results, spec, _FIELDS, span, key)
        scores |= {key: own[key]} if key in own else {}
    return scores


def _stored_events(
    results: SeriesStore, spec: DetectorSpec, near: Span
) -> dict[SeriesKey, list[Span]]:
    """Valid events that touch a range, by series, and those that were left open before it.

    An outage longer than `catch_up` leaves an open event behind that no later range touches.
    """
    where = {DETECTOR_TAG: spec.name}
    wanted = ("stop_ms", "valid", "open")
    inside = results.read(Query(EVENTS, wanted, *near, where, spec.group_by))
    before = results.read(Query(EVENTS, wanted, 0, near[0], where, spec.group_by, newest=_LOOK_AT))
    found: dict[SeriesKey, list[Span]] = {}
    for part in [*before, *inside]:
        stop_ms, valid, still_open = (part.fields[name].astype(np.float64) for name in wanted)
        ends = np.nan_to_num(stop_ms).astype(np.int64) * _MILLISECOND
        wanted_rows = (valid > 0.5) & ((ends >= near[0]) | (still_open > 0.5))
        spans = zip(part.times[wanted_rows].tolist(), ends[wanted_rows].tolist(), strict=True)
        if events := list(spans):
            found.setdefault(series_key(part.tags), []).extend(events)
    return found


def _events_of(spec: DetectorSpec, key: SeriesKey, scores: Points, done: Rescored) -> list[Points]:
    """All events in the stored scores of one series, as rows to write."""
    start = floor_to(int(scores.times[0]), spec.step)
    index = (scores.times - start) // spec.step
    score, judged = np.zeros(int(index[-1]) + 1), np.zeros(int(index[-1]) + 1, dtype=bool)
    score[index] = np.nan_to_num(scores.fields["score"].astype(np.float64))
    judged[index] = scores.fields["judged"].astype(np.float64) > 0.5
    rows = {int(i): row for row, i in enumerate(index)}
    found = []
    for event in find_events(score, judged, spec.alarm):
        begin, end = start + event.start * spec.step, start + event.stop * spec.step
        words = {name: scores.fields[name][rows[event.peak]] or "" for name in EVENT_STRINGS}
        values = {
            "stop_ms": float(end // _MILLISECOND),
            "duration_s": (end - begin) / 1e9,
            "peak_score": event.peak_score,
            "open": float(end + spec.alarm.merge * spec.step >= done.live),
            "valid": 1.0,
            "provisional": float(done.is_provisional(words["model"])),
            **words,
        }
        found.append(one_point(result_tags(spec.name, key), begin, values))
    return found


def _withdrawn(spec: DetectorSpec, key: SeriesKey, begin: int, end: int) -> Points:
    values = {
        **dict.fromkeys(EVENT_NUMBERS, 0.0),
        **dict.fromkeys(EVENT_STRINGS, ""),
        "stop_ms": float(end // _MILLISECOND),
        "duration_s": (end - begin) / 1e9,
    }
    return one_point(result_tags(spec.name, key), begin, values)
