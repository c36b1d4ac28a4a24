from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from backend.exceptions import InputError, NoData, NotFound
from backend.ports import Points, Query
from backend.records import LabelDraft, LabelKind
from backend.schema import SCORES
from backend.services.labelling import shown
from backend.services.stores import Stores
from backend.services.trial import Trials
from backend.services.trial_failures import Failure
from backend.services.trial_results import Plan
from tests.fakes.models import LinearModel
from tests.fakes.series import MemorySeriesStore
from tests.services.plant import STEP, Plant, at, sensor

DAY = timedelta(days=1)
A_DAY = 86_400 * 10**9
BROKEN = (800, 830)
"""When room a is broken: see `plant.sensor`."""


@pytest.fixture
def plant():
    plant = Plant()
    plant.measure(0, 1000)
    plant.now(1000)
    return plant


def trial(plant, progress=lambda share, words: None, **changes):
    stores = Stores(plant.source, plant.results, plant.records, plant.artifacts)
    trials = Trials(stores, plant.detectors, plant.labelling, LinearModel, plant.clock)
    plan = Plan("rooms", at(0), retrain_every=DAY, horizon=A_DAY, most_alarms=1.0)
    return trials.run(replace(plan, **changes), progress)


def before(report, point):
    """Everything that a report says of the time before a grid point."""
    buckets = (at(point) - report.span.start) // report.span.bucket
    curves = {key: np.array(one.curve[:buckets]) for key, one in report.series.items()}
    alarms = {
        key: [alarm for alarm in one.weighed.alarms if alarm.start < at(point)]
        for key, one in report.series.items()
    }
    trained = [one for one in report.trained if one.at < at(point)]
    return curves, alarms, trained


def test_a_failure_is_announced_by_the_alarm_before_it(plant):
    plant.label(0, 600)
    failure = Failure(at(BROKEN[1]), at(BROKEN[1] + 5), {"room": "a"}, "pump")
    report = trial(plant, failures=(failure,))
    one = report.series["room=a"]
    figures = one.weighed.figures
    assert (figures.failures, figures.announced) == (1, 1)
    (awaited,) = one.weighed.failures
    assert at(BROKEN[0]) <= awaited.announced_at < at(BROKEN[1])
    assert figures.forewarning_seconds == (at(BROKEN[1]) - awaited.announced_at) / 1e9
    assert figures.false_alarms == 0
    assert one.verdict.go
    assert "1 of 1 failures" in one.verdict.reason
    assert report.series["room=b"].weighed.figures.failures == 0


def test_without_failures_the_same_alarm_is_false_unless_a_label_says_anomaly(plant):
    plant.label(0, 600)
    alone = trial(plant).series["room=a"]
    assert alone.weighed.figures.false_alarms == alone.weighed.figures.alarms >= 1
    plant.label(*BROKEN, LabelKind.ANOMALY, {"room": "a"})
    told = trial(plant).series["room=a"].weighed.figures
    assert told.alarms == alone.weighed.figures.alarms
    assert told.false_alarms < alone.weighed.figures.false_alarms


def test_more_false_alarms_than_allowed_are_a_no_go(plant):
    plant.label(0, 600)
    verdict = trial(plant, most_alarms=0.0).series["room=a"].verdict
    assert not verdict.go
    assert "false alarms a week" in verdict.reason


def test_a_failure_that_nothing_announced_is_a_no_go(plant):
    plant.label(0, 600)
    failure = Failure(at(960), at(960), {"room": "b"})
    verdict = trial(plant, failures=(failure,)).series["room=b"].verdict
    assert not verdict.go
    assert "announced 0 of 1" in verdict.reason


def test_an_alarm_that_began_before_the_horizon_announces_nothing(plant):
    plant.label(0, 600)
    failure = Failure(at(BROKEN[1]), at(BROKEN[1]), {"room": "a"})
    report = trial(plant, failures=(failure,), horizon=2 * STEP)
    figures = report.series["room=a"].weighed.figures
    assert (figures.failures, figures.announced) == (1, 0)


