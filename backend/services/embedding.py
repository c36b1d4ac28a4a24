"""Read past points of a detector as its network sees them: one short vector a window."""

from collections.abc import Sequence

import numpy as np

from backend.detection.embedding import Codes, embed
from backend.detection.grid import ceil_to, floor_to, last_closed
from backend.detection.pipeline import Fitted
from backend.exceptions import InputError, NoData, NotFound
from backend.ports import Clock, Progress
from backend.records import Label
from backend.services.detectors import Detectors
from backend.services.labelling import Labelling
from backend.services.reading import aligned, excluded, first_bucket, read_rows
from backend.services.serving import Served
from backend.services.stores import Stores
from backend.specs import nanoseconds

_PART = 5_000
"""Most grid points read at once."""


class Embedding:
    """Writes nothing: codes are handed to whoever asked."""

    def __init__(
        self,
        stores: Stores,
        detectors: Detectors,
        labelling: Labelling,
        served: Served,
        clock: Clock,
    ) -> None:
        self._source = stores.source
        self._records = stores.records
        self._detectors = detectors
        self._labelling = labelling
        self._served = served
        self._clock = clock

    def codes(
        self,
        detector: str,
        start: int,
        stop: int,
        progress: Progress = lambda share, words: None,
    ) -> Codes:
        """Codes of `[start, stop)` by the version that serves now.

        Raises:
            InputError: the range holds no closed bucket, or the model has no bottleneck.
            NoData: there is nothing in it.
            NotFound: no such detector, or no version serves yet.
        """
        spec = self._detectors.get(detector)
        promotions = self._records.promotions(detector)
        if not promotions:
            raise NotFound(f"No model of {detector!r} serves yet: retrain it first.")
        fitted = self._served.load(detector, promotions[-1].number)[1]
        step = fitted.spec.step
        closed = last_closed(self._clock.now(), step, nanoseconds(spec.delay))
        start, stop = ceil_to(start, step), min(floor_to(stop, step), closed)
        if start >= stop:
            raise InputError(
                f"The range holds no closed bucket of {detector!r}: expected a start before its "
                "end, both in the past."
            )
        start = self._begin(fitted, start, stop)
        labels = self._labelling.list(detector)
        parts = []
        for begin in range(start, stop, _PART * step):
            end = min(begin + _PART * step, stop)
            parts.append(self._part(fitted, labels, begin, end))
            progress((end - start) / (stop - start), "embedding")
        return _together(parts)

    def _begin(self, fitted: Fitted, start: int, stop: int) -> int:
        """Where the range begins to hold anything."""
        spec = fitted.spec
        first = first_bucket(self._source, spec, start, stop)
        if first is None:
            raise NoData(f"The range holds no data of {spec.name!r}: check its start and end.")
        return first

    def _part(self, fitted: Fitted, labels: Sequence[Label], start: int, stop: int) -> Codes:
        spec = fitted.spec
        begin = start - fitted.lookback * spec.step
        rows = aligned(read_rows(self._source, spec, begin, stop), fitted.keys)
        return embed(fitted, rows, first=fitted.lookback, excluded=excluded(rows, labels))


def _together(parts: Sequence[Codes]) -> Codes:
    return Codes(
        parts[0].keys,
        np.concatenate([part.times for part in parts]),
        np.concatenate([part.vectors for part in parts], axis=1),
    )
