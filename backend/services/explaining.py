"""Why a point is scored as it is, for the person who has to act on it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from backend.detection.explaining import Looked, look, nearest_normal
from backend.detection.grid import floor_to, last_closed
from backend.detection.members import members_of
from backend.detection.pipeline import Fitted
from backend.exceptions import InputError, NotFound
from backend.ports import ArtifactStore, Clock, Floats, ModelFactory, RecordStore
from backend.records import SeriesKey, Version, parse_series_key
from backend.services.detectors import Detectors
from backend.services.labelling import Labelling
from backend.services.reading import aligned, excluded, read_rows
from backend.services.serving import Served, shifts
from backend.services.stores import Stores
from backend.services.versions import ARCHIVE, read_archive
from backend.specs import nanoseconds


@dataclass(frozen=True)
class ChannelSaid:
    """One channel at the point.

    Attributes:
        channel: its name.
        value: as measured, or bridged; None where absent.
        expected: what the model would have taken for normal.
        error: its part of the point's error; None where the model tells no parts.
        times_usual: the same in means of held-out normal time.
        deviations: how many standard deviations it is above that mean.
        contribution: its share of the error.
        beyond: whether the value is beyond what training saw.
    """

    channel: str
    value: float | None
    expected: float | None
    error: float | None
    times_usual: float | None
    deviations: float | None
    contribution: float
    beyond: bool


@dataclass(frozen=True)
class WindowSaid:
    """Consecutive rows: `[start, stop)` in nanoseconds, and each channel's values."""

    start: int
    stop: int
    values: dict[str, list[float | None]]


