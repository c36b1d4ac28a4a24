"""Another threshold beside labels, and the curve of a slider, over what a plant has stored."""

from collections.abc import Iterator

import numpy as np
import pytest

from backend.detection.what_if import Stored
from backend.exceptions import InputError
from backend.ports import Points, Query
from backend.records import LabelKind, Version
from backend.schema import SCORES
from backend.services.drawing import Span
from backend.services.kept_errors import KeptErrors
from backend.services.stored_anomalies import StoredAnomalies
from backend.services.what_if import Answer, Question, WhatIf, read_question
from backend.services.what_if_curve import CurveReplay
from backend.services.what_if_limits import OtherLimits
from backend.specs import (
    AlarmSpec,
    F1MaxThreshold,
    FixedThreshold,
    QuantileThreshold,
)
from tests.fakes.records import MemoryRecordStore
from tests.fakes.series import MemorySeriesStore
from tests.services.plant import Plant, at

ALL = Span(at(0), at(1000), 2000)
KINDS = [
    {"kind": "fixed", "value": 0.7},
    {"kind": "quantile", "q": 0.97},
    {"kind": "sigma", "k": 2},
    {"kind": "conformal", "confidence": 0.98},
    {"kind": "budget", "alarms": "1/day"},
    {"kind": "dynamic", "history": 100},
    {"kind": "pot", "risk": 0.001},
    {"kind": "f1_max"},
    {"kind": "quantile", "follow": {"span": 50}},
]


def smooth_fault(plant: Plant) -> None:
    """Errors that no plain check explains, as a model would find them, from 900 to 920."""
    for room, points in plant.scores().items():
        rows = (points.times >= at(900)) & (points.times < at(920))
        fields = {name: column[rows] for name, column in points.fields.items()}
        limit = fields["threshold"]
        fields |= {"smoothed": 2 * limit, "score": np.full(20, 2.0), "flag": np.ones(20)}
        fields |= {"reason": np.full(20, "model", dtype=object)}
        tags = {"detector": "rooms", "room": room}
        plant.results.write(SCORES, [Points(tags, points.times[rows], fields)])


@pytest.fixture(scope="module")
def plant() -> Plant:
    """Trained at 700, scored to 1000; a fault in both rooms that is labelled from 900 to 920."""
    made = Plant().ready()
    made.now(1000)
    made.scoring.tick("rooms")
    smooth_fault(made)
    made.label(900, 920, LabelKind.ANOMALY)
    made.label(840, 890)
    return made


def ask(plant: Plant, threshold: dict[str, object], **more: object) -> Answer:
    return plant.what_if().ask("rooms", ALL, read_question({"threshold": threshold}), **more)


@pytest.mark.parametrize("threshold", KINDS, ids=str)
def test_every_kind_is_judged_against_the_labels_in_force(
    plant: Plant, threshold: dict[str, object]
) -> None:
    answer = ask(plant, threshold)
    for one in answer.alerts:
        assert one.events == 1
        assert (one.anomalous, one.normal) == (20, 644)
        assert one.quality(one.now).recall == 1.0
        assert one.then.caught == 1 or threshold["kind"] == "dynamic"
        assert np.isfinite([one.then.limit, one.now.limit, one.then.a_week]).all()
        if threshold["kind"] != "fixed":
            assert one.then.backing is not None
            assert one.then.backing.basis
            assert one.then.backing.hours > 90
        assert one.now.backing is not None
        assert one.now.backing.basis == "quantile 1 of 594 held-out normal points, times 1.3"


def test_precision_is_of_labelled_time_alone(plant: Plant) -> None:
    (one,) = ask(plant, {"kind": "fixed", "value": 1e-9}, series=["room=b"]).alerts
    quality = one.quality(one.then)
    assert quality.precision == pytest.approx(20 / 664)
    assert quality.far == 1.0
    assert one.flagged_then == one.judged > 664


def test_series_together_are_their_sum(plant: Plant) -> None:
    answer = ask(plant, {"kind": "fixed", "value": 1e-9})
    both = answer.together
    assert both.anomalous == 40
    assert both.then.caught == both.events == 2
    assert both.then.a_week == pytest.approx(sum(one.then.a_week for one in answer.alerts))
    assert Answer([], [], []).together.judged == 0