def test_a_failure_of_no_named_series_is_announced_for_all_by_any(plant):
    plant.label(0, 600)
    failure = Failure(at(BROKEN[1]), at(BROKEN[1]))
    report = trial(plant, failures=(failure,))
    assert all(one.weighed.figures.announced == 1 for one in report.series.values())


def test_a_failure_before_the_first_version_does_not_count(plant):
    plant.label(0, 600)
    report = trial(plant, failures=(Failure(at(20), at(20), {"room": "a"}),))
    figures = report.series["room=a"].weighed.figures
    assert figures.failures == 0
    assert not report.series["room=a"].weighed.failures[0].watched


@pytest.mark.parametrize("kind", list(LabelKind))
def test_a_label_of_later_time_changes_nothing_before_it(plant, kind):
    plant.label(0, 600)
    without = before(trial(plant), 880)
    plant.label(880, 960, kind)
    curves, alarms, trained = before(trial(plant), 880)
    for key, curve in without[0].items():
        np.testing.assert_array_equal(curves[key], curve)
    assert (alarms, trained) == without[1:]


def test_later_data_change_nothing_before_them(plant):
    plant.label(0, 600)
    whole = before(trial(plant), 880)
    plant.source.expire("air", {}, at(880), at(5000))
    cut = before(trial(plant), 880)
    for key, curve in whole[0].items():
        np.testing.assert_array_equal(cut[0][key], curve)


