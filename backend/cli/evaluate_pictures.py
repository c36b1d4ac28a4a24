"""The pictures of an evaluation."""

from pathlib import Path

import numpy as np
import pandas as pd

from backend.detection.evaluation import threshold_curve
from backend.detection.runs import spans
from backend.detector import Detector
from backend.plots import style
from backend.plots.channels import Channels, input_against_reconstruction
from backend.plots.quality import quality_against_threshold
from backend.plots.scores import Story, contributions, error_over_time
from backend.plots.spans import Span
from backend.plots.training import error_distribution, loss_curve
from backend.ports import Floats
from backend.services.evaluation import Report
from backend.services.exams import Exam, nanoseconds_of


def draw(detector: Detector, exam: Exam, report: Report, directory: Path) -> list[Path]:
    """Draw training, scores and quality; returns where the pictures lie."""
    tested = _tested(exam, report)
    story = _story(exam, tested, detector.spec.step)
    record = detector.training
    figures = {
        "distribution": error_distribution(
            np.asarray(record["held_out_smoothed"][0]), report.threshold, story.smoothed
        ),
        "error": error_over_time(story),
        "reconstruction": input_against_reconstruction(_channels(detector, exam, tested), story),
        "contributions": contributions(story, _shares(tested)),
    }
    if (exam.labels == 1).any():
        curve = threshold_curve(exam.labels, report.scores)
        figures["quality"] = quality_against_threshold(curve, threshold=1.0)
    if loss := record["losses"][0]:
        val_loss = record["val_losses"][0]
        best = int(np.nanargmin(val_loss if np.isfinite(val_loss).any() else loss))
        figures["loss"] = loss_curve(loss, val_loss, best)
    return [style.save(figure, directory / f"{name}.png") for name, figure in figures.items()]


def _tested(exam: Exam, report: Report) -> pd.DataFrame:
    """The grid points from the first tested row on."""
    first = exam.asked.index[exam.tested][0]
    index = report.scored.index
    return report.scored.loc[index[index <= first].max() :]


def _story(exam: Exam, tested: pd.DataFrame, step: int) -> Story:
    times = nanoseconds_of(exam.asked.index[exam.tested])
    grid = nanoseconds_of(tested.index)
    return Story(
        times=grid,
        smoothed=np.where(_numbers(tested, "judged") > 0, _numbers(tested, "smoothed"), np.nan),
        threshold=_numbers(tested, "threshold"),
        labeled=[
            Span(int(times[start]), int(times[stop - 1]) + step)
            for start, stop in spans(exam.labels == 1)
        ],
        events=[
            Span(int(grid[start]), int(grid[stop - 1]) + step)
            for start, stop in spans(_numbers(tested, "flag") > 0)
        ],
        events_name="flagged",
    )


def _numbers(frame: pd.DataFrame, name: str) -> Floats:
    return np.asarray(frame[name], dtype=np.float64)


def _channels(detector: Detector, exam: Exam, tested: pd.DataFrame) -> Channels:
    expected = detector.expected(exam.asked).loc[tested.index]
    step = detector.spec.step
    stamps = nanoseconds_of(exam.asked.index)
    reported = exam.asked.groupby(stamps - stamps % step).mean()
    reported = reported.reindex(nanoseconds_of(tested.index))
    return Channels(
        values={name: reported[name].to_numpy() for name in detector.spec.channels},
        expected={name: expected[name].to_numpy() for name in detector.spec.channels},
    )


def _shares(tested: pd.DataFrame) -> dict[str, Floats]:
    prefix = "contribution_"
    names = [name for name in tested.columns if name.startswith(prefix)]
    return {name.removeprefix(prefix): tested[name].to_numpy() for name in names}
