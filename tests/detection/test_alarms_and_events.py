import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from backend.detection.alarms import AlarmState, raise_alarms
from backend.detection.events import find_events
from backend.specs import AlarmSpec

SPEC = AlarmSpec.model_validate({"for": 2, "clear_below": 0.8, "merge": 2})


def alarm(score: list[float], judged: list[int] | None = None, spec: AlarmSpec = SPEC) -> list[int]:
    mask = np.ones(len(score), dtype=bool) if judged is None else np.array(judged, dtype=bool)
    on = raise_alarms(np.array([score]), mask[None], spec, AlarmState.off(1))
    return on[0].astype(int).tolist()


def test_it_turns_on_at_the_nth_flagged_point_and_off_below_the_hysteresis():
    assert alarm([2, 0, 2, 2, 0.9, 0.8, 0.79, 2]) == [0, 0, 0, 1, 1, 1, 0, 0]


def test_one_is_the_line_and_not_above_it():
    assert alarm([1.0, 1.0, 1.0]) == [0, 0, 0]


def test_a_point_that_is_not_judged_ends_it():
    assert alarm([2, 2, 2, 2, 2], judged=[1, 1, 0, 1, 1]) == [0, 1, 0, 0, 1]


@given(st.lists(st.sampled_from([0.0, 0.85, 1.5]), min_size=2, max_size=30), st.data())
def test_it_goes_on_where_it_was_cut(score, data):
    cut = data.draw(st.integers(1, len(score) - 1))
    values, judged = np.array([score]), np.ones((1, len(score)), dtype=bool)
    whole = raise_alarms(values, judged, SPEC, AlarmState.off(1))
    flags = values[0, :cut] > 1
    run = cut if flags.all() else int(np.argmin(flags[::-1]))
    state = AlarmState(whole[:, cut - 1], np.array([run]))
    np.testing.assert_array_equal(
        whole[:, cut:], raise_alarms(values[:, cut:], judged[:, cut:], SPEC, state)
    )


def test_flagged_runs_near_each_other_are_one_event_with_its_peak():
    score = np.array([0, 2, 3, 0, 0, 2, 0, 0, 0, 5, 0.0])
    events = find_events(score, np.ones(11, dtype=bool), SPEC)
    assert [(e.start, e.stop, e.peak, e.peak_score) for e in events] == [(1, 6, 2, 3.0)]


def test_a_run_too_short_for_an_alarm_is_no_event():
    assert find_events(np.array([0, 9, 0, 9, 0.0]), np.ones(5, dtype=bool), SPEC) == []


def test_what_is_not_judged_is_in_no_event():
    score, judged = np.array([9.0, 9, 9]), np.array([True, False, True])
    assert find_events(score, judged, SPEC) == []
