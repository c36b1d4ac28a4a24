"""Keep stored events true to the stored scores, whatever range was scored anew."""

from dataclasses import dataclass

import numpy as np

from backend.detection.events import find_events
from backend.ports import Points, Query, SeriesStore
from backend.records import SeriesKey, series_key
from backend.schema import DETECTOR_TAG, EVENT_NUMBERS, EVENT_STRINGS, EVENTS
from backend.services.results import one_point, read_scores, result_tags
from backend.specs import DetectorSpec

_FIELDS = ("score", "judged", "top1", "top2", "top3", "model")
_MILLISECOND = 1_000_000
_LOOK_AT = 50
"""Newest stored events looked through for one that reaches into the range: withdrawn ones stay."""


@dataclass(frozen=True)
class Rescored:
    """A range whose scores were just written.

    Attributes:
        start: first grid point, nanoseconds.
        stop: end of the last bucket.
        live: the end up to which the detector is scored; an event that reaches it may still grow.
        provisional: names of the versions that were learned without labels.
    """

    start: int
    stop: int
    live: int
    provisional: frozenset[str]


def update_events(
    results: SeriesStore, spec: DetectorSpec, keys: tuple[SeriesKey, ...], done: Rescored
) -> int:
    """Find the events around a rescored range anew; returns how many there are in it.

    Events are derived from the stored scores, not from what one run had in memory: however a range
    was cut, the same events result. One that is no longer there is withdrawn (`valid` 0), since
    not every InfluxDB can delete.
    """
    gap = (spec.alarm.merge + spec.alarm.points) * spec.step
    known = _stored_events(results, spec, done.start - gap, done.stop + gap)
    start = min([done.start - gap, *(begin for k in known for begin, _ in known[k])])
    stop = max([done.stop + gap, *(end + gap for k in known for _, end in known[k])])
    scores = read_scores(results, spec, _FIELDS, start, stop)
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


def _stored_events(
    results: SeriesStore, spec: DetectorSpec, start: int, stop: int
) -> dict[SeriesKey, list[tuple[int, int]]]:
    """Valid events that touch `[start, stop)`, by series: those inside, and one reaching in."""
    where = {DETECTOR_TAG: spec.name}
    wanted = ("stop_ms", "valid")
    inside = results.read(Query(EVENTS, wanted, start, stop, where, spec.group_by))
    before = results.read(Query(EVENTS, wanted, 0, start, where, spec.group_by, newest=_LOOK_AT))
    found: dict[SeriesKey, list[tuple[int, int]]] = {}
    for part in [*before, *inside]:
        valid = part.fields["valid"].astype(np.float64) > 0.5
        ends = part.fields["stop_ms"].astype(np.float64)
        for begin, end, counts in zip(part.times.tolist(), ends.tolist(), valid, strict=True):
            if counts and int(end) * _MILLISECOND >= start:
                found.setdefault(series_key(part.tags), []).append((begin, int(end) * _MILLISECOND))
    return found


def _events_of(spec: DetectorSpec, key: SeriesKey, scores: Points, done: Rescored) -> list[Points]:
    """All events in the stored scores of one series, as rows to write."""
    start = int(scores.times[0])
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
            "provisional": float(words["model"] in done.provisional),
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
