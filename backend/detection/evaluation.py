"""How good scores and flags are, given labels.

Two questions are kept apart. Ranking (`auroc`, `aupr`, `vus_pr`): do anomalous rows score higher,
whatever the limit? Decision (`f1`, `precision`, `recall`, `far`, `mar`, `fc1`, `false_alarms`): how
good are the flags at the limit that was chosen without the labels? `best_f1` is the F1 of the best
limit with hindsight: for orientation, never a result.

Labels are 0 normal, 1 anomalous, 2 not judged (such rows are left out first, so that their
neighbors become adjacent). No figure is point-adjusted: flagging one row of a range never counts
as having flagged all of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix,
    precision_recall_curve,
    precision_recall_fscore_support,
    roc_auc_score,
    roc_curve,
)

from backend.detection.counted import UNDEFINED, harmonic
from backend.detection.range_auc import vus_pr
from backend.detection.runs import Mask, spans
from backend.exceptions import InputError
from backend.ports import Floats

NOT_JUDGED = 2


@dataclass(frozen=True)
class Ranking:
    """How well scores order rows; NaN where the labels are all of one kind.

    Attributes:
        auroc: area under the receiver operating characteristic.
        aupr: average precision.
        vus_pr: volume under the range precision-recall surface.
        best_f1: the best F1 any limit reaches, with hindsight.
        best_threshold: that limit; rows with a score of at least this are flagged.
    """

    auroc: float
    aupr: float
    vus_pr: float
    best_f1: float
    best_threshold: float


@dataclass(frozen=True)
class Decision:
    """How good flags are.

    Shares without a denominator are 0 where nothing was flagged (`precision`, `f1`, `fc1`) and NaN
    where no row or event of the kind asked for exists (`recall`, `mar`, `event_recall`, `far`).

    Attributes:
        f1: harmonic mean of `precision` and `recall` of rows.
        precision: share of flagged rows that are anomalous.
        recall: share of anomalous rows that are flagged.
        far: false alarm rate, the share of normal rows that are flagged.
        mar: missed alarm rate, the share of anomalous rows that are not flagged.
        event_recall: share of anomalous runs with at least one flagged row.
        fc1: harmonic mean of `precision` of rows and `event_recall`; flagging all cannot win it.
        false_alarms: flagged runs that touch no anomalous row.
        events: anomalous runs.
    """

    f1: float
    precision: float
    recall: float
    far: float
    mar: float
    event_recall: float
    fc1: float
    false_alarms: int
    events: int


@dataclass(frozen=True)
class ClassFigures:
    """How well rows of one class, normal or anomalous, were told from the others.

    Attributes:
        precision: share of the rows taken for this class that are of it; 0 if none was.
        recall: share of its rows that were taken for it; NaN if there is none.
        f1: harmonic mean of both.
        support: rows of the class.
    """

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class ClassReport:
    """Both classes, and how rows were taken.

    Attributes:
        normal, anomalous: the figures of each class.
        confusion: (2, 2) counts; row = what it is, column = what it was taken for, normal first.
    """

    normal: ClassFigures
    anomalous: ClassFigures
    confusion: tuple[tuple[int, int], tuple[int, int]]


def judged_rows(labels: ArrayLike, values: ArrayLike) -> tuple[Mask, Floats]:
    """Leave out rows with label 2, from the labels and from the values beside them.

    Args:
        labels: (T,) of 0, 1 and 2.
        values: (T,) numbers.

    Returns:
        (J,) booleans, true = anomalous, and (J,) values.

    Raises:
        InputError: a label is none of 0, 1, 2, or the lengths differ.
    """
    marks, numbers = np.asarray(labels), np.asarray(values, dtype=np.float64)
    if len(marks) != len(numbers):
        raise InputError(
            f"There are {len(marks)} labels for {len(numbers)} rows; give one label a row."
        )
    known = np.isin(marks, (0, 1, NOT_JUDGED))
    if not known.all():
        raise InputError(
            f"A label is {marks[~known][0]}; expected 0 (normal), 1 (anomalous) or 2 (not judged)."
        )
    kept = marks != NOT_JUDGED
    return marks[kept] == 1, numbers[kept]


def rank(labels: ArrayLike, scores: ArrayLike, buffer: int) -> Ranking:
    """Judge how well scores order rows.

    Args:
        labels: (T,) of 0, 1 and 2.
        scores: (T,) finite; high = anomalous.
        buffer: largest buffer of `vus_pr`, in rows.

    Returns:
        The figures, all NaN where the judged labels are all of one kind.

    Raises:
        InputError: labels are wrong, or a score is not finite.
    """
    anomalous, values = judged_rows(labels, scores)
    if not np.isfinite(values).all():
        raise InputError("A score is not a finite number; every judged row needs one.")
    if anomalous.all() or not anomalous.any():
        return Ranking(UNDEFINED, UNDEFINED, UNDEFINED, UNDEFINED, UNDEFINED)
    best_f1, best_threshold = _best(anomalous, values)
    return Ranking(
        auroc=float(roc_auc_score(anomalous, values)),
        aupr=float(average_precision_score(anomalous, values)),
        vus_pr=vus_pr(anomalous, values, buffer),
        best_f1=best_f1,
        best_threshold=best_threshold,
    )


def _best(anomalous: Mask, scores: Floats) -> tuple[float, float]:
    curve = threshold_curve(anomalous, scores)
    at = int(np.argmax(curve["f1"]))
    return float(curve["f1"][at]), float(curve["threshold"][at])


def threshold_curve(labels: ArrayLike, scores: ArrayLike) -> Mapping[str, Floats]:
    """Precision, recall and F1 of rows against the limit.

    Args:
        labels: (T,) of 0, 1 and 2, with at least one 1.
        scores: (T,) finite; high = anomalous.

    Returns:
        `threshold` `precision` `recall` `f1`, each (K,), limits ascending; a row is flagged where
        its score is at least the limit.

    Raises:
        InputError: labels are wrong.
    """
    anomalous, values = judged_rows(labels, scores)
    precision, recall, limits = precision_recall_curve(anomalous, values)
    precision, recall = precision[:-1], recall[:-1]  # the last pair stands for no limit at all
    f1 = harmonic(precision, recall)
    return {"threshold": limits, "precision": precision, "recall": recall, "f1": f1}


def decide(labels: ArrayLike, flags: ArrayLike) -> Decision:
    """Judge flags.

    Args:
        labels: (T,) of 0, 1 and 2.
        flags: (T,) of 0 and 1, or booleans.

    Returns:
        The figures at the limit behind the flags.

    Raises:
        InputError: labels are wrong.
    """
    anomalous, marks = judged_rows(labels, flags)
    flagged = marks > 0
    hits = int((anomalous & flagged).sum())
    precision = hits / int(flagged.sum()) if flagged.any() else 0.0
    recall = _share(hits, int(anomalous.sum()))
    event_recall, events = _events_found(anomalous, flagged)
    return Decision(
        f1=float(harmonic(precision, recall)),
        precision=precision,
        recall=recall,
        far=_share(int((flagged & ~anomalous).sum()), int((~anomalous).sum())),
        mar=1 - recall,
        event_recall=event_recall,
        fc1=float(harmonic(precision, event_recall)),
        false_alarms=false_alarms(anomalous, flagged),
        events=events,
    )


def by_class(labels: ArrayLike, flags: ArrayLike) -> ClassReport:
    """Judge flags for each class.

    Args:
        labels: (T,) of 0, 1 and 2.
        flags: (T,) of 0 and 1, or booleans.

    Raises:
        InputError: labels are wrong.
    """
    anomalous, marks = judged_rows(labels, flags)
    flagged = marks > 0
    figures = precision_recall_fscore_support(
        anomalous, flagged, labels=[False, True], zero_division=0.0
    )
    normal, other = (
        ClassFigures(float(p), float(r) if n else UNDEFINED, float(f), int(n))
        for p, r, f, n in zip(*figures, strict=True)
    )
    (tn, fp), (fn, tp) = confusion_matrix(anomalous, flagged, labels=[False, True]).tolist()
    return ClassReport(normal, other, ((tn, fp), (fn, tp)))


def operating_curve(labels: ArrayLike, scores: ArrayLike) -> Mapping[str, Floats]:
    """The receiver operating characteristic: `false_alarms` and `recall`, each (K,), ascending.

    Args:
        labels: (T,) of 0, 1 and 2, with at least one 0 and one 1.
        scores: (T,) finite; high = anomalous.

    Raises:
        InputError: labels are wrong.
    """
    false_rate, true_rate, _ = roc_curve(*judged_rows(labels, scores))
    return {"false_alarms": false_rate, "recall": true_rate}


def _share(part: int, whole: int) -> float:
    return part / whole if whole else UNDEFINED


def _events_found(anomalous: Mask, flagged: Mask) -> tuple[float, int]:
    events = spans(anomalous)
    found = sum(bool(flagged[start:stop].any()) for start, stop in events)
    return _share(found, len(events)), len(events)


def false_alarms(anomalous: Mask, flagged: Mask) -> int:
    """Count flagged runs that touch no anomalous row.

    Args:
        anomalous: (T,) booleans.
        flagged: (T,) booleans.
    """
    return sum(not anomalous[start:stop].any() for start, stop in spans(flagged))
