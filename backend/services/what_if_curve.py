"""What multiples of the present threshold would have given, so that a slider asks nobody."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from backend.detection.counted import Counted, of_counts
from backend.detection.multiples import Counting, Counts, Found, Marked
from backend.ports import Floats, Strings, Times
from backend.records import SeriesKey
from backend.services.kept_errors import KeptErrors
from backend.services.label_marks import LabelledRows
from backend.services.what_if_answer import a_week
from backend.services.what_if_rows import of_models
from backend.specs import AlarmSpec, DetectorSpec, RenewedThreshold

_BOUND, _STEPS = 8.0, 30
MULTIPLES: Floats = _BOUND ** (np.arange(-_STEPS, _STEPS + 1) / _STEPS)
"""From an eighth to eight times the present threshold; the one in the middle is 1 itself."""
_ROWS = 100_000
"""Rows of a series that are counted at once."""
_HELD = 2_000_000
"""Most rows of all series together that wait to be counted: bounds memory."""


@dataclass(frozen=True)
class Curve:
    """Figures of all chosen series together, at K multiples of the thresholds that were written.

    Attributes:
        multiples: (K,) ascending.
        alerts, a_week: (K,) how often an alarm would have turned on, and in a week of judged time.
        flagged, flag_share: (K,) flagged points, and their share of the judged ones.
        quality: (K,) point by point against labels.
        caught: (K,) labelled anomalies with a flagged point.
        judged, normal, anomalous, events: what was looked at, and what labels say of it.
        notices: sentences on what is otherwise than it seems.
    """

    multiples: Floats
    alerts: Floats
    a_week: Floats
    flagged: Floats
    flag_share: Floats
    quality: Counted
    caught: Floats
    judged: int
    normal: int
    anomalous: int
    events: int
    notices: Sequence[str]


@dataclass
class _Series:
    """Rows of one series that wait to be counted."""

    counting: Counting
    parts: list[Marked] = field(default_factory=list)
    held: int = 0


class CurveReplay:
    """Rows counted so far."""

    def __init__(
        self,
        spec: DetectorSpec,
        start: int,
        alarm: AlarmSpec,
        multiples: Floats,
        versions: KeptErrors,
    ) -> None:
        self._spec, self._start, self._alarm = spec, start, alarm
        self._multiples, self._versions = multiples, versions
        self._series: dict[SeriesKey, _Series] = {}
        self._held = 0
        self._silent: dict[tuple[SeriesKey, str], bool] = {}

    def add(
        self,
        key: SeriesKey,
        times: Times,
        score: Floats,
        models: Floats | Strings,
        labelled: LabelledRows,
    ) -> None:
        """The next rows of a series, at least one.

        Args:
            key: the series.
            times: (T,) nanoseconds.
            score: (T,) as in `Marked`.
            models: (T,) names of the versions that scored them.
            labelled: what labels say.
        """
        if key not in self._series:
            counting = Counting(self._multiples, self._alarm, self._spec.step, labelled.events)
            self._series[key] = _Series(counting)
        silent = np.zeros(len(times), dtype=bool)
        for begin, end in of_models(models):
            silent[begin:end] = self._is_silent(key, str(models[begin]))
        own = self._series[key]
        own.parts.append(Marked(times, score, *labelled.of(times), silent))
        own.held += len(times)
        self._held += len(times)
        if own.held >= _ROWS:
            self._settle(own)
        if self._held >= _HELD:
            self._settle_all()

    def curve(self) -> Curve:
        """Everything, of all series together."""
        self._settle_all()
        found = [self._series[key].counting.found() for key in sorted(self._series)]
        return _together(found, self._multiples, self._spec.step, self._notices())

    def _settle_all(self) -> None:
        for one in self._series.values():
            self._settle(one)

    def _settle(self, own: _Series) -> None:
        if not own.parts:
            return
        rows = _joined(own.parts)
        inside = int(np.searchsorted(rows.times, self._start))
        if inside:
            own.counting.lead(rows.part(slice(0, inside)))
        own.counting.add(rows.part(slice(inside, None)))
        self._held -= own.held
        own.parts, own.held = [], 0

    def _is_silent(self, key: SeriesKey, name: str) -> bool:
        known = key, name
        if known not in self._silent:
            backing = self._versions.backing(key, name)
            unbacked = backing is not None and backing.silent
            self._silent[known] = unbacked or self._versions.is_provisional(name)
        return self._silent[known]

    def _notices(self) -> list[str]:
        found = []
        threshold = self._spec.threshold
        if threshold.follow is not None or isinstance(threshold, RenewedThreshold):
            found.append(
                "The threshold moves with the errors: its multiples are shown as if it had moved "
                "alike."
            )
        if silent := sorted({name for (_, name), told in self._silent.items() if told}):
            found.append(
                f"Alarms of {', '.join(silent)} are silent, in some series at least: too little "
                "normal time backs them."
            )
        return found


def _joined(parts: Sequence[Marked]) -> Marked:
    return Marked(
        np.concatenate([one.times for one in parts]),
        np.concatenate([one.score for one in parts]),
        np.concatenate([one.said for one in parts]),
        np.concatenate([one.event for one in parts]),
        np.concatenate([one.silent for one in parts]),
    )


def _together(
    found: Sequence[Found], multiples: Floats, step: int, notices: Sequence[str]
) -> Curve:
    nothing = np.zeros(len(multiples))

    def total(each: Iterable[Counts]) -> Floats:
        return sum((one.astype(np.float64) for one in each), nothing)

    unknown = np.full(len(multiples), np.nan)
    rates = [a_week(one.alerts, one.judged, step) for one in found if one.judged]
    judged = sum(one.judged for one in found)
    anomalous, normal = sum(one.anomalous for one in found), sum(one.normal for one in found)
    flagged = total(one.flagged for one in found)
    hits, false = total(one.hits for one in found), total(one.false for one in found)
    return Curve(
        multiples=multiples,
        alerts=total(one.alerts for one in found),
        a_week=np.sum(rates, axis=0) if rates else unknown,
        flagged=flagged,
        flag_share=flagged / judged if judged else unknown,
        quality=of_counts(hits, false, anomalous, normal),
        caught=total(one.caught for one in found),
        judged=judged,
        normal=normal,
        anomalous=anomalous,
        events=sum(one.events for one in found),
        notices=notices,
    )
