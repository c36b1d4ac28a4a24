"""Train on the rows given as normal, score the rest, and say how well that went."""

import time
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from backend.detection.evaluation import Decision, Ranking, decide, rank
from backend.ports import Floats, Progress
from backend.services.exams import Exam, Mask, nanoseconds_of


class Watcher(Protocol):
    """What is evaluated: a detector that takes frames with a UTC `DatetimeIndex`."""

    def fit(self, frame: pd.DataFrame, normal: Mask, progress: Progress) -> object:
        """Train on the rows of the mask."""
        ...

    def score(self, frame: pd.DataFrame) -> pd.DataFrame:
        """`smoothed threshold score flag judged …` of every grid point."""
        ...


@dataclass(frozen=True)
class Report:
    """How an exam went.

    Attributes:
        ranking: how well the scores order the rows.
        decision: how good the flags are at the threshold that was chosen without the labels.
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
            "unjudged": self.unjudged,
            "trained_rows": self.trained_rows,
        }
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
    rows = _of_rows(scored, exam.asked.index[exam.tested], step)
    scores = rows["score"].to_numpy(dtype=np.float64)
    return Report(
        ranking=rank(exam.labels, scores, buffer),
        decision=decide(exam.labels, rows["flag"].to_numpy() > 0),
        threshold=float(scored["threshold"].iloc[-1]),
        fit_seconds=fitted - began,
        score_seconds=done - fitted,
        rows=len(rows),
        unjudged=int((rows["judged"].to_numpy() == 0).sum()),
        trained_rows=int(exam.normal.sum()),
        scored=scored,
        scores=scores,
    )


def _of_rows(scored: pd.DataFrame, times: pd.Index, step: int) -> pd.DataFrame:
    """Score, flag and judged of each row: those of its grid point, 0 where there is none."""
    stamps = nanoseconds_of(times)
    points = nanoseconds_of(scored.index)
    wanted = ["score", "flag", "judged"]
    found = pd.DataFrame(scored[wanted].to_numpy(dtype=np.float64), index=points, columns=wanted)
    return found.reindex(stamps - stamps % step).fillna(0.0)
