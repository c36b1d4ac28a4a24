"""A training that begins with what the former version learned, and what it must not begin with."""

from dataclasses import replace

import numpy as np
import pytest

from backend.detection import choosing
from backend.detection.enough import reach
from backend.detection.former import FoldMemory, Former
from backend.detection.grid import Rows
from backend.detection.training import Outcome, fit
from backend.models.registry import build
from tests.detection.fleets import STEP, rows_of, spec, waves
from tests.fakes.models import LinearModel, StepwiseModel

LENGTH = 1500
QUANTILE = {"kind": "quantile"}
"""A limit of its own for each series."""


def marked(*parts: slice, series: int = 1) -> np.ndarray:
    normal = np.zeros((series, LENGTH), dtype=bool)
    for part in parts:
        normal[:, part] = True
    return normal


def trained(
    values: np.ndarray,
    *parts: slice,
    former: Outcome | None = None,
    make_model=StepwiseModel,
    **changes,
) -> Outcome:
    normal = marked(*parts, series=len(values))
    settings = spec(threshold=QUANTILE, **changes)
    begun = None if former is None else Former(former.fitted, former.training.memory)
    return fit(settings, rows_of(values), normal, make_model, former=begun)


def epochs(outcome: Outcome) -> list[int]:
    training = outcome.training
    return [len(curve.loss) for curve in (*training.curves, *training.fold_curves)]


def test_a_small_label_more_takes_fewer_epochs_to_the_same_limit():
    values = waves(LENGTH, series=2)
    first = trained(values, slice(0, 1000))
    cold = trained(values, slice(0, 1080))
    warm = trained(values, slice(0, 1080), former=first)
    assert not cold.training.begun.any()
    assert not cold.training.folds_begun.any()
    assert warm.training.begun.all()
    assert warm.training.folds_begun.shape == (2, 5)
    assert warm.training.folds_begun.all()
    assert max(epochs(warm)) < min(epochs(cold))
    np.testing.assert_allclose(warm.fitted.threshold, cold.fitted.threshold, rtol=0.1)


def test_weights_keep_the_scale_they_were_learned_with():
    values = waves(LENGTH)
    first = trained(values, slice(0, 1000))
    cold, warm = (trained(values, slice(0, 1080), former=one) for one in (None, first))
    assert (cold.fitted.scaler.center != first.fitted.scaler.center).all()
    np.testing.assert_array_equal(warm.fitted.scaler.center, first.fitted.scaler.center)
    np.testing.assert_array_equal(warm.fitted.scaler.scale, first.fitted.scaler.scale)


def test_one_series_goes_on_while_others_begin_cold():
    values = waves(LENGTH, series=4)
    values[3, :, 1] = 7.0
    first = trained(values[[0, 1, 3]], slice(0, 1000))
    assert first.fitted.keys == ("room=a", "room=b", "room=c")
    # a goes on; b has moved far off; c, where a channel rested, has come alive; d is new
    values[1] = 50 * values[1] + 900
    outcome = trained(values, slice(0, 1080), former=first)
    assert outcome.training.begun.tolist() == [True, False, False, False]
    assert outcome.training.folds_begun.any(axis=1).tolist() == [True, False, False, False]
    alone = trained(values[3:], slice(0, 1080))
    assert outcome.fitted.threshold[3] == pytest.approx(alone.fitted.threshold[0])


def test_a_series_keeps_its_start_whatever_stands_before_it():
    values = waves(LENGTH, series=3)
    first = trained(values, slice(0, 1000))
    rows = rows_of(values).select([2, 0])
    former = Former(first.fitted, first.training.memory)
    settings = spec(threshold=QUANTILE)
    both = fit(settings, rows, marked(slice(0, 1080), series=2), StepwiseModel, former=former)
    whole = trained(values, slice(0, 1080), former=first)
    assert both.training.begun.all()
    np.testing.assert_allclose(both.fitted.threshold, whole.fitted.threshold[[2, 0]])


