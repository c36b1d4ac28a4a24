"""Operating modes: found or told by labels, and each row given its own."""

import numpy as np

from backend.detection.modes import UNKNOWN, learn_modes
from backend.detection.pipeline import score
from backend.detection.training import fit
from tests.detection.fleets import rows_of, spec
from tests.fakes.models import LinearModel


def two_states(rows=600, seed=0):
    """(1, T, 2): blocks of 50 rows around (0, 0) and (8, -4), in turn; and which is which."""
    state = np.arange(rows) // 50 % 2
    noise = np.random.default_rng(seed).normal(size=(rows, 2))
    return (noise + np.outer(state, [8.0, -4.0]))[None], state


def learned(values, said=None, normal=None):
    mask = np.ones(values.shape[:2], dtype=bool) if normal is None else normal
    active = np.ones((values.shape[0], values.shape[2]), dtype=bool)
    return learn_modes(values, mask, active, said, seed=0)


def test_two_states_are_found_and_told_apart_on_new_rows():
    modes = learned(two_states()[0])
    assert modes.names.tolist() == [["1", "2"]]
    new, state = two_states(seed=1)
    found = modes.of(new)[0]
    assert len(set(found[state == 0])) == len(set(found[state == 1])) == 1
    assert found[state == 0][0] != found[state == 1][0]


def test_one_kind_of_normal_is_one_mode():
    values = np.random.default_rng(0).normal(size=(1, 600, 2))
    assert learned(values).names.shape == (1, 1)


def test_modes_of_labels_keep_their_names():
    values, state = two_states()
    said = {"idle": (state == 0)[None], "full load": (state == 1)[None]}
    modes = learned(values, said)
    assert modes.names.tolist() == [["idle", "full load"]]
    assert (modes.of(values)[0] == state).mean() > 0.99


def test_a_row_far_from_all_modes_and_an_absent_one_are_of_none():
    values, _ = two_states()
    modes = learned(values)
    values[0, 10] = 100.0
    values[0, 11] = np.nan
    values[0, 12] = (np.nan, 100.0)
    assert (modes.of(values)[0, 10:13] == UNKNOWN).all()


def test_a_row_that_lacks_a_channel_is_of_the_mode_that_the_others_tell():
    values, _ = two_states()
    modes = learned(values)
    whole = modes.of(values)[0]
    values[0, ::2, 0] = np.nan
    values[0, 1::3, 1] = np.nan
    values[0, 6] = np.nan
    found = modes.of(values)[0]
    assert found[6] == UNKNOWN
    told = np.isfinite(values[0]).any(axis=1)
    assert (found == whole)[told].mean() > 0.95
    parts = [modes.of(values[:, t : t + 7]) for t in range(0, 600, 7)]
    assert np.array_equal(np.concatenate(parts, axis=1)[0], found)


def test_channels_kept_aside_tell_no_mode():
    values, _ = two_states()
    active = np.array([[True, False]])
    modes = learn_modes(values, np.ones((1, 600), dtype=bool), active, None, seed=0)
    values[0, :, 0] = np.nan
    assert (modes.of(values) == UNKNOWN).all()


def test_a_mode_does_not_depend_on_how_rows_are_cut():
    values, _ = two_states()
    modes = learned(values)
    parts = [modes.of(values[:, t : t + 7]) for t in range(0, 600, 7)]
    assert np.array_equal(np.concatenate(parts, axis=1), modes.of(values))


def test_a_series_without_enough_rows_of_a_mode_does_not_have_it():
    values = np.concatenate([two_states()[0], two_states(seed=2)[0]])
    state = two_states()[1]
    few = np.zeros(600, dtype=bool)
    few[50:60] = True
    said = {"idle": np.stack([state == 0, state == 0]), "busy": np.stack([state == 1, few])}
    found = learned(values, said).of(values)
    assert set(found[0]) == {0, 1}
    assert 1 not in found[1]


def test_a_threshold_can_have_a_limit_for_each_mode():
    values, state = two_states(3000)
    values[0, state == 1] += np.random.default_rng(3).normal(size=(int(state.sum()), 2)) * 2
    changes = {"threshold": {"kind": "quantile", "q": 0.99, "per_mode": True}, "modes": "labelled"}
    mask = np.ones((1, 3000), dtype=bool)
    outcome = fit(
        spec(**changes),
        rows_of(values),
        mask,
        LinearModel,
        modes={"idle": (state == 0)[None], "busy": (state == 1)[None]},
    )
    model = outcome.fitted
    assert model is not None
    assert model.modes.names.tolist() == [["idle", "busy"]]
    whole = score(model, rows_of(values))
    idle, busy = (whole.threshold[0, state == m] for m in (0, 1))
    assert np.median(busy) > np.median(idle)
    parts = score(model, rows_of(values), first=2000)
    np.testing.assert_array_equal(parts.threshold, whole.threshold[:, 2000:])
