"""The course of one training: what its steps share, and how members are taught."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from backend.detection.checks import learn_checks
from backend.detection.enough import FEWEST_TO_FIT, reach
from backend.detection.fold_history import FoldHistory
from backend.detection.folds import Ends, Fold, cross_fit, lay_out
from backend.detection.former import Former
from backend.detection.grid import Rows
from backend.detection.judging import Prepared, prepare
from backend.detection.pipeline import counted_channels
from backend.detection.windows import full_windows
from backend.exceptions import TrainingFailed
from backend.ports import Floats, Lesson, LossCurve, Model, ModelFactory, Progress, Start
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
        fleet: how many series share what the whole detector may do; these if not given.
        former: what the training may begin from.
        histories: what the former folds of each series have seen; None where its folds begin cold.
    """

    spec: DetectorSpec
    rows: Rows
    prepared: Prepared
    normal: Mask
    active: Mask
    folds: tuple[tuple[Fold, ...], ...]
    make_model: ModelFactory
    modes: Mapping[str, Mask] = field(default_factory=dict)
    fleet: int | None = None
    former: Former | None = None
    histories: tuple[FoldHistory | None, ...] = ()

    @property
    def places(self) -> Ends:
        """(T,) of the rows on the grid, in steps since 1970."""
        return self.rows.times // self.rows.step

    @property
    def known(self) -> Floats:
        """(S, T, F) in the sensors' units; channels kept aside are absent."""
        return np.where(self.active[:, None, :], self.prepared.values, np.nan)

    @property
    def counted(self) -> Mask:
        """(S, F) channels whose error counts."""
        return counted_channels(self.spec, self.active)


def plan(
    spec: DetectorSpec,
    rows: Rows,
    normal: Mask,
    make_model: ModelFactory,
    former: Former | None = None,
) -> Course:
    """Lay out a training: which channels vary, and which windows each fold learns from.

    Where the folds of a series may go on from former ones, windows stay in the fold that held them
    out before.

    Args:
        spec: the detector.
        rows: (S, T, F) of series that have enough normal rows (see `enough.py`).
        normal: (S, T) rows that may be learned from.
        make_model: builds an untrained model.
        former: what it may begin from.
    """
    checks = learn_checks(rows.values, normal, spec.checks)
    active = ~checks.constant
    prepared = prepare(spec, rows, active)
    folds, histories = [], []
    for s, row in enumerate(full_windows(normal, spec.model.window)):
        history = None if former is None else former.history(rows.keys[s], active[s])
        ends = np.flatnonzero(row)
        laid, known = _laid(spec, ends, rows.times[ends] // rows.step, history)
        folds.append(laid)
        histories.append(known)
    return Course(
        spec,
        rows,
        prepared,
        normal,
        active,
        tuple(folds),
        make_model,
        former=former,
        histories=tuple(histories),
    )


def _laid(
    spec: DetectorSpec, ends: Ends, places: Ends, history: FoldHistory | None
) -> tuple[tuple[Fold, ...], FoldHistory | None]:
    """The folds of one series, and what they go on from; None where they begin anew."""
    rules = reach(spec), spec.model.validation, spec.model.window
    block = None if history is None else history.blocks(places, reach(spec))
    if block is not None:
        folds = lay_out(ends, block, *rules, places)
        if min(len(fold.train) for fold in folds) >= FEWEST_TO_FIT:
            return tuple(folds), history
    return tuple(cross_fit(ends, spec.folds, *rules, places)), None


class Diverged(Exception):
    """The training of some series came to nothing; the others are to be trained without them."""

    def __init__(self, series: set[int]) -> None:
        self.series = series
        super().__init__(sorted(series))


def taught(
    model: Model,
    lessons: Sequence[Lesson],
    series: Sequence[int],
    progress: Progress,
    start: Start | None = None,
) -> list[LossCurve]:
    """Fit a model whose members belong to these series, by their index.

    Raises:
        Diverged: the losses of some members are not finite.
    """
    try:
        return model.fit(lessons, progress, start)
    except TrainingFailed as error:
        raise Diverged({series[member] for member in error.members}) from error
