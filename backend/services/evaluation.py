"""Train on the rows given as normal, score the rest, and say how well that went."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from backend.detection.evaluation import ClassReport, Decision, Ranking, by_class, decide, rank
from backend.detection.runs import spans
from backend.detection.sightings import Counts, Sightings, count, sight
from backend.ports import Floats, Progress
from backend.services.exams import Exam, Mask, nanoseconds_of

_WEEK = 604_800_000_000_000
_ONE_KIND = (
    "the labels hold no {missing} row among those judged, so that auroc, aupr, vus_pr and best_f1 "
    "are not defined{more}"
)


class Watcher(Protocol):
    """What is evaluated: a detector that takes frames with a UTC `DatetimeIndex`."""

    def fit(self, frame: pd.DataFrame, normal: Mask, progress: Progress) -> object:
        """Train on the rows of the mask."""
        ...

    def score(self, frame: pd.DataFrame) -> pd.DataFrame:
        """`smoothed threshold score flag alarm judged …` of every grid point."""
        ...


@dataclass(frozen=True)
class Report:
    """How an exam went.

    Attributes:
        ranking: how well the scores order the rows.
        decision: how good the flags are at the threshold that was chosen without the labels.
        sightings: what the flags tell of events, by the clock.
        classes: the flags for each class, and the confusion matrix.
        counts: tested rows of each label.
        alarms_per_week: alarms (minimum length and hysteresis applied) a week of judged time.
        threshold: that threshold at the last row, in the unit of the smoothed error.
        fit_seconds, score_seconds: wall time.
        rows: tested rows, those with label 2 included.
        unjudged: tested rows that the detector did not judge; they count as score 0, not flagged.
        trained_rows: rows given as normal.
        scored: every grid point, as the detector gave it.
        scores: (rows,) score of each tested row.
    """

    ranking: Ranking
    decision: Decision
    sightings: Sightings
    classes: ClassReport
    counts: Counts
    alarms_per_week: float
    threshold: float
    fit_seconds: float
    score_seconds: float
    rows: int
    unjudged: int
    trained_rows: int
    scored: pd.DataFrame
    scores: Floats

    def plain(self) -> dict[str, Any]:
        """JSON-ready figures; a figure that is not defined is None."""
        ranking, decision = asdict(self.ranking), asdict(self.decision)
        best = {"best_f1": ranking.pop("best_f1"), "best_threshold": ranking.pop("best_threshold")}
        best["best_threshold"] *= self.threshold
        figures = {
            **ranking,
            **{name: decision.pop(name) for name in ("f1", "precision", "recall", "far", "mar")},
            "threshold": self.threshold,
            "fit_seconds": round(self.fit_seconds, 3),
            "score_seconds": round(self.score_seconds, 3),
            "rows": self.rows,
            **best,
            **decision,
            **asdict(self.sightings),
            "alarms_per_week": self.alarms_per_week,
            **asdict(self.counts),
            "anomalous_share": self.counts.anomalous_share,
            "unjudged": self.unjudged,
            "trained_rows": self.trained_rows,
        }
        return {**_defined(figures), "classes": self._plain_classes()}

    def _plain_classes(self) -> dict[str, Any]:
        return {
            "normal": _defined(asdict(self.classes.normal)),
            "anomalous": _defined(asdict(self.classes.anomalous)),
            "confusion": [list(row) for row in self.classes.confusion],
        }

    @property
    def remarks(self) -> tuple[str, ...]:
        """Why a figure is not defined, a sentence each."""
        if not self.counts.anomalous_rows:
            return (_ONE_KIND.format(missing="anomalous", more=", nor any recall"),)
        if not self.counts.normal_rows:
            return (_ONE_KIND.format(missing="normal", more=", nor is the false alarm rate"),)
        return ()


def _defined(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {name: None if np.isnan(value) else value for name, value in figures.items()}


def evaluate(
    watcher: Watcher,
    exam: Exam,
    step: int,
    buffer: int,
    progress: Progress = lambda share, words: None,
) -> Report:
    """Train, score and judge.

    Args:
        watcher: an untrained detector.
        exam: what to learn from and to be judged on.
        step: the detector's grid in nanoseconds.
        buffer: largest buffer of VUS-PR, in rows.
        progress: told the share done.

    Raises:
        NormalcyError: the detector could not be trained or could not score.
    """
    began = time.monotonic()
    watcher.fit(exam.train, exam.normal, progress)
    fitted = time.monotonic()
    scored = watcher.score(exam.asked)
    done = time.monotonic()
    times = exam.asked.index[exam.tested]
    rows = of_rows(scored, times, step)
    scores, flags = rows["score"].to_numpy(dtype=np.float64), rows["flag"].to_numpy() > 0
    return Report(
        ranking=rank(exam.labels, scores, buffer),
        decision=decide(exam.labels, flags),
        sightings=sight(exam.labels, flags, nanoseconds_of(times)),
        classes=by_class(exam.labels, flags),
        counts=count(exam.labels),
        alarms_per_week=_alarms_per_week(scored, int(nanoseconds_of(times)[0]), step),
        threshold=float(scored["threshold"].iloc[-1]),
        fit_seconds=fitted - began,
        score_seconds=done - fitted,
        rows=len(rows),
        unjudged=int((rows["judged"].to_numpy() == 0).sum()),
        trained_rows=int(exam.normal.sum()),
        scored=scored,
        scores=scores,
    )


def _alarms_per_week(scored: pd.DataFrame, first: int, step: int) -> float:
    """Alarms from the first tested row on, a week of judged time; NaN where none is judged."""
    tested = scored[nanoseconds_of(scored.index) >= first - first % step]
    weeks = float((tested["judged"] > 0).sum()) * step / _WEEK
    alarms = len(spans(tested["alarm"].to_numpy() > 0))
    return alarms / weeks if weeks else float("nan")


def of_rows(
    scored: pd.DataFrame,
    times: pd.Index,
    step: int,
    wanted: Sequence[str] = ("score", "flag", "judged"),
) -> pd.DataFrame:
    """Columns of each row: those of its grid point, 0 where there is none."""
    stamps = nanoseconds_of(times)
    points = nanoseconds_of(scored.index)
    names = list(wanted)
    found = pd.DataFrame(scored[names].to_numpy(dtype=np.float64), index=points, columns=names)
    return found.reindex(stamps - stamps % step).fillna(0.0)
