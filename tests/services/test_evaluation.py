import json
import math

import numpy as np
import pandas as pd
import pytest

from backend.exceptions import InputError, MissingChannel, NoData
from backend.services import exams
from backend.services.evaluation import evaluate
from backend.services.exams import Columns

STEP = 60_000_000_000
COLUMNS = Columns("label", ("x", "y"))


def frame(rows=100, every="60s", labels=None):
    index = pd.date_range("2026-03-01", periods=rows, freq=every, tz="UTC")
    columns = {"x": np.arange(rows, dtype=float), "y": np.zeros(rows)}
    return pd.DataFrame({**columns, "label": np.zeros(rows, int)}, index=index).assign(
        **({} if labels is None else {"label": labels})
    )


class Lookup:
    """Scores the channel x itself: above 50 is flagged; keeps what it was trained on."""

    def __init__(self, unjudged=()):
        self.trained = None
        self._unjudged = list(unjudged)

    def fit(self, frame, normal, progress):
        self.trained = frame[normal]
        progress(1.0, "done")

    def score(self, frame):
        buckets = frame["x"].groupby(frame.index.floor("60s")).mean() / 50
        scored = pd.DataFrame({"score": buckets, "flag": (buckets > 1).astype(float)})
        scored["smoothed"], scored["threshold"], scored["judged"] = buckets * 2, 2.0, 1.0
        scored["alarm"] = scored["flag"]
        scored.iloc[self._unjudged, :] = [0.0, 0.0, 0.0, 2.0, 0.0, 0.0]
        return scored


# -- which rows ------------------------------------------------------------------------------------


def test_the_first_rows_are_learned_and_the_rest_is_judged():
    exam = exams.first_rows(frame(10, labels=[0] * 8 + [1, 2]), COLUMNS, 6)
    assert exam.normal.tolist() == [True] * 6 + [False] * 4
    assert exam.labels.tolist() == [0, 0, 1, 2]
    assert len(exam.asked) == 10  # the rows before are there to look back at
    assert exam.tested.sum() == 4
    assert list(exam.train.columns) == ["x", "y"]


@pytest.mark.parametrize("count", [0, -1, 10, 11])
def test_as_many_rows_as_there_are_or_none_leave_nothing_to_do(count):
    with pytest.raises(InputError, match="expected at least 1 and fewer than all"):
        exams.first_rows(frame(10), COLUMNS, count)


def test_ranges_are_half_open():
    rows = frame(10)
    start, stop = exams.nanoseconds_of(rows.index)[[2, 5]].tolist()
    exam = exams.by_ranges(rows, COLUMNS, [(start, stop)])
    assert np.flatnonzero(exam.normal).tolist() == [2, 3, 4]
    assert len(exam.labels) == 7


def test_ranges_that_hold_no_row_are_refused():
    with pytest.raises(InputError, match="None of the 10 rows are given as normal"):
        exams.by_ranges(frame(10), COLUMNS, [(0, 1)])


@pytest.mark.parametrize(
    "marks",
    [
        [0, 1, 1, 0],
        [0.0, 1.0, 2.0, np.nan],
        ["false", "true", "yes", ""],
        [False, True, True, False],
    ],
)
def test_a_column_tells_which_rows_are_normal(marks):
    exam = exams.by_column(frame(4).assign(calm=marks), COLUMNS, "calm")
    assert exam.normal.tolist() == [False, True, True, False]


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(MissingChannel, match="no column 'calm'"):
        exams.by_column(frame(4), COLUMNS, "calm")
    with pytest.raises(MissingChannel, match="no column 'truth' to read labels from"):
        exams.first_rows(frame(4), Columns("truth", ("x",)), 2)


def test_another_file_gives_its_rows_with_label_0():
    train, test = frame(6, labels=[0, 0, 1, 2, 0, 0]), frame(5, labels=[0, 1, 1, 0, 2])
    exam = exams.two_files(train, test, COLUMNS)
    assert exam.normal.tolist() == [True, True, False, False, True, True]
    assert exam.tested.all()
    assert exam.labels.tolist() == [0, 1, 1, 0, 2]


def test_another_file_without_normal_rows_or_channels_is_refused():
    with pytest.raises(InputError, match="nothing to learn from"):
        exams.two_files(frame(3, labels=[1, 1, 2]), frame(3), COLUMNS)
    with pytest.raises(MissingChannel, match="no column 'y' in one of the files"):
        exams.two_files(frame(3).drop(columns="y"), frame(3), COLUMNS)


@pytest.mark.parametrize("labels", [[0, 1, 3], [0, 1, np.nan], ["0", "1", "bad"], [0, 0.5, 1]])
def test_labels_are_0_1_or_2(labels):
    with pytest.raises(InputError, match=r"expected 0 \(normal\), 1"):
        COLUMNS.labels(frame(3).assign(label=labels))


def test_every_column_of_numbers_is_a_channel_but_those_named():
    rows = frame(3).assign(note=["a", "b", "c"])
    assert exams.numeric_columns(rows, ["label"]) == ("x", "y")
    with pytest.raises(NoData, match="no column of numbers"):
        exams.numeric_columns(rows, ["label", "x", "y"])


