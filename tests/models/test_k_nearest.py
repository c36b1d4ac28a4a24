"""K nearest neighbors by hand."""

import numpy as np

from backend.models.k_nearest import KNearest
from backend.specs import KNearestSpec

NO_TIMES = np.empty(0, dtype=np.int64)


def test_by_hand() -> None:
    model = KNearest(KNearestSpec(neighbors=2), 1, 2)
    normal = np.array([[0.0, 0.0], [2.0, 0.0], [50.0, 50.0]])
    opinion = model.say(model.learn(normal, NO_TIMES, 0), np.array([[0.0, 3.0]]), NO_TIMES)
    # Squared differences (0, 9) and (4, 9).
    total = np.sqrt(2 + 9)
    assert opinion.parts is not None
    assert opinion.expected is not None
    np.testing.assert_allclose(opinion.raw, [total])
    np.testing.assert_allclose(opinion.parts, [[2 / total, 9 / total]])
    np.testing.assert_allclose(opinion.expected, [[1.0, 0.0]])


def test_fewer_windows_than_neighbors_all_count() -> None:
    model = KNearest(KNearestSpec(neighbors=9), 1, 1)
    opinion = model.say(
        model.learn(np.array([[1.0], [3.0]]), NO_TIMES, 0), np.zeros((1, 1)), NO_TIMES
    )
    np.testing.assert_allclose(opinion.raw, [np.sqrt((1 + 9) / 2)])


def test_a_part_is_summed_over_the_rows_of_a_window() -> None:
    model = KNearest(KNearestSpec(neighbors=1, window=2), 1, 2)
    known = model.learn(np.zeros((1, 4)), NO_TIMES, 0)
    opinion = model.say(known, np.array([[3.0, 0.0, 4.0, 0.0]]), NO_TIMES)
    np.testing.assert_allclose(opinion.raw, [5.0])
    assert opinion.parts is not None
    np.testing.assert_allclose(opinion.parts, [[5.0, 0.0]])