@dataclass(frozen=True)
class Explanation:
    """All that led to the score of one point; times are nanoseconds.

    Attributes:
        detector, series, time: which point.
        model: name of the version.
        trained_at: when it was made.
        provisional: whether it learned without labels.
        labels: what it learned from, as far as it speaks for the series.
        judged: whether the point could be scored.
        reason: why it was flagged, or not judged.
        error, smoothed, threshold, score, flag: as they are written.
        basis: what backs the threshold.
        outside: whether the input is beyond what training saw.
        mode: the operating mode; empty where none is told apart.
        channels: each channel, the largest contribution first.
        window: what the model saw.
        nearest: the normal window most like it; None where none was kept.
    """

    detector: str
    series: SeriesKey
    time: int
    model: str
    trained_at: int
    provisional: bool
    labels: tuple[dict[str, Any], ...]
    judged: bool
    reason: str
    error: float
    smoothed: float
    threshold: float
    score: float
    flag: bool
    basis: str
    outside: bool
    mode: str
    channels: tuple[ChannelSaid, ...]
    window: WindowSaid
    nearest: WindowSaid | None

    def plain(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return asdict(self)


class Explaining:
    """Looks at one point again with the version that serves at its time; writes nothing."""

    def __init__(
        self,
        stores: Stores,
        detectors: Detectors,
        labelling: Labelling,
        served: Served,
        make_model: ModelFactory,
        clock: Clock,
    ) -> None:
        self._source = stores.source
        self._records: RecordStore = stores.records
        self._artifacts: ArtifactStore = stores.artifacts
        self._detectors = detectors
        self._labelling = labelling
        self._served = served
        self._make_model = make_model
        self._clock = clock

    def explain(self, detector: str, series: SeriesKey | None, time: int) -> Explanation:
        """Explain the point whose bucket holds a time.

        A threshold that moves with the errors before a point is shown where it begins.

        Args:
            detector: its name.
            series: key of the series; may be left out where there is only one.
            time: nanoseconds.

        Raises:
            NotFound: no such detector or series, or no version serves.
            InputError: several series and none is named, or the bucket is not closed yet.
            ArtifactError: the files of the version are damaged.
        """
        version, fitted = self._served.load(detector, self._number(detector, time))
        key = _chosen(fitted, detector, series)
        fitted = members_of(fitted, [fitted.keys.index(key)], self._make_model)
        spec, step = fitted.spec, fitted.spec.step
        time = floor_to(time, step)
        if time >= last_closed(self._clock.now(), step, nanoseconds(spec.delay)):
            raise InputError(
                "The time to explain lies in a bucket that is not closed yet: expected one before "
                "now and, where the detector has a delay, before that."
            )
        found = read_rows(self._source, spec, time - fitted.lookback * step, time + step)
        rows = aligned(found, [key])
        looked = look(fitted, rows, excluded(rows, self._labelling.list(detector)))
        return _said(version, fitted, looked, self._nearest(version, key, looked, step))

    def _number(self, detector: str, time: int) -> int:
        """The version that served at a time; before the first one, and after a loss, the newest."""
        promotions = self._records.promotions(detector)
        if not promotions:
            self._detectors.get(detector)
            raise NotFound(f"No model of {detector!r} serves yet: retrain it first.")
        turns = shifts(promotions, time, time + 1)
        return turns[0][0] if turns else promotions[-1].number

    def _nearest(
        self, version: Version, key: SeriesKey, looked: Looked, step: int
    ) -> WindowSaid | None:
        files = self._artifacts.load(version.artifact, ARCHIVE)
        archive = read_archive(files, ["values", "normal"])
        s = list(version.training["series"]).index(key)
        rows, normal = archive["values"][s], archive["normal"][s]
        end = nearest_normal(looked.window, rows, normal)
        if end is None:
            return None
        first = end - len(looked.window) + 1
        start, stop = int(archive["times"][first]), int(archive["times"][end]) + step
        return _window(version.spec, start, stop, rows[first : end + 1])


def _chosen(fitted: Fitted, detector: str, series: SeriesKey | None) -> SeriesKey:
    if series in fitted.keys:
        return series
    if series is None and len(fitted.keys) == 1:
        return fitted.keys[0]
    if fitted.keys == ("",):
        raise NotFound(
            f"The model of {detector!r} has one series, without a name, and none {series!r}: leave "
            "the series (--series) out."
        )
    known = ", ".join(fitted.keys[:5]) + (", …" if len(fitted.keys) > 5 else "")
    if series is None:
        raise InputError(f"{detector!r} has several series: name one of {known}.")
    raise NotFound(f"The model of {detector!r} has no series {series!r}; it has: {known}.")


def _said(
    version: Version, fitted: Fitted, looked: Looked, nearest: WindowSaid | None
) -> Explanation:
    (key,), scored, step = fitted.keys, looked.scored, fitted.spec.step
    time = int(scored.times[0])
    tags = parse_series_key(key)
    return Explanation(
        detector=version.detector,
        series=key,
        time=time,
        model=version.name,
        trained_at=version.created_at,
        provisional=version.provisional,
        labels=tuple(
            label
            for label in version.training.get("labels", ())
            if all(tags.get(tag) == value for tag, value in label["tags"].items())
        ),
        judged=bool(scored.judged[0, 0]),
        reason=str(scored.reason[0, 0]),
        error=float(scored.error[0, 0]),
        smoothed=float(scored.smoothed[0, 0]),
        threshold=float(scored.threshold[0, 0]),
        score=float(scored.score[0, 0]),
        flag=bool(scored.flag[0, 0]),
        basis=fitted.limits.basis[0],
        outside=bool(scored.outside[0, 0]),
        mode=looked.mode,
        channels=_channels(fitted, looked),
        window=_window(
            version.spec, time - (len(looked.window) - 1) * step, time + step, looked.window
        ),
        nearest=nearest,
    )


def _channels(fitted: Fitted, looked: Looked) -> tuple[ChannelSaid, ...]:
    expected = np.where(fitted.active[0], looked.scored.expected[0, 0], np.nan)
    said = [
        ChannelSaid(
            channel=name,
            value=_number_or_none(looked.window[-1, f]),
            expected=_number_or_none(expected[f]),
            error=_number_or_none(looked.error[f]),
            times_usual=_number_or_none(looked.times_usual[f]),
            deviations=_number_or_none(looked.deviations[f]),
            contribution=float(looked.contribution[f]),
            beyond=bool(looked.beyond[f]),
        )
        for f, name in enumerate(fitted.spec.inputs)
    ]
    return tuple(sorted(said, key=lambda one: -one.contribution))


def _window(spec: Any, start: int, stop: int, values: Floats) -> WindowSaid:
    names: Sequence[str] = [*spec["channels"], *spec["context"]]
    columns = {
        name: [_number_or_none(value) for value in values[:, f]] for f, name in enumerate(names)
    }
    return WindowSaid(start, stop, columns)


def _number_or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
