"""Scores as the points that are written, and back."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.detection.alarms import AlarmState
from backend.detection.checks import REASONS
from backend.detection.contributions import TOP, top_channels
from backend.detection.pipeline import Scored
from backend.detection.thresholds import Before, memory
from backend.ports import Floats, Points, Query, SeriesStore, Strings
from backend.records import SeriesKey, parse_series_key, series_key
from backend.schema import DETECTOR_TAG, SCORES
from backend.specs import DetectorSpec


def result_tags(detector: str, key: SeriesKey) -> dict[str, str]:
    """The tags of a series' results: the detector and the series' own, without empty ones."""
    tags = {tag: value for tag, value in parse_series_key(key).items() if value}
    return {DETECTOR_TAG: detector, **tags}


def score_points(spec: DetectorSpec, scored: Scored, model: str, *, silent: bool) -> list[Points]:
    """`normalcy_scores` rows, every field in every row.

    Args:
        spec: the detector.
        scored: what was found.
        model: name of the version.
        silent: write no alarm: the model was learned without labels.
    """
    place, share = top_channels(scored.contributions)
    return [
        Points(
            result_tags(spec.name, key),
            scored.times,
            {
                "error": scored.error[s],
                "smoothed": scored.smoothed[s],
                "threshold": scored.threshold[s],
                "score": scored.score[s],
                "flag": scored.flag[s].astype(np.float64),
                "alarm": (scored.alarm[s] & (not silent)).astype(np.float64),
                "judged": scored.judged[s].astype(np.float64),
                "outside": scored.outside[s].astype(np.float64),
                "channels_used": scored.channels_used[s],
                "reason": scored.reason[s],
                "model": np.full(len(scored.times), model, dtype=np.object_),
                **_tops(spec, place[s], share[s]),
            },
        )
        for s, key in enumerate(scored.keys)
    ]


def channel_points(spec: DetectorSpec, scored: Scored, name: str) -> list[Points]:
    """One float a channel: `expected` or `contributions` of what was found."""
    values = getattr(scored, name)
    return [
        Points(
            result_tags(spec.name, key),
            scored.times,
            {channel: values[s, :, f] for f, channel in enumerate(spec.channels)},
        )
        for s, key in enumerate(scored.keys)
    ]


def one_point(tags: Mapping[str, str], time: int, values: Mapping[str, Any]) -> Points:
    """A single row of floats and strings."""
    columns = {name: _single(value) for name, value in values.items()}
    return Points(tags, np.array([time], dtype=np.int64), columns)


def _single(value: Any) -> Floats | Strings:
    if isinstance(value, str):
        return np.array([value], dtype=np.object_)
    return np.array([value], dtype=np.float64)


def read_scores(
    results: SeriesStore,
    spec: DetectorSpec,
    fields: tuple[str, ...],
    span: tuple[int, int],
    key: SeriesKey | None = None,
    series: tuple[SeriesKey, ...] | None = None,
) -> dict[SeriesKey, Points]:
    """Stored score rows by series; with `key` no more than it takes to have those of that one.

    `series` asks for these alone.
    """
    where = {DETECTOR_TAG: spec.name} if key is None else result_tags(spec.name, key)
    query = Query(SCORES, fields, *span, where, spec.group_by, series=series)
    return {series_key(part.tags): part for part in results.read(query)}


def alarm_state_before(
    results: SeriesStore, spec: DetectorSpec, keys: tuple[SeriesKey, ...], start: int
) -> AlarmState:
    """What the alarm remembers, from the rows stored just before `start`."""
    state = AlarmState.off(len(keys))
    points = spec.alarm.points
    span = start - points * spec.step, start
    stored = read_scores(results, spec, ("flag", "alarm"), span)
    for s, key in enumerate(keys):
        if key not in stored:
            continue
        flag = _on_grid(stored[key], "flag", start, spec.step, points)
        alarm = _on_grid(stored[key], "alarm", start, spec.step, points)
        state.on[s] = alarm[-1] > 0.5
        state.run[s] = points if (flag > 0.5).all() else int(np.argmin(flag[::-1] > 0.5))
    return state


def rows_before(
    results: SeriesStore,
    spec: DetectorSpec,
    keys: tuple[SeriesKey, ...],
    start: int,
    model: str,
) -> Before:
    """What a threshold remembers: the rows stored just before `start`, as this version left them.

    Args:
        results: where they are stored.
        spec: the detector as the version knows it.
        keys: its series.
        start: of the rows to be scored.
        model: name of the version; the rows of another say nothing of its errors.
    """
    count = memory(spec.threshold)
    if not count:
        return Before.nothing(len(keys))
    smoothed = np.full((len(keys), count), np.nan)
    threshold = smoothed.copy()
    fields = ("smoothed", "threshold", "judged", "reason", "model")
    stored = read_scores(results, spec, fields, (start - count * spec.step, start))
    for s, key in enumerate(keys):
        if key not in stored:
            continue
        points = stored[key]
        index, rest = np.divmod(points.times - (start - count * spec.step), spec.step)
        own = (points.fields["model"] == model) & (rest == 0)
        threshold[s, index[own]] = points.fields["threshold"][own]
        own &= (points.fields["judged"] == 1.0) & ~np.isin(points.fields["reason"], REASONS)
        smoothed[s, index[own]] = points.fields["smoothed"][own]
    return Before(smoothed, threshold, np.full(len(keys), -1, dtype=np.int64))


def _on_grid(points: Points, field: str, stop: int, step: int, count: int) -> NDArray[np.float64]:
    values = np.zeros(count)
    # Rows of a version with another grid may lie between the points of this one.
    index = (points.times - (stop - count * step)) // step
    values[index] = np.nan_to_num(points.fields[field].astype(np.float64))
    return values


def _tops(
    spec: DetectorSpec, place: NDArray[np.int64], share: NDArray[np.float64]
) -> dict[str, Floats | Strings]:
    names = np.array([*spec.inputs, ""], dtype=np.object_)  # index -1 is the empty name
    fields: dict[str, Floats | Strings] = {}
    for rank in range(TOP):
        fields[f"top{rank + 1}"] = names[place[:, rank]]
        fields[f"top{rank + 1}_share"] = share[:, rank]
        fields[f"top{rank + 1}_index"] = (place[:, rank] + 1).astype(np.float64)
    return fields
