import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from backend.detection.cadence import Cadence, cadence


def test_a_gap_reaches_from_the_row_that_was_due_to_the_next_there_is():
    times = np.array([0, 10, 20, 60, 70, 90, 100], dtype=np.int64)

    assert cadence(times) == Cadence(10, ((30, 60),))


def test_fewer_than_two_rows_have_no_rhythm():
    assert cadence(np.array([], dtype=np.int64)) == Cadence(None, ())
    assert cadence(np.array([5, 5], dtype=np.int64)) == Cadence(None, ())


@given(st.lists(st.integers(-(10**18), 10**18), min_size=2, max_size=60, unique=True))
def test_gaps_hold_no_row_and_the_step_is_a_distance_that_occurs(stamps):
    times = np.array(sorted(stamps), dtype=np.int64)
    found = cadence(times)

    assert found.step in np.diff(times).tolist()
    for start, stop in found.gaps:
        assert start < stop
        assert stop in times
        assert start - found.step in times
        assert not ((times >= start) & (times < stop)).any()
