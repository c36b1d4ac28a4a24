"""Volume under the precision-recall surface (VUS-PR) for time series with anomalous ranges.

Point metrics punish a detector that is a few points early or late. The range measure forgives that:
each anomalous range gets a buffer on both sides in which its label falls from 1 to 0, recall is
discounted by the share of ranges that are touched at all, and the area under precision over recall
is averaged over all buffer widths from 0 to a largest one, so that no single width is chosen.

Source: J. Paparrizos, P. Boniol, T. Palpanas, R. Tsay, A. Elmore, M. Franklin, "Volume Under the
Surface: A New Accuracy Evaluation Measure for Time-Series Anomaly Detection", VLDB 2022.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.detection.runs import Mask, spans
from backend.ports import Floats

Indices = NDArray[np.int64]

THRESHOLDS = 250
"""Limits at which the curve is evaluated: the scores at equally spaced ranks."""


@dataclass(frozen=True)
class _Ranking:
    """The curve's limits, and how many rows each of them predicts as anomalous.

    Attributes:
        limits: (K,) scores, descending.
        predicted: (K,) rows with a score of at least the limit.
        order: (T,) rows from the highest score to the lowest.
    """

    limits: Floats
    predicted: Indices
    order: Indices

    @classmethod
    def of(cls, scores: Floats) -> "_Ranking":
        order = np.argsort(-scores, kind="stable")
        falling = scores[order]
        ranks = np.linspace(0, len(scores) - 1, THRESHOLDS).astype(np.int64)
        limits = falling[ranks]
        return cls(limits, np.searchsorted(-falling, -limits, side="right"), order)

    def mass(self, labels: Floats) -> Floats:
        """(K,) sum of `labels` over the rows that each limit predicts."""
        return np.concatenate(([0.0], np.cumsum(labels[self.order])))[self.predicted]


def soft_labels(anomalous: Mask, width: int) -> Floats:
    """Labels with a buffer of `width // 2` rows on both sides of each range.

    Args:
        anomalous: (T,) booleans.
        width: rows of the whole buffer; 0 and 1 leave the labels hard.

    Returns:
        (T,) labels in [0, 1]; at distance d from a range sqrt(1 - d / width), buffers that overlap
        add up to at most 1.
    """
    labels = anomalous.astype(np.float64)
    distance = np.arange(1, width // 2 + 1)
    if not len(distance):
        return labels
    starts, stops = np.array(spans(anomalous), dtype=np.int64).reshape(-1, 2).T
    rows = np.concatenate((stops[:, None] - 1 + distance, starts[:, None] - distance)).ravel()
    weights = np.tile(np.sqrt(1 - distance / width), 2 * len(starts))
    inside = (rows >= 0) & (rows < len(labels))
    labels += np.bincount(rows[inside], weights[inside], minlength=len(labels))
    return np.minimum(labels, 1.0)


def _touched(anomalous: Mask, scores: Floats, limits: Floats, width: int) -> Floats:
    """(K,) share of the buffered ranges that each limit predicts anywhere.

    Ranges whose buffers meet count as one.
    """
    half = width // 2
    # Buffers meet where at most 2 * half - 1 rows lie between two ranges.
    ranges = spans(anomalous, merge=2 * half - 1)
    buffered = [(max(start - half, 0), stop + half) for start, stop in ranges]
    peaks = np.sort([scores[start:stop].max() for start, stop in buffered])
    missed: Floats = np.searchsorted(peaks, limits, side="left") / len(peaks)
    return 1.0 - missed


def range_average_precision(anomalous: Mask, scores: Floats, width: int) -> float:
    """Area under range precision over range recall for one buffer width.

    Args:
        anomalous: (T,) booleans with at least one true.
        scores: (T,) finite; high = anomalous.
        width: rows of the buffer around each range, half of it on each side.

    Returns:
        The area, 0 to 1.
    """
    return _area(anomalous, scores, width, _Ranking.of(scores))


def _area(anomalous: Mask, scores: Floats, width: int, ranking: _Ranking) -> float:
    found = ranking.mass(soft_labels(anomalous, width))
    hard = ranking.mass(anomalous.astype(np.float64))
    # Half of the buffer's mass that was found joins the positives, as in the paper: a limit is not
    # asked to find a buffer that it did not claim.
    positives = int(anomalous.sum()) + (found - hard) / 2
    touched = _touched(anomalous, scores, ranking.limits, width)
    recall = np.minimum(found / positives, 1.0) * touched
    precision = found / ranking.predicted
    return float(np.dot(np.diff(recall, prepend=0.0), precision))


def vus_pr(anomalous: Mask, scores: Floats, buffer: int) -> float:
    """Mean of `range_average_precision` over all buffer widths from 0 to `buffer` rows.

    Args:
        anomalous: (T,) booleans.
        scores: (T,) finite; high = anomalous.
        buffer: the largest width in rows; about the length of a typical anomaly.

    Returns:
        The volume, 0 to 1; NaN where nothing is anomalous.
    """
    if not anomalous.any():
        return float("nan")
    ranking = _Ranking.of(scores)
    areas = [_area(anomalous, scores, width, ranking) for width in range(buffer + 1)]
    return float(np.mean(areas))
