"""Keep stored events true to the stored scores, whatever range was scored anew."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from backend.detection.events import find_events
from backend.detection.grid import floor_to
from backend.detection.runs import spans
from backend.ports import Floats, Points, Query, SeriesStore
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


@dataclass(frozen=True)
class Kept:
    """An event as it is stored: where, its peak and `EVENT_STRINGS` of it, and whether it grows."""

    start: int
    stop: int
    peak_score: float
    words: tuple[str, ...]
    is_open: bool


Known = Mapping[SeriesKey, Sequence[Kept]]
"""The events of each series, in their order."""


@dataclass(frozen=True)
class Near:
    """The newest scores of a fleet, in memory: S series by N points, the last one scored last.

    Attributes:
        keys: the S series.
        start: of the first point.
        step: of the grid.
        score, judged: (S, N).
        words: what `EVENT_STRINGS` are at a series and point, by their indices.
    """

    keys: tuple[SeriesKey, ...]
    start: int
    step: int
    score: Floats
    judged: NDArray[np.bool_]
    words: Callable[[int, int], tuple[str, ...]]


def update_events(
    results: SeriesStore, spec: DetectorSpec, keys: tuple[SeriesKey, ...], done: Rescored
) -> Known:
    """Find the events around a rescored range anew, by series.

    Events are derived from the stored scores, not from what one run had in memory: however a range
    was cut, the same events result. One that is no longer there is withdrawn (`valid` 0), since
    not every InfluxDB can delete.
    """
    gap = (spec.alarm.merge + spec.alarm.points) * spec.step
    near = done.start - gap, done.stop + gap
    known = _stored_events(results, spec, near)
    scores = _scores_around(results, spec, near, _reaching_out(known, near, gap))
    batches, found = [], {}
    for key in keys:
        fresh = _events_of(spec, scores[key], done) if key in scores else []
        if fresh:
            found[key] = fresh
        batches += [_row(spec, key, event, done) for event in fresh]
        starts = {event.start for event in fresh}
        batches += [
            _withdrawn(spec, key, begin, end)
            for begin, end in known.get(key, [])
            if begin not in starts
        ]
    if batches:
        results.write(EVENTS, batches)
    return found


def with_earlier(found: Known, known: Known, between: Span) -> Known:
    """Events that `update_events` has found, and those known that ended before where it looked.

    Memory may reach further back than what was scored anew: an event that is forgotten though some
    of its scores are still there would be taken for a new one.

    Args:
        found: by a look at what is stored.
        known: before that.
        between: where scores in memory begin, and where the look began.
    """
    begin, end = between
    whole = {}
    for key in known.keys() | found.keys():
        earlier = [event for event in known.get(key, ()) if begin < event.stop < end]
        if events := [*earlier, *found.get(key, ())]:
            whole[key] = events
    return whole


def continue_events(
    spec: DetectorSpec, known: Known, near: Near, done: Rescored, before: int
) -> tuple[Known, list[Points]] | None:
    """Find the events around a range that was just scored, by what is in memory.

    They are those that `update_events` finds, without a look at the store.

    Args:
        spec: the detector.
        known: the stored events that are open or reach behind the start of `near`.
        near: scores up to the end of the range, the more before it the better.
        done: the range.
        before: up to where the detector was scored before.

    Returns:
        The events, and rows to write for those that are new, changed or gone; None where an event
        that began before `near` may have changed in a part that was scored anew.
    """
    flagged = set(np.flatnonzero((near.judged & (near.score > 1.0)).any(axis=1)).tolist())
    found: dict[SeriesKey, Sequence[Kept]] = {}
    batches = []
    for s, key in enumerate(near.keys):
        own = [e for e in known.get(key, ()) if e.is_open or e.stop > near.start]
        if not own and s not in flagged:
            continue
        reaching = [event for event in own if event.start < near.start]
        if reaching and done.start < before:
            return None
        fresh = _continued(spec, near, s, reaching, done)
        there = {event.start: event for event in own}
        batches += [_row(spec, key, e, done) for e in fresh if there.get(e.start) != e]
        gone = there.keys() - {event.start for event in fresh}
        batches += [_withdrawn(spec, key, begin, there[begin].stop) for begin in sorted(gone)]
        if fresh:
            found[key] = fresh
    return found, batches


def _continued(
    spec: DetectorSpec, near: Near, s: int, reaching: Sequence[Kept], done: Rescored
) -> list[Kept]:
    """The events of one series; those in `reaching` began before its scores in memory."""
    fresh = _found(spec, near, s, done)
    kept = [replace(e, is_open=_is_open(spec, e.stop, done)) for e in reaching]
    if not kept or kept[-1].stop <= near.start:
        return kept + fresh
    # the last one ends in memory: all that is flagged there in one go with its end belongs to it
    flag = near.judged[s] & (near.score[s] > 1.0)
    start, stop = spans(flag, spec.alarm.merge)[0]
    peak = start + int(np.argmax(np.where(flag[start:stop], near.score[s, start:stop], -np.inf)))
    end = near.start + stop * near.step
    whole = replace(kept[-1], stop=end, is_open=_is_open(spec, end, done))
    if near.score[s, peak] > whole.peak_score:
        whole = replace(whole, peak_score=float(near.score[s, peak]), words=near.words(s, peak))
    return [*kept[:-1], whole, *(event for event in fresh if event.start >= end)]


def _found(spec: DetectorSpec, near: Near, s: int, done: Rescored) -> list[Kept]:
    """The events that lie wholly in the scores of one series."""
    return [
        Kept(
            near.start + event.start * near.step,
            near.start + event.stop * near.step,
            event.peak_score,
            near.words(s, event.peak),
            _is_open(spec, near.start + event.stop * near.step, done),
        )
        for event in find_events(near.score[s], near.judged[s], spec.alarm)
    ]


def _is_open(spec: DetectorSpec, stop: int, done: Rescored) -> bool:
    return stop + spec.alarm.merge * spec.step >= done.live


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
        read = read_scores(results, spec, _FIELDS, (min(starts), max(stops)))
        # of each series its own range alone: an event that another's range cuts would look new
        own = {key: _within(points, wider.get(key, near)) for key, points in read.items()}
        return {key: points for key, points in own.items() if len(points)}
    scores = read_scores(results, spec, _FIELDS, near)
    for key, span in wider.items():
        own = read_scores(results, spec, _FIELDS, span, key)
        scores |= {key: own[key]} if key in own else {}
    return scores


def _within(points: Points, span: Span) -> Points:
    kept = (points.times >= span[0]) & (points.times < span[1])
    return Points(
        points.tags, points.times[kept], {name: c[kept] for name, c in points.fields.items()}
    )


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


def _events_of(spec: DetectorSpec, scores: Points, done: Rescored) -> list[Kept]:
    """All events in the stored scores of one series."""
    start = floor_to(int(scores.times[0]), spec.step)
    index = (scores.times - start) // spec.step
    score, judged = np.zeros(int(index[-1]) + 1), np.zeros(int(index[-1]) + 1, dtype=bool)
    score[index] = np.nan_to_num(scores.fields["score"].astype(np.float64))
    judged[index] = scores.fields["judged"].astype(np.float64) > 0.5
    rows = {int(i): row for row, i in enumerate(index)}

    def words(s: int, at: int) -> tuple[str, ...]:
        return tuple(scores.fields[name][rows[at]] or "" for name in EVENT_STRINGS)

    near = Near((), start, spec.step, score[None], judged[None], words)
    return _found(spec, near, 0, done)


def _row(spec: DetectorSpec, key: SeriesKey, event: Kept, done: Rescored) -> Points:
    """An event as it is written."""
    words = dict(zip(EVENT_STRINGS, event.words, strict=True))
    values = {
        "stop_ms": float(event.stop // _MILLISECOND),
        "duration_s": (event.stop - event.start) / 1e9,
        "peak_score": event.peak_score,
        "open": float(event.is_open),
        "valid": 1.0,
        "provisional": float(done.is_provisional(words["model"])),
        **words,
    }
    return one_point(result_tags(spec.name, key), event.start, values)


def _withdrawn(spec: DetectorSpec, key: SeriesKey, begin: int, end: int) -> Points:
    values = {
        **dict.fromkeys(EVENT_NUMBERS, 0.0),
        **dict.fromkeys(EVENT_STRINGS, ""),
        "stop_ms": float(end // _MILLISECOND),
        "duration_s": (end - begin) / 1e9,
    }
    return one_point(result_tags(spec.name, key), begin, values)
