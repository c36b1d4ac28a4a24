import numpy as np
import pytest

from backend.detection.alarms import AlarmState, raise_alarms
from backend.detection.enough import windows_needed
from backend.detection.grid import Rows
from backend.detection.pipeline import score
from backend.detection.runs import spans
from backend.detection.training import fit
from backend.exceptions import TrainingFailed
from tests.detection.fleets import STEP, rows_of, spec, train, waves
from tests.fakes.models import LinearModel


def test_the_limit_comes_from_rows_the_model_had_not_seen():
    outcome = train(waves(800))
    training = outcome.training
    held_out = np.isfinite(training.held_out_error[0])
    # Every row that ends a full window is held out exactly once.
    np.testing.assert_array_equal(held_out, training.normal[0] & (np.arange(800) >= 4))
    assert training.folds == 5
    assert len(training.fold_curves) == 5


def test_normal_time_keeps_to_the_budget_on_data_to_come():
    outcome = train(waves(3000), slice(0, 1500), threshold={"kind": "budget", "alarms": "5/week"})
    scored = score(outcome.fitted, rows_of(waves(3000)))
    fresh = slice(1500, 3000)
    on = raise_alarms(
        scored.score[:, fresh],
        scored.judged[:, fresh],
        outcome.fitted.spec.alarm,
        AlarmState.off(1),
    )
    weeks = 1500 / (6 * 24 * 7)
    assert len(spans(on[0])) <= 3 * 5 * weeks


def test_the_same_rows_give_the_same_version():
    first, second = train(waves(500, series=2)), train(waves(500, series=2))
    np.testing.assert_array_equal(first.fitted.threshold, second.fitted.threshold)
    for name, weight in first.fitted.model.weights().items():
        np.testing.assert_array_equal(weight, second.fitted.model.weights()[name])