def test_one_channel_that_has_moved_takes_its_new_scale():
    names = list("uvwxy")
    values = np.concatenate([waves(LENGTH), waves(LENGTH, seed=1), waves(LENGTH)[..., :1]], axis=2)
    first = trained(values, slice(0, 1000), channels=names)
    values[0, :, 2] *= 3
    warm = trained(values, slice(0, 1080), former=first, channels=names)
    assert warm.training.begun.all()
    same = (warm.fitted.scaler.scale == first.fitted.scaler.scale)[0, 0]
    assert same.tolist() == [True, True, False, True, True]


@pytest.mark.parametrize(
    ("changes", "served"),
    [
        ({"model": {"kind": "dense_autoencoder", "window": 6}}, False),
        ({"model": {"kind": "dense_autoencoder", "window": 5, "units": [9, 3]}}, False),
        ({"channels": ["y", "x"]}, False),
        ({"scaling": "minmax"}, False),
        ({"preprocessing": {"order": "each_window"}}, False),
        ({"folds": 4}, True),
        ({"smoothing": {"span": 7}}, True),
    ],
    ids=["window", "units", "channels", "scaling", "preprocessing", "folds", "smoothing"],
)
def test_another_definition_begins_cold(changes, served):
    values = waves(LENGTH)
    first = trained(values, slice(0, 1000))
    outcome = trained(values, slice(0, 1080), former=first, **changes)
    assert outcome.training.begun.all() == served
    assert not outcome.training.folds_begun.all() or "smoothing" in changes


def test_kinds_that_learn_in_one_step_leave_nothing_and_begin_cold():
    values = waves(LENGTH)
    first = trained(values, slice(0, 1000), make_model=LinearModel)
    assert first.training.memory is None
    again = trained(values, slice(0, 1080), former=first, make_model=LinearModel)
    assert not again.training.begun.any()
    cold = trained(values, slice(0, 1080), make_model=LinearModel)
    np.testing.assert_array_equal(again.fitted.threshold, cold.fitted.threshold)


def test_weights_of_another_shape_begin_cold():
    values = waves(LENGTH)
    first = trained(values, slice(0, 1000))
    memory = first.training.memory
    short = replace(memory, weights={"mean": memory.weights["mean"][..., :-1]})
    settings, normal = spec(threshold=QUANTILE), marked(slice(0, 1080))
    former = Former(first.fitted, short)
    outcome = fit(settings, rows_of(values), normal, StepwiseModel, former=former)
    assert outcome.training.begun.all()
    assert not outcome.training.folds_begun.any()


def test_mostly_new_time_lets_only_the_served_model_go_on():
    values = waves(LENGTH)
    first = trained(values, slice(0, 600))
    outcome = trained(values, slice(0, 1400), former=first)
    assert outcome.training.begun.all()
    assert not outcome.training.folds_begun.any()


