"""The base of all estimators, by one that keeps the windows it learned from."""

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from backend.exceptions import ArtifactError, InputError, NotEnoughNormalData, TrainingFailed
from backend.models.estimator import EVEN, Arrays, Estimator, Opinion, Shape
from backend.ports import Floats, Lesson, Times
from backend.specs import EstimatorSpec

WINDOW, CHANNELS = 2, 3


class Keeper(Estimator[EstimatorSpec]):
    """Keeps its windows (ragged) and their mean; raw is the sum of a window over that mean."""

    def shapes(self) -> Mapping[str, Shape]:
        return {"kept": (None, self.window * self.channels), "times": (None,), "mean": ()}

    def learn(self, windows: Floats, times: Times, seed: int) -> Arrays:
        return {"kept": windows, "times": times.astype(float), "mean": windows.mean()}

    def say(self, known: Arrays, windows: Floats, times: Times) -> Opinion:
        assert len(windows) % EVEN == 0
        assert len(times) == len(windows)
        return Opinion(windows.sum(axis=1) - known["mean"], expected=windows + len(known["kept"]))


def keeper(series: int, **settings: Any) -> Keeper:
    return Keeper(EstimatorSpec(window=WINDOW, **settings), series, CHANNELS)


def lesson(rows: int, train: list[int], stop: list[int] | None = None) -> Lesson:
    values = np.arange(rows * CHANNELS, dtype=float).reshape(rows, CHANNELS)
    ends = np.array(train, dtype=np.int64), np.array(stop or [], dtype=np.int64)
    return Lesson(values, *ends, seed=0, times=np.arange(rows, dtype=np.int64) * 10)


def fit(model: Keeper, *lessons: Lesson) -> None:
    model.fit(lessons, lambda share, words: None)


def test_it_learns_from_the_windows_of_training_and_stopping_in_order() -> None:
    model = keeper(1)
    fit(model, lesson(6, [5, 1], [3]))
    weights = model.weights()
    np.testing.assert_array_equal(weights["times"][0], [10, 30, 50])
    np.testing.assert_array_equal(weights["kept"][0, 0], [0, 1, 2, 3, 4, 5])
    np.testing.assert_array_equal(weights["kept"][0, 2], [12, 13, 14, 15, 16, 17])


def test_of_a_long_history_it_learns_from_windows_evenly_spread() -> None:
    model = keeper(1, rows=30)
    fit(model, lesson(300, list(range(1, 292))))
    times = model.weights()["times"][0]
    np.testing.assert_array_equal(times, np.arange(30) * 100 + 10)


def test_gaps_are_the_middle_and_what_is_without_bounds_is_cut_off() -> None:
    model = keeper(1)
    rows = np.array([[np.nan, 1.0, np.inf], [2.0, -np.inf, 1e300]])
    fit(model, Lesson(rows, np.array([1]), np.array([], dtype=np.int64), 0))
    np.testing.assert_array_equal(model.weights()["kept"][0, 0], [0, 1, 1e100, 2, -1e100, 1e100])


def test_shorter_members_are_filled_up_and_come_back_as_they_were() -> None:
    model, other = keeper(2), keeper(2)
    fit(model, lesson(6, [1, 2, 3]), lesson(6, [4]))
    weights = model.weights()
    assert weights["kept"].shape == (2, 3, WINDOW * CHANNELS)
    assert np.isnan(weights["kept"][1, 1:]).all()
    other.load(weights)
    windows = np.ones((2, 5, WINDOW, CHANNELS))
    voice = other.assess(windows, np.zeros((2, 5), dtype=np.int64))[0]
    assert voice.expected is not None
    np.testing.assert_array_equal(voice.expected[0], 4.0)
    np.testing.assert_array_equal(voice.expected[1], 2.0)


def test_no_window_is_an_answer_of_no_length() -> None:
    model = keeper(2)
    windows = np.empty((2, 0, WINDOW, CHANNELS))
    voice = model.assess(windows, np.empty((2, 0), dtype=np.int64))[0]
    assert voice.raw is not None
    assert voice.expected is not None
    assert voice.raw.shape == (2, 0)
    assert voice.expected.shape == windows.shape


def test_what_is_not_finite_inside_of_a_member_is_refused() -> None:
    model = keeper(2)
    fit(model, lesson(6, [1, 2, 3]), lesson(6, [4]))
    weights = model.weights()
    weights["kept"][0, 1, 2] = np.nan
    with pytest.raises(ArtifactError, match="kept holds values that are no numbers"):
        model.load(weights)
    with pytest.raises(ArtifactError, match=r"mean has shape \(1,\), expected \(2,\)"):
        model.load({**model.weights(), "mean": np.zeros(1)})


def test_members_that_learned_nothing_finite_are_named_and_nothing_changes() -> None:
    class Failing(Keeper):
        def learn(self, windows: Floats, times: Times, seed: int) -> Arrays:
            if seed == 1:
                raise np.linalg.LinAlgError
            known = super().learn(windows, times, seed)
            return known | {"mean": np.array(np.nan if seed == 2 else 0.0)}

    model = Failing(EstimatorSpec(window=WINDOW), 3, CHANNELS)
    before = model.weights()
    rows = np.zeros((4, CHANNELS))
    nothing = np.array([], dtype=np.int64)
    with pytest.raises(TrainingFailed) as failed:
        fit(model, *(Lesson(rows, np.array([2]), nothing, seed) for seed in range(3)))
    assert list(failed.value.members) == [1, 2]
    np.testing.assert_array_equal(model.weights()["kept"], before["kept"])


def test_lessons_and_windows_that_do_not_fit_are_refused() -> None:
    model = keeper(1)
    with pytest.raises(InputError, match="2 lessons for a fleet of 1"):
        fit(model, lesson(6, [1]), lesson(6, [1]))
    with pytest.raises(NotEnoughNormalData):
        fit(model, lesson(6, []))
    with pytest.raises(InputError, match="windows of shape"):
        model.assess(np.zeros((1, 4, WINDOW, CHANNELS + 1)), np.zeros((1, 4), dtype=np.int64))


def test_a_distance_is_the_root_of_what_its_channels_add() -> None:
    squares = np.array([[9.0, 0.0, 3.0, 4.0], [0.0, 0.0, 0.0, 0.0]])
    opinion = Opinion.distance(squares, channels=2)
    assert opinion.parts is not None
    np.testing.assert_allclose(opinion.raw, [4.0, 0.0])
    np.testing.assert_allclose(opinion.parts, [[3.0, 1.0], [0.0, 0.0]])


def test_an_estimator_does_not_load_tensorflow() -> None:
    code = (
        "import sys; from backend.models.registry import build; from backend.specs import PcaSpec;"
        "build(PcaSpec(), 1, 2).weights(); print(sorted({'tensorflow', 'keras'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