def test_a_fault_inside_marked_normal_time_is_trimmed_and_listed():
    values = waves(1500)
    values[0, [400, 420, 440], 1] += 20
    outcome = train(values, trim=0.01)
    trimmed = outcome.training.trimmed
    assert {t.channel for t in trimmed} == {"y"}
    times = [t for part in trimmed for t in range(part.start // STEP, part.stop // STEP)]
    assert {400, 420, 440} <= set(times) <= set(range(400, 450))
    assert not outcome.training.normal[0, [400, 420, 440]].any()
    clean = train(waves(1500))
    assert outcome.fitted.threshold[0] < 1.5 * clean.fitted.threshold[0]


def test_what_people_labelled_is_not_trimmed_unless_asked_for():
    values = waves(1500)
    values[0, 400:406, 1] += 20
    training = train(values).training
    assert training.trimmed == ()
    (told,) = [text for text in training.warnings if "far from the rest" in text]
    said = told.split(" UTC")[0].rpartition("the farthest in y at ")[2]
    assert 400 <= np.datetime64(said, "ns").astype(int) // STEP < 410
    assert not any("far from the rest" in text for text in train(waves(1500)).training.warnings)


def test_rows_that_stand_out_are_told_once_a_series_and_only_where_they_were_learned_from():
    values = waves(1500, series=3)
    values[0, 400, 1] += 20
    values[2, [700, 900], 0] += 20
    normal = np.ones((3, 1500), dtype=bool)

    def told(labelled=True, **changes):
        outcome = fit(spec(**changes), rows_of(values), normal, LinearModel, labelled=labelled)
        return [text for text in outcome.training.warnings if "far from the rest" in text]

    first, second = told()
    assert first.startswith("room=a: ")
    assert "the farthest in y at" in first
    assert second.startswith("room=c: ")
    assert "the farthest in x at" in second
    assert first.endswith(": label them anomaly or exclude, or set trim to have such rows left out")
    assert told(trim=0.05) == told(labelled=False) == []


def test_one_series_without_enough_normal_data_is_set_aside_with_the_reason():
    values = waves(600, series=3)
    values[1, 40:] = np.nan
    outcome = train(values)
    assert outcome.fitted.keys == ("room=a", "room=c")
    assert "too little normal data: 39 complete windows" in outcome.rejected["room=b"]
    assert str(windows_needed(spec())) in outcome.rejected["room=b"]


def test_a_series_whose_channel_never_reports_is_named():
    values = waves(600, series=2)
    values[1, :, 1] = np.nan
    assert "channel 'y'" in train(values).rejected["room=b"]


def test_a_series_where_nothing_varies_cannot_be_learned():
    values = waves(600, series=2)
    values[0] = 5.0
    outcome = train(values)
    assert "constant" in outcome.rejected["room=a"]
    assert outcome.fitted.keys == ("room=b",)


def test_nothing_to_train_is_told_and_nothing_is_made():
    outcome = train(waves(30))
    assert outcome.fitted is None
    assert list(outcome.rejected) == ["room=a"]


def test_a_series_trains_the_same_with_or_without_companions():
    values = waves(600, series=3)
    values[2, 100:200] = np.nan
    kind = {"kind": "quantile"}  # a budget is shared among the series
    together, alone = train(values, threshold=kind), train(values[:1], threshold=kind)
    np.testing.assert_allclose(together.fitted.threshold[0], alone.fitted.threshold[0], rtol=1e-12)
    np.testing.assert_allclose(together.fitted.spread[0], alone.fitted.spread[0], rtol=1e-12)


def test_the_seeds_of_a_series_do_not_depend_on_its_companions():
    seeds = []

    class Noting(LinearModel):
        def fit(self, lessons, progress, start=None):
            seeds.append([lesson.seed for lesson in lessons])
            return super().fit(lessons, progress, start)

    for series in (1, 2):
        values = waves(600, series=series)
        fit(spec(), rows_of(values), np.ones(values.shape[:2], dtype=bool), Noting)
    alone, served, together, _ = seeds
    assert len(set(alone)) == len(alone) == 5
    assert together == alone * 2
    assert served[0] not in alone


def test_unlabelled_data_is_learned_from_more_warily():
    values = waves(1500)
    for start in range(100, 1400, 100):
        values[0, start, 0] += 1
    normal = np.ones((1, 1500), dtype=bool)
    wary = fit(spec(), rows_of(values), normal, LinearModel, labelled=False)
    trusting = fit(spec(), rows_of(values), normal, LinearModel, labelled=True)
    assert wary.training.normal.sum() < trusting.training.normal.sum()
    assert wary.fitted.threshold[0] < trusting.fitted.threshold[0]


def test_the_least_data_that_is_accepted_can_be_trained_on():
    needed = windows_needed(spec())
    outcome = train(waves(needed + spec().model.window - 1))
    assert outcome.fitted is not None
    assert train(waves(needed + spec().model.window - 2)).fitted is None


class Diverging(LinearModel):
    """Fails for lessons that hold a value beyond bounds."""

    def fit(self, lessons, progress, start=None):
        failed = [m for m, one in enumerate(lessons) if np.nanmax(np.abs(one.rows)) > 1e3]
        if failed:
            raise TrainingFailed("losses are not finite", members=tuple(failed))
        return super().fit(lessons, progress, start)


def test_a_series_whose_training_comes_to_nothing_does_not_stop_the_others():
    values = waves(600, series=3)
    values[1, 300, 0] = 1e9
    normal = np.ones((3, 600), dtype=bool)
    outcome = fit(spec(scaling="none"), rows_of(values), normal, Diverging)
    assert outcome.fitted.keys == ("room=a", "room=c")
    assert "beyond all bounds" in outcome.rejected["room=b"]


DENSE = {"kind": "dense_autoencoder", "window": 5}
PCA = {"kind": "pca", "window": 5}


@pytest.mark.parametrize(
    ("model", "advice"),
    [
        (DENSE, "bounds: lower the learning_rate of dense_autoencoder, or see whether"),
        (PCA, "bounds: see whether"),
        ({"kind": "ensemble", "members": [PCA]}, "bounds: see whether"),
        (
            {"kind": "ensemble", "members": [PCA, DENSE, {"kind": "rapp", "network": DENSE}]},
            "bounds: lower the learning_rate of dense_autoencoder, or see whether",
        ),
        (
            {"kind": "embedded", "network": {**DENSE, "kind": "gru_autoencoder"}},
            "bounds: lower the learning_rate of gru_autoencoder, or see whether",
        ),
    ],
    ids=["network", "estimator", "estimators", "both", "on a network"],
)
def test_what_to_do_after_divergence_fits_the_kind(model, advice):
    values = waves(600)
    values[0, 300, 0] = 1e9
    normal = np.ones((1, 600), dtype=bool)
    outcome = fit(spec(scaling="none", model=model), rows_of(values), normal, Diverging)
    assert advice in outcome.rejected["room=a"]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_constant_channel_changes_nothing_for_the_others_wherever_it_stands(place):
    values = np.insert(waves(600), place, 7.0, axis=2)
    names = ["x", "y"]
    names.insert(place, "z")
    with_constant = train(values, channels=names).fitted
    without = train(waves(600)).fitted
    others = [n for n in range(3) if n != place]
    np.testing.assert_allclose(with_constant.spread[0, 0, others], without.spread[0, 0], rtol=0.2)


def test_rows_bridged_over_short_gaps_are_counted():
    values = waves(600, series=2)
    values[1, [100, 101, 300], 0] = np.nan
    assert train(values).training.bridged.tolist() == [0, 3]


def test_progress_goes_forward_to_the_end():
    told: list[float] = []
    normal = np.ones((1, 500), dtype=bool)
    fit(spec(), rows_of(waves(500)), normal, LinearModel, progress=lambda s, w: told.append(s))
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)


def test_ranges_that_do_not_touch_are_never_bridged_into_one_window():
    values = waves(600)
    values[0, 300:330] = np.nan
    rows = rows_of(values)
    moved = Rows(
        rows.keys,
        np.where(np.arange(600) >= 330, rows.times + STEP * 10**4, rows.times),
        STEP,
        values,
    )
    near = fit(spec(), rows, np.ones((1, 600), dtype=bool), LinearModel)
    far = fit(spec(), moved, np.ones((1, 600), dtype=bool), LinearModel)
    np.testing.assert_array_equal(near.fitted.threshold, far.fitted.threshold)


def test_a_grid_finer_than_the_data_is_told_with_the_one_that_fits():
    values = np.full((1, 6000, 2), np.nan)
    values[:, ::10] = waves(600)
    outcome = train(values)
    assert outcome.fitted is None
    told = "a reading comes about every 1h40m, and `every` is 10m: set it to 1h40m or more"
    assert told in outcome.rejected["room=a"]


def contaminated(share, rounds):
    """Limit and left-out ranges learned from unlabelled waves of which a share is broken."""
    values = waves(3000)
    rng, bad = np.random.default_rng(1), np.zeros(3000, dtype=bool)
    while bad.mean() < share:
        start = rng.integers(0, 2970)
        bad[start : start + 30] = True
    values[0, bad, 1] += np.where(np.arange(3000) % 2, 1.5, -1.5)[bad]
    outcome = fit(
        spec(threshold={"kind": "quantile", "q": 0.995}, trim_rounds=rounds),
        rows_of(values),
        np.ones((1, 3000), dtype=bool),
        LinearModel,
        labelled=False,
    )
    assert outcome.fitted is not None
    assert outcome.training is not None
    return float(outcome.fitted.threshold[0]), outcome.training.trimmed


def test_a_tenth_of_broken_rows_hardly_moves_the_limit_where_trimming_is_repeated():
    clean, _ = contaminated(0.0, rounds=4)
    once, _ = contaminated(0.1, rounds=1)
    repeated, trimmed = contaminated(0.1, rounds=4)
    assert once > 1.5 * clean
    assert repeated == pytest.approx(clean, rel=0.05)
    blamed = [one.channel for one in trimmed]
    assert blamed.count("y") > blamed.count("x")


def test_repeated_trimming_ends_where_nothing_stands_out():
    assert contaminated(0.0, rounds=2) == contaminated(0.0, rounds=6)
