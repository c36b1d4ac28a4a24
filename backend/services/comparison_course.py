"""Versions replaying the same past side by side; what of each series is counted meanwhile."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from backend.detection.alert_difference import Alert, Part, alerts_in, extend
from backend.detection.grid import Rows, ceil_to, floor_to, touching
from backend.detection.pipeline import Fitted, Scored
from backend.detection.runs import Mask
from backend.detection.thresholds import memory, settled_after
from backend.ports import Progress, SeriesStore, Times
from backend.records import Label, LabelKind, SeriesKey, Version
from backend.services.reading import aligned, excluded, labelled_normal, matching, read_rows
from backend.services.trial_replay import Replay
from backend.specs import DetectorSpec

_PART = 5_000
"""Most grid points scored at once."""
_NUMBERS = 4_000_000
"""Most numbers of a fleet read at once: bounds memory, however many series there are."""

Trained = Mapping[SeriesKey, Times]
"""Of each series the times of the rows that a version learned from."""


@dataclass
class Heard:
    """What is counted of one series as one version judges it; numbers are grid points.

    Attributes:
        judged: judged points.
        normal: of them, labelled normal.
        normal_alarm: of those, under an alert.
        trained: judged points that the version learned from.
        alerts: what it would have told, in the order of time.
        hushed: alarms that nobody would have been told of.
        watched: ids of the labelled anomalies of which it judged anything.
    """

    judged: int = 0
    normal: int = 0
    normal_alarm: int = 0
    trained: int = 0
    alerts: list[Alert] = field(default_factory=list)
    hushed: list[Alert] = field(default_factory=list)
    watched: set[int] = field(default_factory=set)


class Contender:
    """One version that replays the past, and what was heard of it.

    Attributes:
        version: its record.
        fitted: the version.
        heard: counts of each series that it knows.
        points: grid points in which it judged any series.
    """

    def __init__(self, version: Version, fitted: Fitted, trained: Trained) -> None:
        self.version, self.fitted = version, fitted
        self.heard = {key: Heard() for key in fitted.keys}
        self.points = 0
        self._trained = trained
        self._replay = Replay(fitted, {})

    @property
    def reads(self) -> tuple[object, ...]:
        """What it reads: two that read the same are given the very same rows."""
        spec = self.fitted.spec
        where = tuple(sorted(spec.where.items()))
        return spec.measurement, spec.inputs, where, spec.group_by, spec.step

    @property
    def lead(self) -> int:
        """Grid points before the first one that are replayed for its threshold to be as it was."""
        threshold = self.fitted.spec.threshold
        return max(memory(threshold), settled_after(threshold))

    def go_on(self, rows: Rows, labels: Sequence[Label], counted: bool) -> None:
        """Score the rows behind the look-back; parts follow each other in time.

        Args:
            rows: with at least the look-back before them.
            labels: in force, of this time.
            counted: whether what is found counts.
        """
        known = aligned(rows, self.fitted.keys)
        scored, alarm = self._replay.score(known, excluded(known, labels))
        if not counted:
            return
        self.points += int(scored.judged.any(axis=0).sum())
        first = len(rows.times) - len(scored.times)
        own = Rows(known.keys, scored.times, known.step, known.values[:, first:])
        normal = labelled_normal(own, labels) & scored.judged
        for s, key in enumerate(self.fitted.keys):
            self._count(s, scored, alarm[s], normal[s], _anomalies(labels, key))

    def _count(
        self, s: int, scored: Scored, alarm: Mask, normal: Mask, anomalies: Sequence[Label]
    ) -> None:
        fitted, key = self.fitted, self.fitted.keys[s]
        heard, judged = self.heard[key], scored.judged[s]
        silent = self.version.provisional or bool(fitted.limits.silent[s])
        heard.judged += int(judged.sum())
        heard.normal += int(normal.sum())
        if not silent:
            heard.normal_alarm += int((normal & alarm).sum())
        if (learned := self._trained.get(key)) is not None:
            heard.trained += int((judged & np.isin(scored.times, learned)).sum())
        part = Part(scored.times, scored.score[s], alarm, scored.contributions[s])
        found = alerts_in(part, fitted.spec.inputs, fitted.spec.step)
        extend(heard.hushed if silent else heard.alerts, found)
        for label in anomalies:
            near = touching(scored.times, fitted.spec.step, [(label.start, label.stop)])
            if (near & judged).any():
                heard.watched.add(label.id)


def replay(
    source: SeriesStore,
    contenders: Sequence[Contender],
    labels: Sequence[Label],
    span: tuple[int, int],
    progress: Progress,
) -> None:
    """Let versions replay `[start, stop)`: those that read the same, from one reading.

    Args:
        source: where the sensors write.
        contenders: changed in place.
        labels: in force now.
        span: the time, nanoseconds.
        progress: told the share done.
    """
    groups: dict[tuple[object, ...], list[Contender]] = {}
    for one in contenders:
        groups.setdefault(one.reads, []).append(one)
    for place, group in enumerate(groups.values()):
        for share, start, stop, counted in _parts(group, span):
            _replay_part(source, group, labels, (start, stop), counted)
            progress((place + share) / len(groups), "replaying")


def _parts(
    group: Sequence[Contender], span: tuple[int, int]
) -> Iterator[tuple[float, int, int, bool]]:
    """The stretches of time to score: share done after each, from, to, and whether they count."""
    step = group[0].fitted.spec.step
    start, stop = ceil_to(span[0], step), floor_to(span[1], step)
    lead = min(max(one.lead for one in group) * step, stop - start)
    row = max(len(one.fitted.keys) * len(one.fitted.spec.inputs) for one in group)
    lookback = max(one.fitted.lookback for one in group)
    length = max(lookback, min(_PART, _NUMBERS // row)) * step
    first = start - lead
    while first < stop:
        end = min(first + length, start if first < start else stop)
        yield (end - start + lead) / (stop - start + lead), first, end, first >= start
        first = end


def _replay_part(
    source: SeriesStore,
    group: Sequence[Contender],
    labels: Sequence[Label],
    part: tuple[int, int],
    counted: bool,
) -> None:
    spec: DetectorSpec = group[0].fitted.spec
    start, stop = part
    lookback = max(one.fitted.lookback for one in group)
    begin = start - lookback * spec.step
    rows = read_rows(source, spec, begin, stop)
    near = [label for label in labels if label.start < stop and label.stop > begin]
    for one in group:
        skipped = lookback - one.fitted.lookback
        own = Rows(rows.keys, rows.times[skipped:], rows.step, rows.values[:, skipped:])
        one.go_on(own, near, counted)


def _anomalies(labels: Sequence[Label], key: SeriesKey) -> list[Label]:
    return [label for label in matching(labels, key) if label.kind is LabelKind.ANOMALY]
