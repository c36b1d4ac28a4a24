"""A detector's series from the source, on its grid."""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from backend.detection.grid import Rows, floor_to, inside, to_rows, touching
from backend.ports import Floats, Points, Query, SeriesStore, Times
from backend.records import Label, LabelKind, SeriesKey, parse_series_key, series_key
from backend.schema import DETECTOR_TAG, SCORES
from backend.specs import DetectorSpec

Mask = NDArray[np.bool_]

_LONGEST_BUCKET = 86_400_000_000_000
"""Of versions on coarser grids, whose flags are looked for: a day."""
_MODE = re.compile(r"(?:^|[;\n])\s*mode:\s*([^;\n]+)", re.IGNORECASE)


def read_rows(
    source: SeriesStore,
    spec: DetectorSpec,
    start: int,
    stop: int,
    series: tuple[SeriesKey, ...] | None = None,
) -> Rows:
    """The fleet on its grid, its means taken by the store; all series in one query.

    `start` and `stop` are multiples of the grid step; `series` asks for these alone.
    """
    query = Query(
        spec.measurement,
        spec.inputs,
        start,
        stop,
        spec.where,
        spec.group_by,
        every=spec.step,
        series=series,
    )
    return to_rows(source.read(query), spec.inputs, start, stop, spec.step)


def firsts(store: SeriesStore, query: Query) -> dict[SeriesKey, int]:
    """The time of the first row of each series of a query that has any."""
    found = store.read(replace(query, oldest=1))
    return {series_key(points.tags): int(points.times[0]) for points in found}


def earliest(store: SeriesStore, query: Query) -> int | None:
    """The time of the first row of a query; None if it has none."""
    return min(firsts(store, query).values(), default=None)


def first_bucket(source: SeriesStore, spec: DetectorSpec, start: int, stop: int) -> int | None:
    """The first bucket of a detector's grid in `[start, stop)` of which there are any data."""
    query = Query(spec.measurement, spec.inputs, start, stop, spec.where)
    first = earliest(source, query)
    return None if first is None else floor_to(first, spec.step)


def latest(store: SeriesStore, query: Query) -> int | None:
    """The time of the last row of a query; None if it has none."""
    found = store.read(replace(query, newest=1))
    return max((int(points.times[-1]) for points in found), default=None)


def aligned(rows: Rows, keys: Sequence[SeriesKey]) -> Rows:
    """The rows in the order of `keys`; a series without data is absent throughout."""
    place = {key: s for s, key in enumerate(rows.keys)}
    values: Floats = np.full((len(keys), *rows.values.shape[1:]), np.nan)
    for s, key in enumerate(keys):
        if key in place:
            values[s] = rows.values[place[key]]
    return Rows(tuple(keys), rows.times, rows.step, values)


def filled_from(rows: Rows, archive: Rows) -> Rows:
    """The rows with what is absent taken from an archive: retention takes nothing away."""
    own, kept = np.flatnonzero(is_time(rows.times)), np.flatnonzero(is_time(archive.times))
    _, here, there = np.intersect1d(rows.times[own], archive.times[kept], return_indices=True)
    here, there = own[here], kept[there]
    place = {key: s for s, key in enumerate(archive.keys)}
    values = rows.values.copy()
    for s, key in enumerate(rows.keys):
        if key in place:
            gone = ~np.isfinite(values[s, here]).any(axis=1)
            values[s, here[gone]] = archive.values[place[key], there[gone]]
    return replace(rows, values=values)


def labelled_normal(rows: Rows, labels: Sequence[Label]) -> Mask:
    """(S, T) buckets wholly inside a `normal` label and touched by no `anomaly` or `exclude`."""
    mask = np.zeros(rows.values.shape[:2], dtype=bool)
    real = is_time(rows.times)
    for s, key in enumerate(rows.keys):
        spoken = matching(labels, key)
        mask[s] = real & inside(rows.times, rows.step, ranges(spoken, LabelKind.NORMAL))
        mask[s] &= ~_unfit(rows, spoken)
    return mask


def labelled_anomalous(rows: Rows, labels: Sequence[Label]) -> Mask:
    """(S, T) buckets wholly inside an `anomaly` label and touched by no `exclude`."""
    mask = ~excluded(rows, labels) & is_time(rows.times)
    for s, key in enumerate(rows.keys):
        spoken = ranges(matching(labels, key), LabelKind.ANOMALY)
        mask[s] &= inside(rows.times, rows.step, spoken)
    return mask


