"""Which version scores a point, and versions kept ready in memory."""

import threading
from collections import OrderedDict
from collections.abc import Sequence

from backend.detection.pipeline import Fitted
from backend.exceptions import NotFound
from backend.ports import ArtifactStore, ModelFactory, RecordStore
from backend.records import Promotion, Version
from backend.services.heap import give_back_memory
from backend.services.loading import loading
from backend.services.versions import TO_SCORE, from_files

_DETECTORS = 64
"""More than a server has: each tick asks for all of them in turn."""
_EACH = 4
"""Versions of one detector: late rows are scored by those that served before; older ones rest."""


class Served:
    """Loads versions once and keeps the latest of each detector: a version never changes."""

    def __init__(
        self, records: RecordStore, artifacts: ArtifactStore, make_model: ModelFactory
    ) -> None:
        self._records = records
        self._artifacts = artifacts
        self._make_model = make_model
        self._ready: OrderedDict[str, OrderedDict[int, tuple[Version, Fitted]]] = OrderedDict()
        self._keeping = threading.Lock()
        self._provisional: dict[str, bool] = {}

    def load(self, detector: str, number: int) -> tuple[Version, Fitted]:
        """A version ready to score.

        Raises:
            NotFound: there is no such version, or its files are gone.
            ArtifactError: its files are damaged.
        """
        own = self._ready.get(detector)
        ready = own.get(number) if own else None
        if ready is None:
            version = self._records.version(detector, number)
            with loading():
                ready = version, self._read(version)
            give_back_memory()
        with self._keeping:
            self._keep(detector, number, ready)
        return ready

    def _keep(self, detector: str, number: int, ready: tuple[Version, Fitted]) -> None:
        own = self._ready.setdefault(detector, OrderedDict())
        own[number] = ready
        own.move_to_end(number)
        self._ready.move_to_end(detector)
        if len(own) > _EACH:
            own.popitem(last=False)
        if len(self._ready) > _DETECTORS:
            self._ready.popitem(last=False)

    def _read(self, version: Version) -> Fitted:
        """The version without its archive, which is by far the largest of its files."""
        return from_files(self._artifacts.load(version.artifact, TO_SCORE), self._make_model)

    def is_provisional(self, name: str) -> bool:
        """Whether a version, by the name that its points carry, was learned without labels."""
        if name not in self._provisional:
            self._provisional[name] = self._look_up(name)
        return self._provisional[name]

    def _look_up(self, name: str) -> bool:
        try:
            return version_named(self._records, name).provisional
        except (NotFound, ValueError):
            return False  # the points are older than the records: nobody knows any more


def version_named(records: RecordStore, name: str) -> Version:
    """A version by the name that its points carry.

    Raises:
        NotFound: there is none.
    """
    detector, _, number = name.rpartition("/")
    if not number.isdecimal():
        raise NotFound(f"{name!r} names no version.")
    return records.version(detector, int(number))


def champion_of(records: RecordStore, detector: str) -> Version | None:
    """The version that serves; None if there is none yet."""
    made = records.promotions(detector)
    return records.version(detector, made[-1].number) if made else None


def shifts(promotions: Sequence[Promotion], start: int, stop: int) -> list[tuple[int, int, int]]:
    """Who serves when: `(version number, from, to)` over `[start, stop)`, in order.

    A promotion counts from `serves_from` on, so that points written before keep the threshold they
    were written with; time before the first promotion belongs to nobody.
    """
    turns: list[tuple[int, int]] = []
    for promotion in promotions:
        turns = [turn for turn in turns if turn[0] < promotion.serves_from]
        turns.append((promotion.serves_from, promotion.number))
    ends = [turn[0] for turn in turns[1:]] + [stop]
    parts = [
        (number, max(begin, start), min(end, stop))
        for (begin, number), end in zip(turns, ends, strict=True)
    ]
    return [part for part in parts if part[1] < part[2]]
