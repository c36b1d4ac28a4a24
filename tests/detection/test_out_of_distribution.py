"""Input beyond what training saw is said beside the score, and never part of it."""

import numpy as np
import pytest

from backend.detection.out_of_distribution import learn_familiar
from backend.detection.pipeline import score
from tests.detection.fleets import fitted, rows_of, waves

EVERY = np.ones((1, 2), dtype=bool)


def learned(values, active=EVERY):
    return learn_familiar(values, np.ones(values.shape[:2], dtype=bool), active)


def test_new_rows_of_the_same_kind_are_not_outside():
    familiar = learned(waves(1000))
    assert familiar.outside(waves(1000, seed=1)).mean() < 0.01


def test_a_value_beyond_its_channel_is_outside():
    familiar = learned(waves(1000))
    values = waves(10)
    values[0, 4, 1] = 5.0
    assert np.flatnonzero(familiar.outside(values)[0]).tolist() == [4]
    assert np.argwhere(familiar.beyond(values)).tolist() == [[0, 4, 1]]


def test_a_row_unlike_all_others_is_outside_though_each_channel_is_usual():
    familiar = learned(waves(1000))
    middle = np.zeros((1, 1, 2))
    assert not familiar.beyond(middle).any()
    assert familiar.outside(middle).all()


def test_absent_values_and_channels_kept_aside_are_not_outside():
    values = waves(500)
    values[0, :, 1] = 3.0
    familiar = learned(values, np.array([[True, False]]))
    values[0, 5, 1] = 99.0
    values[0, 6] = np.nan
    assert not familiar.beyond(values).any()
    assert not familiar.outside(values)[0, 5:7].any()


def test_a_series_without_a_normal_row_is_never_outside():
    familiar = learn_familiar(waves(50), np.zeros((1, 50), dtype=bool), ~EVERY)
    assert not familiar.outside(waves(50) * 9).any()


@pytest.mark.parametrize("cut", [1, 7])
def test_it_does_not_depend_on_how_rows_are_cut(cut):
    familiar, values = learned(waves(500)), waves(300, noise=0.4)
    parts = [familiar.outside(values[:, t : t + cut]) for t in range(0, 300, cut)]
    assert np.array_equal(np.concatenate(parts, axis=1), familiar.outside(values))
    assert familiar.outside(values).any()


def test_the_pipeline_says_it_apart_from_flag_and_score():
    values = waves(900)
    off = {"flatline": 0, "range": 0, "rate": 0}
    model = fitted(values, slice(0, 600), threshold={"kind": "fixed", "value": 1e6}, checks=off)
    values[0, 700:720, 0] += 3.0
    values[0, 750] = np.nan
    scored = score(model, rows_of(values), first=600)
    assert scored.outside[0, 100:120].all()
    assert not scored.flag.any()
    assert not scored.outside[0, 155]
