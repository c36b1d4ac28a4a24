"""Where windows go from version to version: no fold goes on from weights that saw what it holds."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from backend.detection.fold_history import FoldHistory
from backend.detection.folds import Fold, as_ranges, cross_fit, distance, lay_out

FOLDS, REACH, WINDOW = 4, 6, 3

edits = st.tuples(st.booleans(), st.integers(0, 600), st.integers(1, 120))
"""Whether time is marked or taken back, where, and how much of it."""


def edited(changes: list[tuple[bool, int, int]]) -> list[np.ndarray]:
    """The windows of one version after the other, from 400 on."""
    versions = [np.arange(400)]
    for marked, start, count in changes:
        part = np.arange(start, start + count)
        versions.append((np.union1d if marked else np.setdiff1d)(versions[-1], part))
    return [places for places in versions if len(places) > 100]


def version(
    places: np.ndarray, history: FoldHistory | None
) -> tuple[list[Fold], np.ndarray, FoldHistory]:
    """The folds of the next version, which of them go on, and what is known afterwards.

    Places are rows, so that a fold's windows can be compared with those of former versions.
    """
    block = None if history is None else history.blocks(places, REACH)
    if history is None or block is None:
        folds = cross_fit(places, FOLDS, REACH, 0.2, WINDOW)
        return folds, np.zeros(FOLDS, bool), FoldHistory.of(folds, np.arange(places[-1] + 1))
    folds = lay_out(places, block, REACH, 0.2, WINDOW)
    begun = np.array([history.may_go_on(k, f.held_out, REACH) for k, f in enumerate(folds)])
    return folds, begun, FoldHistory.of(folds, np.arange(places[-1] + 1), history, begun)


def seen_by(fold: Fold) -> np.ndarray:
    return np.concatenate((fold.train, fold.stop))


@given(st.lists(edits, min_size=1, max_size=6))
def test_a_fold_goes_on_only_from_weights_that_never_saw_what_it_holds_out(changes):
    history, taught = None, [np.empty(0, np.int64)] * FOLDS
    for places in edited(changes):
        folds, begun, history = version(places, history)
        held_out = np.concatenate([fold.held_out for fold in folds])
        np.testing.assert_array_equal(np.sort(held_out), places)
        for k, fold in enumerate(folds):
            # all that these weights were ever taught, kept here window by window
            taught[k] = np.union1d(taught[k], seen_by(fold)) if begun[k] else seen_by(fold)
            if fold.held_out.size and taught[k].size:
                assert np.abs(taught[k][:, None] - fold.held_out).min() > REACH


@given(st.integers(200, 400), st.integers(1, 80), st.integers(0, 40))
def test_a_label_behind_or_apart_lets_every_fold_go_on(old, new, gap):
    _, _, history = version(np.arange(10, 10 + old), None)
    added = np.arange(10 + old + gap, 10 + old + gap + new)
    folds, begun, _ = version(np.concatenate((np.arange(10, 10 + old), added)), history)
    assert begun.all()
    sizes = np.array([len(fold.held_out) for fold in folds])
    assert sizes.max() <= 2 * sizes.sum() / FOLDS


def test_windows_stay_where_they_were_and_new_time_goes_to_the_smallest_fold():
    _, _, history = version(np.arange(400), None)
    kept = np.setdiff1d(np.arange(400), np.arange(110, 190))
    block = history.blocks(np.concatenate((kept, np.arange(600, 640))), REACH)
    np.testing.assert_array_equal(block[: len(kept)], kept // 100)
    assert (block[len(kept) :] == 1).all()


def test_what_comes_near_a_known_window_goes_to_its_fold():
    _, _, history = version(np.arange(400), None)
    block = history.blocks(np.arange(400 + 3 * REACH), REACH)
    assert (block[400 : 400 + REACH] == 3).all()


def test_a_label_taken_back_and_given_again_returns_to_the_fold_that_never_saw_it():
    _, _, history = version(np.arange(800), None)
    _, begun, history = version(np.r_[0:240, 360:800], history)
    assert begun.all()
    folds, begun, _ = version(np.arange(800), history)
    assert set(range(260, 340)) <= set(folds[1].held_out.tolist())
    assert begun[1]


def test_folds_on_either_side_of_a_gap_that_is_filled_begin_anew():
    _, _, history = version(np.r_[0:200, 207:407], None)
    _, begun, _ = version(np.arange(407), history)
    # what lies between was near to windows that both of them had learned from
    assert begun.tolist() == [True, False, False, True]


def test_what_is_mostly_new_begins_anew():
    _, _, history = version(np.arange(400), None)
    assert history.blocks(np.r_[0:400, 1000:1500], REACH) is None


def test_a_fold_of_twice_its_share_or_of_nothing_begins_anew():
    _, _, history = version(np.arange(400), None)
    assert history.blocks(np.r_[100:200, 300:330], REACH) is None
    assert history.blocks(np.r_[0:100, 200:400], REACH) is None


@given(st.lists(edits, max_size=3))
def test_a_history_survives_the_round_trip(changes):
    history = None
    for places in edited(changes):
        _, _, history = version(places, history)
    again = FoldHistory.from_arrays(history.arrays(), FOLDS)
    for name in ("held_out", "seen"):
        for first, second in zip(getattr(history, name), getattr(again, name), strict=True):
            np.testing.assert_array_equal(first, second)


@given(st.sets(st.integers(0, 60), min_size=1), st.lists(st.integers(-5, 70), min_size=1))
def test_distance_is_that_of_the_nearest_place_in_the_ranges(known, asked):
    places = np.array(sorted(known))
    nearest = np.abs(np.array(asked)[:, None] - places).min(axis=1)
    np.testing.assert_array_equal(distance(np.array(asked), as_ranges(places, 1)), nearest)
    in_steps = distance(10 * np.array(asked), as_ranges(10 * places, 10), 10)
    np.testing.assert_array_equal(in_steps, 10 * nearest)
