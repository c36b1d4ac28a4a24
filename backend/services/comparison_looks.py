"""Input against reconstruction, for a few short stretches of time that a reviewer wants to see."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.detection.grid import Rows, floor_to
from backend.detection.members import members_of
from backend.detection.pipeline import Fitted, Scored, score
from backend.ports import ArtifactStore, Floats, ModelFactory, SeriesStore, Times
from backend.records import SeriesKey
from backend.services.comparison_results import Look, Met, Shown
from backend.services.reading import aligned, filled_from, read_rows
from backend.services.versions import read_archived, read_blocks

NEWEST = "newest"
LOOKS, CHANNELS = 3, 3
"""Most stretches, and most channels of each."""
_WINDOWS, _FEWEST, _MOST = 4, 40, 160
"""Points of a stretch: so many windows of the model, within these bounds."""
_BEHIND = 0.75
"""Where in a stretch the point stands that it is about, as a share."""


@dataclass(frozen=True)
class Place:
    """A point to look at: why, of which series, and when."""

    why: str
    series: SeriesKey
    time: int


def trained_times(
    artifacts: ArtifactStore, artifact: str, start: int, stop: int
) -> dict[SeriesKey, Times]:
    """Of each series the times in `[start, stop)` of the rows that a version learned from."""
    found = {}
    for keys, arrays in read_blocks(artifacts, artifact, ("times", "normal")):
        times = arrays["times"]
        inside = (times >= start) & (times < stop)
        for s, key in enumerate(keys):
            found[key] = times[inside & arrays["normal"][s]]
    return found


def worst_held_out(artifacts: ArtifactStore, artifact: str) -> Place | None:
    """The held-out normal point with the highest smoothed error; None where none was kept."""
    worst, place = -np.inf, None
    for keys, arrays in read_blocks(artifacts, artifact, ("times", "held_out_smoothed")):
        errors = arrays["held_out_smoothed"]
        if not errors.size or not np.isfinite(errors).any():
            continue
        s, t = np.unravel_index(int(np.nanargmax(errors)), errors.shape)
        if errors[s, t] > worst:
            worst, place = errors[s, t], Place("held_out", keys[s], int(arrays["times"][t]))
    return place


def places(
    held_out: Place | None, gone: Sequence[Met], new: Sequence[Met], newest: int
) -> list[Place]:
    """Where to look: the worst held-out time, the newest, and the highest alert that changes.

    Args:
        held_out: the worst held-out point.
        gone: alerts that the challenger would not raise.
        new: alerts that only it would raise; they come first.
        newest: the newest closed point.
    """
    found = [] if held_out is None else [held_out, Place(NEWEST, held_out.series, newest)]
    for why, alerts in (("new", new), ("gone", gone)):
        if alerts and len(found) < LOOKS:
            one = max(alerts, key=lambda met: met.alert.peak)
            found.append(Place(why, one.series, one.alert.start))
    return found[:LOOKS]


class Looking:
    """Takes a look with the challenger and, where it reads the same, the champion."""

    def __init__(
        self,
        source: SeriesStore,
        artifacts: ArtifactStore,
        make_model: ModelFactory,
        challenger: tuple[str, Fitted],
        champion: Fitted | None,
    ) -> None:
        """`challenger` comes with the name of its artifact."""
        self._source, self._artifacts, self._make_model = source, artifacts, make_model
        (self._artifact, self._challenger), self._champion = challenger, champion

    def look(self, place: Place) -> Look:
        """What was measured and expected around a point."""
        fitted = self._one(self._challenger, place.series)
        spec, step = fitted.spec, fitted.spec.step
        count = int(np.clip(_WINDOWS * fitted.model.window, _FEWEST, _MOST))
        time = floor_to(place.time, step)
        behind = count - 1 if place.why == NEWEST else round(count * _BEHIND)
        start = time - behind * step
        rows = self._rows(fitted, place, start, start + count * step)
        scored = score(fitted, rows, first=fitted.lookback)
        champion = self._other(place.series, rows, fitted.lookback)
        values = rows.values[0, fitted.lookback :]
        mine = _known(scored, values)
        shown = [
            Shown(
                channel=spec.inputs[f],
                input=_plain(values[:, f]),
                challenger=None if mine is None else _plain(mine[:, f]),
                champion=None if champion is None else _plain(champion[:, f]),
            )
            for f in _worst_channels(fitted, scored, values, (time - start) // step)
        ]
        return Look(place.why, place.series, start, step, time, tuple(shown))

    def _one(self, fitted: Fitted, series: SeriesKey) -> Fitted:
        return members_of(fitted, [fitted.keys.index(series)], self._make_model)

    def _rows(self, fitted: Fitted, place: Place, start: int, stop: int) -> Rows:
        """The rows with their look-back; what the source has lost comes from the archive."""
        spec = fitted.spec
        begin = start - fitted.lookback * spec.step
        found = read_rows(self._source, spec, begin, stop, (place.series,))
        rows = aligned(found, [place.series])
        if place.why != "held_out" or np.isfinite(rows.values).any():
            return rows
        archive = read_archived(self._artifacts, self._artifact, [place.series], spec.step)
        return rows if archive is None else filled_from(rows, archive)

    def _other(self, series: SeriesKey, rows: Rows, first: int) -> Floats | None:
        """(N, F) what the champion expected of the same rows; None where it reads others."""
        champion, mine = self._champion, self._challenger.spec
        if champion is None or series not in champion.keys:
            return None
        if (champion.spec.inputs, champion.spec.step) != (mine.inputs, mine.step):
            return None
        # A longer look-back than the challenger's only leaves the first points unjudged.
        scored = score(self._one(champion, series), rows, first=first)
        return _known(scored, rows.values[0, first:])


def _known(scored: Scored, values: Floats) -> Floats | None:
    """(N, F) what was expected, NaN where nothing was measured at all.

    None of a version that expects no values but only weighs them.
    """
    there = np.isfinite(values)
    expected = scored.expected[0]
    if np.array_equal(expected[there], values[there]):
        return None
    return np.where(there.any(axis=1, keepdims=True), expected, np.nan)


def _worst_channels(fitted: Fitted, scored: Scored, values: Floats, mark: int) -> list[int]:
    """The channels that add most to the error around a point; where none is told, those furthest.

    Args:
        fitted: of one series.
        scored: the stretch.
        values: (N, F) of it.
        mark: the point.
    """
    window = fitted.model.window
    near = slice(max(0, mark - window + 1), mark + 1)
    weight = scored.contributions[0, near].mean(axis=0)
    if not weight.any():
        off = np.abs(np.nan_to_num(values - scored.expected[0]))[near].mean(axis=0)
        weight = off / np.maximum(fitted.spread[0].mean(axis=0), 1e-300)
    order = np.argsort(-np.where(fitted.active[0], weight, -1.0), kind="stable")
    return [int(f) for f in order[:CHANNELS] if fitted.active[0, f]]


def _plain(values: Floats) -> list[float | None]:
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values]
