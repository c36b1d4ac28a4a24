import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose

from backend.detection.evaluation import (
    by_class,
    decide,
    false_alarms,
    judged_rows,
    operating_curve,
    rank,
    threshold_curve,
)
from backend.detection.range_auc import range_average_precision, soft_labels, vus_pr
from backend.exceptions import InputError

# A busy machine is slow without anything being wrong.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

LABELS = st.integers(4, 80).flatmap(
    lambda n: arrays(np.int64, n, elements=st.sampled_from([0, 0, 0, 1]))
)


@st.composite
def scored_rows(draw, both_kinds=True):
    labels = draw(LABELS)
    if both_kinds:
        labels[0], labels[-1] = 0, 1
    scores = draw(arrays(np.float64, len(labels), elements=st.floats(0, 10, width=16)))
    return labels, scores


# -- decisions -------------------------------------------------------------------------------------


def test_decision_figures_of_a_case_counted_by_hand():
    labels = [0, 0, 1, 1, 1, 0, 0, 1, 0, 0]
    flags = [0, 1, 0, 1, 1, 0, 1, 0, 0, 1]
    decision = decide(labels, flags)
    assert decision.precision == 2 / 5
    assert decision.recall == 2 / 4
    assert decision.far == 3 / 6
    assert decision.mar == 2 / 4
    assert decision.f1 == pytest.approx(2 * 0.4 * 0.5 / 0.9)
    assert decision.event_recall == 1 / 2
    assert decision.fc1 == pytest.approx(2 * 0.4 * 0.5 / 0.9)
    assert decision.events == 2
    assert decision.false_alarms == 3


def test_rows_with_label_2_are_left_out_of_every_figure():
    labels = np.array([0, 2, 1, 1, 2, 0, 0])
    flags = np.array([0, 1, 1, 0, 1, 0, 1])
    kept = labels != 2
    assert decide(labels, flags) == decide(labels[kept], flags[kept])


def test_a_run_that_touches_an_event_is_no_false_alarm():
    anomalous = np.array([0, 0, 1, 1, 0, 0, 0], dtype=bool)
    flagged = np.array([0, 1, 1, 0, 0, 1, 1], dtype=bool)
    assert false_alarms(anomalous, flagged) == 1


def test_flagging_nothing_is_zero_and_not_a_division_by_zero():
    decision = decide([0, 1, 0], [0, 0, 0])
    assert (decision.precision, decision.f1, decision.fc1, decision.far) == (0, 0, 0, 0)
    assert decision.mar == 1


def test_without_anomalies_recall_is_undefined_and_false_alarms_still_count():
    decision = decide([0, 0, 0, 0], [0, 1, 0, 1])
    assert np.isnan(decision.recall)
    assert np.isnan(decision.event_recall)
    assert decision.far == 0.5
    assert decision.false_alarms == 2


@given(scored_rows())
@PATIENT
def test_flagging_the_labels_themselves_is_perfect(rows):
    labels, _ = rows
    decision = decide(labels, labels == 1)
    assert (decision.f1, decision.fc1, decision.far, decision.mar) == (1, 1, 0, 0)
    assert decision.false_alarms == 0


@given(scored_rows())
@PATIENT
def test_one_hit_in_an_event_does_not_count_as_all_of_it(rows):
    labels, _ = rows
    labels = np.concatenate((labels, [0, 1, 1, 1]))
    flags = np.zeros(len(labels))
    flags[-1] = 1
    assert decide(labels, flags).recall == pytest.approx(1 / labels.sum())


@pytest.mark.parametrize(
    ("labels", "values", "message"),
    [([0, 1], [1.0], "2 labels for 1 rows"), ([0, 3], [1.0, 1.0], "A label is 3")],
)
def test_wrong_labels_are_refused(labels, values, message):
    with pytest.raises(InputError, match=message):
        judged_rows(labels, values)


def test_the_class_report_of_a_case_counted_by_hand():
    report = by_class([0, 0, 0, 1, 1, 2], [0, 1, 0, 1, 0, 1])
    assert report.confusion == ((2, 1), (1, 1))
    assert (report.normal.precision, report.normal.recall, report.normal.support) == (
        2 / 3,
        2 / 3,
        3,
    )
    assert (report.anomalous.precision, report.anomalous.recall) == (1 / 2, 1 / 2)


@given(scored_rows())
@PATIENT
def test_the_anomalous_class_has_the_figures_of_the_decision(rows):
    labels, scores = rows
    decision, report = decide(labels, scores > 5), by_class(labels, scores > 5)
    assert report.anomalous.precision == pytest.approx(decision.precision)
    assert report.anomalous.recall == pytest.approx(decision.recall)
    assert report.anomalous.f1 == pytest.approx(decision.f1)


def test_a_class_that_is_not_there_has_no_recall():
    report = by_class([0, 0], [0, 1])
    assert np.isnan(report.anomalous.recall)
    assert report.anomalous.support == 0


# -- ranking ---------------------------------------------------------------------------------------


def test_scores_must_be_finite_where_judged():
    with pytest.raises(InputError, match="not a finite number"):
        rank([0, 1], [0.0, np.nan], buffer=0)
    assert rank([0, 1, 2], [0.0, 1.0, np.nan], buffer=0).auroc == 1.0


def test_labels_of_one_kind_leave_the_ranking_undefined():
    assert np.isnan(rank([0, 0], [1.0, 2.0], buffer=0).vus_pr)
    assert np.isnan(rank([1, 1], [1.0, 2.0], buffer=0).auroc)