def test_a_label_is_known_when_its_range_has_ended(plant):
    plant.label(0, 600)
    report = trial(plant)
    learned = [one for one in report.trained if not one.failed and not one.provisional]
    a_day = 144
    assert learned[0].at == at(0) + -(-600 // a_day) * a_day * STEP
    assert len(learned) == 1  # what was labelled has not changed since


def test_each_new_label_makes_a_new_version(plant):
    plant.label(0, 500)
    plant.label(500, 700)
    learned = [one for one in trial(plant).trained if not one.failed and not one.provisional]
    assert [one.labels for one in learned] == [1, 2]


def test_without_labels_it_learns_from_recent_data_and_says_provisional(plant):
    report = trial(plant)
    made = [one for one in report.trained if not one.failed]
    assert made
    assert all(one.provisional for one in made)
    assert "provisional" in report.notes[0]
    for one in report.series.values():
        assert not one.verdict.go
        assert "silent" in one.verdict.reason
        assert one.weighed.figures.alarms == 0
    assert report.series["room=a"].weighed.figures.silent_alarms >= 1


def test_excluded_time_is_neither_due_nor_alarmed(plant):
    plant.label(0, 600)
    plant.label(BROKEN[0] - 2, BROKEN[1] + 2, LabelKind.EXCLUDE)
    figures = trial(plant).series["room=a"].weighed.figures
    assert figures.alarms == 0
    assert figures.coverage > 0.9


@pytest.mark.parametrize(
    ("threshold", "modes"),
    [
        ({"kind": "quantile", "q": 1, "margin": 1.3}, "none"),
        ({"kind": "quantile", "q": 1, "margin": 1.3, "follow": {"span": 50}}, "none"),
        ({"kind": "dynamic", "history": 200, "block": 20}, "none"),
        ({"kind": "f1_max"}, "none"),
        ({"kind": "quantile", "q": 0.9, "per_mode": True}, "labelled"),
        ({"kind": "quantile", "q": 0.9, "per_mode": True}, "found"),
    ],
    ids=["quantile", "follow", "dynamic", "f1_max", "labelled modes", "found modes"],
)
def test_scores_are_those_that_the_service_writes(threshold, modes):
    plant = Plant(threshold=threshold, modes=modes)
    plant.measure(0, 1000)
    plant.now(1000)
    for start, note in ((0, "mode: idle"), (300, "mode: busy")):
        draft = LabelDraft("rooms", LabelKind.NORMAL, at(start), at(start + 300), {}, note)
        plant.labelling.add(draft, source="command", by="operator")
    plant.label(610, 640, LabelKind.ANOMALY)
    plant.train()
    plant.scoring.backfill("rooms", at(720), at(1000))
    stored = plant.results.read(
        Query(SCORES, ("score",), at(720), at(1000), {"detector": "rooms"}, ("room",))
    )
    report = trial(plant)
    learned = [one.at for one in report.trained if not one.failed and not one.provisional][-1]
    assert report.span.bucket == STEP
    for points in stored:
        curve = np.array(report.series[f"room={points.tags['room']}"].curve)
        place = (points.times - report.span.start) // STEP
        later = points.times >= learned
        seen = np.nan_to_num(curve[place[later]])
        np.testing.assert_allclose(seen, points.fields["score"][later], rtol=1e-6)


def test_alarms_do_not_depend_on_where_versions_meet(plant):
    plant.label(0, 600)
    one = trial(plant, retrain_every=timedelta(days=5))
    # A version an hour changes nothing as long as the labels are the same.
    other = trial(plant, retrain_every=timedelta(hours=20))
    late = at(750)
    for key, series in one.series.items():
        kept = [alarm for alarm in series.weighed.alarms if alarm.start > late]
        assert kept == [a for a in other.series[key].weighed.alarms if a.start > late]


def test_a_series_that_could_not_be_trained_is_told_with_the_reason(plant):
    plant.label(0, 600, tags={"room": "a"})
    one = trial(plant).series["room=b"]
    verdict = one.verdict
    assert one.weighed.figures.coverage  # by provisional versions, before the label was known
    assert not verdict.go
    assert "no normal range is marked" in verdict.reason


def test_a_series_that_appears_after_the_last_training_is_told(plant):
    plant.measure(900, 1000, rooms=("a", "b", "c"))
    plant.label(0, 600)
    verdict = trial(plant).series["room=c"].verdict
    assert not verdict.go
    assert "no version knew this series" in verdict.reason


def test_the_timetable_of_the_detector_says_when_to_train():
    plant = Plant(schedule={"retrain": "0 3 * * *"})
    plant.measure(0, 1000)
    plant.now(1000)
    made = [one.at for one in trial(plant, retrain_every=None).trained if not one.failed]
    assert made
    assert all(moment % A_DAY == 3 * 3600 * 10**9 for moment in made)


def test_nothing_is_written(plant):
    plant.label(0, 600)
    records = plant.records
    remembered = records.runs(), records.versions("rooms"), records.requests(), records.labels()
    trial(plant, failures=(Failure(at(830), at(830)),))
    assert plant.results.measurements() == []
    assert plant.artifacts.names() == []
    now = records.runs(), records.versions("rooms"), records.requests(), records.labels()
    assert now == remembered


def test_failures_of_unknown_series_are_refused_with_those_there_are(plant):
    failure = Failure(at(5), at(5), {"room": "z"}, where="orders.csv line 3")
    with pytest.raises(InputError, match=r"orders.csv line 3: .*'room=z'.* room=a; room=b"):
        trial(plant, failures=(failure,))


def test_a_time_without_data_is_refused():
    plant = Plant()
    plant.now(1000)
    with pytest.raises(NoData, match="holds no data"):
        trial(plant)


def test_a_start_in_the_future_or_moments_too_close_are_refused(plant):
    with pytest.raises(InputError, match="start in the past"):
        trial(plant, start=at(1001))
    with pytest.raises(InputError, match="closer than grid points"):
        trial(plant, retrain_every=timedelta(seconds=1))


def test_an_unknown_detector_is_not_found(plant):
    with pytest.raises(NotFound):
        trial(plant, detector="halls")


def test_where_nothing_can_be_learned_the_reason_is_told():
    plant = Plant()
    plant.measure(0, 20)
    plant.now(20)
    report = trial(plant)
    assert report.trained[-1].failed
    for one in report.series.values():
        assert not one.verdict.go
        assert "nothing could be judged" in one.verdict.reason


def test_progress_grows_to_its_end(plant):
    plant.label(0, 600)
    shares = []
    trial(plant, lambda share, words: shares.append(share))
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_it_says_what_the_newest_version_can_see(plant):
    plant.label(0, 600)
    sentences = trial(plant).series["room=a"].detection_limits
    assert [sentence.partition(":")[0] for sentence in sentences] == ["x", "y"]
    assert all("within" in sentence for sentence in sentences)


def test_it_says_that_of_a_large_fleet_a_part_was_looked_at(plant, monkeypatch):
    plant.label(0, 600)
    assert not any("Detection limits" in note for note in trial(plant).notes)
    monkeypatch.setattr("backend.detection.detection_limits.MOST_SERIES", 1)
    assert "Detection limits are known for 1 of 2 series only" in trial(plant).notes[-1]


# -- time without data -----------------------------------------------------------------------------

BACK = 16_000
"""When room b, silent from 1000 on, is heard again."""


class NotingStore(MemorySeriesStore):
    """Notes what it is asked for."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def read(self, query):
        self.asked.append(query)
        return super().read(query)


def silent_for_months(**changes):
    """Room a and b for a week, then nothing for months, then room b for two days."""
    plant = Plant(**changes)
    plant.source = NotingStore()
    plant.wire()
    plant.measure(0, 1000)
    values, times = sensor(1)[:300], at(BACK) + STEP * np.arange(300, dtype=np.int64)
    fields = {"x": values[:, 0], "y": values[:, 1]}
    plant.source.write("air", [Points({"room": "b", "site": "1"}, times, fields)])
    plant.now(BACK + 300)
    plant.label(0, 600)
    return plant


def counted(report):
    """Everything that a report says of its series, NaN as NaN."""
    return {
        key: (one.verdict, one.weighed, [None if np.isnan(x) else x for x in one.curve])
        for key, one in report.series.items()
    }


@pytest.mark.parametrize(
    "threshold",
    [
        {"kind": "quantile", "q": 1, "margin": 1.1, "follow": {"span": 50}},
        {"kind": "dynamic", "history": 200, "block": 20},
        {"kind": "dynamic", "history": 6000, "block": 300},
    ],
)
def test_passing_over_time_without_data_changes_no_figure(threshold, monkeypatch):
    plant = silent_for_months(threshold=threshold)
    plant.label(5000, 7001, LabelKind.EXCLUDE)
    report = trial(plant)
    assert "passed over" in report.notes[-1]
    monkeypatch.setattr("backend.services.trial_empty.EmptyTime.met", lambda self, at: None)
    walked = trial(plant)
    assert walked.notes == report.notes[:-1]
    assert counted(report) == counted(walked)


def test_time_without_data_is_hardly_read():
    plant = silent_for_months()
    plant.source.asked.clear()
    trial(plant)
    rows = [query for query in plant.source.asked if query.every]
    assert not any(at(1300) < query.start < at(15_000) for query in rows)


def test_data_that_end_before_the_trial_does_are_looked_for_once():
    plant = silent_for_months()
    plant.now(3 * BACK)
    plant.source.asked.clear()
    report = trial(plant)
    last = [query for query in plant.source.asked if query.oldest and query.start > at(BACK)]
    assert len(last) == 1
    assert "in 2 stretches" in report.notes[-1]


def test_where_data_begin_later_than_asked_the_trial_says_where_it_began(plant):
    plant.label(0, 600)
    assert not any("began there" in note for note in trial(plant).notes)
    (note,) = [note for note in trial(plant, start=at(-100)).notes if "began there" in note]
    assert shown(at(0)) in note