def mode_of(label: Label) -> str | None:
    """The operating mode that the note of a normal label names, as `mode: idle`."""
    found = _MODE.search(label.note) if label.kind is LabelKind.NORMAL else None
    return found[1].strip() if found else None


def labelled_modes(rows: Rows, labels: Sequence[Label]) -> dict[str, Mask]:
    """(S, T) buckets of each operating mode that the note of a normal label names."""
    named: dict[str, list[Label]] = {}
    for label in labels:
        if mode := mode_of(label):
            named.setdefault(mode, []).append(label)
    return {name: labelled_normal(rows, said) for name, said in sorted(named.items())}


def unlabelled_normal(rows: Rows, labels: Sequence[Label]) -> Mask:
    """(S, T) all buckets but those touched by an `anomaly` or `exclude` label."""
    return (
        np.stack([~_unfit(rows, matching(labels, key)) for key in rows.keys])
        if rows.keys
        else np.zeros(rows.values.shape[:2], dtype=bool)
    )


def flagged_rows(results: SeriesStore, spec: DetectorSpec, rows: Rows) -> Mask:
    """(S, T) buckets that were flagged when they were scored, by whichever version."""
    mask = np.zeros(rows.values.shape[:2], dtype=bool)
    if not rows.keys or not len(rows.times):
        return mask
    where, stop = {DETECTOR_TAG: spec.name}, int(rows.times[-1]) + rows.step
    start = int(rows.times[0]) - _LONGEST_BUCKET  # the first bucket may lie in a longer one
    query = Query(SCORES, ("flag",), start, stop, where, spec.group_by, series=rows.keys)
    found = {series_key(points.tags): points for points in results.read(query)}
    for s, key in enumerate(rows.keys):
        if key in found:
            mask[s] = touching(rows.times, rows.step, _flagged(found[key], rows.step))
    return mask


def _flagged(points: Points, step: int) -> list[tuple[int, int]]:
    """The time that flagged points of a series speak of.

    A version on a coarser grid has written one point for several buckets of now: a point speaks of
    the shorter of the two steps beside it, so that what was not scored at all is not left out.
    """
    flag = points.fields["flag"].astype(np.float64) > 0
    steps = np.diff(points.times)
    beside = np.minimum(np.append(steps, _LONGEST_BUCKET), np.insert(steps, 0, _LONGEST_BUCKET))
    wide = np.clip(beside, step, _LONGEST_BUCKET) if len(steps) else np.full(len(flag), step)
    return merged(
        list(zip(points.times[flag].tolist(), (points.times + wide)[flag].tolist(), strict=True))
    )


def excluded(rows: Rows, labels: Sequence[Label]) -> Mask:
    """(S, T) buckets touched by an `exclude` label."""
    mask = np.zeros(rows.values.shape[:2], dtype=bool)
    for s, key in enumerate(rows.keys):
        spoken = ranges(matching(labels, key), LabelKind.EXCLUDE)
        mask[s] = touching(rows.times, rows.step, spoken)
    return mask


def matching(labels: Sequence[Label], key: SeriesKey) -> list[Label]:
    """The labels that speak for a series."""
    tags = parse_series_key(key)
    return [label for label in labels if label.matches(tags)]


def ranges(labels: Sequence[Label], *kinds: LabelKind) -> list[tuple[int, int]]:
    """The ranges of labels of some kinds."""
    return [(label.start, label.stop) for label in labels if label.kind in kinds]


def merged(parts: Sequence[tuple[int, int]], apart: int = 0) -> list[tuple[int, int]]:
    """Ranges in order, those that overlap or lie at most `apart` from each other made one."""
    result: list[tuple[int, int]] = []
    for start, stop in sorted(parts):
        if result and start <= result[-1][1] + apart:
            result[-1] = (result[-1][0], max(result[-1][1], stop))
        else:
            result.append((start, stop))
    return result


def is_time(times: Times) -> Mask:
    """(T,) rows that are not mere distance between ranges: those repeat the time before them."""
    return np.concatenate(([True], np.diff(times) > 0))


def _unfit(rows: Rows, labels: Sequence[Label]) -> Mask:
    spoken = ranges(labels, LabelKind.ANOMALY, LabelKind.EXCLUDE)
    return touching(rows.times, rows.step, spoken)
