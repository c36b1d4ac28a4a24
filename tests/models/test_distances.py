"""Who is nearest, and how near."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from backend.models.distances import nearest, squared

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(700, 4))
WINDOWS = RNG.normal(size=(600, 4))


@pytest.mark.parametrize("count", [1, 5, 700, 900])
def test_the_nearest_are_those_of_all_distances(count: int) -> None:
    found, every = nearest(WINDOWS, ROWS, count), cdist(WINDOWS, ROWS)
    order = np.argsort(every, axis=1)[:, :count]
    np.testing.assert_array_equal(found.index, order)
    np.testing.assert_allclose(found.distance, np.take_along_axis(every, order, axis=1))
    off = WINDOWS[:, None] - ROWS[order]
    np.testing.assert_allclose(found.squares, np.square(off).mean(axis=1))
    np.testing.assert_allclose(found.middle, ROWS[order].mean(axis=1), atol=1e-12)


def test_what_was_seen_is_at_no_distance_wherever_it_is() -> None:
    rows = ROWS + 1e6
    found = nearest(rows[:10], rows, 1)
    np.testing.assert_array_equal(found.index[:, 0], np.arange(10))
    assert (found.distance == 0).all()


def test_squared_distances_come_in_pieces_that_cover_all() -> None:
    pieces = [(which, found.copy()) for which, found in squared(WINDOWS, ROWS)]
    assert len(pieces) > 1
    assert [which.start for which, _ in pieces] == [0, *(which.stop for which, _ in pieces[:-1])]
    together = np.concatenate([found for _, found in pieces])
    np.testing.assert_allclose(together, np.square(cdist(WINDOWS, ROWS)), atol=1e-12)
