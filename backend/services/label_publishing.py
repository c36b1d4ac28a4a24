"""Labels are written beside the results, where Grafana's panels draw them, whoever said them."""

from backend.ports import Points, RecordStore, SeriesStore
from backend.records import Label
from backend.schema import DETECTOR_TAG, KIND_TAG, LABELS
from backend.services.results import one_point

_SAME_START = 1000
"""Nanoseconds within which labels of one start are told apart."""


class LabelPublishing:
    """Copies labels from the records to the results, each once unless it is taken back."""

    def __init__(self, records: RecordStore, results: SeriesStore) -> None:
        self._records = records
        self._results = results
        self._written: dict[int, bool] = {}

    def publish(self) -> int:
        """Write what changed since the last call; how many labels.

        The first call writes all there are, which changes nothing where they are written already.

        Raises:
            StoreError: a store is down or refuses; the next call tries the same labels again.
        """
        labels = self._records.labels(removed=True)
        fresh = [one for one in labels if self._written.get(one.id) != _holds(one)]
        if fresh:
            self._results.write(LABELS, [_point(label) for label in fresh])
        self._written |= {one.id: _holds(one) for one in fresh}
        return len(fresh)


def _holds(label: Label) -> bool:
    return label.removed_at is None


def _point(label: Label) -> Points:
    values = {
        "stop_ms": label.stop / 1e6,
        "valid": float(_holds(label)),
        "note": label.note,
        "by": label.created_by,
        "source": label.source,
    }
    tags = {tag: value for tag, value in label.tags.items() if value}
    # Two labels may begin at once: a millisecond, all that Grafana shows, stays the same.
    at = label.start // _SAME_START * _SAME_START + label.id % _SAME_START
    return one_point({**tags, DETECTOR_TAG: label.detector, KIND_TAG: str(label.kind)}, at, values)
