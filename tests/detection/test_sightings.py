import numpy as np
import pytest

from backend.detection.sightings import count, sight

SECOND = 1_000_000_000


def sighted(labels, flags, step=60):
    times = np.arange(len(labels), dtype=np.int64) * step * SECOND
    return sight(np.array(labels), np.array(flags), times)


def test_delay_and_forewarning_of_a_case_worked_out_by_hand():
    labels = [0, 0, 1, 1, 1, 1, 0, 0]
    flags = [0, 0, 0, 1, 0, 1, 0, 0]
    seen = sighted(labels, flags)
    assert seen.events_found == 1
    assert seen.delay_seconds == 60
    assert seen.forewarning_seconds == 3 * 60


def test_a_flagged_run_that_begins_before_the_event_warns_from_its_own_start():
    seen = sighted([0, 0, 0, 1, 1], [0, 1, 1, 1, 0])
    assert seen.delay_seconds == 0
    assert seen.forewarning_seconds == 4 * 60


def test_a_run_that_ends_before_the_event_does_not_announce_it():
    seen = sighted([0, 0, 0, 1, 1], [1, 1, 0, 0, 1])
    assert seen.delay_seconds == 60
    assert seen.forewarning_seconds == 60


def test_means_are_over_the_events_that_were_found():
    labels = [1, 1, 0, 1, 1, 0, 1, 1]
    flags = [1, 0, 0, 0, 1, 0, 0, 0]
    seen = sighted(labels, flags)
    assert seen.events_found == 2
    assert seen.delay_seconds == (0 + 60) / 2
    assert seen.forewarning_seconds == (120 + 60) / 2


def test_false_alarms_are_by_normal_time_and_ignore_rows_not_judged():
    labels = [0] * 12 + [1] * 6 + [2] * 6
    flags = [1, 0, 1] + [0] * 9 + [1] * 6 + [1] * 6
    seen = sighted(labels, flags, step=3600)
    assert seen.false_alarms_per_day == pytest.approx(2 * 24 / 12)
    assert seen.false_alarms_per_week == pytest.approx(7 * seen.false_alarms_per_day)


def test_what_is_not_there_is_undefined_and_no_error():
    seen = sighted([1, 1], [0, 0])
    assert seen.events_found == 0
    assert np.isnan([seen.delay_seconds, seen.forewarning_seconds, seen.false_alarms_per_day]).all()
    assert np.isnan(sight([0], [0], np.zeros(1, np.int64)).false_alarms_per_day)


def test_rows_are_counted_by_their_label():
    counts = count([0, 0, 0, 1, 2, 2])
    assert (counts.normal_rows, counts.anomalous_rows, counts.not_judged_rows) == (3, 1, 2)
    assert counts.anomalous_share == 1 / 4
    assert np.isnan(count([2]).anomalous_share)
