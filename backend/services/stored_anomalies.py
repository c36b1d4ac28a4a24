"""Smoothed errors of labelled anomalies as they were written: what `f1_max` chooses by."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from backend import schema
from backend.detection.checks import REASONS
from backend.detection.multiples import ANOMALOUS
from backend.detection.runs import Mask
from backend.ports import Floats, Points, Query, SeriesStore, Strings
from backend.records import Label, LabelKind, SeriesKey, series_key
from backend.services.label_marks import Marks
from backend.services.reading import merged, ranges
from backend.specs import DetectorSpec

_READ = ("smoothed", "judged", "reason", "model")
_ROWS = 100_000


class StoredAnomalies:
    """Reads what a model version said of the ranges that are labelled anomalies."""

    def __init__(self, results: SeriesStore, spec: DetectorSpec, labels: Sequence[Label]) -> None:
        self._results, self._spec, self._labels = results, spec, labels
        self._marks = Marks(labels, spec.step)

    def of(self, *models: str) -> dict[SeriesKey, Floats]:
        """(A,) the model's own errors by series, where there are any.

        Points that a plain check flags do not count: their error is not the model's own.

        Args:
            models: names that its points carry: of versions that differ by their threshold only.
        """
        found: dict[SeriesKey, list[Floats]] = {}
        for key, errors, names in self._rows:
            found.setdefault(key, []).append(errors[np.isin(names.astype(str), models)])
        whole = {key: np.concatenate(parts) for key, parts in found.items()}
        return {key: own for key, own in whole.items() if own.size}

    @cached_property
    def _rows(self) -> list[tuple[SeriesKey, Floats, Floats | Strings]]:
        """Piece by piece a series, (A,) errors and (A,) the versions that gave them.

        Read once, however many versions are asked for.
        """
        found = []
        for start, stop in merged(ranges(self._labels, LabelKind.ANOMALY)):
            where = {schema.DETECTOR_TAG: self._spec.name}
            query = Query(schema.SCORES, _READ, start, stop, where, self._spec.group_by)
            for points in self._results.stream(query, _ROWS):
                key = series_key(points.tags)
                own = self._own(key, points)
                errors = np.asarray(points.fields["smoothed"][own], dtype=np.float64)
                found.append((key, errors, points.fields["model"][own]))
        return found

    def _own(self, key: SeriesKey, points: Points) -> Mask:
        """(T,) rows of labelled anomalies in which the model speaks for itself."""
        said, _ = self._marks.of(key).of(points.times)
        fields = points.fields
        judged = fields["judged"] == 1.0
        checked = np.isin(fields["reason"].astype(str), REASONS)
        return np.asarray((said == ANOMALOUS) & judged & ~checked)
