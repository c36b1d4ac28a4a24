"""What speaks against a normal label: another label, what was flagged, what training left out."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np

from backend.detection.sufficiency import overlap
from backend.exceptions import NotFound
from backend.records import Label, LabelKind, SeriesKey
from backend.services.drawing import Span
from backend.services.events import Event, read_events
from backend.services.normal_rows import Looked, Range
from backend.services.reading import merged
from backend.services.stores import Stores
from backend.specs import DetectorSpec

Kind = Literal["overlap", "flagged", "trimmed"]

_LONG = 10
"""Flagged rows in a normal range that are long, where the window is not longer."""
_MOST = 0.5
"""Share of a normal label that an anomaly takes away, from which on it denies it."""
_HOUR = 3_600_000_000_000


@dataclass(frozen=True)
class Contradiction:
    """Something that a normal label says and something else denies.

    Attributes:
        kind: `overlap` with an anomaly, `flagged` by a model that knew the label, `trimmed` by the
            newest training.
        start: of the range that is told otherwise.
        stop: its end.
        labels: numbers of the labels, the normal one first.
        share: of the normal label; 0 where that does not count.
        channel: that stood out most; empty where nobody knows.
    """

    kind: Kind
    start: int
    stop: int
    labels: tuple[int, ...]
    share: float = 0.0
    channel: str = ""


@dataclass(frozen=True)
class Seen:
    """Contradictions in order, and the hours of normal rows that results or training deny."""

    found: tuple[Contradiction, ...]
    hours: float


def denied(found: Sequence[Contradiction]) -> bool:
    """Whether an anomaly takes so much of a normal label that both cannot be meant."""
    return any(one.kind == "overlap" and one.share >= _MOST for one in found)


class Contradictions:
    """Looks for them in one detector."""

    def __init__(self, stores: Stores, spec: DetectorSpec) -> None:
        self._records = stores.records
        self._results = stores.results
        self._spec = spec
        self._made = cache(self._made_at)

    def of(self, key: SeriesKey, labels: Sequence[Label], normal: Looked) -> Seen:
        """Those of one series.

        Args:
            key: of the series.
            labels: those that speak for it.
            normal: what they leave as normal.
        """
        kept = normal.ranges(normal.said)
        told = [label for label in labels if label.kind is LabelKind.NORMAL]
        against = [*self._flagged(key, told, kept), *self._trimmed(key, told, kept)]
        found = sorted([*_overlaps(labels), *against], key=lambda one: (one.start, one.kind))
        parts = merged([(one.start, one.stop) for one in against])
        return Seen(tuple(found), sum(overlap(kept, a, b) for a, b in parts) / _HOUR)

    def _flagged(
        self, key: SeriesKey, told: Sequence[Label], kept: Sequence[Range]
    ) -> list[Contradiction]:
        """Long events in normal time, by models that knew the label: others it has corrected."""
        if not kept:
            return []
        span = Span(kept[0][0], kept[-1][1])
        events = read_events(self._results, self._spec, span, [key])
        long = max(_LONG, self._spec.model.window) * self._spec.step
        found = []
        for event in events:
            stop = span.stop if event.stop is None else event.stop
            label = _label_of(told, event.start, stop)
            known = label is not None and label.created_at < self._made(event.model)
            if known and label and overlap(kept, event.start, stop) >= long:
                channel = event.channels[0] if event.channels else ""
                found.append(_told("flagged", event, stop, label, channel))
        return found

    def _trimmed(
        self, key: SeriesKey, told: Sequence[Label], kept: Sequence[Range]
    ) -> list[Contradiction]:
        newest = next(iter(self._records.versions(self._spec.name, limit=1)), None)
        parts = () if newest is None else newest.training.get("trimmed", ())
        found = []
        for part in parts:
            start, stop = int(part["start"]), int(part["stop"])
            label = _label_of(told, start, stop)
            if part["series"] == key and label is not None and overlap(kept, start, stop):
                channel = str(part.get("channel", ""))
                found.append(Contradiction("trimmed", start, stop, (label.id,), channel=channel))
        return found

    def _made_at(self, model: str) -> float:
        """When a version was made, by its name; before everything where nobody knows."""
        _, _, number = model.rpartition("/")
        try:
            return self._records.version(self._spec.name, int(number)).created_at
        except (NotFound, ValueError):
            return -np.inf


def _told(kind: Kind, event: Event, stop: int, label: Label, channel: str) -> Contradiction:
    return Contradiction(kind, event.start, stop, (label.id,), channel=channel)


def _label_of(told: Sequence[Label], start: int, stop: int) -> Label | None:
    """The label that says most of a range."""
    shares = [(overlap([(one.start, one.stop)], start, stop), one.id, one) for one in told]
    best = max(shares, default=None, key=lambda one: one[:2])
    return best[2] if best and best[0] > 0 else None


def _overlaps(labels: Sequence[Label]) -> list[Contradiction]:
    normal = [label for label in labels if label.kind is LabelKind.NORMAL]
    found = []
    for other in (label for label in labels if label.kind is LabelKind.ANOMALY):
        for one in normal:
            start, stop = max(one.start, other.start), min(one.stop, other.stop)
            if start < stop:
                share = (stop - start) / (one.stop - one.start)
                ids = (one.id, other.id)
                found.append(Contradiction("overlap", start, stop, ids, share))
    return found
