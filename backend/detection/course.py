"""The course of one training: what its steps share, and how members are taught."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from backend.detection.checks import learn_checks
from backend.detection.enough import reach
from backend.detection.folds import Fold, cross_fit
from backend.detection.grid import Rows
from backend.detection.judging import Prepared, prepare
from backend.detection.pipeline import counted_channels
from backend.detection.windows import full_windows
from backend.exceptions import TrainingFailed
from backend.ports import Floats, Lesson, LossCurve, Model, ModelFactory, Progress
from backend.specs import DetectorSpec

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Course:
    """What the steps of one training share; S series, K folds.

    Attributes:
        spec: the detector.
        rows: (S, T, F) in the sensors' units.
        prepared: the same, ready for a model.
        normal: (S, T) rows that may be learned from.
        active: (S, F) channels that vary in them; the others are kept aside.
        folds: K of each series.
        make_model: builds an untrained model.
        modes: (S, T) rows of each operating mode by its name, as labels say.
    """

    spec: DetectorSpec
    rows: Rows
    prepared: Prepared
    normal: Mask
    active: Mask
    folds: tuple[tuple[Fold, ...], ...]
    make_model: ModelFactory
    modes: Mapping[str, Mask] = field(default_factory=dict)

    @property
    def known(self) -> Floats:
        """(S, T, F) in the sensors' units; channels kept aside are absent."""
        return np.where(self.active[:, None, :], self.prepared.values, np.nan)

    @property
    def counted(self) -> Mask:
        """(S, F) channels whose error counts."""
        return counted_channels(self.spec, self.active)


def plan(spec: DetectorSpec, rows: Rows, normal: Mask, make_model: ModelFactory) -> Course:
    """Lay out a training: which channels vary, and which windows each fold learns from.

    Args:
        spec: the detector.
        rows: (S, T, F) of series that have enough normal rows (see `enough.py`).
        normal: (S, T) rows that may be learned from.
        make_model: builds an untrained model.
    """
    checks = learn_checks(rows.values, normal, spec.checks)
    prepared = prepare(spec, rows, ~checks.constant)
    window, validation = spec.model.window, spec.model.validation
    folds = tuple(
        tuple(cross_fit(np.flatnonzero(row), spec.folds, reach(spec), validation, window))
        for row in full_windows(normal, window)
    )
    return Course(spec, rows, prepared, normal, ~checks.constant, folds, make_model)


class Diverged(Exception):
    """The training of some series came to nothing; the others are to be trained without them."""

    def __init__(self, series: set[int]) -> None:
        self.series = series
        super().__init__(sorted(series))


def taught(
    model: Model, lessons: Sequence[Lesson], series: Sequence[int], progress: Progress
) -> list[LossCurve]:
    """Fit a model whose members belong to these series, by their index.

    Raises:
        Diverged: the losses of some members are not finite.
    """
    try:
        return model.fit(lessons, progress)
    except TrainingFailed as error:
        raise Diverged({series[member] for member in error.members}) from error
