"""Which events belong together, and what their share says."""

import numpy as np
import pytest

from backend.detection.together import (
    SPREAD,
    Cause,
    Part,
    cause,
    groups,
    in_common,
    narrowest,
    order_together,
)


def grouped(*events, within=15):
    starts, stops = (np.array(side, dtype=np.int64) for side in zip(*events, strict=True))
    return groups(starts, stops, np.full(len(events), within, dtype=np.int64)).tolist()


class TestGroups:
    def test_events_that_begin_soon_after_each_other_and_overlap_are_one_group(self):
        assert grouped((100, 160), (110, 130), (120, 200)) == [0, 0, 0]

    def test_the_order_they_come_in_does_not_matter(self):
        assert grouped((110, 200), (100, 160), (500, 510)) == [0, 0, 1]

    def test_one_that_begins_after_all_have_ended_is_another_group(self):
        assert grouped((100, 105), (106, 120)) == [0, 1]

    def test_one_that_has_gone_on_for_long_draws_nothing_new_to_itself(self):
        assert grouped((0, 10_000), (5000, 5030), (5005, 5040)) == [0, 1, 1]

    def test_a_chain_of_neighbors_ends(self):
        chain = [(10 * place, 10_000) for place in range(20)]
        found = grouped(*chain, within=10)
        assert found[: SPREAD + 1] == [0] * (SPREAD + 1)
        assert found[SPREAD + 1] == 1

    def test_each_event_has_a_reach_of_its_own(self):
        starts, stops = np.array([0, 50]), np.array([100, 100])
        assert groups(starts, stops, np.array([10, 60])).tolist() == [0, 0]
        assert groups(starts, stops, np.array([60, 10])).tolist() == [0, 1]

    def test_no_events_are_no_groups(self):
        none = np.empty(0, dtype=np.int64)
        assert groups(none, none, none).tolist() == []


class TestCause:
    @pytest.mark.parametrize(
        ("deviating", "present", "expected"),
        [
            (7, 9, Cause.COMMON),
            (2, 2, Cause.COMMON),
            (2, 4, Cause.SEVERAL),
            (3, 4, Cause.COMMON),
            (1, 9, Cause.SINGLE),
            (1, 2, Cause.SINGLE),
            (1, 1, Cause.ALONE),
            (3, 100, Cause.SEVERAL),
        ],
    )
    def test_it_follows_from_the_share(self, deviating, present, expected):
        assert cause(deviating, present) is expected

    def test_a_small_share_may_be_a_large_one_of_a_part(self):
        assert cause(5, 40, Part("hall", "2", 5, 6)) is Cause.PART
        assert cause(5, 40, Part("hall", "2", 5, 20)) is Cause.SEVERAL

    def test_what_is_common_to_all_is_not_put_down_to_a_part(self):
        assert cause(5, 6, Part("hall", "2", 5, 5)) is Cause.COMMON


class TestNarrowest:
    TAGS = tuple({"hall": hall, "site": "a"} for hall in "112233")

    def look(self, deviates, present=(1,) * 6):
        return narrowest(self.TAGS, np.array(deviates, dtype=bool), np.array(present, dtype=bool))

    def test_the_value_that_all_deviating_ones_have_and_others_have_not(self):
        assert self.look((0, 0, 1, 1, 0, 0)) == Part("hall", "2", 2, 2)

    def test_what_everything_has_tells_nothing(self):
        assert self.look((1, 0, 1, 0, 0, 0)) is None

    def test_one_alone_has_nothing_in_common(self):
        assert self.look((1, 0, 0, 0, 0, 0)) is None

    def test_series_without_data_do_not_count(self):
        tags = [{"hall": hall} for hall in "2223"]
        deviates, present = np.array([1, 1, 0, 0], dtype=bool), np.array([1, 1, 0, 1], dtype=bool)
        assert narrowest(tags, deviates, present) == Part("hall", "2", 2, 2)


def test_channels_in_common_stand_in_half_of_the_events():
    assert in_common([("a", "b"), ("a", "c"), ("b",), ("a", "b")]) == ("a", "b")
    assert in_common([("a",), ("b",), ("c",)]) == ()
    assert in_common([("x", "x", "y")]) == ("x", "y")


class TestOrder:
    def test_those_that_deviate_at_the_same_times_stand_together(self):
        early, late = np.full(20, 0.5), np.full(20, 0.5)
        early[2:6], late[12:18] = 2.0, 3.0
        scores = np.stack([early, late, early * 1.1, np.full(20, 0.7), late * 1.2, early * 1.05])
        order = order_together(scores).tolist()
        assert set(order[:5]) == {0, 1, 2, 4, 5}
        places = [order.index(row) for row in (0, 2, 5)]
        assert max(places) - min(places) == 2
        assert order[5] == 3

    def test_the_group_of_the_highest_score_comes_first(self):
        low, high = np.full(10, 0.1), np.full(10, 0.1)
        low[:3], high[6:] = 1.5, 9.0
        assert set(order_together(np.stack([low, low, high, high])).tolist()[:2]) == {2, 3}

    def test_quiet_ones_follow_by_score(self):
        assert order_together(np.array([[0.1], [0.9], [0.5]])).tolist() == [1, 2, 0]

    def test_gaps_are_no_deviation(self):
        scores = np.array([[np.nan, np.nan], [0.2, np.nan], [1.5, np.nan]])
        assert order_together(scores).tolist() == [2, 1, 0]

    def test_nothing_has_an_order_too(self):
        assert order_together(np.empty((0, 5))).tolist() == []
        assert order_together(np.empty((2, 0))).tolist() == [0, 1]
