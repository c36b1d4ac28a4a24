"""Smoothed errors of labelled anomalies as they were written: what `f1_max` chooses by."""

from collections.abc import Sequence

import numpy as np

from backend import schema
from backend.detection.multiples import ANOMALOUS
from backend.ports import Floats, Points, Query, SeriesStore
from backend.records import Label, LabelKind, SeriesKey, series_key
from backend.services.label_marks import LabelledRows
from backend.services.reading import merged, ranges
from backend.specs import DetectorSpec

_READ = ("smoothed", "judged", "reason", "model")
_ROWS = 100_000
CHECKED = (
    schema.REASON_FLATLINE,
    schema.REASON_RANGE,
    schema.REASON_RATE,
    schema.REASON_CONSTANT,
)
"""Reasons of points that a plain check flags: their smoothed error is not the model's own."""


class StoredAnomalies:
    """Reads what a model version said of the ranges that are labelled anomalies."""

    def __init__(self, results: SeriesStore, spec: DetectorSpec, labels: Sequence[Label]) -> None:
        self._results, self._spec, self._labels = results, spec, labels
        self._known: dict[SeriesKey, LabelledRows] = {}

    def of(self, *models: str) -> dict[SeriesKey, Floats]:
        """(A,) the model's own errors by series, where there are any.

        Args:
            models: names that its points carry: of versions that differ by their threshold only.
        """
        found: dict[SeriesKey, list[Floats]] = {}
        for start, stop in merged(ranges(self._labels, LabelKind.ANOMALY)):
            where = {schema.DETECTOR_TAG: self._spec.name}
            query = Query(schema.SCORES, _READ, start, stop, where, self._spec.group_by)
            for points in self._results.stream(query, _ROWS):
                key = series_key(points.tags)
                found.setdefault(key, []).append(self._own(key, points, models))
        errors = {key: np.concatenate(parts) for key, parts in found.items()}
        return {key: own for key, own in errors.items() if own.size}

    def _own(self, key: SeriesKey, points: Points, models: Sequence[str]) -> Floats:
        if key not in self._known:
            self._known[key] = LabelledRows(self._labels, key, self._spec.step)
        said, _ = self._known[key].of(points.times)
        fields = points.fields
        wanted = (said == ANOMALOUS) & (fields["judged"] == 1.0)
        wanted &= np.isin(fields["model"].astype(str), models)
        wanted &= ~np.isin(fields["reason"].astype(str), CHECKED)
        return np.asarray(fields["smoothed"][wanted], dtype=np.float64)