def test_ranking_of_a_case_computed_by_hand():
    ranking = rank([0, 1, 0, 1], [0.1, 0.4, 0.35, 0.8], buffer=0)
    assert ranking.auroc == 1.0
    assert ranking.aupr == 1.0
    assert ranking.best_f1 == 1.0
    assert ranking.best_threshold == 0.4
    # The order from the top is 1, 0, 1, 0: precision 1 at recall 1/2, 2/3 at recall 1.
    swapped = rank([1, 0, 0, 1], [0.35, 0.4, 0.1, 0.8], buffer=0)
    assert swapped.aupr == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert swapped.auroc == 0.75
    assert swapped.best_f1 == pytest.approx(0.8)


@given(scored_rows())
@PATIENT
def test_the_best_limit_reaches_the_best_f1(rows):
    labels, scores = rows
    ranking = rank(labels, scores, buffer=3)
    assert decide(labels, scores >= ranking.best_threshold).f1 == pytest.approx(ranking.best_f1)


@given(scored_rows())
@PATIENT
def test_no_limit_beats_the_best_f1(rows):
    labels, scores = rows
    best = rank(labels, scores, buffer=0).best_f1
    assert all(decide(labels, scores >= limit).f1 <= best + 1e-12 for limit in scores)


@given(scored_rows())
@PATIENT
def test_the_threshold_curve_is_what_deciding_at_each_limit_gives(rows):
    labels, scores = rows
    curve = threshold_curve(labels, scores)
    assert (np.diff(curve["threshold"]) > 0).all()
    decisions = [decide(labels, scores >= limit) for limit in curve["threshold"]]
    assert_allclose(curve["precision"], [d.precision for d in decisions])
    assert_allclose(curve["recall"], [d.recall for d in decisions])
    assert_allclose(curve["f1"], [d.f1 for d in decisions])


@given(scored_rows())
@PATIENT
def test_the_area_under_the_operating_curve_is_auroc(rows):
    labels, scores = rows
    curve = operating_curve(labels, scores)
    area = np.trapezoid(curve["recall"], curve["false_alarms"])
    assert area == pytest.approx(rank(labels, scores, buffer=0).auroc)


# -- volume under the surface ----------------------------------------------------------------------


def test_soft_labels_of_a_case_computed_by_hand():
    labels = soft_labels(np.array([0, 0, 0, 1, 0, 0, 0], dtype=bool), width=4)
    near, far = np.sqrt(1 - 1 / 4), np.sqrt(1 - 2 / 4)
    assert_allclose(labels, [0, far, near, 1, near, far, 0])


def test_buffers_that_overlap_add_up_to_at_most_one():
    labels = soft_labels(np.array([1, 0, 0, 0, 1], dtype=bool), width=4)
    single = np.sqrt(1 - 1 / 4)
    assert_allclose(labels, [1, single, 1, single, 1])


def test_the_area_without_a_buffer_is_average_precision_times_the_ranges_touched():
    anomalous = np.array([1, 0, 0, 1], dtype=bool)
    scores = np.array([0.35, 0.4, 0.1, 0.8])
    # Down to 0.4 one of two ranges is touched: recall 1/2 * 1/2 at precision 1; then all: recall 1
    # at precision 2/3.
    expected = 0.25 * 1 + 0.75 * 2 / 3
    assert range_average_precision(anomalous, scores, width=0) == pytest.approx(expected)


def test_a_near_miss_is_worth_more_the_wider_the_buffer():
    anomalous = np.zeros(200, dtype=bool)
    anomalous[100:110] = True
    late = np.zeros(200)
    late[106:116] = 1.0
    areas = [range_average_precision(anomalous, late, width) for width in (0, 10, 40)]
    assert areas == sorted(areas)
    assert areas[-1] > areas[0] + 0.1


@given(scored_rows(), st.integers(0, 20))
@PATIENT
def test_the_volume_lies_between_0_and_1(rows, buffer):
    labels, scores = rows
    assert 0 <= vus_pr(labels == 1, scores, buffer) <= 1 + 1e-12


@given(scored_rows(), st.integers(0, 20))
@PATIENT
def test_the_volume_depends_on_the_order_of_scores_alone(rows, buffer):
    labels, scores = rows
    stretched = vus_pr(labels == 1, 3 * scores + 1, buffer)
    assert stretched == pytest.approx(vus_pr(labels == 1, scores, buffer))


@given(scored_rows(), st.integers(0, 20))
@PATIENT
def test_the_volume_is_the_mean_of_the_areas(rows, buffer):
    labels, scores = rows
    areas = [range_average_precision(labels == 1, scores, w) for w in range(buffer + 1)]
    assert vus_pr(labels == 1, scores, buffer) == pytest.approx(np.mean(areas))


@given(scored_rows())
@PATIENT
def test_perfect_scores_without_a_buffer_have_volume_1(rows):
    labels, _ = rows
    assert vus_pr(labels == 1, labels.astype(float), 0) == pytest.approx(1.0)


def test_random_scores_stay_near_the_share_of_anomalies():
    random = np.random.default_rng(3)
    anomalous = np.zeros(20_000, dtype=bool)
    anomalous[5_000:7_000] = True
    assert vus_pr(anomalous, random.random(20_000), 50) == pytest.approx(0.1, abs=0.02)


def test_without_anomalies_the_volume_is_undefined():
    assert np.isnan(vus_pr(np.zeros(5, dtype=bool), np.arange(5.0), 3))