def test_f1_max_chooses_by_the_stored_errors_of_labelled_anomalies(plant: Plant) -> None:
    for one in ask(plant, {"kind": "f1_max"}).alerts:
        assert one.then.limit < one.now.limit * 2
        assert one.then.backing is not None
        assert "20 labelled anomalous ones" in one.then.backing.basis


class CountedReads(MemorySeriesStore):
    """Counts how often rows are asked for."""

    streams = 0

    def stream(self, query: Query, rows: int) -> Iterator[Points]:
        self.streams += 1
        return super().stream(query, rows)


def test_labelled_anomalies_are_read_once_however_many_versions_are_asked_for() -> None:
    results = CountedReads()
    plant = Plant(results).ready()
    plant.now(1000)
    plant.scoring.tick("rooms")
    smooth_fault(plant)
    plant.label(900, 920, LabelKind.ANOMALY)
    stored = StoredAnomalies(results, plant.spec, plant.labelling.list("rooms"))
    before = results.streams

    errors = stored.of("rooms/1")
    assert {key: len(own) for key, own in errors.items()} == {"room=a": 20, "room=b": 20}
    assert stored.of("rooms/2") == {}
    assert stored.of("rooms/1", "rooms/2").keys() == errors.keys()
    assert results.streams == before + 1


def test_f1_max_is_refused_where_nobody_labelled_an_anomaly() -> None:
    bare = Plant().ready()
    bare.now(750)
    bare.scoring.tick("rooms")
    with pytest.raises(InputError, match="needs labelled anomalies, and there is none"):
        bare.what_if().ask("rooms", ALL, Question(F1MaxThreshold()))


def test_a_series_without_labelled_anomalies_is_left_out_of_f1_max() -> None:
    some = Plant().ready()
    some.now(1000)
    some.scoring.tick("rooms")
    smooth_fault(some)
    some.label(900, 920, LabelKind.ANOMALY, {"room": "b"})
    answer = ask(some, {"kind": "f1_max"})
    assert [one.judged > 0 for one in answer.alerts] == [False, True]
    assert answer.notices == [
        "Some of the range is left out: rooms/1 knows no errors of labelled anomalies of room=a."
    ]


def test_the_curve_is_what_asking_for_each_multiple_gives(plant: Plant) -> None:
    multiples = np.array([0.5, 0.75, 1.0, 1.5])
    curve = plant.what_if().curve("rooms", ALL, multiples=multiples, series=["room=b"])
    (limit,) = set(plant.scores("threshold")["b"].fields["threshold"].tolist())
    for k, multiple in enumerate(multiples):
        question = Question(FixedThreshold(value=limit * multiple))
        (one,) = plant.what_if().ask("rooms", ALL, question, series=["room=b"]).alerts
        assert curve.alerts[k] == one.alerts_then
        assert curve.flagged[k] == one.flagged_then
        assert curve.a_week[k] == pytest.approx(one.then.a_week)
        assert curve.flag_share[k] == pytest.approx(one.flagged_then / one.judged)
        quality = one.quality(one.then)
        assert curve.quality.f1[k] == pytest.approx(quality.f1)
        assert curve.caught[k] == one.then.caught
    assert (curve.judged, curve.events) == (one.judged, 1)
    assert curve.alerts[0] > 0


def test_the_curve_has_the_present_threshold_in_its_middle(plant: Plant) -> None:
    curve = plant.what_if().curve("rooms", ALL)
    middle = len(curve.multiples) // 2
    assert curve.multiples[middle] == 1.0
    now = ask(plant, {"kind": "fixed", "value": 1}).together.now
    assert curve.flagged[middle] == now.flagged
    assert (np.diff(curve.flagged) <= 0).all()
    assert curve.notices == []