class Witness(LinearModel):
    """Knows of every row it was ever taught, by its own lessons or its start's."""

    nearest: list[int]

    def __init__(self, *size):
        super().__init__(*size)
        self._seen = np.zeros((size[1], 2 * LENGTH))

    def fit(self, lessons, progress, start=None):
        if start is not None:
            self._seen = np.nan_to_num(start["seen"])
        for member, lesson in enumerate(lessons):
            ends = np.concatenate((lesson.train, lesson.stop))
            self._seen[member, lesson.times[ends] // STEP] = 1
        return super().fit(lessons, progress)

    def assess(self, windows, times):
        for seen, asked in zip(self._seen, times // STEP, strict=True):
            known = np.flatnonzero(seen)
            self.nearest.append(int(np.abs(asked[:, None] - known).min()))
        return super().assess(windows, times)

    def starts(self):
        return {"seen": self._seen.copy()}


@pytest.mark.parametrize("rounds", [1, 2])
def test_no_fold_judges_what_its_weights_have_seen_in_any_version(rounds):
    values = waves(LENGTH)
    values[0, [300, 310], 1] += 20
    versions = [
        (slice(0, 900),),
        (slice(0, 960),),
        (slice(0, 300), slice(420, 960)),
        (slice(0, 960), slice(1000, 1100)),
        (slice(80, 1200),),
    ]
    outcome, begun = None, []
    Witness.nearest = []
    for parts in versions:
        outcome = trained(
            values,
            *parts,
            former=outcome,
            make_model=Witness,
            trim=0.01,
            trim_rounds=rounds,
        )
        begun.append(int(outcome.training.folds_begun.sum()))
    assert begun[0] == 0
    assert min(begun[1:]) >= 3
    assert min(Witness.nearest) > reach(spec())


def test_ranges_close_together_in_time_keep_their_distance():
    values = waves(LENGTH)
    rows = rows_of(values)
    # three ranges as long as a fold's block; thirty absent rows between them stand for two steps
    for gap in (300, 630):
        values[0, gap : gap + 30] = np.nan
    shift = 28 * ((np.arange(LENGTH) >= 330).astype(int) + (np.arange(LENGTH) >= 660))
    rows = Rows(rows.keys, rows.times - shift * STEP, STEP, values)
    Witness.nearest = []
    fit(spec(folds=3), rows, marked(slice(0, 960)), Witness)
    assert min(Witness.nearest) > reach(spec())


def test_a_memory_survives_the_round_trip_and_joins():
    first = trained(waves(LENGTH, series=3), slice(0, 500), slice(700, 1000))
    memory = first.training.memory
    again = FoldMemory.from_arrays(memory.arrays())
    joined = FoldMemory.joined([again, memory])
    assert memory.center.shape[:2] == (3, 5)
    assert all(weight.shape[:2] == (3, 5) for weight in memory.weights.values())
    assert {len(array) for array in (joined.center, joined.scale, joined.histories)} == {6}
    halves = [FoldMemory.from_arrays(part.arrays()) for part in (memory, joined)]
    for part, whole in zip(halves, (memory, joined), strict=True):
        for name, array in whole.arrays().items():
            np.testing.assert_array_equal(part.arrays()[name], array)


def test_the_lessons_of_a_fold_pool_only_with_those_of_its_number():
    pools = []

    class Noting(LinearModel):
        def fit(self, lessons, progress, start=None):
            pools.append([lesson.pool for lesson in lessons])
            return super().fit(lessons, progress)

    fit(spec(folds=3), rows_of(waves(LENGTH, series=2)), marked(slice(0, 900), series=2), Noting)
    assert pools == [[0, 1, 2, 0, 1, 2], [0, 0]]


def test_a_detector_that_chooses_goes_on_only_with_the_kind_it_had():
    dense = {"kind": "dense_autoencoder", "window": 5}
    values, normal = waves(LENGTH), marked(slice(0, 1080))
    first = trained(values, slice(0, 1000), model=dense)
    former = Former(first.fitted, first.training.memory)

    def begun(*candidates):
        settings = spec(model={"kind": "auto", "candidates": list(candidates)})
        rows = rows_of(values)
        return choosing.fit(settings, rows, normal, StepwiseModel, former=former).training.begun

    assert begun(dense, {"kind": "pca"}).all()
    assert not begun({"kind": "lstm_autoencoder", "window": 5}, {"kind": "pca"}).any()


@pytest.mark.slow
def test_a_network_takes_fewer_epochs_to_an_equal_loss():
    values = waves(LENGTH, series=2)
    model = {"kind": "dense_autoencoder", "window": 5, "units": [8, 3], "epochs": 30}
    first = trained(values, slice(0, 1000), model=model, make_model=build)
    cold, warm = (
        trained(values, slice(0, 1080), former=one, model=model, make_model=build)
        for one in (None, first)
    )
    assert warm.training.begun.all()
    assert warm.training.folds_begun.all()
    for own, other in (
        (warm.training.curves, cold.training.curves),
        (warm.training.fold_curves, cold.training.fold_curves),
    ):
        for curve, reached in zip(own, other, strict=True):
            loss = reached.val_loss[reached.best]
            needed = int(np.argmax(np.array(curve.val_loss) <= 1.05 * loss))
            assert curve.val_loss[needed] <= 1.05 * loss
            assert needed < reached.best / 3
