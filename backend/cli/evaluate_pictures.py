"""The pictures of an evaluation: those of one model, and those of several side by side."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from backend.cli.evaluate_outcome import Gallery
from backend.detection.evaluation import operating_curve, threshold_curve
from backend.detection.runs import spans
from backend.detector import Detector
from backend.plots import quality, style
from backend.plots.channels import Channels, input_against_reconstruction
from backend.plots.scores import Story, contributions, error_over_time
from backend.plots.spans import Span
from backend.plots.training import error_distribution, loss_curve
from backend.ports import Floats
from backend.services.evaluation import Report
from backend.services.exams import Exam, nanoseconds_of
from backend.services.reporting import Picture

_CAPTIONS = {
    "distribution": "The smoothed error of held-out normal rows and of the rows scored, with the "
    "threshold.",
    "error": "The smoothed error over time on a logarithmic axis, with the threshold.",
    "reconstruction": "What the sensors reported and what the model expected.",
    "contributions": "Which channel the error comes from.",
    "quality": "Precision, recall and F1 if the threshold were another. Reading a better threshold "
    "off this picture is hindsight.",
    "confusion": "Rows by their label and by their flag.",
    "loss": "The loss of each epoch of training.",
}
_NO_LOSS = "It learns in one step, so that there is no loss curve."
_NO_EXPECTED = (
    "This kind of model has no notion of an expected value, so that there is no picture of input "
    "against reconstruction."
)
_NO_SHARES = "Nothing can be said of single channels, so that there is no picture of contributions."
_NO_QUALITY = (
    "Without normal and anomalous rows there is no curve of precision and recall against the "
    "threshold."
)


def gallery(detector: Detector, exam: Exam, report: Report) -> Gallery:
    """Draw training, scores and quality of one model."""
    tested = _tested(exam, report)
    story = _story(exam, tested, detector.spec.step)
    drawn: list[Picture] = []
    lacking: list[str] = []
    for name, make in _plan(detector, exam, report, tested, story).items():
        if isinstance(make, str):
            lacking.append(make)
        else:
            drawn.append(Picture(name, _CAPTIONS[name], style.png(make())))
    return Gallery(tuple(drawn), tuple(lacking))


def _plan(
    detector: Detector, exam: Exam, report: Report, tested: pd.DataFrame, story: Story
) -> dict[str, Callable[[], Figure] | str]:
    """Name of each picture to what draws it, or to a sentence on why there is none."""
    record = detector.training
    channels, shares = _channels(detector, exam, tested), _shares(tested)
    expected, blamed = _differs(channels), any(share.any() for share in shares.values())
    loss = record["losses"][0]
    return {
        "error": lambda: error_over_time(story),
        "distribution": lambda: error_distribution(
            np.asarray(record["held_out_smoothed"][0]), report.threshold, story.smoothed
        ),
        "contributions": (lambda: contributions(story, shares)) if blamed else _NO_SHARES,
        "reconstruction": (
            (lambda: input_against_reconstruction(channels, story)) if expected else _NO_EXPECTED
        ),
        "quality": (
            _NO_QUALITY
            if report.remarks
            else lambda: quality.quality_against_threshold(
                threshold_curve(exam.labels, report.scores), threshold=1.0
            )
        ),
        "confusion": lambda: quality.confusion_matrix(report.classes.confusion),
        "loss": ((lambda: _loss(loss, record["val_losses"][0])) if len(loss) > 1 else _NO_LOSS),
    }


def _loss(loss: Sequence[float], val_loss: Sequence[float]) -> Figure:
    best = int(np.nanargmin(val_loss if np.isfinite(val_loss).any() else loss))
    return loss_curve(loss, val_loss, best)


def comparison(reports: Mapping[str, Report], labels: NDArray[np.int64]) -> tuple[Picture, ...]:
    """Draw the ranking and the decisions of all models in the same axes; none without both kinds.

    Args:
        reports: model to how its exam went.
        labels: one a tested row, the same for all.
    """
    known = {name: report for name, report in reports.items() if not report.remarks}
    if not known:
        return ()
    share = next(iter(known.values())).counts.anomalous_share
    roc = {name: operating_curve(labels, report.scores) for name, report in known.items()}
    curves = {name: threshold_curve(labels, report.scores) for name, report in known.items()}
    chosen = {
        name: (report.decision.recall, report.decision.precision)
        for name, report in known.items()
        if report.classes.confusion[0][1] + report.classes.confusion[1][1]
    }
    drawn = {
        "roc": (
            "False alarms against what is found, at every threshold.",
            quality.operating_curves(roc),
        ),
        "precision-recall": (
            "Precision against recall at every threshold; dots: the threshold chosen without the "
            "labels.",
            quality.precision_recall_curves(curves, share, chosen),
        ),
    }
    if len(known) > 1:
        figures = {name: report.plain() for name, report in known.items()}
        words = "The main figures; circles show what only hindsight would reach."
        drawn = {"side-by-side": (words, quality.side_by_side(figures)), **drawn}
    return tuple(Picture(name, words, style.png(figure)) for name, (words, figure) in drawn.items())


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


def _differs(channels: Channels) -> bool:
    """Whether anything else than what was reported is expected anywhere it was reported."""
    pairs = [(channels.values[name], channels.expected[name]) for name in channels.expected]  # noqa: PD011
    return any(
        not np.allclose(expected[there], reported[there], rtol=1e-9, atol=0)
        for reported, expected in pairs
        if (there := np.isfinite(reported)).any()
    )


def _shares(tested: pd.DataFrame) -> dict[str, Floats]:
    prefix = "contribution_"
    names = [name for name in tested.columns if name.startswith(prefix)]
    return {name.removeprefix(prefix): tested[name].to_numpy() for name in names}