def test_the_usual_step_is_the_median_distance():
    rows = frame(10).iloc[[0, 1, 2, 3, 8, 9]]
    assert exams.usual_step(rows).total_seconds() == 60
    with pytest.raises(InputError, match="fewer than two rows"):
        exams.usual_step(frame(1))


# -- the figures -----------------------------------------------------------------------------------


def test_figures_are_those_of_the_judged_rows():
    labels = np.where(np.arange(100) > 60, 1, 0)
    labels[90:] = 2
    watcher = Lookup()
    report = evaluate(watcher, exams.first_rows(frame(labels=labels), COLUMNS, 20), STEP, 10)
    assert len(watcher.trained) == 20
    plain = report.plain()
    flagged, anomalous = 90 - 51, 90 - 61
    assert plain["precision"] == pytest.approx(anomalous / flagged)
    assert plain["recall"] == 1
    assert plain["mar"] == 0
    assert plain["far"] == pytest.approx((flagged - anomalous) / (90 - 20 - anomalous))
    assert plain["auroc"] == 1
    assert plain["best_f1"] == 1
    assert plain["threshold"] == 2
    assert plain["best_threshold"] == pytest.approx(61 / 50 * 2)
    assert (plain["rows"], plain["trained_rows"], plain["unjudged"]) == (80, 20, 0)
    assert plain["fit_seconds"] >= 0
    assert plain["score_seconds"] >= 0


def test_the_figures_that_the_manual_names_come_first_and_in_order():
    report = evaluate(
        Lookup(), exams.first_rows(frame(labels=[0] * 60 + [1] * 40), COLUMNS, 20), STEP, 10
    )
    named = "auroc aupr vus_pr f1 precision recall far mar threshold fit_seconds score_seconds rows"
    assert list(report.plain())[:13] == [*named.split(), "best_f1"]


def test_rows_that_were_not_judged_count_as_score_0():
    labels = [0] * 60 + [1] * 40
    exam = exams.first_rows(frame(labels=labels), COLUMNS, 20)
    report = evaluate(Lookup(unjudged=range(95, 100)), exam, STEP, 10)
    assert report.unjudged == 5
    assert report.plain()["recall"] == pytest.approx(35 / 40)
    assert (report.scores[-5:] == 0).all()


def test_rows_of_one_grid_point_share_its_score():
    rows = frame(100, every="30s", labels=[0] * 60 + [1] * 40)
    report = evaluate(Lookup(), exams.first_rows(rows, COLUMNS, 20), STEP, 10)
    assert report.rows == 80
    np.testing.assert_array_equal(report.scores[::2], report.scores[1::2])


def test_figures_that_are_not_defined_are_none_in_json():
    report = evaluate(Lookup(), exams.first_rows(frame(), COLUMNS, 20), STEP, 10)
    plain = json.loads(json.dumps(report.plain(), allow_nan=False))
    assert plain["auroc"] is None
    assert plain["recall"] is None
    assert plain["best_threshold"] is None
    assert not math.isnan(plain["far"])


def test_the_imbalance_is_counted_and_no_row_is_lost():
    labels = [0] * 60 + [1] * 30 + [2] * 10
    plain = evaluate(
        Lookup(), exams.first_rows(frame(labels=labels), COLUMNS, 20), STEP, 10
    ).plain()
    assert (plain["normal_rows"], plain["anomalous_rows"], plain["not_judged_rows"]) == (40, 30, 10)
    assert plain["anomalous_share"] == pytest.approx(30 / 70)
    classes = plain["classes"]
    assert (classes["normal"]["support"], classes["anomalous"]["support"]) == (40, 30)
    assert np.sum(classes["confusion"]) == 70


def test_alarms_are_counted_a_week_of_judged_time():
    labels = [0] * 60 + [1] * 40
    exam = exams.first_rows(frame(labels=labels), COLUMNS, 20)
    report = evaluate(Lookup(unjudged=range(40, 45)), exam, STEP, 10)
    minutes_a_week = 7 * 24 * 60
    assert report.alarms_per_week == pytest.approx(minutes_a_week / 75)


def test_figures_of_events_are_in_units_of_time():
    labels = [0] * 45 + [1] * 20 + [0] * 35
    report = evaluate(Lookup(), exams.first_rows(frame(labels=labels), COLUMNS, 20), STEP, 10)
    plain = report.plain()
    assert plain["events_found"] == 1
    assert plain["delay_seconds"] == (51 - 45) * 60
    assert plain["forewarning_seconds"] == (65 - 51) * 60


@pytest.mark.parametrize(("kind", "lacking"), [(0, "no anomalous row"), (1, "no normal row")])
def test_labels_of_one_kind_are_told_in_a_sentence(kind, lacking):
    exam = exams.first_rows(frame(labels=[kind] * 100), COLUMNS, 20)
    report = evaluate(Lookup(), exam, STEP, 10)
    assert lacking in report.remarks[0]
    assert report.plain()["vus_pr"] is None


def test_labels_of_both_kinds_need_no_remark():
    exam = exams.first_rows(frame(labels=[0] * 60 + [1] * 40), COLUMNS, 20)
    assert evaluate(Lookup(), exam, STEP, 10).remarks == ()