def test_pieces_of_the_curve_leave_no_seam(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = plant.what_if().curve("rooms", Span(at(850), at(1000)), alarm=AlarmSpec(points=4))
    monkeypatch.setattr("backend.services.what_if._ROWS", 7)
    monkeypatch.setattr("backend.services.what_if_curve._ROWS", 20)
    pieces = plant.what_if().curve("rooms", Span(at(850), at(1000)), alarm=AlarmSpec(points=4))
    for name in ("alerts", "flagged", "caught"):
        np.testing.assert_array_equal(getattr(pieces, name), getattr(whole, name))
    assert whole.alerts.max() > 0


def test_alarms_that_are_silent_are_in_no_curve() -> None:
    unlabelled = Plant()
    unlabelled.measure()
    unlabelled.train()
    unlabelled.now(1000)
    unlabelled.scoring.tick("rooms")
    curve = unlabelled.what_if().curve("rooms", ALL)
    assert not curve.alerts.any()
    assert curve.flagged[0] > 0
    assert "rooms/1 are silent" in curve.notices[0]


def test_an_empty_range_has_no_figures(plant: Plant) -> None:
    curve = plant.what_if().curve("rooms", Span(at(5000), at(6000)))
    assert curve.judged == 0
    assert np.isnan(curve.a_week).all()
    assert np.isnan(curve.flag_share).all()


def test_a_margin_multiplies_every_kind(plant: Plant) -> None:
    for threshold in KINDS:
        plain, wide = (
            ask(plant, {**threshold, "margin": margin}).alerts[1].then.limit for margin in (1, 1.5)
        )
        moves = threshold["kind"] in ("budget", "dynamic", "pot") or "follow" in threshold
        assert wide == pytest.approx(1.5 * plain) or (moves and wide > plain)


def test_the_margin_of_a_quantile_is_what_it_was() -> None:
    assert QuantileThreshold().margin == 1.0


class Counted(MemoryRecordStore):
    """Counts how often a version is looked up."""

    looked_up = 0

    def version(self, detector: str, number: int) -> Version:
        self.looked_up += 1
        return super().version(detector, number)


def test_the_record_of_a_version_is_read_once_for_all_series(plant: Plant) -> None:
    records = Counted()
    vars(records).update(vars(plant.records))
    asked = WhatIf(
        records, plant.results, plant.artifacts, plant.detectors, plant.labelling, plant.clock
    )
    asked.curve("rooms", ALL)
    assert records.looked_up == 1
    question = read_question({"threshold": {"kind": "fixed", "value": 1}})
    backed = [one.now.backing for one in asked.ask("rooms", ALL, question).alerts]
    assert len([one for one in backed if one is not None]) == 2
    assert records.looked_up == 1


def test_a_notice_names_a_few_series_of_many(plant: Plant) -> None:
    limits = OtherLimits(
        KeptErrors(plant.records, plant.artifacts),
        QuantileThreshold(),
        AlarmSpec(),
        lambda name: {},
    )
    (first, *_) = plant.scores().values()
    rows = np.ones(3)
    three = Stored(first.times[:3], rows, rows, rows == 1, rows == 0)
    for place in range(5000):
        threshold, _, _ = limits.line(f"room={place}", "rooms/1", three, None)
        assert np.isnan(threshold)
    (notice,) = limits.notices()
    assert notice.endswith("of room=1000; and 4995 more.")
    assert len(notice) < 500


def test_rows_that_wait_to_be_counted_are_bounded_over_all_series(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = plant.what_if().curve("rooms", ALL)
    monkeypatch.setattr("backend.services.what_if._ROWS", 10)
    monkeypatch.setattr("backend.services.what_if_curve._HELD", 30)
    waiting: list[int] = []
    add = CurveReplay.add

    def watched(replay: CurveReplay, *rows: object) -> None:
        add(replay, *rows)
        waiting.append(sum(one.held for one in replay._series.values()))

    monkeypatch.setattr(CurveReplay, "add", watched)
    pieces = plant.what_if().curve("rooms", ALL)
    assert max(waiting) <= 30
    np.testing.assert_array_equal(pieces.alerts, whole.alerts)
    np.testing.assert_array_equal(pieces.flagged, whole.flagged)
